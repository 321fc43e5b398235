"""Replays audit events against rules, as Falco would evaluate them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kgate.falco.compiling import FalcoRule
from kgate.falco.evaluating import Happening, unmodelled
from kgate.falco.events import Recorded, read
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that fires for an event, and what it says of it."""

    rule: FalcoRule
    recorded: Recorded
    output: str


@dataclass(frozen=True, slots=True)
class Unevaluated:
    """A rule that kgate cannot evaluate, and what in it is not modelled."""

    rule: FalcoRule
    reason: str


class Replay:
    """Evaluates the rules that are enabled and that kgate can evaluate, event by event. ``is_first`` stops at the first
    rule that fires for an event, which is what Falco does unless ``rule_matching`` says otherwise."""

    def __init__(self, rules: Iterable[FalcoRule], *, is_first: bool) -> None:
        enabled = [rule for rule in rules if rule.is_enabled]
        reasons = [unmodelled(rule) for rule in enabled]
        self.rules = tuple(rule for rule, reason in zip(enabled, reasons, strict=True) if reason is None)
        self.unevaluated = tuple(
            Unevaluated(rule, reason) for rule, reason in zip(enabled, reasons, strict=True) if reason is not None
        )
        self.events = 0
        self.dropped: list[Recorded] = []
        self._is_first = is_first

    def alerts(self, paths: Sequence[str]) -> Iterator[Alert]:
        """Yields what rules say of the events of some files; counts the events and keeps the lines that are none.
        Raises OSError."""
        for path in paths:
            for recorded in read(path):
                if recorded.fault:
                    self.dropped.append(recorded)
                    continue
                self.events += 1
                yield from self._of_event(recorded)

    def _of_event(self, recorded: Recorded) -> Iterator[Alert]:
        happening = Happening(recorded.event)
        for rule in self.rules:
            if happening.holds(rule.condition):
                yield Alert(rule, recorded, happening.output(rule))
                if self._is_first:
                    return
