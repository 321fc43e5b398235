"""Finds the place, in its file, of what YAML text inside of a field (a block scalar) holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from kgate.model import Location, Position


def outward(inner: Location, lines: Sequence[str], field: Location, line: Callable[[int], str]) -> Location:
    """Returns the place in the file of a place in a text: exactly if its line is found there, else the field.

    ``lines`` are those of the text, ``field`` is the field that holds it, and ``line`` gives those of the file.
    """
    number = field.start.line + inner.start.line
    if inner.start.line > len(lines):
        return field
    own, whole = lines[inner.start.line - 1].rstrip("\r"), line(number).rstrip("\r")
    indent = _indentation(whole) - _indentation(own)
    if whole.strip() != own.strip() or indent < 0:
        return field
    start, end = (Position(number, mark.column + indent) for mark in (inner.start, inner.end))
    return replace(field, start=start, end=end, snippet=whole.rstrip(), line_hash="")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
