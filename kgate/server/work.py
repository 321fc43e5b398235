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


class Work:
    """The thread, and how many requests wait for it."""

    def __init__(self, most: int) -> None:
        """``most`` requests may wait or be worked on; others are told to come back."""
        self._most = most
        self._thread = ThreadPoolExecutor(1, "kgate-work")
        self._pending: set[Future[Any]] = set()

    async def do(self, request: Request, work: Callable[[Lifetime], Done]) -> Done:
        """Returns what the work comes to, which checks the lifetime that it is given. Raises HTTPException with 503 if
        too much waits already, or if the time of the request is up."""
        if len(self._pending) >= self._most:
            raise HTTPException(503, "too many requests wait; come back later", {"Retry-After": "1"})
        left = request.scope[DEADLINE] - asyncio.get_running_loop().time()
        lifetime = Lifetime(max(0.0, left))
        future = self._thread.submit(work, lifetime)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        try:
            async with asyncio.timeout(left):
                return await asyncio.wrap_future(future)
        except (TimeoutError, DeadlineError, CancelledError):
            message = "there was not enough time to judge this; send less at once, or come back later"
            raise HTTPException(503, message, {"Retry-After": "1"}) from None
        finally:
            lifetime.cancel()
