"""Does the work of requests one after the other in a thread, so that the event loop of the worker stays free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from kgate.lifetime import CancelledError, DeadlineError, Lifetime
from kgate.server.bounds import DEADLINE

Done = TypeVar("Done")

_MOST_OVERDUE = 2
"""Requests that may be given up one after the other before a worker counts as stuck: one text can take longer than a
request may, but every bound of what is read ends it within a few times that."""


class Work:
    """The thread, and how many requests wait for it."""

    def __init__(self, most: int) -> None:
        """``most`` requests may wait or be worked on; others are told to come back."""
        self._most = most
        self._thread = ThreadPoolExecutor(1, "kgate-work")
        self._pending: set[Future[Any]] = set()
        self._overdue = 0

    @property
    def is_stuck(self) -> bool:
        """True if requests were given up and the thread has ended none of them, nor any other, since then."""
        return self._overdue > _MOST_OVERDUE

    async def do(self, request: Request, work: Callable[[Lifetime], Done]) -> Done:
        """Returns what the work comes to, which checks the lifetime that it is given. Raises HTTPException with 503 if
        too much waits already, or if the time of the request is up."""
        if len(self._pending) >= self._most:
            raise HTTPException(503, "too many requests wait; come back later", {"Retry-After": "1"})
        left = request.scope[DEADLINE] - asyncio.get_running_loop().time()
        lifetime = Lifetime(max(0.0, left))
        future = self._thread.submit(work, lifetime)
        self._pending.add(future)
        future.add_done_callback(self._end)
        try:
            async with asyncio.timeout(left):
                return await asyncio.wrap_future(future)
        except (TimeoutError, DeadlineError, CancelledError):
            self._overdue += 1
            message = "there was not enough time to judge this; send less at once, or come back later"
            raise HTTPException(503, message, {"Retry-After": "1"}) from None
        finally:
            lifetime.cancel()

    def _end(self, future: Future[Any]) -> None:
        """Takes note of a request that the thread has worked on, or that was given up before it came to it."""
        self._pending.discard(future)
        if not future.cancelled():
            self._overdue = 0
