"""Where the parts of a YAML text begin and end, and how it is laid out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from kgate.fix.edit import RefusalError
from kgate.values import dataclass
from kgate.yamltree.nodes import Node

_ALIAS = re.compile(r"\s*:\s*(\*[^\s,\]}]+)")
_ALIAS_AT_END = re.compile(r"(?<!\S)\*[^\s,\]}]+[ \t]*$")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_BLOCK_SCALAR = re.compile(r"[|>][0-9+-]*")
_COLON = re.compile(r"\s*:")
_LINE_END = re.compile(r"[ \t]*(?:(?<=[ \t])#[^\n]*)?(?:\r?\n|\Z)")
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_UNKNOWN = "it is laid out in a way that kgate does not know"


@dataclass(frozen=True, slots=True)
class Member:
    """A field of a mapping as the text has it: where its key begins and ends, its value, and where all of it ends."""

    begin: int
    key_end: int
    node: Node
    end: int

    @property
    def is_alias(self) -> bool:
        """True if its value is that of an anchor elsewhere."""
        return self.node.start.index < self.key_end


class Layout:
    """A document and its text, which begins at the same place: every offset counts from there."""

    def __init__(self, root: Node, text: str) -> None:
        self.root = root
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def content(self, node: Node) -> int:
        """Returns where a value begins behind its anchor and tag."""
        match = _PROPERTIES.match(self.text, node.start.index, node.end.index)
        return match.end() if match is not None else node.start.index

    def is_flow(self, node: Node) -> bool:
        """True if a collection is written with brackets."""
        return self.text.startswith(("{", "["), self.content(node))

    def entries(self, node: Node) -> dict[str, Member]:
        """Returns the fields that are written in a mapping, in the order of the text: without those that a merge key
        brings. Raises RefusalError."""
        own = {
            token: entry
            for token, entry in (node.fields or {}).items()
            if node.start.index <= entry[0].index < node.end.index
        }
        in_order = sorted(own.items(), key=lambda one: one[1][0].index)
        return {token: self._entry(start.index, end.index, value) for token, (start, end, value) in in_order}

    def _entry(self, begin: int, key_end: int, value: Node) -> Member:
        return Member(begin, key_end, value, self._entry_end(key_end, value))

    def _entry_end(self, key_end: int, value: Node) -> int:
        """Returns where a field really ends: a block collection ends for the parser at what follows it, comments
        included."""
        while True:
            is_alias = value.start.index < key_end
            colon = _ALIAS.match(self.text, key_end) if is_alias else _COLON.match(self.text, key_end)
            if colon is None:
                raise RefusalError(_UNKNOWN)
            if is_alias:
                return colon.end()
            if not (value.fields or value.items) or self.is_flow(value):
                return max(colon.end(), self._end(value))
            below = self._last(value)
            if isinstance(below, int):
                return below
            key_end, value = below

    def _last(self, node: Node) -> tuple[int, Node] | int:
        """Returns the end of the key and the value of the last field in a block collection, or where that ends."""
        while node.items:
            *others, last = node.items
            if last.start.index < max((node.start.index, *(item.end.index for item in others))):
                return self._end_of_aliases(node)
            if not (last.fields or last.items) or self.is_flow(last):
                return self._end(last)
            node = last
        own = [entry for entry in (node.fields or {}).values() if node.start.index <= entry[0].index < node.end.index]
        if not own:
            return self._end_of_aliases(node)
        _, key_end, value = max(own, key=lambda entry: entry[0].index)
        return key_end.index, value

    def _end_of_aliases(self, node: Node) -> int:
        """Returns where a block collection ends whose last line holds an alias."""
        end = node.end.index
        for line in reversed(self.text[node.start.index : end].split("\n")):
            content = _COMMENT.sub("", line.rstrip("\r"))
            if content.strip():
                if _ALIAS_AT_END.search(content) is None:
                    break
                return end - len(line) + len(content.rstrip())
            end -= len(line) + 1
        raise RefusalError(_UNKNOWN)

    def _end(self, node: Node) -> int:
        """Returns where a scalar or a flow collection ends."""
        begin = self.content(node)
        header = _BLOCK_SCALAR.match(self.text, begin) if begin < node.end.index else None
        if header is None or "+" in header[0]:
            return node.end.index
        return begin + len(self.text[begin : node.end.index].rstrip())

    def column(self, offset: int) -> int:
        """Returns how many characters of its line are before an offset."""
        return offset - self.text.rfind("\n", 0, offset) - 1

    def begins_line(self, offset: int) -> bool:
        """True if only blanks are before an offset in its line."""
        return not self.text[offset - self.column(offset) : offset].strip(" \t")

    def line_end(self, offset: int) -> int | None:
        """Returns where the next line begins; None if anything but a comment is behind an offset in its line."""
        if self.text[offset - 1 : offset] == "\n":
            return offset
        match = _LINE_END.match(self.text, offset)
        return match.end() if match is not None else None

    def indent(self, node: Node) -> int:
        """Returns by how much a mapping below one of these fields is indented: as another one is, else as most in the
        text."""
        own = Counter(self._indents_of_mappings(node))
        return own.most_common(1)[0][0] if own else self._usual_indent

    @cached_property
    def _usual_indent(self) -> int:
        found = Counter(indent for _, one in self.root.walk() for indent in self._indents_of_mappings(one))
        return found.most_common(1)[0][0] if found else 2

    @cached_property
    def list_indent(self) -> int:
        """By how much lists are indented below their key, in most places of the text."""
        found = Counter(indent for _, one in self.root.walk() for indent in self._indents_of_lists(one))
        return found.most_common(1)[0][0] if found else 0

    def _indents_of_mappings(self, node: Node) -> Iterator[int]:
        for column, value in self._blocks(node):
            if value.fields:
                first = min((entry[0] for entry in value.fields.values()), key=lambda start: start.index)
                if first.index >= value.start.index:
                    yield first.column - column

    def _indents_of_lists(self, node: Node) -> Iterator[int]:
        yield from (value.start.column - column for column, value in self._blocks(node) if value.items)

    def _blocks(self, node: Node) -> Iterator[tuple[int, Node]]:
        """Yields the column of the key and the value of fields that hold block collections."""
        if node.fields and not self.is_flow(node):
            for start, _, value in node.fields.values():
                if value.start.index > start.index and not self.is_flow(value):
                    yield start.column, value
