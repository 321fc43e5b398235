"""Makes one event of the stages of each request, so that nothing counts twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kgate.audit.events.census import Census
from kgate.audit.events.event import READS, Event

_MOST_OPEN = 100_000
"""Long-running requests that are remembered until they end."""


def requests(events: Iterable[Event], census: Census) -> Iterator[Event]:
    """Yields the first event of each request that has a response, and counts all events.

    A watch or an exec answers in the stage ResponseStarted and ends hours later in ResponseComplete; a failed
    authentication has the first stage only. The log decides which stages there are (omitStages).
    """
    started: dict[tuple[str, str, str], None] = {}
    for event in events:
        census.add(event)
        if event.stage == "RequestReceived":
            census.unanswered += 1
            continue
        if event.stage == "ResponseStarted":
            started[event.key] = None
            if len(started) > _MOST_OPEN:
                del started[next(iter(started))]
        elif started and event.key in started:
            del started[event.key]
            census.repeated += 1
            continue
        census.requests += 1
        census.reads += event.verb in READS
        yield event
