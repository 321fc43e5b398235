"""Finds each letter of a scalar in the text of its file, whatever the style in which it is written."""

from __future__ import annotations

from kgate.yamltree.nodes import Node

_BLANKS = " \t\r\n"


def written(text: str, node: Node) -> str | None:
    """Returns a scalar as text, also one that YAML reads as a number or a truth value; None for null, lists and
    mappings."""
    if isinstance(node.value, str):
        return node.value
    if node.value is None or node.fields is not None or node.items is not None:
        return None
    return text[node.start.index : node.end.index]


def offsets(text: str, node: Node) -> list[int]:
    """Returns where in a text each letter of a scalar stands, and where the scalar ends.

    Folding, indentation and escapes lie between the letters, so they are found one after the other; what is written
    in another way than it reads (``\\x41``) counts as at the place of the letter before it.
    """
    value = written(text, node) or ""
    end = node.end.index
    here = _beginning(text, node)
    found = []
    for letter in value:
        place = _next(text, here, end, letter)
        found.append(min(here, end) if place is None else place)
        here = here if place is None else place + 1
    return [*found, min(here, end)]


def _beginning(text: str, node: Node) -> int:
    """Returns where the letters of a scalar may begin: after the line of a block's indicator, after a quote."""
    start = node.start.index
    if text[start : start + 1] in ("|", ">"):
        line_end = text.find("\n", start)
        return len(text) if line_end < 0 else line_end + 1
    return start + 1 if text[start : start + 1] in ("'", '"') and isinstance(node.value, str) else start


def _next(text: str, here: int, end: int, letter: str) -> int | None:
    """Returns where the next letter stands, after what only YAML reads; None if something else stands there."""
    place = here
    while place < end:
        if text[place] == letter or (letter == " " and text[place] == "\n") or (letter == "\n" == text[place]):
            return place
        if text[place] == "\\" and letter == "\n" and text[place + 1 : place + 2] == "n":
            return place + 1
        if text[place] not in _BLANKS and text[place] not in "\\'":
            return None
        place += 1
    return None
