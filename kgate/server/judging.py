"""Judges texts by settings that are read once: what each worker does with a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from kgate.scan import assess, gate_of, ledger_of, text_batches

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.lifetime import Lifetime
    from kgate.model import Report


class Judging:
    """What a worker judges by: ``settings``, and the ``gate`` that they make. One thread at a time may use it."""

    def __init__(self, settle: Callable[[], Settings], today: Callable[[], date]) -> None:
        """Settles, and compiles the rules; ``today`` is asked whether waivers have ended. Raises KgateError."""
        self.settings = settle()
        self.gate, self._notes = gate_of(self.settings)
        self._today = today
        self._begin_day(today())

    def _begin_day(self, day: date) -> None:
        """Lets waivers end that end with the day before."""
        self._day = day
        self.settings = replace(self.settings, waivers=replace(self.settings.waivers, today=day))
        self._ledger = ledger_of(self.settings, self.gate.rules)

    def report(self, name: str, data: bytes, lifetime: Lifetime) -> Report:
        """Returns the report of a text, whose problems call it by a name. What is wrong with it becomes Problems.

        Raises DeadlineError and CancelledError rather than return a part of it.
        """
        if (day := self._today()) != self._day:
            self._begin_day(day)
        ledger = self._ledger.emptied()
        parts = text_batches(name, data, ledger.kinds)
        report = assess(parts, ledger, self.gate, lifetime, (*self.settings.notes, *self._notes))
        lifetime.check()
        return replace(report, configuration=self.settings.origin, settings=self.settings.stated)
