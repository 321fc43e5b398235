"""Counts what was read of logs, and what of it could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field

from kgate.audit.events.event import Event
from kgate.values import dataclass

_MOST_KINDS = 1_000
"""Kinds of fault of all files together that are counted apart from each other."""

NOT_JSON = "is not JSON; a half line is what a rotation or a crash leaves"


@dataclass(slots=True)
class LineFault:
    """How many lines of a file have a fault, and the first of them; line 0 means the whole file."""

    count: int
    line: int


@dataclass(slots=True)
class Census:
    """How many events were read, from when to when, and what was not read, by file and fault.

    ``unanswered`` counts events of the stage RequestReceived, which say nothing of an outcome; ``repeated`` further
    stages of requests that were counted already; ``duplicates`` events that stand in several files. ``on_fault`` is
    told each kind of fault as the first one is found, as long as a log is followed.
    """

    events: int = 0
    requests: int = 0
    unanswered: int = 0
    repeated: int = 0
    duplicates: int = 0
    first: str = ""
    last: str = ""
    reads: int = 0
    files: int = 0
    faults: dict[tuple[str, str], LineFault] = field(default_factory=dict)
    on_fault: Callable[[str], None] | None = None

    def add(self, event: Event) -> None:
        """Counts an event."""
        self.events += 1
        time = event.time
        if not self.first or time < self.first:
            self.first = time
        self.last = max(self.last, time)

    def add_fault(self, path: str, fault: str, line: int) -> None:
        """Counts a line, or with line 0 a file, that could not be read."""
        key = (path, fault)
        if key not in self.faults and len(self.faults) >= _MOST_KINDS:
            key, line = ("further files", "have faults that are not listed"), 0
        found = self.faults.setdefault(key, LineFault(0, line))
        found.count += 1
        if found.count == 1 and self.on_fault is not None:
            self.on_fault(_remark(key, found))

    def remarks(self, least: int = 1) -> Iterator[str]:
        """Yields a sentence for each kind of fault that was found so often: ``a.log:7: is not JSON (the first of 3
        lines or events)``."""
        yield from (_remark(key, found) for key, found in self.faults.items() if found.count >= least)


def _remark(key: tuple[str, str], found: LineFault) -> str:
    path, fault = key
    place = f"{path}:{found.line}" if found.line else path
    return f"{place}: {fault}{f' (the first of {found.count} lines or events)' if found.count > 1 else ''}"
