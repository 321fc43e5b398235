"""What a question is, and what an answer."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Protocol, TypeAlias

from kgate.audit.events.event import Event
from kgate.rbac.permissions import Permission
from kgate.values import dataclass

METADATA = "Metadata"
REQUEST = "Request"

EVENT_COLUMNS: tuple[str, ...] = (
    *("time", "user", "verb", "resource", "namespace", "name", "code", "detail"),
    *("source_ip", "audit_id"),
)
"""The columns of answers that list events."""

Cell: TypeAlias = str | int
Row: TypeAlias = tuple[Cell, ...]


class Undecided(enum.Enum):
    """The answer of a judge who would have to see more than the event holds."""

    UNDECIDED = "undecided"


UNDECIDED = Undecided.UNDECIDED

Judge: TypeAlias = Callable[[Event], str | Undecided | None]
"""Says why an event belongs in the answer (an empty text if that needs no words), None if it does not, or UNDECIDED."""


def anybody(_user: str) -> bool:
    """True: it does not matter who asks."""
    return True


def succeeded(code: int) -> bool:
    """True unless a request was refused or failed."""
    return code < 400


def however(_user: str, _code: int) -> bool:
    """True: it does not matter what came of whose request."""
    return True


def whatever(_code: int) -> bool:
    """True: it does not matter what came of a request."""
    return True


@dataclass(frozen=True, slots=True)
class RequestScope:
    """Which requests a question is about; None means any. A subresource of ``""`` is the object itself, ``both`` is
    asked about user and code together.

    It asks for nothing but what ``signature`` holds, so that it is asked once for many requests.
    """

    verbs: frozenset[str] | None = None
    resources: frozenset[str] | None = None
    subresources: frozenset[str] | None = None
    is_about: Callable[[str], bool] = anybody
    outcome: Callable[[int], bool] = succeeded
    both: Callable[[str, int], bool] = however

    def holds(self, event: Event) -> bool:
        """True if the question is about a request."""
        return (
            (self.verbs is None or event.verb in self.verbs)
            and (self.resources is None or event.resource in self.resources)
            and (self.subresources is None or event.subresource in self.subresources)
            and self.is_about(event.user)
            and self.outcome(event.code)
            and self.both(event.user, event.code)
        )


def signature(event: Event) -> tuple[str, str, str, str, int]:
    """Returns what decides which questions are about a request."""
    return event.verb, event.resource, event.subresource, event.user, event.code


class State(enum.Enum):
    """Whether a log can answer a question."""

    ANSWERED = "answered"
    PARTLY = "partly answered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """What a log says to a question.

    ``count`` is how many rows there are, of which ``rows`` holds the first ones, ``in_scope`` how many requests the
    question is about, and ``undecided`` how many of them do not hold enough. ``users`` counts rows by user, the most
    first, and ``moments`` by time. ``reason`` says why the log cannot answer, or what the reader should know.
    """

    question: AuditQuestion
    state: State
    reason: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    count: int
    in_scope: int
    undecided: int
    users: Sequence[tuple[str, int]] = ()
    moments: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class Collected:
    """What was collected: rows, how many there would be without a limit, and for lists of events how many each user
    has, the most first, and how many there are in each second, minute, hour or day (``2026-03-01T12:00``)."""

    rows: Sequence[Row]
    count: int
    users: Sequence[tuple[str, int]] = ()
    moments: Sequence[tuple[str, int]] = ()


class Tally(Protocol):
    """Collects what a question asks for, in one pass."""

    columns: tuple[str, ...]
    in_scope: int
    undecided: int

    def see(self, event: Event) -> None:
        """Takes a request that is in the scope of the question."""

    def results(self) -> Collected:
        """Returns what was collected."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A rule of a role that the repository gives to a user or, if ``is_group``, to a group: in which namespace (empty:
    in all), and where the rule is written."""

    subject: str
    is_group: bool
    namespace: str
    permission: Permission
    place: str


@dataclass(frozen=True, slots=True)
class Background:
    """What questions know beside the log: by group, resource and name the objects of the repository, each with the
    places where it stands by namespace (empty if none is written); who deploys them; and what roles give to whom."""

    managed: Mapping[tuple[str, str, str], Mapping[str, str]] = field(default_factory=dict)
    deployers: frozenset[str] = frozenset()
    granted: Sequence[Granted] = ()


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """A question, and how a log answers it. ``level`` is the least audit level that the events in its scope need,
    ``finds`` and ``leaves_out`` say where the line is, ``tally`` makes what collects the answer."""

    number: int
    id: str
    title: str
    level: str
    scope: RequestScope
    finds: str
    leaves_out: str
    tally: Callable[[RowLimits, Background], Tally]
    needs_repository: bool = False
    lists_events: bool = True


@dataclass(frozen=True, slots=True)
class RowLimits:
    """How many rows an answer holds at most, and who takes rows as they come, if anybody does."""

    rows: int = 1_000
    emit: Callable[[Row], None] | None = None
