"""GitHub's hash of a line (codeql-action, src/fingerprints.ts), which lets an alert survive that lines move."""

from __future__ import annotations

import re
from functools import cached_property
from operator import mul

_WINDOW = 100
_END = "\uffff"
_POWERS = tuple(pow(37, _WINDOW - 1 - index, 1 << 64) for index in range(_WINDOW))

_LINE_END = re.compile("\r\n?")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class LineHashes:
    """The hashes of the lines of one text, each worked out when it is first asked for.

    A line's hash covers the 100 UTF-16 code units that begin there, without spaces and tabs; a number tells
    equal ones apart. Finding the lines and numbering them takes one pass over the text, a hash some
    microseconds: so it is done where a file is read and for lines that are told of, and no report reads files.
    """

    def __init__(self, text: str | None) -> None:
        self._text = text
        self._known: dict[int, str] = {}

    def __getitem__(self, line: int) -> str:
        """The hash of a line (from 1), as GitHub writes it; empty if there is no such line or no text."""
        if line not in self._known:
            self._known[line] = self._hash(line)
        return self._known[line]

    def _hash(self, line: int) -> str:
        windows = self._windows
        if line > len(windows):
            return ""
        window, number = windows[line - 1]
        return f"{sum(map(mul, map(ord, window), _POWERS)) % (1 << 64):x}:{number}"

    @cached_property
    def _windows(self) -> list[tuple[str, int]]:
        """What the hash of each line covers, and how many lines up to it cover the same."""
        if self._text is None:
            return []
        text = _LINE_END.sub("\n", self._text) if "\r" in self._text else self._text
        text = text.replace(" ", "").replace("\t", "")
        text = (text if text.isascii() else _ASTRAL.sub(_code_units, text)) + _END
        seen: dict[str, int] = {}
        found = []
        start = 0
        for line in text.split("\n"):
            window = text[start : start + _WINDOW]
            number = seen[window] = seen.get(window, 0) + 1
            found.append((window, number))
            start += len(line) + 1
        return found


def _code_units(match: re.Match[str]) -> str:
    """The two surrogates that UTF-16 writes a character with."""
    offset = ord(match[0]) - 0x10000
    return chr(0xD800 + (offset >> 10)) + chr(0xDC00 + (offset & 0x3FF))
