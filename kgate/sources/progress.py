"""Counts what is read and rendered, for whoever shows the progress of a scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")

Progress: TypeAlias = Callable[[int, int], None]
"""Called after each file and each rendering with how many of how many are done."""


class Count:
    """How much is done, and how much there is as far as known."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._done = 0
        self._total = total

    def counted(self, items: Iterable[_T]) -> Iterator[_T]:
        """Returns the same files or renderings, and counts each of them when the next is asked for."""
        for item in items:
            yield item
            self.add(1)

    def add(self, done: int) -> None:
        """Counts files or renderings that have been dealt with."""
        self._done += done
        self._progress(self._done, max(self._total, self._done))
