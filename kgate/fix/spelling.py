"""How values are written into a text: as block or flow, in YAML or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from kgate.model import Json
from kgate.values import dataclass
from kgate.yamltree.nodes import resolve

_PLAIN = re.compile(r"[A-Za-z][\w./-]*")


def scalar(value: Json, quote: str = "") -> str:
    """Returns a scalar; a text in quotes if there are some, or if it would be read as something else without."""
    if not isinstance(value, str):
        return json.dumps(value)
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    is_plain = not quote and _PLAIN.fullmatch(value) is not None and resolve(value) == value
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def flow(value: Json, quote: str = "") -> str:
    """Returns a value in brackets, with its texts and keys in quotes if there are some."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key, quote)}: {flow(member, quote)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(member, quote) for member in value) + "]"
    return scalar(value, quote)


@dataclass(frozen=True, slots=True)
class Indentation:
    """How far mappings and lists are indented below their keys."""

    step: int
    list_step: int

    def lines(self, fields: Json, indent: int) -> Iterator[str]:
        """Yields the lines of a mapping's fields, or of a list's members."""
        start = " " * indent
        if isinstance(fields, list):
            yield from (f"{start}- {flow(member)}" for member in fields)
            return
        for key, value in fields.items():
            if isinstance(value, (dict, list)) and value:
                yield f"{start}{scalar(key)}:"
                yield from self.lines(value, indent + (self.step if isinstance(value, dict) else self.list_step))
            else:
                yield f"{start}{scalar(key)}: {flow(value)}"
