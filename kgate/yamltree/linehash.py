"""Computes GitHub's hash of a line (codeql-action, src/fingerprints.ts), by which an alert survives moved lines."""

from __future__ import annotations

import re
from array import array
from functools import cached_property
from operator import mul

_WINDOW = 100
_END = "\uffff"
_POWERS = tuple(pow(37, _WINDOW - 1 - index, 1 << 64) for index in range(_WINDOW))

_LINE_END = re.compile("\r\n?")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class LineHashes:
    """The hashes of the lines of one text, each computed when it is first needed.

    A line's hash covers the 100 UTF-16 code units that begin there, without spaces and tabs; a number distinguishes
    equal ones. Numbering the lines takes one pass over the text up to the last line that is needed, and some bytes for
    each line; a hash takes microseconds. So only lines with findings are hashed, from the text that was read already,
    and no report reads files.
    """

    def __init__(self, text: str | None) -> None:
        self._source = text
        self._known: dict[int, str] = {}
        self._starts = array("Q", [0])
        self._numbers = array("Q")
        self._seen: dict[int, int] = {}

    def __getitem__(self, line: int) -> str:
        """Returns the hash of a line (from 1) as GitHub writes it; empty if there is no such line or no text."""
        if self._source is None:
            return ""
        if line not in self._known:
            self._known[line] = self._hash(line)
        return self._known[line]

    def _hash(self, line: int) -> str:
        self._number_lines(line)
        if line > len(self._numbers):
            return ""
        start = self._starts[line - 1]
        window = self._text[start : start + _WINDOW]
        return f"{sum(map(mul, map(ord, window), _POWERS)) % (1 << 64):x}:{self._numbers[line - 1]}"

    def _number_lines(self, last: int) -> None:
        """Finds the lines up to ``last``, and numbers each among those before it with an equal window."""
        text, seen, starts, numbers = self._text, self._seen, self._starts, self._numbers
        for line in range(len(numbers), last):
            if line == len(starts):
                return
            start = starts[line]
            window = hash(text[start : start + _WINDOW])
            number = seen[window] = seen.get(window, 0) + 1
            numbers.append(number)
            end = text.find("\n", start)
            if end >= 0:
                starts.append(end + 1)

    @cached_property
    def _text(self) -> str:
        """The text as GitHub hashes it, with its end mark."""
        text = self._source or ""
        text = _LINE_END.sub("\n", text) if "\r" in text else text
        text = text.replace(" ", "").replace("\t", "")
        return (text if text.isascii() else _ASTRAL.sub(_code_units, text)) + _END


def _code_units(match: re.Match[str]) -> str:
    """Returns the two surrogates that encode a character in UTF-16."""
    offset = ord(match[0]) - 0x10000
    return chr(0xD800 + (offset >> 10)) + chr(0xDC00 + (offset & 0x3FF))
