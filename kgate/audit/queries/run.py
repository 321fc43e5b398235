"""Asks questions of a stream of events, all in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kgate.audit.events.census import Census
from kgate.audit.events.event import READS, Event
from kgate.audit.queries.question import (
    AuditAnswer,
    AuditQuestion,
    Background,
    Collected,
    RowLimits,
    State,
    Tally,
    signature,
)
from kgate.values import dataclass

_MOST_SIGNATURES = 50_000
"""Kinds of request for which it is remembered which questions are about them; a client may ask for anything."""


@dataclass(frozen=True, slots=True)
class EventSelection:
    """The events that are asked: from ``since`` until before ``until``, of a user, or of one impersonating or
    impersonated, in a namespace; empty means all."""

    since: str = ""
    until: str = ""
    user: str = ""
    namespace: str = ""

    def holds(self, event: Event) -> bool:
        """True if an event is asked."""
        return (
            (not self.since or event.time >= self.since)
            and (not self.until or event.time < self.until)
            and (not self.user or self.user in (event.user, event.acting_as))
            and (not self.namespace or event.namespace == self.namespace)
        )


EVERYTHING = EventSelection()


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, and what collects its answer."""

    question: AuditQuestion
    tally: Tally


def ask(
    questions: Sequence[AuditQuestion],
    requests: Iterable[Event],
    limits: Callable[[AuditQuestion], RowLimits],
    background: Background,
    selection: EventSelection = EVERYTHING,
) -> list[AskedQuestion]:
    """Shows each request to the questions that are about it, and returns them."""
    asked = [AskedQuestion(one, one.tally(limits(one), background)) for one in questions]
    about: dict[tuple[str, str, str, str, int], tuple[Callable[[Event], None], ...]] = {}
    is_asked = selection.holds if selection != EVERYTHING else None
    for event in requests:
        if is_asked is not None and not is_asked(event):
            continue
        key = signature(event)
        viewers = about.get(key)
        if viewers is None:
            if len(about) >= _MOST_SIGNATURES:
                about.clear()
            viewers = tuple(one.tally.see for one in asked if one.question.scope.holds(event))
            about[key] = viewers
        for see in viewers:
            see(event)
    return asked


def answer(asked: AskedQuestion, census: Census) -> AuditAnswer:
    """Returns what a log says to a question, or why it cannot."""
    question, tally = asked.question, asked.tally
    state, reason = _standing(question, tally, census)
    found = tally.results() if state is not State.REFUSED else Collected((), 0)
    return AuditAnswer(
        *(question, state, reason, tally.columns, found.rows, found.count),
        *(tally.in_scope, tally.undecided, found.users, found.moments),
    )


def _standing(question: AuditQuestion, tally: Tally, census: Census) -> tuple[State, str]:
    verbs = question.scope.verbs
    if not census.requests:
        reason = (
            f"all {census.unanswered} events are of the stage RequestReceived, so no outcome is known; the policy must "
            "not omit ResponseComplete"
            if census.unanswered
            else "there are no events"
        )
        return State.REFUSED, reason
    if verbs is not None and verbs <= READS and not census.reads:
        return State.REFUSED, "no get, list or watch is in this log: its policy, or who collects it, drops reads"
    if tally.undecided and tally.undecided == tally.in_scope:
        return State.REFUSED, f"none of {tally.in_scope} events that it is about has {_needed(question)}"
    if tally.undecided:
        return State.PARTLY, f"{tally.undecided} of {tally.in_scope} events that it is about lack {_needed(question)}"
    if not tally.in_scope:
        return State.ANSWERED, "no event is about this: nothing happened, or the audit policy does not record it"
    return State.ANSWERED, ""


def _needed(question: AuditQuestion) -> str:
    return f"what the answer needs (level {question.level} or an annotation that decides it)"
