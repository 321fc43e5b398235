"""Letters of scalars, found in the text of the file in whatever style they are written."""

from __future__ import annotations

import pytest

from kgate.yamltree.nodes import compose
from kgate.yamltree.scalars import offsets, written

STYLES = {
    "plain": ("a: one two\n", "one two"),
    "plain over lines": ("a: one\n  two\n\n  three\n", "one two\nthree"),
    "folded": ("a: >\n  one two\n  three\n\n  four\nb: 1\n", "one two three\nfour\n"),
    "folded, stripped and indented": ("a: >2-\n     one\n    two\n", "   one\n  two"),
    "folded in a list": ("- >-\n  one\n  two\n", "one two"),
    "literal": ("a: |\n  one\n    two\n", "one\n  two\n"),
    "literal after a comment": ("a: | # a one\n  one\n", "one\n"),
    "single quotes": ("a: 'it''s one\n  two'\n", "it's one two"),
    "double quotes": ('a: "say \\"one\\"\\n two"\n', 'say "one"\n two'),
    "double quotes over lines": ('a: "one \\\n  two"\n', "one two"),
    "a number": ("a: 0x10\n", "0x10"),
    "a truth value": ("a: yes\n", "yes"),
}


@pytest.mark.parametrize(("text", "value"), STYLES.values(), ids=STYLES.keys())
def test_letters_are_found(text: str, value: str) -> None:
    root = next(compose(text))
    node = root.get("a") or (root.items or [root])[0]
    assert written(text, node) == value
    found = offsets(text, node)
    assert len(found) == len(value) + 1
    assert found == sorted(found)
    words = [index for index, letter in enumerate(value) if not letter.isspace()]
    assert [text[found[index]] for index in words] == [value[index] for index in words]


@pytest.mark.parametrize("text", ["a:\n", "a: [b]\n", "a: {b: c}\n"])
def test_what_is_no_text(text: str) -> None:
    node = next(compose(text)).get("a")
    assert node is not None
    assert written(text, node) is None


def test_what_reads_otherwise_than_it_is_written() -> None:
    text = 'a: "x\\x41y"\n'
    node = next(compose(text)).get("a")
    assert node is not None
    found = offsets(text, node)
    assert (found[0], text[found[1]], len(found)) == (4, "\\", 4)
