"""Counts what is read and rendered, for whoever shows the progress of a scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")

Progress: TypeAlias = Callable[[int, int], None]
"""Told, after each file and each rendering, how many of how many are done."""


class Count:
    """How much is done, and how much is known to be there."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._done = 0
        self._total = total

    def told(self, items: Iterable[_T]) -> Iterator[_T]:
        """The same files or renderings, each counted once it has been dealt with."""
        for item in items:
            yield item
            self.add(1)

    def add(self, done: int) -> None:
        """Counts files or renderings that have been dealt with."""
        self._done += done
        self._progress(self._done, max(self._total, self._done))
