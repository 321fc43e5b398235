"""Judges texts by settings that are read once: what each worker does with a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from kgate.judgement.ledger import MAX_COMPARED
from kgate.scan import assess, gate_of, judges_of, ledger_of, object_batch, text_batches

if TYPE_CHECKING:
    from kgate.admission.asks import Asks
    from kgate.admission.ruling import Submitted
    from kgate.config.settings import Settings
    from kgate.judgement.ledger import Ledger
    from kgate.lifetime import Lifetime
    from kgate.model import Report, ResourceId

_MOST_ASKS = 64
"""What different webhooks may ask for, that a worker remembers."""


class Judging:
    """What a worker judges by: ``settings``, and the ``gate`` that they make. One thread at a time may use it."""

    def __init__(self, settle: Callable[[], Settings], today: Callable[[], date]) -> None:
        """Settles, and compiles the rules; ``today`` is asked whether waivers have ended. Raises KgateError."""
        self.settings = replace(settle(), paths=("-",))  # a request is all that is seen, and no file of the server's
        self.gate, self._notes = gate_of(self.settings)
        self._judges = judges_of(self.settings, self.gate.rules)
        self._today = today
        self._begin_day(today())

    def _begin_day(self, day: date) -> None:
        """Lets waivers end that end with the day before."""
        self._day = day
        self.settings = replace(self.settings, waivers=replace(self.settings.waivers, today=day))
        self._ledger = ledger_of(self.settings, self.gate.rules, self._judges)
        self._asked: dict[Asks, tuple[Ledger, Settings]] = {}

    def _know_day(self) -> None:
        if (day := self._today()) != self._day:
            self._begin_day(day)

    def report(self, name: str, data: bytes, lifetime: Lifetime) -> Report:
        """Returns the report of a text, whose problems call it by a name. What is wrong with it becomes Problems.

        Raises DeadlineError and CancelledError rather than return a part of it.
        """
        self._know_day()
        ledger = self._ledger.emptied()
        parts = text_batches(name, data, ledger.kinds)
        report = assess(parts, ledger, self.gate, lifetime, (*self.settings.notes, *self._notes))
        lifetime.check()
        return replace(report, configuration=self.settings.origin, settings=self.settings.stated)

    def report_of(self, submitted: Submitted, asks: Asks, lifetime: Lifetime) -> Report:
        """Returns the report of an object that somebody wants to store in a cluster, called ``Kind/namespace/name``,
        which has all of its findings. Waivers in its annotations count nothing: whoever wants to store it wrote them.

        Raises DeadlineError and CancelledError rather than return a part of it.
        """
        self._know_day()
        known, settings = self._for(asks)
        ledger = known.emptied(_Annotations())
        batch = object_batch(_name(submitted), submitted.body)
        owned = tuple(replace(one, owners=submitted.owners) for one in batch.resources)
        gate = replace(self.gate, fail_on=settings.fail_on)
        report = assess([replace(batch, resources=owned)], ledger, gate, lifetime)
        lifetime.check()
        return report

    def _for(self, asks: Asks) -> tuple[Ledger, Settings]:
        """Returns what judges by the settings with what somebody asks instead."""
        if asks not in self._asked:
            if len(self._asked) >= _MOST_ASKS:
                self._asked.clear()
            own = {"min_score": asks.min_score, "level": asks.level, "fail_on": asks.fail_on}
            given = {name: value for name, value in own.items() if value is not None}
            settings = replace(self.settings, **given)  # type: ignore[arg-type]  # each name has a value of its type
            ledger = ledger_of(settings, self.gate.rules, self._judges)
            ledger.list_up_to(MAX_COMPARED)
            self._asked[asks] = ledger, settings
        return self._asked[asks]


def _name(submitted: Submitted) -> str:
    metadata = submitted.body.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    parts = (submitted.body["kind"], named.get("namespace"), named.get("name") or named.get("generateName"))
    return "/".join(part for part in parts if isinstance(part, str) and part)


class _Annotations:
    """The annotations of an object, which waive nothing, and no comments (inline.Comments)."""

    def paths(self) -> Iterator[str]:
        """See Comments."""
        yield from ()

    def lines(self, _path: str) -> Sequence[str]:
        """See Comments."""
        return ()

    def is_trusted(self, _path: str, _text: str, _who: ResourceId) -> bool | None:
        """See Comments."""
        return None
