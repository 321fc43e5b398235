"""nodes.py: the ways through a parsed document; what compose reads is compared with Go in test_manifest.py."""

from __future__ import annotations

import pytest

from kgate.yamltree.nodes import Node, compose

TEXT = """\
a: {b: [x, {c: z}], "d/e": null}
f: &f [1]
g: *f
"""


@pytest.fixture
def root() -> Node:
    return next(compose(TEXT))


@pytest.mark.parametrize(
    ("pointer", "line", "text"),
    [
        pytest.param("", 0, "a: {b", id="the root itself"),
        pytest.param("/a/b/0", 0, "x, {c", id="an item"),
        pytest.param("/a/b/1/c", 0, "z}], ", id="a field of an item"),
        pytest.param("/a/d~1e", 0, "null}", id="a null below an escaped key"),
        pytest.param("/g/0", 1, "1]", id="below an alias: where the anchor is"),
    ],
)
def test_at(root: Node, pointer: str, line: int, text: str) -> None:
    node = root.at(pointer)
    assert node is not None
    assert node.start.line == line
    assert TEXT[node.start.index :].startswith(text)


@pytest.mark.parametrize("pointer", ["/b", "/a/b/2", "/a/b/-", "/a/b/c", "/a/b/0/x", "/f/0/0", "/a/"])
def test_nothing_is_at(root: Node, pointer: str) -> None:
    assert root.at(pointer) is None


def test_get_is_for_mappings_alone(root: Node) -> None:
    found = root.get("f")
    assert found is not None
    assert found.value == [1]
    assert found.get("0") is None
    assert root.get("x") is None


def test_walk_goes_through_the_text_in_order(root: Node) -> None:
    assert [("/".join(tokens), node.value) for tokens, node in root.walk() if not node.fields and not node.items] == [
        ("a/b/0", "x"),
        ("a/b/1/c", "z"),
        ("a/d/e", None),
        ("f/0", 1),
        ("g/0", 1),
    ]
    assert next(root.walk()) == ((), root)
