"""Reads and judges plain manifests, in several processes if that pays for starting them."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kgate.judgement.ledger import Ledger, Page
from kgate.kubernetes.facts import Facts
from kgate.lifetime import Lifetime
from kgate.model import Batch, Rule
from kgate.processes import spread
from kgate.sources import files
from kgate.sources.files import SourceFile

_WORTH_BYTES = 1 << 20
"""Bytes of manifests above which a second process saves more time than its start takes."""

_MOST_FILES = 64
"""The most files in one part of the work."""

_PARTS = 8
"""Parts per process, so that none waits long for the others at the end."""


@dataclass(frozen=True, slots=True)
class PlainFiles:
    """Reads files and judges their objects by the rules of a ledger, in up to ``jobs`` processes."""

    ledger: Ledger
    kinds: Collection[str]
    lifetime: Lifetime
    jobs: int

    def read(self, listed: Sequence[SourceFile], facts: Facts) -> Iterator[Page]:
        """Returns the results of the files, part by part in their order. Raises DeadlineError and WorkerError.

        ``facts`` are those of all plain manifests.
        """
        jobs = self.jobs if _are_worth_it(listed) else 1
        size = max(1, min(_MOST_FILES, len(listed) // (jobs * _PARTS)))
        parts = [listed[start : start + size] for start in range(0, len(listed), size)]
        return spread(
            partial(self._judge, facts=facts), parts, jobs, _PageCodec({rule.id: rule for rule in self.ledger.rules})
        )

    def _judge(self, part: Sequence[SourceFile], facts: Facts) -> Page:
        return self.ledger.judge_files(((file.shown, self._batches(file)) for file in part), facts)

    def _batches(self, file: SourceFile) -> Iterator[Batch]:
        for batch in files.read_file(file, self.kinds):
            self.lifetime.check()
            yield batch


def _are_worth_it(listed: Sequence[SourceFile]) -> bool:
    """True if the files together are large enough for more than one process."""
    left = _WORTH_BYTES
    for file in listed:
        try:
            left -= os.stat(file.path).st_size
        except OSError:
            continue
        if left < 0:
            return True
    return False


@dataclass(frozen=True, slots=True)
class _PageCodec:
    """Turns pages into bytes and back (processes.Codec); a rule is written as its id."""

    rules: Mapping[str, Rule]

    def encode(self, page: Page) -> bytes:
        """Returns the page as bytes."""
        stream = io.BytesIO()
        _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(page)
        return stream.getvalue()

    def decode(self, data: bytes) -> Page:
        """Returns the page from its bytes."""
        page: Page = _Unpickler(io.BytesIO(data), self.rules).load()
        return page


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> str | None:
        return value.id if type(value) is Rule else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, rules: Mapping[str, Rule]) -> None:
        super().__init__(stream)
        self._rules = rules

    def persistent_load(self, pid: str) -> Rule:
        return self._rules[pid]
