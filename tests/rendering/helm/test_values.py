"""Values of a release as Helm merges them, and which key gave a field its value."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from kgate.model import Json
from kgate.rendering import gotemplate
from kgate.rendering.helm.copy import whole_file
from kgate.rendering.helm.gocontext import ROOT, Ref, Step, scope_at
from kgate.rendering.helm.values import Layer, ReleaseValues, SetLayer, ValuesText, effective, matching_keys
from kgate.yamltree.text import SourceText
from tests.hostile import write
from tests.real_tools import helm_tool
from tests.waiting import HANG

MERGES = [
    ("later wins", {"a": 1}, {"a": 2}, {"a": 2}),
    ("mappings are merged", {"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
    ("lists are replaced", {"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ("null deletes", {"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
    ("a scalar replaces a mapping", {"a": {"b": 1}}, {"a": 2}, {"a": 2}),
    ("null of what is not there", {}, {"a": {"b": None}}, {"a": {}}),
]


@pytest.mark.parametrize(("base", "over", "merged"), [row[1:] for row in MERGES], ids=[row[0] for row in MERGES])
def test_merge(base: Json, over: Json, merged: Json) -> None:
    assert effective([base], (), over) == merged


EFFECTIVE = [
    ("top chart", [{"a": 1, "b": 2}], (), {"a": 3}, {"a": 3, "b": 2}),
    ("parent's values beat the sub-chart's", [{"sub": {"a": 2}}, {"a": 1, "b": 1}], ("sub",), {}, {"a": 2, "b": 1}),
    ("release beats both", [{"sub": {"a": 2}}, {"a": 1}], ("sub",), {"sub": {"a": 3}}, {"a": 3}),
    ("globals go down", [{"global": {"x": 1}}, {"a": 1}], ("sub",), {}, {"a": 1, "global": {"x": 1}}),
    (
        "a parent's globals beat the sub-chart's",
        [{"global": {"x": 1}}, {"global": {"x": 2, "y": 3}}],
        ("sub",),
        {},
        {"global": {"x": 1, "y": 3}},
    ),
    ("a null of a parent keeps a default", [{"sub": {"a": None}}, {"a": 1}], ("sub",), {}, {"a": 1}),
    ("a null of the release deletes a default", [{}, {"a": 1, "b": 2}], ("sub",), {"sub": {"a": None}}, {"b": 2}),
    ("a null deletes a mapping", [{}, {"a": {"b": 1}}], ("sub",), {"sub": {"a": None}}, {}),
    (
        "a null deletes a key of a mapping",
        [{"sub": {"a": {"b": 1}}}, {"a": {"c": 2}}],
        ("sub",),
        {"sub": {"a": {"c": None}}},
        {"a": {"b": 1}},
    ),
    (
        "a null deletes a global of the parent only",
        [{"global": {"x": 1}}, {"global": {"x": 2}}],
        ("sub",),
        {"global": {"x": None}},
        {"global": {"x": 2}},
    ),
    ("a mapping over a null", [{"a": None, "b": 1}], (), {"a": {"c": 2}}, {"a": {"c": 2}, "b": 1}),
    ("two layers down", [{"sub": {"db": {"a": 1}}}, {"db": {"a": 2, "b": 3}}, {}], ("sub", "db"), {}, {"a": 1, "b": 3}),
]


@pytest.mark.parametrize(
    ("own", "scope", "given", "values"), [row[1:] for row in EFFECTIVE], ids=[row[0] for row in EFFECTIVE]
)
def test_effective_values(own: list[Json], scope: tuple[str, ...], given: Json, values: Json, tmp_path: Path) -> None:
    assert effective(own, scope, given) == values
    assert helm_values(tmp_path, own, scope, given) == values


def helm_values(root: Path, own: list[Json], scope: tuple[str, ...], given: Json) -> Json:
    """What Helm makes of the same, without nulls and without the empty globals that it gives to each sub-chart. (Helm
    3.17 differs in the null of a parent, which deletes.)"""
    write(root, {"given.json": json.dumps(given)})
    for depth, (name, values) in enumerate(zip(("web", *scope), own, strict=True)):
        folder = "/".join(["web", *(f"charts/{above}" for above in scope[:depth])])
        write(root, {f"{folder}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n"})
        write(root, {f"{folder}/values.yaml": json.dumps(values)})
    write(root, {f"{folder}/templates/values.yaml": "{{ .Values | toJson }}\n"})
    command = (helm_tool().path, "template", "web", root / "web", "--values", root / "given.json")
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=True)
    found = effective([json.loads(done.stdout.splitlines()[-1])], (), {})
    return {key: value for key, value in found.items() if (key, value) != ("global", {})}


VALUES = {
    "image": {"registry": "quay.io", "repository": "org/app", "tag": 1.5},
    "sc": {"privileged": True, "runAsUser": 0, "capabilities": {"add": ["ALL"]}},
    "off": False,
    "on": True,
    "list": [{"name": "a", "path": "/x"}, {"name": "b", "path": "/y"}],
}
IMAGE: list[tuple[Step, ...]] = [("image", "registry"), ("image", "repository"), ("image", "tag")]

MATCHES: list[tuple[str, list[tuple[Step, ...]], tuple[str, ...], Json, list[tuple[str | int, ...]]]] = [
    ("the value itself", [("sc", "privileged")], ("spec", "privileged"), True, [("sc", "privileged")]),
    ("a field below", [("sc",)], ("c", "privileged"), True, [("sc", "privileged")]),
    (
        "the longest end wins",
        [("off",), ("sc",)],
        ("capabilities", "add", "0"),
        "ALL",
        [("sc", "capabilities", "add", 0)],
    ),
    ("zero is a value", [("sc", "runAsUser")], ("runAsUser",), 0, [("sc", "runAsUser")]),
    ("a whole mapping", [("sc",)], ("securityContext",), VALUES["sc"], [("sc",)]),
    ("a part of a mapping", [("image",)], ("x",), {"tag": 1.5}, [("image",)]),
    ("a number printed as text", [("image", "tag")], ("tag",), "1.5", [("image", "tag")]),
    ("any member of a list", [("list", None, "path")], ("path",), "/y", [("list", 1, "path")]),
    ("parts of a text", IMAGE, ("image",), "quay.io/org/app:1.5", IMAGE),  # type: ignore[list-item]
    ("two that are alike", [("sc", "privileged"), ("on",)], ("x",), True, [("sc", "privileged"), ("on",)]),
    ("another value", [("sc", "privileged")], ("privileged",), False, []),
    ("no such key", [("sc", "nothing")], ("privileged",), True, []),
    ("a boolean is no part of a text", [("sc", "privileged")], ("x",), "is true", []),
]


@pytest.mark.parametrize(
    ("refs", "path", "value", "keys"), [row[1:] for row in MATCHES], ids=[row[0] for row in MATCHES]
)
def test_matching_keys(
    refs: list[tuple[Step, ...]], path: tuple[str, ...], value: Json, keys: list[tuple[str | int, ...]]
) -> None:
    assert matching_keys(VALUES, refs, path, value) == keys


SCOPES = [
    ("the dot", "{{ .Values.a.b }}", [("a", "b")]),
    ("dollar", "{{ range .x }}{{ $.Values.a }}", [("a",)]),
    ("index", '{{ index .Values "a" "b-c" }}', [("a", "b-c")]),
    ("index in parentheses", '{{ (index .Values "a").b }}', [("a", "b")]),
    ("with", "{{ with .Values.a }}{{ .b }}", [("a", "b")]),
    ("with and a variable", "{{ with $x := .Values.a }}{{ $x.b }}", [("a", "b")]),
    ("after with", "{{ with .Values.a }}{{ end }}{{ .Values.b }}", [("b",)]),
    ("else of with", "{{ with .Values.a }}{{ else }}{{ .Values.b }}", [("b",)]),
    ("range", "{{ range .Values.a }}{{ .b }}", [("a", None, "b")]),
    ("range with key and value", "{{ range $k, $v := .Values.a }}{{ $v.b }}", [("a", None, "b")]),
    ("a variable", "{{ $x := .Values.a }}{{ $x.b }}", [("a", "b")]),
    ("a variable set again", '{{ $x := "" }}{{ if .y }}{{ $x = .Values.a }}{{ end }}{{ $x }}', [("a",)]),
    ("a default", "{{ .Values.a | default .Values.b }}", [("a",), ("b",)]),
    ("the other way round", "{{ default .Values.b .Values.a | quote }}", [("b",), ("a",)]),
    ("a ternary", '{{ ternary "x" .Values.b (eq .Values.c 1) }}', [("b",), ("c",)]),
    ("a member of a table", '{{ $t := dict "k" .Values.a "l" . }}{{ $t.k.b }}', [("a", "b")]),
    ("the context in a table", '{{ $t := dict "l" $ }}{{ $t.l.Values.b }}', [("b",)]),
    ("something else", "{{ .Release.Name }}", []),
    ("a comment", "{{/* $x := .Values.a */}}{{ $x }}", []),
]


@pytest.mark.parametrize(("text", "paths"), [row[1:] for row in SCOPES], ids=[row[0] for row in SCOPES])
def test_what_the_last_action_speaks_of(text: str, paths: list[tuple[Step, ...]]) -> None:
    tokens = list(gotemplate.tokens(text))
    meanings = scope_at(tokens, tokens[-1].start, ROOT).evaluate(tokens[-1].body or "")
    assert [meaning.path for meaning in meanings if isinstance(meaning, Ref)] == paths


def file(path: str, text: str) -> ValuesText:
    return ValuesText(SourceText(path, text))


def values(*texts: str, scope: tuple[str, ...] = (), sets: str = "") -> ReleaseValues:
    """Layers: --set, then release files from the last on, then the files of the charts from the top one on."""
    count = len(scope) + 1
    files = [file(f"{number}.yaml", text) for number, text in enumerate(texts)]
    given, own = files[:-count], files[-count:]
    layers: list[Layer | SetLayer] = [SetLayer((sets,) if sets else ())]
    layers += [Layer(item.body, item.locate) for item in given]
    layers += [Layer(item.body, item.locate, depth) for depth, item in enumerate(own)]
    return ReleaseValues(scope, tuple(layers), whole_file("Chart.yaml"))


PLACES = [
    ("the chart's own file", values("a: 1"), ("a",), 1, ["value a 0.yaml:1:1"]),
    ("the release's file", values("x: 0\na: 2", "a: 1"), ("a",), 2, ["value a 0.yaml:2:1"]),
    ("the last of several", values("a: 3", "a: 2", "a: 1"), ("a",), 3, ["value a 0.yaml:1:1"]),
    ("a sub-chart's own file", values("b: 1", "a: 1", scope=("sub",)), ("a",), 1, ["value a 1.yaml:1:1"]),
    ("the parent's file", values("sub:\n  a: 2", "a: 1", scope=("sub",)), ("a",), 2, ["value sub.a 0.yaml:2:3"]),
    ("a global", values("global:\n  a: 2", "", scope=("sub",)), ("global", "a"), 2, ["value global.a 0.yaml:2:3"]),
    ("a mapping after a null", values("a:\n  b: 2", "a: null", "a: {c: 1}"), ("a", "c"), 1, ["value a.c 2.yaml:1:5"]),
    ("a list that --set changes", values("a: [1, 2]", "", sets="a[1]=x"), ("a", None), 1, ["value a[0] 0.yaml:1:5"]),
    ("--set", values("a: 1", sets="a=2"), ("a",), 2, ["value a, given with --set Chart.yaml:1:1"]),
    ("nothing", values("a: 1"), ("b",), 1, []),
]


@pytest.mark.parametrize(
    ("release", "ref", "value", "expected"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES]
)
def test_the_place_of_a_key(release: ReleaseValues, ref: tuple[Step, ...], value: Json, expected: list[str]) -> None:
    related = [given.related for given in release.found([ref], ["x"], value)]
    assert [f"{item.message} {item.location}" for item in related] == expected


@pytest.mark.parametrize("token", ["²", "9" * 5000], ids=["a digit that is no number", "more digits than a number has"])
def test_what_looks_like_an_index_is_none(token: str) -> None:
    release = values("a: [x, [y]]")
    assert release.found([("a",)], ["x", token], "y") == release.found([("a",)], ["x", "none"], "y")
