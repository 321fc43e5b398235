"""Tells whether a YAML text can contain a word, however the word is spelled there.

For filters that look at a text before it is parsed. They may let a text without the word through, but never
reject one in which a parser would find it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import unquote

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(?:\r\n|[\n\r\x85\u2028\u2029])[ \t]*)"
)
"""An escaped letter in a double-quoted string, or an escaped line break."""

_TAG_DIRECTIVE = re.compile(r"(?:\A|[\n\r\x85\u2028\u2029])\ufeff?%TAG\b")
_ESCAPED_TAG = re.compile(r"![^\s!]*%")
_BINARY_TAG = re.compile(r"!(?:!|<tag:yaml\.org,2002:)binary")
_LAST_CODE_POINT = 0x10FFFF


def may_hold(text: str, words: re.Pattern[str]) -> bool:
    """True if a parser may find the words in a text: literally, with escapes, or as ``!!binary``.

    ``words`` must not span blanks, because lines may be folded there.
    """
    return may_hold_any(text, (words,))


def may_hold_any(text: str, words: Collection[re.Pattern[str]]) -> bool:
    """The same for several words, of which one suffices. A pattern for each that begins with plain letters is found
    much quicker than one for all."""
    if any(one.search(text) is not None for one in words) or _is_encoded(text):
        return True
    if "\\" not in text:
        return False
    unescaped = _ESCAPE.sub(_unescaped, text)
    return any(one.search(unescaped) is not None for one in words)


def _is_encoded(text: str) -> bool:
    """True if a tag may mark a value as base64; a directive can give that tag any name."""
    if "!" not in text:
        return False
    if "%" in text:
        if _TAG_DIRECTIVE.search(text) is not None:
            return True
        text = unquote(text) if _ESCAPED_TAG.search(text) is not None else text
    return "binary" in text and _BINARY_TAG.search(text) is not None


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1] or match[2] or match[3] or "110000", 16)
    return chr(code) if code <= _LAST_CODE_POINT else ""
