"""Reuses the reports of an earlier scan if nothing that it depends on has changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.cache import MAX_ENTRY_BYTES, Cache, open_cache
from kgate.model import Report
from kgate.reports.presentation import Presentation
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.repository import UntrustedFolders

_PIECE = 1 << 16
_ENCODING = "utf-8", "surrogatepass"


@dataclass(frozen=True, slots=True)
class Kept:
    """The reports of one state of everything that a scan depends on (inputs.digest).

    An entry holds the exit code of the verdict, in one byte, and the text. Reports with problems are not kept: the
    cause of a problem may be this machine, such as a full disk.
    """

    cache: Cache
    settings: Settings
    state: bytes

    def reports(self, wanted: Iterable[tuple[str, Presentation]]) -> tuple[int, list[str]] | None:
        """Returns the exit code and the text of each wanted report; None if one of them is missing."""
        entries = []
        for format_name, presentation in wanted:
            entry = self.cache.get(self._key(format_name, presentation))
            if entry is None:
                return None
            entries.append(entry)
        return entries[0][0], [entry[1:].decode(*_ENCODING) for entry in entries]

    def keep(self, report: Report, texts: Iterable[tuple[str, Presentation, str]]) -> None:
        """Keeps reports, unless they have problems or something changed during the scan."""
        from kgate import inputs

        if report.problems or inputs.digest(self.settings) != self.state:
            return
        code = bytes([report.verdict.exit_code])
        self.cache.put_all(
            (self._key(format_name, presentation), code + text.encode(*_ENCODING))
            for format_name, presentation, text in texts
        )

    def _key(self, format_name: str, presentation: Presentation) -> bytes:
        what = repr((format_name, presentation)).encode(*_ENCODING)
        return hashlib.blake2b(self.state + what, digest_size=32).digest()


class Copier:
    """Copies the pieces of a report while they are written, up to the size that the cache accepts."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0

    def passing(self, pieces: Iterable[str]) -> Iterator[str]:
        """Yields the pieces unchanged, and keeps a copy of each."""
        for piece in pieces:
            self._length += len(piece)
            if self._length <= MAX_ENTRY_BYTES:
                self._pieces.append(piece)
            else:
                self._pieces.clear()
            yield piece

    @property
    def text(self) -> str | None:
        """The whole report; None if it is too long for the cache."""
        return "".join(self._pieces) if self._length <= MAX_ENTRY_BYTES else None


def open_kept(settings: Settings, untrusted: UntrustedFolders) -> Kept | None:
    """Returns the reports kept for these settings; None if not everything that the scan depends on can be digested, or
    if a pull request may have filled the folder of the cache."""
    from kgate import inputs

    cache = open_cache(folder())
    if cache is None or untrusted.hold(Path(os.path.realpath(cache.folder))):
        return None
    state = inputs.digest(settings)
    return None if state is None else Kept(cache, settings, state)


def folder() -> Path:
    """Returns the folder of the cache, below the user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("kgate", appauthor=False) / "reports"


def in_pieces(text: str) -> Iterator[str]:
    """Returns a text in pieces, as a format yields it."""
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
