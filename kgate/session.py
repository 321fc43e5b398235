"""Remembers what several scans of one process have in common: judges, and results of files that did not change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.judgement.ledger import Ledger, Page
from kgate.kubernetes.facts import Facts
from kgate.lifetime import Lifetime
from kgate.model import Rule
from kgate.plainfiles import PlainFiles
from kgate.sources.files import SourceFile
from kgate.sources.texts import Texts
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.rendering.requests import Remembered
    from kgate.repository import Repository


@dataclass(frozen=True, slots=True)
class _Known:
    """The results of a file with a content, judged with some facts."""

    digest: bytes
    facts: Facts
    page: Page


class Session:
    """What scans of one process share, one after the other. Results hold for the settings and rules of the last scan;
    with others it forgets them. Whatever is rendered is rendered anew, unless renderings are ``remembered``."""

    def __init__(self, remembered: Remembered | None = None, lifetime: Lifetime | None = None) -> None:
        """Without a lifetime each scan has its own."""
        self.remembered = remembered
        self.lifetime = lifetime
        self._key: tuple[str, tuple[Rule, ...]] | None = None
        self._ledger: Ledger | None = None
        self._pages: dict[str, _Known] = {}
        self._texts = Texts()

    def opened(self, repository: Repository) -> Repository:
        """Returns a repository for a new scan, in which it is known what the texts of the last one say."""
        self._texts = Texts(self._texts)
        found = repository.reopened()
        found.shared(Texts, lambda: self._texts)
        return found

    def ledger(
        self, settings: Settings, rules: tuple[Rule, ...], make: Callable[[Settings, tuple[Rule, ...]], Ledger]
    ) -> Ledger:
        """Returns an empty ledger, with the judges of the last scan if settings and rules are the same."""
        key = repr(settings), rules
        if self._ledger is None or key != self._key:
            self._key, self._ledger, self._pages = key, make(settings, rules), {}
            if self.remembered is not None:
                self._ledger.keep_renderings()
        return self._ledger.emptied()

    def read(self, plain: PlainFiles, listed: Sequence[SourceFile], facts: Facts) -> Iterator[Page]:
        """Yields the results of files, of which only those are read and judged whose content or facts have changed."""
        digests = {file.shown: _digest(file.path) for file in listed}
        known = {name: one for name, one in self._pages.items() if _holds(one, digests.get(name), facts)}
        changed = [file for file in listed if file.shown not in known]
        new = plain.pages(changed, facts)
        for file in listed:
            name, digest = file.shown, digests[file.shown]
            if name in known:
                yield known[name].page
                continue
            page = next(new)
            self._pages.pop(name, None)
            if digest is not None and digest == _digest(file.path):
                self._pages[name] = _Known(digest, facts, page)
            yield page


def _holds(known: _Known, digest: bytes | None, facts: Facts) -> bool:
    return digest is not None and known.digest == digest and known.facts == facts


def _digest(path: Path) -> bytes | None:
    """Returns a digest of a file; None if it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as stream:
            return hashlib.blake2b(stream.read(), digest_size=32).digest()
    except OSError:
        return None
