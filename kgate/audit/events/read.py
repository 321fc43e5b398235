"""Turns the lines of a log into events, and counts what is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from kgate.audit.events.census import NOT_JSON, Census
from kgate.audit.events.envelopes import bodies
from kgate.audit.events.event import Event, MalformedEventError, seconds
from kgate.audit.events.lines import Line

_LEAST_JUMP = 5.0
"""Seconds by which an event may be older than the one before it: requests end while others are being written."""

JUMPED = (
    f"is more than {_LEAST_JUMP:g} s older than what stands before it: the clock was set back, or files were joined"
)


def events(lines: Iterable[Line], path: str, census: Census) -> Iterator[Event]:
    """Yields the events of numbered lines. Whatever is no event is counted with its line, and the rest goes on."""
    loads = orjson.loads
    latest = ""
    for number, line in lines:
        try:
            value = loads(line)
        except orjson.JSONDecodeError:
            value = _behind_word(line)
            if value is None:
                census.add_fault(path, NOT_JSON if _is_text(line) else "is not UTF-8 text", number)
                continue
        try:
            for body in (value,) if type(value) is dict and "stage" in value else bodies(value):
                event = Event(body)
                if event.time < latest and seconds(latest) - seconds(event.time) > _LEAST_JUMP:
                    census.add_fault(path, JUMPED, number)
                    latest = event.time
                elif event.time > latest:
                    latest = event.time
                yield event
        except MalformedEventError as error:
            census.add_fault(path, str(error), number)


def _behind_word(line: bytes) -> object:
    """Returns the JSON behind one word, as ``oc adm node-logs`` writes the node and an export of CloudWatch the time;
    None if there is none."""
    word, _, rest = line.partition(b" ")
    if not rest.startswith(b"{") or b"{" in word:
        return None
    try:
        return orjson.loads(rest)
    except orjson.JSONDecodeError:
        return None


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
