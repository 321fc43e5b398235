"""The output of a rule: text with fields, as ``%ka.user.name`` and ``%jevt.value[/stage]``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kgate.falco.conditions import EventField
from kgate.falco.fields import AUDIT_FIELDS, fault_of_field

_TOKEN = re.compile(r"%[0-9]*(?P<name>[a-zA-Z][a-zA-Z0-9_.]*)")
_LONGEST_NAME = max(map(len, AUDIT_FIELDS))
_TRANSFORMED = re.compile(r"%[0-9]*(?:tolower|toupper|b64|basename|len|join|concat|getopt)\(")


class OutputTextError(Exception):
    """An output that Falco refuses; ``offset`` is where, in letters."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def parse(text: str) -> tuple[str | EventField, ...]:
    """Returns the texts and fields of an output of source k8s_audit. Raises OutputTextError."""
    return tuple(_parts(text.removeprefix("*"), len(text) - len(text.removeprefix("*"))))


def _parts(text: str, first: int) -> Iterator[str | EventField]:
    done = 0
    while (start := text.find("%", done)) >= 0:
        if start > done:
            yield text[done:start]
        if _TRANSFORMED.match(text, start):
            raise OutputTextError("functions in outputs are not modelled; name the field alone", first + start)
        match = _TOKEN.match(text, start)
        if match is None:
            raise OutputTextError("a '%' must be followed by a field", first + start)
        field, done = _field(match, first)
        yield field
    if done < len(text):
        yield text[done:]


def _field(match: re.Match[str], first: int) -> tuple[EventField, int]:
    """Returns a field and where it ends: as Falco does, the longest beginning of the word that is one."""
    name, text, end = match["name"], match.string, match.end()
    sizes = range(min(len(name), _LONGEST_NAME), 0, -1)
    length = next((size for size in sizes if name[:size] in AUDIT_FIELDS), len(name))
    argument = None
    if length < len(name):
        end = match.start("name") + length
    elif text.startswith("[", end):
        close = text.find("]", end)
        if close < 0:
            raise OutputTextError(f"the argument of {name} has no ']'", match.start() + first)
        argument, end = text[end + 1 : close], close + 1
    field = EventField(name[:length], argument, match.start("name") + first)
    fault = fault_of_field(field)
    if fault is not None:
        raise OutputTextError(fault, match.start() + first)
    return field, end
