"""How long one scan lives: until its time is used up, or until it is given up."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator


class DeadlineError(Exception):
    """The time of the whole scan is used up."""


class CancelledError(Exception):
    """The scan was given up."""


class Lifetime:
    """The life of one scan, which threads share. ``seconds`` is the time that it has from now on, ``end`` the
    time.monotonic() at which that is over."""

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._stops: set[Callable[[], None]] = set()

    def check(self) -> None:
        """Raises CancelledError once the scan was given up, and DeadlineError once its time is used up."""
        if self._is_cancelled:
            raise CancelledError
        if time.monotonic() >= self.end:
            raise DeadlineError

    def cancel(self) -> None:
        """Gives up: calls what stopped_by() was told, and has every later check() fail."""
        with self._lock:
            self._is_cancelled = True
            for stop in self._stops:
                stop()

    @contextlib.contextmanager
    def stopped_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Has cancel() call ``stop`` as long as the block runs. Raises CancelledError if it came before."""
        with self._lock:
            self._stops.add(stop)
        try:
            if self._is_cancelled:
                raise CancelledError
            yield
        finally:
            with self._lock:
                self._stops.discard(stop)

    @contextlib.contextmanager
    def cancelled_on_error(self) -> Iterator[None]:
        """Calls cancel() if its block ends with an exception, Ctrl-C among them.

        It belongs inside the block of a pool, which at its end would wait for what the threads run.
        """
        try:
            yield
        except BaseException:
            self.cancel()
            raise


FOREVER = Lifetime()
"""For what belongs to no scan; nobody cancels it."""
