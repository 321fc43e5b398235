"""Matches patterns of users in time linear in the text. The only place that imports RE2."""

from __future__ import annotations

import itertools
import re
from dataclasses import field
from typing import Any

from kgate.values import dataclass

MAX_PATTERN = 256 * 1024
"""Letters that a pattern may have."""

_MAX_MEMORY = 16 << 20
"""Bytes that one compiled pattern may use. RE2 slows down if its cache is full, but stays linear."""


class PatternError(ValueError):
    """An invalid pattern, or one that is too large."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled regular expression."""

    _compiled: Any = field(compare=False)

    def search(self, text: str) -> bool:
        """True if the pattern matches some part of a text."""
        return self._compiled.search(decodable(text)) is not None

    def fullmatch(self, text: str) -> bool:
        """True if the pattern matches a whole text."""
        return self._compiled.fullmatch(decodable(text)) is not None

    def found(self, text: str, most: int = -1) -> list[str]:
        """Returns the first parts of a text that match, from left to right, without overlaps; all if most is -1."""
        matches = self._compiled.finditer(decodable(text))
        return [str(one.group()) for one in (matches if most < 0 else itertools.islice(matches, most))]

    def end_of_match(self, text: str) -> int | None:
        """Returns where a match ends that begins with the text; None if there is none."""
        match = self._compiled.match(decodable(text))
        return None if match is None else int(match.end())


def compile_go(pattern: str) -> Pattern:
    """Compiles a pattern in the syntax of Go's package regexp. Raises PatternError.

    RE2 takes ``\\C``, a single byte, which Go refuses (google/re2, doc/syntax.txt).
    """
    if "\\C" in pattern:
        raise PatternError("invalid escape sequence: \\C")
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"longer than {MAX_PATTERN:,} letters")
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return Pattern(re2.compile(decodable(pattern), options))
    except re2.error as error:
        raise PatternError(_message(error)) from None


def decodable(text: str) -> str:
    """Returns a text with a replacement character for each byte that is not UTF-8, as Go reads it."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _message(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


_SURROGATE = re.compile("[\ud800-\udfff]")
