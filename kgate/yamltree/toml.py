"""Composes TOML into the same tree of values with positions as YAML; ``tomllib`` decides what is TOML."""

from __future__ import annotations

import bisect
import datetime
import math
import re
import tomllib
from collections.abc import Callable, Sequence
from typing import TypeAlias

from kgate.model import Json
from kgate.yamltree.nodes import FixedCursor, ManifestError, Node

MAX_NESTING = 64
"""Levels of arrays and inline tables in each other."""

_STRING = (
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
)
_KEY = re.compile(rf"{_STRING}|[A-Za-z0-9_-]+", re.DOTALL)
_SCALAR = re.compile(rf"{_STRING}|[^,\]}}#\r\n]*[^,\]}}#\s]", re.DOTALL)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

_Key: TypeAlias = tuple[str, FixedCursor, FixedCursor]
"""A key with the places where it begins and ends."""


def compose(text: str) -> Node:
    """Returns the root node of a TOML document. Dates and times are texts, as in YAML.

    Raises ManifestError, with the line, for what is not TOML, nested too deeply, or a number that JSON cannot carry.
    """
    try:
        values = tomllib.loads(text)
        root = _Scanner(text).document()
        _fill(root, values)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
        message = _PLACE.sub("", str(error))
        raise ManifestError(f"is not valid TOML: {message[:1].lower()}{message[1:]}", line, is_syntax=True) from None
    except RecursionError:
        raise ManifestError(f"nested deeper than {MAX_NESTING} levels", 1) from None
    except ValueError:  # of int, which refuses more than 4,300 digits
        raise ManifestError("holds a number that is too long", 1) from None
    return root


def _fill(node: Node, value: Json) -> None:
    """Gives a node and all below it their values."""
    if node.fields is not None:
        for key, (_, _, member) in node.fields.items():
            _fill(member, value[key])
        node.value = {key: entry[2].value for key, entry in node.fields.items()}
    elif node.items is not None:
        for item, one in zip(node.items, value, strict=True):
            _fill(item, one)
        node.value = [item.value for item in node.items]
    else:
        node.value = _plain(value, node.start.line + 1)


def _plain(value: Json, line: int) -> Json:
    """A scalar as JSON carries it; a whole float is an integer, as in YAML."""
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ManifestError(f"{value} cannot be written in JSON", line)
        return int(value) if value.is_integer() and abs(value) < 2**63 else value
    return value


class _Scanner:
    """Finds the places of keys and values in a text that is known to be TOML."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._root = self._table(self._point(0), self._point(0))

    def document(self) -> Node:
        """Returns the root node, in which only the values of scalars are missing."""
        table = self._root
        while self._skip_blank():
            table = self._header() if self._sees("[") else self._pair(table)
        return self._root

    # ------------------------------------------------------------------------------------ tables

    def _header(self) -> Node:
        """Reads ``[table]`` or ``[[array of tables]]`` and returns the table that the next keys belong to."""
        start = self._point(self._at)
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        *parents, last = self._keys()
        self._expect("]")
        self._at += is_array
        node = self._table(start, self._point(self._at))
        parent = self._reached(self._root, parents)
        if is_array:
            return self._appended(parent, last, node)
        return self._member(parent, last, node)

    def _appended(self, parent: Node, key: _Key, node: Node) -> Node:
        array = Node([], node.start, node.end)
        array.items = []
        array = self._entry(parent, key, array)
        assert array.items is not None
        array.items.append(node)
        return node

    def _pair(self, table: Node) -> Node:
        """Reads ``key = value`` into a table, and returns the table."""
        *parents, last = self._keys()
        self._expect("=")
        self._entry(self._reached(table, parents), last, self._value(0))
        return table

    def _reached(self, table: Node, keys: Sequence[_Key]) -> Node:
        """Returns the table that keys lead to, which are made where they are missing."""
        for key in keys:
            table = self._member(table, key, self._table(key[1], key[2]))
        return table

    def _member(self, table: Node, key: _Key, new: Node) -> Node:
        """Returns the table below a key, of an array of tables the last one."""
        found = self._entry(table, key, new)
        return found.items[-1] if found.items else found

    def _entry(self, table: Node, key: _Key, new: Node) -> Node:
        """Returns the node below a key, which is the new one if there is none."""
        assert table.fields is not None
        name, start, end = key
        return table.fields.setdefault(name, (start, end, new))[2]

    def _keys(self) -> list[_Key]:
        """Reads a key, which may be dotted."""
        keys = [self._key()]
        while self._sees("."):
            self._expect(".")
            keys.append(self._key())
        return keys

    def _key(self) -> _Key:
        text, start, end = self._taken(_KEY.match)
        is_quoted = text[0] in "\"'"
        return tomllib.loads(f"key = {text}")["key"] if is_quoted else text, start, end

    # ------------------------------------------------------------------------------------ values

    def _value(self, depth: int) -> Node:
        if depth > MAX_NESTING:
            raise ManifestError(f"nested deeper than {MAX_NESTING} levels", self._point(self._at).line + 1)
        if self._sees("["):
            return self._array(depth)
        if self._sees("{"):
            return self._inline(depth)
        _, start, end = self._taken(_SCALAR.match)
        return Node(None, start, end)

    def _array(self, depth: int) -> Node:
        start = self._point(self._at)
        items = []
        self._expect("[")
        while not self._sees("]"):
            items.append(self._value(depth + 1))
            self._skip_comma()
        self._expect("]")
        node = Node([], start, self._point(self._at))
        node.items = items
        return node

    def _inline(self, depth: int) -> Node:
        start = self._point(self._at)
        self._expect("{")
        node = self._table(start, start)
        while not self._sees("}"):
            *parents, last = self._keys()
            self._expect("=")
            self._entry(self._reached(node, parents), last, self._value(depth + 1))
            self._skip_comma()
        self._expect("}")
        node.end = self._point(self._at)
        return node

    # ------------------------------------------------------------------------------------ text

    def _table(self, start: FixedCursor, end: FixedCursor) -> Node:
        node = Node({}, start, end)
        node.fields = {}
        return node

    def _skip_blank(self) -> bool:
        """Skips white space and comments; True if something follows."""
        found = _BLANK.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at < len(self._text)

    def _sees(self, mark: str) -> bool:
        """True if a mark comes next."""
        return self._skip_blank() and self._text.startswith(mark, self._at)

    def _skip_comma(self) -> None:
        if self._sees(","):
            self._at += 1

    def _expect(self, mark: str) -> None:
        assert self._sees(mark), f"{mark} at {self._at}"
        self._at += len(mark)

    def _taken(self, match: Callable[[str, int], re.Match[str] | None]) -> tuple[str, FixedCursor, FixedCursor]:
        """Reads what a pattern matches next."""
        self._skip_blank()
        found = match(self._text, self._at)
        assert found is not None, f"no key or value at {self._at}"
        self._at = found.end()
        return found[0], self._point(found.start()), self._point(found.end())

    def _point(self, index: int) -> FixedCursor:
        line = bisect.bisect_right(self._lines, index) - 1
        return FixedCursor(index, line, index - self._lines[line])
