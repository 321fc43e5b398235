"""Reads and judges plain manifests, in several processes if that pays for starting them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

from kgate.judgement.ledger import Ledger, Page
from kgate.kubernetes.facts import Facts
from kgate.lifetime import Lifetime
from kgate.model import Batch, Rule
from kgate.processes import spread
from kgate.rules.gate import GATE_WEAKENED
from kgate.sources import files
from kgate.sources.files import SourceFile
from kgate.values import dataclass

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
        return self._spread(listed, facts, jobs, max(1, min(_MOST_FILES, len(listed) // (jobs * _PARTS))))

    def pages(self, listed: Sequence[SourceFile], facts: Facts) -> Iterator[Page]:
        """Returns the results of each file by itself, in their order; otherwise like ``read``."""
        return self._spread(listed, facts, self.jobs if _are_worth_it(listed) else 1, 1)

    def _spread(self, listed: Sequence[SourceFile], facts: Facts, jobs: int, size: int) -> Iterator[Page]:
        parts = [listed[start : start + size] for start in range(0, len(listed), size)]
        return spread(
            partial(self._judge, facts=facts),
            parts,
            jobs,
            _PageCodec({rule.id: rule for rule in (*self.ledger.rules, GATE_WEAKENED)}),
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
    """Turns pages into bytes and back (processes.Codec)."""

    rules: Mapping[str, Rule]

    def encode(self, page: Page) -> bytes:
        """Returns the page as bytes."""
        from kgate.pagecodec import encode

        return encode(page)

    def decode(self, data: bytes) -> Page:
        """Returns the page from its bytes."""
        from kgate.pagecodec import decode

        return decode(data, self.rules)
