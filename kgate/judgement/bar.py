"""What a workload must reach, and who says what each one must."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

from kgate.judgement.score import BANDS
from kgate.model import FailOn, Note, Resource, Rule, Severity
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """The score and the Pod Security level that a workload must reach; any level will do if none is named. ``minor`` is
    the Kubernetes 1.x version that it is judged for, ``fail_on`` what findings fail by themselves; None where both are
    those of the whole scan. The places are lines of a configuration, as in Score."""

    min_score: int
    level: str = ""
    fail_on: FailOn | None = None
    minor: int | None = None
    min_score_place: str = ""
    level_place: str = ""


_GIVES_NOTHING = frozenset({"Role", "ClusterRole", "PodSecurityPolicy", "SecurityContextConstraints"})
"""Kinds that permit something, but give it to nobody before somebody is bound to them."""


def fail_on_of(bar: Bar, kind: str, rule: Rule, *, has_score: bool) -> FailOn | None:
    """Returns when findings of a rule about an object of a kind fail by themselves; None if that is as in the whole
    scan. A critical finding of an object without a score does where it would keep a workload under the threshold."""
    is_strict = bar.fail_on is not None and bar.fail_on.severity is not None
    is_critical = rule.severity is Severity.CRITICAL and bar.min_score > BANDS[Severity.CRITICAL][1]
    if is_strict or has_score or not is_critical or kind in _GIVES_NOTHING:
        return bar.fail_on
    return FailOn(Severity.CRITICAL, has_no_score=True)


class Gates(Protocol):
    """What some resources must reach instead of what all others must."""

    def bar(self, resource: Resource, of_others: Bar) -> tuple[Bar, Collection[int]]:
        """Returns what a resource must reach, and the numbers of the gates that it matches."""

    def unused(self, matched: Collection[int]) -> Iterator[Note]:
        """Yields a note for each gate that should have matched something and did not."""


class NoGates:
    """All workloads must reach the same."""

    def bar(self, resource: Resource, of_others: Bar) -> tuple[Bar, Collection[int]]:  # noqa: ARG002 - of Gates
        """Returns the bar of the others."""
        return of_others, ()

    def unused(self, matched: Collection[int]) -> Iterator[Note]:  # noqa: ARG002 - of Gates
        """Yields nothing."""
        yield from ()
