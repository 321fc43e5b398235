"""Reads the syntax of git's configuration files (git-config, config.c)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kgate.values import dataclass

_SECTION = re.compile(r'\[\s*([-.A-Za-z0-9]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?\]')
_KEY = re.compile(r"([A-Za-z][-A-Za-z0-9]*)[ \t]*(=|(?=\n)|\Z)")
_BLANK = re.compile(r"(?:\s++|[#;][^\n]*+)*+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "\n": "", "\\": "\\", '"': '"'}


class GitConfigError(ValueError):
    """A text that git does not read. ``line`` counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not in the syntax of git")
        self.line = line


@dataclass(frozen=True, slots=True)
class Entry:
    """A value: its section and key in lower case, the name of the section as it is written, and its line."""

    section: str
    name: str
    key: str
    value: str
    line: int


def entries(text: str) -> Iterator[Entry]:
    """The entries of a configuration file. Raises GitConfigError."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    section = name = ""
    at, line = 0, 1
    while True:
        start = at
        at = _match(_BLANK, text, at).end()
        line += text.count("\n", start, at)
        if at == len(text):
            return
        if text[at] == "[":
            found = _SECTION.match(text, at)
            if found is None:
                raise GitConfigError(line)
            section, name, at = found[1].lower(), _ESCAPE.sub(r"\1", found[2] or ""), found.end()
            continue
        key = _KEY.match(text, at)
        if key is None:
            raise GitConfigError(line)
        value, at = _value(text, key.end(), line) if key[2] else ("true", key.end())
        yield Entry(section, name, key[1].lower(), value, line)
        line += text.count("\n", key.start(), at)


def _match(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    found = pattern.match(text, at)
    assert found is not None  # matches nothing, too
    return found


def _value(text: str, at: int, line: int) -> tuple[str, int]:
    """The value that begins at an offset, and the offset of its end. Raises GitConfigError."""
    letters: list[str] = []
    kept = 0  # letters without the blanks at the end
    is_quoted = False
    while at < len(text) and (is_quoted or text[at] != "\n"):
        letter, at = text[at], at + 1
        if letter == '"':
            is_quoted = not is_quoted
            continue
        if letter in "#;" and not is_quoted:
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
            break
        if letter == "\\" and at == len(text):
            break
        if letter == "\n" or (letter == "\\" and text[at : at + 1] not in _ESCAPES):
            raise GitConfigError(line)
        if letter == "\\":
            letter, at = _ESCAPES[text[at]], at + 1
            letters.append(letter)
            kept = len(letters)
        elif is_quoted or not letter.isspace():
            letters.append(letter)
            kept = len(letters)
        elif letters:
            letters.append(letter)
    if is_quoted:
        raise GitConfigError(line)
    return "".join(letters[:kept]), at
