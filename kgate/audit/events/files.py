"""Opens logs: files, folders and standard input, merged by time with few of them open at once."""

from __future__ import annotations

import heapq
import os
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

from kgate.audit.events.census import Census
from kgate.audit.events.event import Event
from kgate.audit.events.lines import numbered_lines, split_lines
from kgate.audit.events.read import events
from kgate.errors import ConfigError

STANDARD_INPUT = "-"
_ENDINGS = frozenset({".log", ".json", ".jsonl", ".ndjson"})
_POLL_SECONDS = 0.25


def files_of(paths: Sequence[str], census: Census) -> list[str]:
    """Returns the files that paths name: of a folder, those at any depth that are named like logs (``audit.log``,
    ``audit-2026-01-02T15-04-05.000.log.gz``, ``events.json``); the others are counted. Raises ConfigError."""
    found: dict[str, None] = {}
    for path in paths:
        if path == STANDARD_INPUT or not os.path.isdir(path):
            _refuse_missing(path)
            found[path] = None
            continue
        inside = [os.path.join(folder, name) for folder, _, names in sorted(os.walk(path)) for name in sorted(names)]
        logs = [one for one in inside if not _ENDINGS.isdisjoint(Path(one).suffixes) and os.path.isfile(one)]
        if others := len(inside) - len(logs):
            fault = f"{others} files are not read, as their names have none of {', '.join(sorted(_ENDINGS))}"
            census.add_fault(path, fault, 0)
        found.update(dict.fromkeys(logs))
    if not found:
        raise ConfigError(f"{', '.join(paths)}: no file is named like a log; name the files themselves")
    census.files = len(found)
    return list(found)


def _refuse_missing(path: str) -> None:
    if path != STANDARD_INPUT and not os.path.exists(path):
        raise ConfigError(f"{path}: there is no such file or folder; name the audit log of an API server")


def merged(paths: Sequence[str], census: Census) -> Iterator[Event]:
    """Yields the events of files by the time of their stage; each file is in the order in which it was written.

    A file is opened when the others have come to its first event, so that a hundred rotated ones are open one by one.
    What stands in two files, because both hold it or a webhook posted it twice, counts once. Raises OSError.
    """
    if len(paths) == 1:
        yield from _events_of(paths[0], census)
        return
    waiting = [(_first_time(path), number, path) for number, path in enumerate(paths)]
    heapq.heapify(waiting)
    recent = _Recent(census)
    open_ones: list[tuple[str, int, Event, Iterator[Event]]] = []
    while waiting or open_ones:
        if waiting and (not open_ones or waiting[0][0] <= open_ones[0][0]):
            _, number, path = heapq.heappop(waiting)
            stream: Iterator[Event] = _events_of(path, census)
        else:
            _, number, event, stream = heapq.heappop(open_ones)
            if not recent.has(event, number):
                yield event
        following = next(stream, None)
        if following is not None:
            heapq.heappush(open_ones, (following.time, number, following, stream))


class _Recent:
    """The events of the current moment, by the file that they are from."""

    def __init__(self, census: Census) -> None:
        self._census = census
        self._time = ""
        self._seen: dict[tuple[str, str, str, str], int] = {}

    def has(self, event: Event, number: int) -> bool:
        """True if another file holds the same event."""
        if event.time != self._time:
            self._time = event.time
            self._seen.clear()
        key = (event.stage, *event.key)
        is_known = self._seen.setdefault(key, number) != number
        self._census.duplicates += is_known
        return is_known


def _first_time(path: str) -> str:
    """The time of the first event of a file; an empty text if it has none, or can be read only once."""
    if path == STANDARD_INPUT or not os.path.isfile(path):
        return ""
    with closing(_events_of(path, Census())) as found:
        return next((event.time for event in found), "")


def _events_of(path: str, census: Census) -> Generator[Event]:
    if path == STANDARD_INPUT:
        yield from events(numbered_lines(sys.stdin.buffer, "standard input", census), "standard input", census)
        return
    try:
        stream = open(path, "rb", buffering=1 << 18)  # noqa: SIM115 - closed below
    except OSError as error:
        census.add_fault(path, f"cannot be read: {error.strerror}", 0)
        return
    with stream:
        yield from events(numbered_lines(stream, path, census), path, census)


def followed(path: str, census: Census) -> Iterator[Event]:
    """Yields the events of a file as they are written, without an end; goes on with the new file when the API server
    has renamed this one. Standard input ends. Raises OSError."""
    if path == STANDARD_INPUT:
        yield from _events_of(path, census)
        return
    while True:
        with open(path, "rb") as stream:
            yield from events(split_lines(_appended(stream, path), path, census), path, census)


def _appended(stream: IO[bytes], path: str) -> Iterator[bytes]:
    """Yields what is written until another file has the name, or the file has become shorter."""
    while True:
        if block := stream.read(1 << 18):
            yield block
        elif _is_replaced(stream, path):
            return
        else:
            time.sleep(_POLL_SECONDS)


def _is_replaced(stream: IO[bytes], path: str) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:  # between the renaming and the first event of the new file
        return False
    return found.st_ino != os.fstat(stream.fileno()).st_ino or found.st_size < stream.tell()
