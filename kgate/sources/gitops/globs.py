"""The patterns that GitOps tools match paths with, as regular expressions."""

from __future__ import annotations

import re

MAX_PATTERN = 500


def path_match(pattern: str) -> re.Pattern[str] | None:
    """Go's path.Match: ``*`` and ``?`` stay within a folder. None for what is no pattern."""
    return _compiled(pattern, star="[^/]*", any_one="[^/]", globstar=False)


def doublestar(pattern: str) -> re.Pattern[str] | None:
    """The same, and ``**/`` is any number of folders (bmatcuk/doublestar)."""
    return _compiled(pattern, star="[^/]*", any_one="[^/]", globstar=True)


def pathspec(pattern: str) -> re.Pattern[str] | None:
    """A pathspec of ``git ls-files``: ``*`` and ``?`` match slashes too, and a folder means all below it."""
    return _compiled(pattern, star=".*", any_one=".", globstar=False, tail="(?:/.*)?")


def _compiled(pattern: str, *, star: str, any_one: str, globstar: bool, tail: str = "") -> re.Pattern[str] | None:
    if len(pattern) > MAX_PATTERN:
        return None
    text = re.sub(r"\*{3,}", "**", pattern.removeprefix("./").strip("/"))
    parts: list[str] = []
    for piece in _PIECES.findall(text):
        if piece == "**/" and globstar:
            parts.append("(?:[^/]+/)*")
        elif piece[0] == "*":
            parts.append(".*" if globstar and len(piece) > 1 else star + ("/" if piece[-1] == "/" else ""))
        elif piece == "?":
            parts.append(any_one)
        elif piece[0] == "[" and len(piece) > 1:
            body = piece[1:-1].replace("[", "\\[").replace("&&", "&\\&").replace("||", "|\\|").replace("~~", "~\\~")
            parts.append(f"[{'^' if body[0] in '^!' else ''}{body[1:] if body[0] in '^!' else body}]")
        else:
            parts.append(re.escape(piece[1:] if piece[0] == "\\" and len(piece) > 1 else piece))
    try:
        return re.compile("".join(parts) + tail, re.DOTALL)
    except re.error:
        return None


_PIECES = re.compile(r"\*\*/|\*+|\?|\[[\^!]?[^\]/]+\]|\\.|[^*?\[\\]+|.", re.DOTALL)
