"""Holds the text of a file, and maps the fields of its tree to line, column and snippet."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator

from kgate.model import Json, Location, Locator, Pointer, Position, Problem, list_index, pointer_tokens, unescaped
from kgate.values import dataclass
from kgate.yamltree.linehash import LineHashes
from kgate.yamltree.nodes import FixedCursor, ManifestError, Node, compose

_STRIDE = 1 << 14
"""Characters between two offsets whose line number is counted in advance."""


class SourceText:
    """The text of one file, which maps an offset to line, column and snippet."""

    def __init__(self, path: str, text: str, line_hashes: LineHashes | None = None) -> None:
        self.path = path
        self.text = text
        self._checkpoints: list[int] | None = None
        self._line_hashes = line_hashes or LineHashes(text)

    def pieces(self) -> Iterator[tuple[int, int]] | None:
        """Returns the regions that hold one document each; None for a text that kubectl splits, which may also hold
        several JSON values in a row."""
        return None

    def position(self, offset: int) -> Position:
        """Returns line and column, from 1, of a character offset."""
        if self._checkpoints is None:
            starts = range(0, len(self.text), _STRIDE)
            counts = (self.text.count("\n", start, start + _STRIDE) for start in starts)
            self._checkpoints = list(itertools.accumulate(counts, initial=0))
        stride = offset // _STRIDE
        line = self._checkpoints[stride] + self.text.count("\n", stride * _STRIDE, offset)
        return Position(line + 1, offset - self.text.rfind("\n", 0, offset))

    def location(self, start: int, end: int, pointer: Pointer) -> Location:
        """Returns the location of a region, cut off at the end of its first line."""
        line_end = self.text.find("\n", start)
        line_end = len(self.text) if line_end < 0 else line_end
        end = min(max(end, start), line_end)
        end = start + len(self.text[start:end].rstrip()) or start
        first = self.position(start)
        line_start = start - first.column + 1
        return Location(
            self.path,
            first,
            Position(first.line, first.column + end - start),
            pointer,
            self._snippet(line_start, start),
            line_hash=self._line_hashes[first.line],
        )

    def place(self, span: Span, pointer: Pointer) -> Location:
        """Returns the location of a field; a rendered text returns the place in its source."""
        return self.location(span.begin, span.end, pointer)

    def problem(self, line: int, message: str) -> Problem:
        """Returns a Problem in a line of this text."""
        return Problem(self.path, line, message)

    def line_name(self, line: int) -> str:
        """Returns how a message refers to another line of this text."""
        return f"in line {line}"

    def line(self, path: str, number: int) -> str:
        """Returns a line of this text; empty for another file, and beyond the end."""
        lines = self.text.split("\n") if path == self.path else []
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def document(self, start: int, root: Node | None, length: int = 0) -> Locator:
        """Returns the locator of the document that begins at an offset."""
        return Document(self, start, root, length)

    def _snippet(self, line_start: int, offset: int) -> str:
        """Returns the line around an offset, cut to SNIPPET_LENGTH characters."""
        line_end = self.text.find("\n", line_start)
        line = self.text[line_start : line_end if line_end >= 0 else None]
        if len(line) > SNIPPET_LENGTH:
            begin = max(0, min(offset - line_start - 40, len(line) - SNIPPET_LENGTH))
            line = line[begin : begin + SNIPPET_LENGTH]
        return line.rstrip()


@dataclass(frozen=True, slots=True)
class Span:
    """The place of a field in a text: the offsets of its key (of its value, if it has no key), of its value, and of
    the end of the part that can be shown."""

    begin: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Field:
    """A field that was found: its node, and the offsets in the text of the tree where it begins and where the part
    that can be shown ends."""

    node: Node
    begin: int
    end: int

    @classmethod
    def root(cls, node: Node) -> _Field:
        """Returns the field that is the whole document."""
        return cls(node, node.start.index, _tight_end(node))

    def child(self, token: str) -> _Field | None:
        """Returns the member that a reference token names, or None."""
        node = self.node
        if node.fields is not None:
            entry = node.fields.get(token)
            if entry is None:
                return None
            key_start, key_end, value = entry
            return _Field(
                value, key_start.index, value.end.index if value.end.line == key_start.line else key_end.index
            )
        index = list_index(token) if node.items is not None else None
        return _Field.root(node.items[index]) if node.items and index is not None and index < len(node.items) else None

    def span(self, offset: int) -> Span:
        """Returns its place in a text in which the tree begins at an offset."""
        return Span(offset + self.begin, offset + self.node.start.index, offset + self.end)


def find_span(node: Node, pointer: Pointer, offset: int = 0) -> Span:
    """Returns the span of a field below a root node, or of its nearest parent if it is absent.

    It ends with the value if that ends in the line of the key, else with the key.
    """
    field = _Field.root(node)
    for token in pointer_tokens(pointer):
        member = field.child(token)
        if member is None:
            break
        field = member
    return field.span(offset)


class Document:
    """One document of a file; finds the location of a field (model.Locator), and remembers the fields on the way."""

    def __init__(self, source: SourceText, start: int, root: Node | None, length: int = 0) -> None:
        self._source = source
        self._start = start
        self._length = length
        self._root = root
        self._fields: dict[Pointer, tuple[_Field, bool]] = {}
        self._locations: dict[tuple[int, int], Location] = {}

    def locate(self, pointer: Pointer) -> Location:
        """Returns the region of a field: from its key to the end of its value, within one line."""
        field, _ = self._nearest(pointer)
        region = field.begin, field.end
        known = self._locations.get(region)
        if known is None:
            known = self._locations[region] = self._source.place(field.span(self._start), pointer)
        return known.at(pointer)

    def line(self, path: str, number: int) -> str:
        """Returns a line of the file."""
        return self._source.line(path, number)

    def with_nulls(self, pointer: Pointer) -> Json:
        """Returns the value of a field with its null fields; None if it is absent."""
        node = self._tree().at(pointer)
        return None if node is None else node.with_nulls()

    def _nearest(self, pointer: Pointer) -> tuple[_Field, bool]:
        """Returns a field or its nearest parent, and True if it is the field itself."""
        known = self._fields.get(pointer)
        if known is None:
            if not pointer:
                known = _Field.root(self._tree()), True
            else:
                parent, _, token = pointer.rpartition("/")
                field, is_exact = self._nearest(parent)
                member = field.child(unescaped(token)) if is_exact else None
                known = (field, False) if member is None else (member, True)
            self._fields[pointer] = known
        return known

    def _tree(self) -> Node:
        """Returns the root node; JSON is parsed a second time, as YAML, when the first location is needed."""
        if self._root is None:
            text = self._source.text[self._start : self._start + self._length]
            try:
                self._root = next(compose(yaml_of_json(text)))
            except ManifestError:
                self._root = Node({}, FixedCursor(0, 0, 0), FixedCursor(1, 0, 1))
        return self._root


def _is_inline(node: Node, line: int) -> bool:
    """True if a value ends in the line of its key, without block layout."""
    return node.end.line == line


def _tight_end(node: Node) -> int:
    """Returns where to end a value without a key: at its end if it is inline, else after its first field."""
    if _is_inline(node, node.start.line):
        return node.end.index
    if node.fields:
        _, key_end, value = next(iter(node.fields.values()))
        return value.end.index if _is_inline(value, node.start.line) else key_end.index
    return node.end.index


SNIPPET_LENGTH = 200
SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_REFUSED = re.compile("[\x7f-\x9f\ufffe\uffff]")
"""Characters that JSON may contain and libyaml refuses."""


def yaml_of_json(text: str) -> str:
    """Returns JSON as libyaml can parse it, of the same length: other letters stand for those that it refuses."""
    return _REFUSED.sub("?", SURROGATE.sub(r"\\u003f", text))


def source_text(path: str, data: bytes) -> SourceText:
    """Decodes a file. Raises UnicodeDecodeError.

    GitHub hashes the byte order mark too, and reads every file as UTF-8: lines in other encodings have no hash.
    """
    text = decode(data)
    if data.startswith(codecs.BOM_UTF8):
        return SourceText(path, text, LineHashes(f"\ufeff{text}"))
    is_utf8 = not any(data.startswith(mark) for mark, _ in _BYTE_ORDER_MARKS)
    return SourceText(path, text, LineHashes(text if is_utf8 else None))


def decode(data: bytes) -> str:
    """Decodes a manifest: UTF-8, or UTF-16 or UTF-32 by its byte order mark. Raises UnicodeDecodeError."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    return data.decode("utf-8")


_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def encoded_like(text: str, data: bytes) -> bytes:
    """Returns a text in the encoding of a file, with its byte order mark if it has one."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return mark + text.encode(encoding)
    return text.encode("utf-8")
