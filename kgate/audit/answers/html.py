"""Answers as one HTML page that needs no network and runs no script: a time line, and a table for each question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from kgate.audit.answers.result import AuditResult, counted, left_out, read_in_words
from kgate.audit.events.event import seconds
from kgate.audit.queries.question import AuditAnswer
from kgate.reports.links import HOME
from kgate.reports.pages import digest, environment, markup, part
from kgate.values import dataclass

_BINS = 96
_HEIGHT = 10
_MIDNIGHT = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class _TimeBar:
    """How much was found in one part of the time: its place from 0 to _BINS, its height up to _HEIGHT."""

    place: int
    height: float
    begin: str
    count: int


@dataclass(frozen=True, slots=True)
class _Lane:
    """The bars of one question."""

    id: str
    title: str
    count: int
    bars: Sequence[_TimeBar]


def render(result: AuditResult) -> Iterator[str]:
    """Yields the page, whose policy lets nothing run or load but its own style."""
    style = part("html.css") + part("audit.css")
    found = [one for one in result.answers if one.moments]
    first, last = result.census.first, result.census.last
    yield from (
        environment()
        .get_template("audit.html.j2")
        .generate(
            result=result,
            read=read_in_words(result.census),
            lanes=[_lane(one, seconds(first), seconds(last)) for one in found],
            bins=_BINS,
            first=first,
            last=last,
            counted=counted,
            left_out=left_out,
            home=HOME,
            style=markup(style),
            policy=f"default-src 'none'; style-src {digest(style)}; base-uri 'none'",
        )
    )


def _lane(answer: AuditAnswer, first: float, last: float) -> _Lane:
    """The moments of an answer in bins of equal length between two times."""
    width = max((last - first) / _BINS, 1 / _BINS)
    counts: Counter[int] = Counter()
    for moment, count in answer.moments:
        at = seconds(f"{moment}{_MIDNIGHT[len(moment) :]}") - first
        counts[max(0, min(_BINS - 1, int(at / width)))] += count
    most = max(counts.values())
    bars = [
        _TimeBar(place, max(1, round(_HEIGHT * count / most, 1)), _moment(first + place * width), count)
        for place, count in sorted(counts.items())
    ]
    return _Lane(answer.question.id, answer.question.title, answer.count, bars)


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
