"""Ends a scan when its time is up or when it is cancelled."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator


class DeadlineError(Exception):
    """The time limit of the whole scan is exceeded."""


class CancelledError(Exception):
    """The scan was cancelled."""


class Lifetime:
    """The time limit and the cancellation of one scan, shared by its threads. ``seconds`` is the limit, ``end`` the
    time.monotonic() at which it is reached."""

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._stops: set[Callable[[], None]] = set()

    @property
    def left(self) -> float:
        """The seconds until the limit is reached; 0 afterwards."""
        return max(0.0, self.end - time.monotonic())

    def check(self) -> None:
        """Raises CancelledError if the scan was cancelled, and DeadlineError if its time is up."""
        if self._is_cancelled:
            raise CancelledError
        if time.monotonic() >= self.end:
            raise DeadlineError

    def cancel(self) -> None:
        """Cancels the scan: calls every active ``stop`` of stopped_by(), and makes every later check() fail."""
        with self._lock:
            self._is_cancelled = True
            for stop in self._stops:
                stop()

    @contextlib.contextmanager
    def stopped_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Makes cancel() call ``stop`` while the block runs. Raises CancelledError if the scan is already cancelled."""
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
        """Calls cancel() if its block ends with an exception, including KeyboardInterrupt.

        Use it inside the block of a pool, which would otherwise wait at its end for the running threads.
        """
        try:
            yield
        except BaseException:
            self.cancel()
            raise


FOREVER = Lifetime()
"""The lifetime of work that does not belong to a scan. It is never cancelled."""
