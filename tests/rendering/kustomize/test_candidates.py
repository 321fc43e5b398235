"""candidates.py: objects and marks are found in files of many objects, each in the same time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kgate.rendering.kustomize.candidates import Mark, MarkedScalars, SourceTree
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.parsed import Parsed
from kgate.yamltree.text import SourceText

FILE = Path("pods.yaml")


def pod(name: str, namespace: str = "") -> str:
    return f"kind: Pod\nmetadata: {{name: {name}, namespace: '{namespace}'}}\n"


def tree(text: str) -> SourceTree:
    return SourceTree(Graph(), lambda file: SourceText(str(file), text), Parsed())


FOUND = [
    pytest.param([pod("web"), pod("web-a")], "x-web-a-y", "", 1, id="the longest name"),
    pytest.param([pod("a"), pod("b")], "a-b", "", 0, id="of two as long, the first"),
    pytest.param([pod("a", "one"), pod("a", "two")], "a", "two", 1, id="the namespace"),
    pytest.param([pod("a", "one"), pod("a", "two")], "a", "three", 0, id="another namespace"),
    pytest.param([pod("aa"), pod("bb", "n")], "aabb", "n", 1, id="the namespace before the order"),
    pytest.param([pod("a"), "kind: Job\nmetadata: {name: abc}\n"], "abc", "", 0, id="the kind"),
    pytest.param([pod("a")], "b" * 100_000, "", None, id="a name that is too long and fits nothing"),
]


@pytest.mark.parametrize(("pods", "name", "namespace", "index"), FOUND)
def test_the_document_of_an_object(pods: list[str], name: str, namespace: str, index: int | None) -> None:
    found = tree("---\n".join(pods)).document_of(FILE, "Pod", name, namespace)
    own = found.root.value["metadata"] if found else None
    expected = tree("---\n".join(pods)).documents(FILE)[index].root.value["metadata"] if index is not None else None
    assert own == expected


def cost(count: int) -> float:
    """Seconds of CPU to find all objects and marks of a file."""
    text = "---\n".join(pod(f"p{number}") for number in range(count))
    least = float("inf")
    for _ in range(2):
        found = tree(text)
        starts = [index for index in range(len(text)) if text.startswith("Pod", index)]
        scalars = MarkedScalars(found, [Mark(FILE, start) for start in starts])
        found.documents(FILE)
        begin = time.thread_time()
        for number in range(count):
            assert found.document_of(FILE, "Pod", f"x-p{number}", "")
            assert scalars.spot(number)
        least = min(least, time.thread_time() - begin)
    return least


def test_many_objects_are_found_in_linear_time() -> None:
    assert cost(1600) < 9 * cost(400), "4 is linear, 16 quadratic"


class _Counted(SourceText):
    """A text that counts how often its path is asked for."""

    asked = 0

    @property
    def path(self) -> str:
        _Counted.asked += 1
        return self._shown

    @path.setter
    def path(self, path: str) -> None:
        self._shown = path


def test_a_file_is_found_among_many_without_looking_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Counted, "asked", 0)
    known = SourceTree(Graph(), lambda file: _Counted(file.name, f"a: {file.name}"), Parsed())
    files = [Path(f"/r/{number}.yaml") for number in range(500)]
    for file in files:
        source = known.source(file)
        assert list(known.files_of(source)) == [file]
        assert known.line(file.name, 1) == f"a: {file.name}"
        assert known.inclusions(file.name, Path("/r")) == ()
    assert known.line("elsewhere.yaml", 1) == ""
    assert _Counted.asked < 10 * len(files)
