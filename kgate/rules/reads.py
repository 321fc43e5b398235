"""Finds the parts of the variables that a CEL expression can read, so that equal parts need not be judged twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kgate.model import Json
from kgate.rules.cel import VARIABLES

_STRING = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
_UNUSUAL = re.compile(r"'''|\"\"\"|//|`|(?<![A-Za-z0-9_])(?:[rR][bB]?|[bB][rR]?)['\"]")
"""Raw and triple-quoted strings, comments and quoted identifiers: what _STRING does not understand."""

_USE = re.compile(rf"(?<![\w.])({'|'.join(VARIABLES)})\b(?:\s*\.\s*\??\s*([A-Za-z_]\w*)\s*(\()?)?")


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression can read: ``fields`` of each variable by their first name, or all of it (``whole``)."""

    fields: Mapping[str, frozenset[str]]
    whole: frozenset[str]

    def of(self, variables: Mapping[str, Json]) -> list[Json]:
        """The values that decide the answers: all of some variables, and fields of others, in a fixed order."""
        decisive: list[Json] = [variables[name] for name in sorted(self.whole)]
        for name in sorted(self.fields):
            holder = variables[name]
            decisive += (holder.get(field) for field in sorted(self.fields[name]))
        return decisive

    def __or__(self, other: Reads) -> Reads:
        """What either reads."""
        whole = self.whole | other.whole
        names = (self.fields.keys() | other.fields.keys()) - whole
        none: frozenset[str] = frozenset()
        return Reads({name: self.fields.get(name, none) | other.fields.get(name, none) for name in names}, whole)

    def renamed(self, name: str, others: Iterable[str]) -> Reads:
        """The same for a variable that stands for others, or for nothing of its own."""
        rest = Reads({key: found for key, found in self.fields.items() if key != name}, self.whole - {name})
        for other in others:
            fields = {other: self.fields[name]} if name in self.fields else {}
            rest |= Reads(fields, frozenset({other}) if name in self.whole else frozenset())
        return rest


def reads(expressions: Iterable[str]) -> Reads:
    """Everything that the expressions can read: at least what they do read, as CEL reaches a variable by name only.

    A local variable of a macro that has the name of a variable counts as that variable. A method of a variable
    (``pod.size()``) reads all of it.
    """
    fields: dict[str, set[str]] = {}
    whole: set[str] = set()
    for expression in expressions:
        if _UNUSUAL.search(expression):
            return Reads({}, frozenset(VARIABLES))
        for name, field, call in _USE.findall(_STRING.sub("''", expression)):
            if field and not call:
                fields.setdefault(name, set()).add(field)
            else:
                whole.add(name)
    return Reads({name: frozenset(found) for name, found in fields.items() if name not in whole}, frozenset(whole))
