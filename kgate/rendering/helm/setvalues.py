"""Parses what ``helm --set`` takes: ``image.tag=1.2,args={a,b},ports[0].name=web`` (helm, pkg/strvals/parser.go)."""

from __future__ import annotations

import re
from typing import Any

from kgate.model import Json
from kgate.rendering.gojson import folded

MAX_INDEX = 65_536
"""As for Helm."""

MAX_NAMES = 31
"""Names that one key may consist of, as for Helm."""

MAX_LISTS = 100
"""Lists that one key may nest. Helm has no such limit, nor the next one."""

MAX_ITEMS = 1 << 20
"""List items that one text may make."""

_INTEGER = re.compile(r"([+-]?)([0-9]+)")
_INT64 = range(-(1 << 63), 1 << 63)
_FIXED: dict[str, Json] = {"true": True, "false": False, "null": None, "0": 0}


class SetError(ValueError):
    """A text that Helm does not take for values, or that goes beyond a limit."""


def parse(text: str, *, as_strings: bool, into: dict[str, Json] | None = None) -> dict[str, Json]:
    """The values that ``--set`` (``--set-string``) makes of a text, put into ``into`` if that is given.

    A null is kept: it deletes a value when Helm merges these into those of the chart. Raises SetError.
    """
    values: dict[str, Json] = {} if into is None else into
    parser = _Parser(text, as_strings=as_strings)
    while parser.read(values):
        pass
    return values


def typed(text: str) -> Json:
    """What a value without quotes means: a boolean or null in any case, a decimal integer of 64 bits, else text."""
    if (key := folded(text)) in _FIXED:
        return _FIXED[key]
    found = _INTEGER.fullmatch(text)
    if found is None or text.startswith("0"):
        return text
    digits = found[2].lstrip("0") or "0"
    number = int(found[1] + digits) if len(digits) < 20 else None
    return number if number is not None and number in _INT64 else text


class _Parser:
    """The text and how far it is read. The methods that read an entry return False at the end of the text, as Go's
    io.EOF does: what it ends in the middle of is not always put into the values."""

    def __init__(self, text: str, *, as_strings: bool) -> None:
        self._text = text
        self._at = 0
        self._as_strings = as_strings
        self._lists = 0
        self._items_left = MAX_ITEMS

    def read(self, values: dict[str, Json]) -> bool:
        """Reads ``name=value``, and puts the value where the name says."""
        self._lists = 0
        return self._entry(values, names=1)

    def _entry(self, values: dict[str, Json], names: int) -> bool:
        name, stop = self._until("=[,.")
        value: Json
        if stop == "=":
            goes_on = self._at < len(self._text)
            value = self._value()
        elif stop == "[":
            value = _of_type(list, values.get(name, []))
            goes_on = self._item(value, names)
        elif stop == ".":
            value = _of_type(dict, values.get(name, {}))
            goes_on = self._entry_below(name, value, names + 1)
        elif name or stop:
            raise SetError(f"key '{name}' has no value")
        else:
            return False
        if name and value != {}:
            values[name] = value
        return goes_on

    def _entry_below(self, name: str, values: dict[str, Json], names: int) -> bool:
        if names > MAX_NAMES:
            raise SetError(f"a key of more than {MAX_NAMES} names")
        goes_on = self._entry(values, names)
        if goes_on and not values:
            raise SetError(f"key '{name}' has no value")
        return goes_on

    def _item(self, items: list[Json], names: int) -> bool:
        """Reads an index and what follows it, and puts that into the list."""
        index = self._index()
        old = items[index] if index < len(items) else None
        name, stop = self._until("[.=")
        self._lists += 1
        if name or self._lists > MAX_LISTS:
            raise SetError(f"unexpected data at the end of an index: '{name}'")
        value: Json
        if stop == "=":
            value, goes_on = self._value(), True
        elif stop == "[":
            value = _of_type(list, [] if old is None else old)
            goes_on = self._item(value, names)
        elif stop == ".":
            value = old if isinstance(old, dict) else {}
            if index < len(items):
                items[index] = value
            goes_on = self._entry(value, names)
        else:
            return False
        if goes_on:
            self._place(items, index, value)
        return goes_on

    def _place(self, items: list[Json], index: int, value: Json) -> None:
        missing = max(0, index + 1 - len(items))
        self._items_left -= missing
        if self._items_left < 0:
            raise SetError(f"more than {MAX_ITEMS:,} items of lists")
        items += [None] * missing
        items[index] = value

    def _index(self) -> int:
        text, stop = self._until("]")
        if not stop or not _INTEGER.fullmatch(text) or len(text) > 20:
            raise SetError(f"'{text}' is not an index")
        if not 0 <= int(text) <= MAX_INDEX:
            raise SetError(f"index {text} is not between 0 and {MAX_INDEX}")
        return int(text)

    def _value(self) -> Json:
        if not self._text.startswith("{", self._at):
            return self._typed(self._until(",")[0])
        self._at += 1
        items: list[Json] = []
        stop = ","
        while stop == ",":
            item, stop = self._until(",}")
            items.append(self._typed(item))
        if not stop:
            raise SetError("a list must end with '}'")
        self._at += self._text.startswith(",", self._at)
        return items

    def _typed(self, text: str) -> Json:
        return text if self._as_strings else typed(text)

    def _until(self, stops: str) -> tuple[str, str]:
        """The letters up to one of the stops, which is read too; ``\\`` takes its meaning from the next letter."""
        letters: list[str] = []
        while self._at < len(self._text):
            letter, self._at = self._text[self._at], self._at + 1
            if letter in stops:
                return "".join(letters), letter
            if letter == "\\":
                letter, self._at = self._text[self._at : self._at + 1], self._at + 1
            letters.append(letter)
        return "".join(letters), ""


def _of_type(kind: type[Any], value: Json) -> Any:
    if not isinstance(value, kind):
        raise SetError("a value is set as a mapping or a list, and as something else")
    return value
