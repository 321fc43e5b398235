"""Collects answers in bounded memory: lists of events, bursts of them, and counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import field

from kgate.audit.events.event import Event, seconds
from kgate.audit.queries.question import EVENT_COLUMNS, Cell, Collected, Judge, Row, RowLimits, Undecided
from kgate.values import dataclass

_MOST_KEYS = 50_000
"""Users or groups of events that are counted apart; further ones count as one."""

_MOST_MOMENTS = 10_000
_MOST_WINDOWS = 10_000
"""Users of whom it is remembered what they did lately; the one who has been still for the longest time is forgotten."""

_MOST_THINGS = 100
_REST = "(others)"


class KeyCounts:
    """Counts by key, of which there may be no more than some."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, key: tuple[str, ...]) -> None:
        """Counts a key; one too many counts with the rest."""
        try:
            self._counts[key] += 1
        except KeyError:
            if len(self._counts) >= _MOST_KEYS:
                key = (_REST, *("" for _ in key[1:]))
            self._counts[key] = self._counts.get(key, 0) + 1

    def ranked(self) -> list[tuple[tuple[str, ...], int]]:
        """Returns the keys and their counts, the most first."""
        return sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))


class Moments:
    """Counts by time: by second, and once these are too many by minute, by hour, by day."""

    def __init__(self) -> None:
        self._lengths = [len("2026-01-02T15:04"), len("2026-01-02T15"), len("2026-01-02")]
        self._length = len("2026-01-02T15:04:05")
        self._counts: dict[str, int] = {}

    def add(self, time: str) -> None:
        """Counts a time of an event."""
        self._add(time, 1)
        while len(self._counts) > _MOST_MOMENTS and self._lengths:
            self._length = self._lengths.pop(0)
            finer, self._counts = self._counts, {}
            for moment, number in finer.items():
                self._add(moment, number)

    def _add(self, time: str, number: int) -> None:
        moment = time[: self._length]
        self._counts[moment] = self._counts.get(moment, 0) + number

    def counts(self) -> list[tuple[str, int]]:
        """Returns the beginnings of times and their counts, in their order."""
        return sorted(self._counts.items())


class EventListing:
    """The events that a judge names, one a row."""

    columns: tuple[str, ...] = EVENT_COLUMNS

    def __init__(self, judge: Judge, limits: RowLimits) -> None:
        self.in_scope = 0
        self.undecided = 0
        self.count = 0
        self._judge = judge
        self._limits = limits
        self._rows: list[Row] = []
        self._users = KeyCounts()
        self._moments = Moments()

    def see(self, event: Event) -> None:
        """Asks the judge about an event."""
        self.in_scope += 1
        said = self._judge(event)
        if said is None:
            return
        if isinstance(said, Undecided):
            self.undecided += 1
            return
        self._take(event, said)

    def _take(self, event: Event, detail: str) -> None:
        self.count += 1
        self._users.add((event.user,))
        self._moments.add(event.time)
        if self._limits.emit is not None:
            self._limits.emit(row(event, detail))
        elif len(self._rows) < self._limits.rows:
            self._rows.append(row(event, detail))

    def results(self) -> Collected:
        """Returns the rows in the order of the log."""
        users = [(key[0], number) for key, number in self._users.ranked()]
        return Collected(self._rows, self.count, users, self._moments.counts())


@dataclass(slots=True)
class Window:
    """What a user did lately: when the last few events were, and when each thing was last among them."""

    times: deque[float]
    things: dict[str, float] = field(default_factory=dict)

    def add(self, now: float, thing: str, within: float) -> None:
        """Remembers an event, and forgets what is too long ago."""
        self.times.append(now)
        self.things.pop(thing, None)
        self.things[thing] = now
        while self.things[oldest := next(iter(self.things))] < now - within or len(self.things) > _MOST_THINGS:
            del self.things[oldest]


class Bursts(EventListing):
    """Events of one user that are many in a short time.

    The judge names what an event is about. A row stands for ``least`` events about ``distinct`` different things in
    ``within`` seconds, and is the last event of them; the next one needs as many again. What ``alone`` says of an event
    makes it a row by itself.
    """

    def __init__(
        self,
        judge: Judge,
        limits: RowLimits,
        *,
        least: int,
        distinct: int,
        within: float,
        alone: Callable[[Event], str | None] = lambda _event: None,
    ) -> None:
        super().__init__(judge, limits)
        self._least = least
        self._distinct = distinct
        self._within = within
        self._alone = alone
        self._windows: dict[str, Window] = {}

    def _take(self, event: Event, detail: str) -> None:
        by_itself = self._alone(event)
        if by_itself is not None:
            super()._take(event, by_itself)
            return
        now = seconds(event.time)
        window = self._windows.pop(event.user, None) or Window(deque(maxlen=self._least))
        window.add(now, detail, self._within)
        times, things = window.times, window.things
        is_burst = len(times) == self._least and now - times[0] <= self._within and len(things) >= self._distinct
        if is_burst:
            start = min(times[0], next(iter(things.values())))
            super()._take(event, f"{self._least} in {now - start:.0f} s: {_some(sorted(things))}")
            return
        self._windows[event.user] = window
        if len(self._windows) > _MOST_WINDOWS:
            del self._windows[next(iter(self._windows))]


class Groups:
    """How many events there are of each kind; ``finish`` makes a row of a kind, its count and the total."""

    def __init__(
        self,
        columns: tuple[str, ...],
        group: Callable[[Event], tuple[str, ...] | None],
        limits: RowLimits,
        finish: Callable[[tuple[str, ...], int, int], tuple[Cell, ...]],
    ) -> None:
        self.columns = columns
        self.in_scope = 0
        self.undecided = 0
        self._group = group
        self._limits = limits
        self._finish = finish
        self._counts = KeyCounts()

    def see(self, event: Event) -> None:
        """Counts an event with its kind."""
        self.in_scope += 1
        key = self._group(event)
        if key is not None:
            self._counts.add(key)

    def results(self) -> Collected:
        """Returns a row for each kind, the most frequent first."""
        ranked = self._counts.ranked()
        rows = [self._finish(key, number, self.in_scope) for key, number in ranked[: self._limits.rows]]
        return Collected(rows, len(ranked))


def row(event: Event, detail: str) -> Row:
    """Returns the row of an event, with EVENT_COLUMNS."""
    user = f"{event.user} as {event.acting_as}" if event.acting_as else event.user
    return (
        event.time,
        user,
        event.verb,
        event.target,
        event.namespace,
        event.name,
        event.code,
        detail,
        event.address,
        event.audit_id,
    )


def _some(things: Sequence[str]) -> str:
    return ", ".join(things[:5]) + (f" and {len(things) - 5} more" if len(things) > 5 else "")
