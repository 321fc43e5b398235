"""What the formats of answers are given."""

from __future__ import annotations

from collections.abc import Sequence

from kgate.audit.events.census import Census
from kgate.audit.queries.question import AuditAnswer, State
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The answers to some questions, what was read of the log, and what could not be read of log and repository."""

    answers: Sequence[AuditAnswer]
    census: Census
    problems: Sequence[str]

    @property
    def is_complete(self) -> bool:
        """True if all was read, and every question could be answered."""
        return not self.problems and all(one.state is State.ANSWERED for one in self.answers)


def counted(answer: AuditAnswer) -> str:
    """Returns how much was found, and by whom: ``3 rows: alice 2, bob 1``."""
    users = ", ".join(f"{user or '(nobody)'} {number}" for user, number in answer.users[:5])
    more = f" and {len(answer.users) - 5} more" if len(answer.users) > 5 else ""
    return f"{answer.count} {'row' if answer.count == 1 else 'rows'}{f': {users}{more}' if users else ''}"


def left_out(answer: AuditAnswer) -> int:
    """Returns how many rows the answer does not hold."""
    return answer.count - len(answer.rows)


def read_in_words(census: Census) -> str:
    """Returns what was read: ``20 requests in 24 events of 1 file, from … to …``."""
    span = f", from {census.first} to {census.last}" if census.first else ""
    files = f"{census.files} file{'' if census.files == 1 else 's'}"
    repeated = f", {census.duplicates} of them twice" if census.duplicates else ""
    requests = f"{census.requests} requests in " if census.requests else ""
    return f"{requests}{census.events} events of {files}{repeated}{span}"
