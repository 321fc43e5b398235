"""Tells whether a YAML text can hold a word, however the word is spelled there.

Filters that look at a text before it is parsed ask here. They may take a text that holds no such word, and never
leave one out that a parser would find it in.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(?:\r\n|[\n\r\x85\u2028\u2029])[ \t]*)"
)
"""What a double-quoted string spells a letter with, and the end of a line that goes on in the next one."""

_TAG_DIRECTIVE = re.compile(r"(?:\A|[\n\r\x85\u2028\u2029])\ufeff?%TAG\b")
_BINARY_TAG = re.compile(r"!(?:!|<tag:yaml\.org,2002:)binary")
_LAST_CODE_POINT = 0x10FFFF


def may_hold(text: str, words: re.Pattern[str]) -> bool:
    """Whether a parser can find the words in a text: as they stand, with escapes, or as ``!!binary``.

    ``words`` must not span blanks, which is where lines may be folded.
    """
    if words.search(text) is not None or _is_encoded(text):
        return True
    return "\\" in text and words.search(_ESCAPE.sub(_unescaped, text)) is not None


def _is_encoded(text: str) -> bool:
    """Whether a tag may say that a value is base64; a directive can give that tag any name."""
    if "!" not in text:
        return False
    if "%" in text:
        if _TAG_DIRECTIVE.search(text) is not None:
            return True
        text = unquote(text)
    return "binary" in text and _BINARY_TAG.search(text) is not None


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1] or match[2] or match[3] or "110000", 16)
    return chr(code) if code <= _LAST_CODE_POINT else ""
