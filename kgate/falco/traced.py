"""Texts that are put together from scalars of rule files, in which every letter knows its place in a file."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from kgate.model import Location, Pointer
from kgate.values import dataclass
from kgate.yamltree.nodes import Node
from kgate.yamltree.scalars import offsets
from kgate.yamltree.text import SourceText

_BLANKS = " \t\n\r"
DELIMITERS = f"{_BLANKS}(),="
"""What may stand around the name of a list."""

MAX_LENGTH = 1 << 18
"""Letters that a condition may have once its lists are expanded, and whatever is appended to."""


class Scalar:
    """Text that stands in a file, in one scalar or in a key."""

    __slots__ = ("_node", "_offsets", "_pointer", "_source", "text")

    def __init__(self, source: SourceText, node: Node, text: str, pointer: Pointer) -> None:
        self.text = text
        self._source = source
        self._node = node
        self._pointer = pointer
        self._offsets: list[int] | None = None

    def place(self, start: int = 0, end: int | None = None) -> Location:
        """Returns the place of a part of the text; of all, without offsets."""
        if self._offsets is None:
            self._offsets = offsets(self._source.text, self._node)
        last = len(self._offsets) - 1
        begin = self._offsets[min(start, last)]
        stop = self._offsets[min(len(self.text) if end is None else end, last)]
        return self._source.location(begin, max(begin, stop), self._pointer)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Where a part of a text begins, and the scalar that it stands in, from ``first`` on. If ``last`` is set, it is the
    substitute for that much of the scalar."""

    begin: int
    scalar: Scalar
    first: int
    last: int | None = None


class Traced:
    """A text and where its parts come from."""

    __slots__ = ("_begins", "_pieces", "text")

    def __init__(self, text: str, pieces: Sequence[_Piece]) -> None:
        self.text = text
        self._pieces = list(pieces)
        self._begins = [one.begin for one in pieces]

    @classmethod
    def of(cls, scalar: Scalar) -> Traced:
        """Returns the text of a scalar."""
        return cls(scalar.text, (_Piece(0, scalar, 0),))

    @classmethod
    def instead(cls, text: str, scalar: Scalar) -> Traced:
        """Returns a text that stands for a scalar."""
        return cls(text, (_Piece(0, scalar, 0, len(scalar.text)),))

    @classmethod
    def joined(cls, parts: Iterable[Traced]) -> Traced:
        """Returns texts one after the other."""
        texts: list[str] = []
        pieces: list[_Piece] = []
        length = 0
        for part in parts:
            pieces += [_Piece(length + one.begin, one.scalar, one.first, one.last) for one in part._pieces]
            texts.append(part.text)
            length += len(part.text)
        return cls("".join(texts), pieces)

    @property
    def scalar(self) -> Scalar:
        """The scalar that it begins with."""
        return self._pieces[0].scalar

    def append(self, other: Traced) -> None:
        """Adds another text, with a blank between them, as Falco does."""
        for part in (Traced.instead(" ", other.scalar), other) if other.text else ():
            added = [_Piece(len(self.text) + one.begin, one.scalar, one.first, one.last) for one in part._pieces]
            self._pieces += added
            self._begins += [one.begin for one in added]
            self.text += part.text

    def with_list(self, name: str, members: str) -> Traced:
        """Returns the text with the members of a list for its name, wherever that stands between blanks, parentheses,
        commas and equals signs; also inside of quotes, as in Falco. An empty list takes a comma beside it with it."""
        parts: list[Traced] = []
        done, text = 0, self.text
        start = text.find(name)
        while start >= 0:
            begin, end = start, start + len(name)
            if (not begin or text[begin - 1] in DELIMITERS) and (end == len(text) or text[end] in DELIMITERS):
                while begin > done and text[begin - 1] in _BLANKS:
                    begin -= 1
                while end < len(text) and text[end] in _BLANKS:
                    end += 1
                if not members and begin > done and text[begin - 1] == ",":
                    begin -= 1
                elif not members and text[end : end + 1] == ",":
                    end += 1
                parts += [self._cut(done, begin), self._substitute(f" {members} ", start, start + len(name))]
                done = end
            start = text.find(name, max(end, done))
        return Traced.joined((*parts, self._cut(done, len(text)))) if parts else self

    def place(self, offset: int, length: int = 1) -> Location:
        """Returns the place of a part of the text."""
        piece, first = self._find(offset)
        if piece.last is not None:
            return piece.scalar.place(piece.first, piece.last)
        return piece.scalar.place(first, first + length)

    def _cut(self, start: int, end: int) -> Traced:
        """Returns a part of the text."""
        pieces = []
        for one in self._pieces[max(0, bisect_right(self._begins, start) - 1) : bisect_left(self._begins, end)]:
            inside = max(0, start - one.begin) if one.last is None else 0
            pieces.append(_Piece(max(0, one.begin - start), one.scalar, one.first + inside, one.last))
        return Traced(self.text[start:end], pieces)

    def _substitute(self, text: str, start: int, end: int) -> Traced:
        """Returns a text that stands for a part of this one, and has its place."""
        piece, first = self._find(start)
        last = piece.last if piece.last is not None else first + end - start
        return Traced(text, (_Piece(0, piece.scalar, first, last),))

    def _find(self, offset: int) -> tuple[_Piece, int]:
        """Returns the piece with a letter, and where that stands in the scalar."""
        piece = self._pieces[max(0, bisect_right(self._begins, offset) - 1)]
        return piece, piece.first + (offset - piece.begin if piece.last is None else 0)
