"""Replacements in a text, and what a text is with them."""

from __future__ import annotations

from collections.abc import Iterable

from kgate.values import dataclass


class RefusalError(Exception):
    """A change that cannot be made without touching something else; the message says what, as a clause."""


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A replacement of what is between two offsets of a text; equal offsets insert."""

    start: int
    end: int
    text: str


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Returns a text with edits that do not overlap; equal ones count once."""
    parts, position = [], 0
    for edit in sorted(set(edits)):
        if edit.start < position:
            raise RefusalError("two fixes change the same text")
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join((*parts, text[position:]))


def offset_before(offset: int, edits: Iterable[Edit]) -> int:
    """Returns where what is at an offset after some edits was before them."""
    shift = 0
    for edit in sorted(set(edits)):
        begin = edit.start + shift
        if offset < begin:
            break
        if offset < begin + len(edit.text):
            return edit.start
        shift += len(edit.text) - (edit.end - edit.start)
    return offset - shift
