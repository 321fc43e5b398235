"""Reads audit events from files as the plugin k8saudit does: JSON, an Event, an EventList or a list of them a line
(falcosecurity/plugins, plugins/k8saudit/pkg/k8saudit/source.go)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from kgate.falco.extraction import nanoseconds
from kgate.model import Json
from kgate.values import dataclass

MAX_EVENT = 262_144
"""Bytes: the plugin drops what is larger, unless it is configured otherwise."""


MAX_LINE = 12 << 20
"""Bytes: as much as the plugin takes in one request of the API server."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event of a file, or what is wrong with a line of it; ``line`` counts from 1."""

    path: str
    line: int
    event: Json = None
    fault: str = ""


def read(path: str) -> Iterator[Recorded]:
    """Yields the events of a file, and what the plugin would drop. Raises OSError."""
    with Path(path).open("rb") as stream:
        for number, line in enumerate(_lines(stream), 1):
            if len(line) > MAX_LINE:
                yield Recorded(path, number, fault=f"has more than {MAX_LINE:,} bytes in one line")
            elif line.strip():
                yield from _of_line(path, number, line)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yields lines; of one that is too long, only more than it may have."""
    while line := stream.readline(MAX_LINE + 1):
        yield line
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE + 1)


def _of_line(path: str, number: int, line: bytes) -> Iterator[Recorded]:
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        yield Recorded(path, number, fault=f"is not JSON: {error.msg}")
        return
    for event in _events(body):
        yield Recorded(path, number, event) if not (fault := _fault(event)) else Recorded(path, number, fault=fault)


def _events(body: Json) -> Iterator[Json]:
    if isinstance(body, list):
        for one in body:
            yield from _events(one)
    elif isinstance(body, dict) and body.get("kind") == "EventList" and isinstance(body.get("items"), list):
        yield from body["items"]
    else:
        yield body


def _fault(event: Json) -> str:
    """Returns why the plugin drops an event; empty if it does not."""
    if not isinstance(event, dict) or event.get("kind", "Event") != "Event":
        return "is not an audit event: kind must be Event or EventList"
    if not nanoseconds(event):
        return "has no stageTimestamp, and is dropped"
    try:
        size = len(orjson.dumps(event))
    except orjson.JSONEncodeError:
        return "is nested deeper than 254 levels"
    return f"has {size:,} bytes, and Falco drops events with more than {MAX_EVENT:,}" if size > MAX_EVENT else ""
