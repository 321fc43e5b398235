"""taint.py: what gets a mark, where it stands, and that it comes back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.model import Json
from kgate.rendering.kustomize import marks
from kgate.yamltree.nodes import compose


def marked(text: str, *overridden: str) -> str:
    """A text with ``#`` for each mark."""
    return marks.MARK.sub("#", marks.put(text, marks.wanted(marks.points(text), Counter(overridden)), 0))


MARKED = {
    "a plain scalar": ("a: b\n", "a: b#\n"),
    "a number": ("runAsUser: 0 # root\n", "runAsUser: 0# # root\n"),
    "quotes": ("a: \"b\"\nc: 'd'\n", "a: \"b#\"\nc: 'd#'\n"),
    "a flow list": ("args: [a, --b=:80]\n", "args: [a#, --b=:80#]\n"),
    "a literal block": ("a: |\n  x\n  y\n\nb: c\n", "a: |\n  x\n  y#\n\nb: c#\n"),
    "a folded block": ("a: >-\n  x\n", "a: >-\n  x#\n"),
    "a block without content": ("a: |\n\nb: c\n", "a: |\n\nb: c#\n"),
    "several documents": ("a: b\n---\nc: d\n", "a: b#\n---\nc: d#\n"),
    "JSON": ('{"a": 1, "b": "c"}\n', '{"a": 1#, "b": "c#"}\n'),
    "an anchor, once": ("a: &x b\nc: *x\n", "a: &x b#\nc: *x\n"),
    "an anchor that is also an identity": ("name: &x b\nc: *x\n", "name: &x b\nc: *x\n"),
    "what is empty": ("a: ''\nb: ~\nc:\nd: null\n", "a: ''\nb: ~\nc:\nd: null\n"),
    "a timestamp": ("a: 2020-01-01\nb: 2020-01-01T00:00:00Z\n", "a: 2020-01-01\nb: 2020-01-01T00:00:00Z\n"),
    "a tag": ("a: !!str 1\n", "a: !!str 1\n"),
    "identities": ("kind: A\nmetadata: {name: b, namespace: c}\n", "kind: A\nmetadata: {name: b, namespace: c}\n"),
    "labels": ("labels: {a: b}\nmatchLabels: {c: {d: e}}\n", "labels: {a: b}\nmatchLabels: {c: {d: e}}\n"),
    "annotations": ("annotations: {a: b}\n", "annotations: {a: b#}\n"),
    "merge keys of lists": ("ports: [{containerPort: 1, x: 2}]\n", "ports: [{containerPort: 1, x: 2#}]\n"),
    "references": ("serviceAccountName: a\nsecretName: b\n", "serviceAccountName: a\nsecretName: b\n"),
    "directives of patches": ("$patch: replace\na: b\n", "$patch: replace\na: b#\n"),
    "a definition": (
        "kind: CustomResourceDefinition\na: b\n---\nc: d\n",
        "kind: CustomResourceDefinition\na: b\n---\nc: d#\n",
    ),
    "an image with a tag": ("image: x/y:1\n", "image: x/y:1#\n"),
    "an image with a digest": ("image: x/y@sha256:1\n", "image: x/y@sha256:1#\n"),
    "an image without": ("image: x:5000/y\n", "image: x:5000/y\n"),
    "an image with an override": ("image: over/ridden:1\n", "image: over/ridden:1\n"),
    "a JSON patch": (
        "- {op: replace, path: /spec/x, value: {a: b}}\n- {op: test, path: /y, value: c}\n- {op: remove, path: /z}\n",
        "- {op: replace, path: /spec/x, value: {a: b#}}\n- {op: test, path: /y, value: c}\n- {op: remove, path: /z}\n",
    ),
    "a JSON patch of a name": ("- {op: add, path: /metadata/name, value: a}\n",) * 2,
    "a JSON patch of a label": ("- {op: add, path: /metadata/labels/a, value: b}\n",) * 2,
    "a JSON patch of an item": (
        "- {op: add, path: /spec/args/-, value: a}\n",
        "- {op: add, path: /spec/args/-, value: a#}\n",
    ),
    "a key twice": ("a: b\na: c\n", "a: b\na: c\n"),
    "broken YAML, beside what can be read": ("a: [\n---\nc: d\n", "a: [\n---\nc: d#\n"),
    "Windows line ends": ("a: b\r\nc: |\r\n  d\r\n", "a: b#\r\nc: |\r\n  d#\r\n"),
}


@pytest.mark.parametrize(("text", "wanted"), MARKED.values(), ids=MARKED)
def test_where_marks_stand(text: str, wanted: str) -> None:
    assert marked(text, "over/ridden") == wanted


OWN = """\
images: [{name: a, newTag: v1}, {name: b, newName: c}, {name: b, newTag: v2}]
configMapGenerator:
  - literals: [A=b, 'C="d"', E]
commonAnnotations: {a: b}
namePrefix: p-
"""
OWN_MARKED = """\
images: [{name: a, newTag: v1#}, {name: b, newName: c}, {name: b, newTag: v2}]
configMapGenerator:
  - literals: [A=b#, 'C="d#"', E]
commonAnnotations: {a: b#}
namePrefix: p-
"""


def test_a_kustomization_s_own_values() -> None:
    points = marks.kustomization_points(OWN, next(compose(OWN)), lambda name: name != "b")
    assert marks.MARK.sub("#", marks.put(OWN, points, 0)) == OWN_MARKED


def test_inline_patches() -> None:
    text = "patches:\n  - patch: |-\n      a: b\n  - path: x\npatchesStrategicMerge:\n  - |\n    c: d\n  - e.yaml\n"
    found = marks.inline_patches(text, next(compose(text)))
    assert [text[patch.begin : patch.end] for patch in found] == ["      a: b\n", "    c: d\n"]


@given(st.lists(st.integers(0, 10**9)))
def test_numbers_come_back(given_numbers: list[int]) -> None:
    text = "x".join(marks.mark(number) for number in given_numbers)
    assert marks.numbers(text) == tuple(given_numbers)
    assert marks.has_letters(text) is bool(given_numbers)


SAME: dict[str, tuple[Json, Json, bool]] = {
    "a text": ("a", f"a{marks.mark(1)}", True),
    "another text": ("b", f"a{marks.mark(1)}", False),
    "a number": (0, f"0{marks.mark(1)}", True),
    "an octal number": (493, f"0755{marks.mark(1)}", True),
    "true": (True, f"true{marks.mark(1)}", True),
    "true is not 1": (True, 1, False),
    "a number in quotes": ("0", f"0{marks.mark(1)}", True),
    "without a mark": ("a", "a", True),
}


@pytest.mark.parametrize(("clean", "tainted", "wanted"), SAME.values(), ids=SAME)
def test_what_is_the_same(clean: Json, tainted: Json, wanted: bool) -> None:
    assert marks.is_same(clean, tainted) is wanted
