"""The output of a rule: text with fields, as ``%ka.user.name`` and ``%jevt.value[/stage]``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kgate.falco.conditions import EventField
from kgate.falco.fields import AUDIT_FIELDS, fault_of_field

_TOKEN = re.compile(r"%[0-9]*(?P<name>[a-zA-Z][a-zA-Z0-9_.]*)(?:\[(?P<argument>[^\]]*)\])?")
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
    name, argument = match["name"], match["argument"]
    length = next((size for size in range(len(name), 0, -1) if name[:size] in AUDIT_FIELDS), len(name))
    is_whole = length == len(name)
    field = EventField(name[:length], argument if is_whole else None, match.start("name") + first)
    fault = fault_of_field(field)
    if fault is not None:
        raise OutputTextError(fault, match.start() + first)
    return field, match.end() if is_whole else match.start("name") + length
