"""What the texts of a scan were parsed to, so that bases which many kustomizations share are parsed once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from kgate.rendering.kustomize import marks
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, Node, compose

T = TypeVar("T")

MAX_REMEMBERED = 4 << 20
"""Letters of the texts whose trees are kept; a tree takes up to 50 bytes for each."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a text between two separators: its offset, its documents, and whether all of it could be read."""

    offset: int
    roots: tuple[Node, ...]
    is_whole: bool


class Parsed:
    """The trees of one scan, which threads share. What does not fit is parsed again when it is asked for again."""

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Hashable, str], object] = OrderedDict()
        self._size = 0

    def documents(self, text: str) -> tuple[Piece, ...]:
        """The documents of a YAML stream. A fault in one does not hide the next."""
        return self._once(_documents, text)

    def points(self, text: str) -> tuple[marks.Point, ...]:
        """Where marks may go in a text (marks.points)."""
        return self._once(marks.points, text)

    def first(self, text: str) -> Node | None:
        """The first document of a text, or None. Raises ManifestError."""
        return self._once(compose_first, text)

    def _once(self, parse: Callable[[str], T], text: str) -> T:
        key = (parse, text)
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return cast("T", self._found[key])
        found = parse(text)
        with self._lock:
            if key not in self._found:
                self._size += len(text)
            self._found[key] = found
            while self._size > self._most:
                (_, forgotten), _ = self._found.popitem(last=False)
                self._size -= len(forgotten)
        return found


def compose_first(text: str) -> Node | None:
    """The first document of a text, or None. Raises ManifestError."""
    return next(compose(text), None)


def _documents(text: str) -> tuple[Piece, ...]:
    return tuple(_piece(begin, text[begin:end]) for begin, end in marks.pieces(text))


def _piece(begin: int, text: str) -> Piece:
    roots: list[Node] = []
    try:
        roots += compose(text)
    except ManifestError:
        return Piece(begin, tuple(roots), is_whole=False)
    return Piece(begin, tuple(roots), is_whole=True)
