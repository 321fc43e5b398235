"""Lines of styled text, and how they fit into the columns of a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from kgate.reports.presentation import Presentation

if TYPE_CHECKING:
    from rich.style import Style

Line: TypeAlias = tuple[tuple[str, str], ...]
"""Pieces of text and their style in rich's notation."""

_STICKY = "\x1f"
"""Stands for a space at which no line is broken. Text of others has no control characters (safety.one_line)."""

_SPACES = re.compile(r"( +)")
_HANG = 4
"""Columns by which the rest of a broken line is indented, beyond its start."""

_LEAST_ROOM = 24
"""Columns that a continued line has at least, however deep the first one is indented."""


def line(*parts: str | tuple[str, str]) -> Line:
    """Returns a line of texts with or without style."""
    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return tuple((text, style) for text, style in pairs if text)


def sticky(text: str) -> str:
    """Returns a text, such as a path, that is never broken."""
    return text.replace(" ", _STICKY)


def plain(pieces: Line) -> str:
    """Returns a line without its styles."""
    return "".join(text for text, _ in pieces).replace(_STICKY, " ")


def styled(pieces: Line) -> str:
    """Returns a line with its styles as control sequences of a terminal."""
    return "".join(_style(style).render(text) if style else text for text, style in pieces).replace(_STICKY, " ")


@cache
def _style(definition: str) -> Style:
    from rich.style import Style

    return Style.parse(definition)


def cells(text: str) -> int:
    """Returns how many columns a text takes: none for combining characters, two for wide ones."""
    others = text.translate(_OF_ONE_COLUMN)
    if others.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(others)


_OF_ONE_COLUMN = str.maketrans(dict.fromkeys(f"{_STICKY}→│…–—█░✗✓·’“”", " "))
"""The signs that reports are made of: most texts have no others that are not ASCII."""


def fitted(whole: Line, presentation: Presentation) -> Iterator[Line]:
    """Yields a line, as several if it is to be broken and does not fit."""
    text = plain(whole)
    if not presentation.breaks or cells(text) <= presentation.width:
        yield whole
        return
    yield from broken(whole, presentation.width, len(text) - len(text.lstrip(" ")) + _HANG)


def broken(pieces: Line, width: int, hang: int) -> Iterator[Line]:
    """Yields a line as lines of at most ``width`` columns, broken between words; those that follow are indented by
    ``hang``. A word that is wider than that stays whole, and has a line for itself."""
    hang = max(min(hang, width - _LEAST_ROOM), 0)
    here: list[tuple[str, str]] = []
    used = 0
    for before, word in _words(pieces):
        space, size = before, cells(word_text(word))
        if used > 0 and used + len(space) + size > width:
            yield tuple(here)
            here, used, space = [], 0, " " * hang
        here += [(space, ""), *word] if space else word
        used += len(space) + size
    yield tuple(here)


def word_text(word: Iterable[tuple[str, str]]) -> str:
    """Returns the text of the pieces of a word."""
    return "".join(text for text, _ in word)


def _words(pieces: Line) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yields the words of a line, each with the spaces before it."""
    space, word = "", list[tuple[str, str]]()
    for text, style in pieces:
        for part in _SPACES.split(text):
            if not part:
                continue
            if part.isspace() and part[0] == " ":
                if word:
                    yield space, word
                    space, word = "", []
                space += part
            else:
                word.append((part, style))
    if word:
        yield space, word


def cut(text: str, width: int) -> str:
    """Returns the first words of a text that fit into a width, with an ellipsis if some are missing. A first word that
    is wider is kept whole."""
    if cells(text) <= width:
        return text
    kept = ""
    for space, word in _words(((text, ""),)):
        longer = kept + space + word_text(word)
        if kept and cells(longer) > width - 2:
            break
        kept = longer
    return f"{kept} …" if kept != text else kept
