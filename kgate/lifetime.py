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
    """The life of one scan, shared by its threads. ``seconds`` is the time that it has, ``end`` the time.monotonic() at
    which that is over."""

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
        """Gives up: calls what was passed to stopped_by(), and makes every later check() fail."""
        with self._lock:
            self._is_cancelled = True
            for stop in self._stops:
                stop()

    @contextlib.contextmanager
    def stopped_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Makes cancel() call ``stop`` as long as the block runs. Raises CancelledError if it was called before."""
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

        Use it inside the block of a pool, which would otherwise wait at its end for what the threads run.
        """
        try:
            yield
        except BaseException:
            self.cancel()
            raise


FOREVER = Lifetime()
"""For what does not belong to a scan. Nobody cancels it."""
