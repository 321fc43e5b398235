"""server/work.py: one thing after the other, within its time, and no more than has room."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from kgate.lifetime import Lifetime
from kgate.server.bounds import DEADLINE
from kgate.server.work import Work


def request(seconds: float) -> Request:
    return Request({"type": "http", DEADLINE: asyncio.get_running_loop().time() + seconds})


def test_what_has_no_room_is_told_to_come_back() -> None:
    async def run() -> None:
        work, gate = Work(2), threading.Event()
        waiting = [asyncio.create_task(work.do(request(300), lambda _: gate.wait(300))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as refused:
            await work.do(request(300), lambda _: True)
        assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
        gate.set()
        assert await asyncio.gather(*waiting) == [True, True]
        assert await work.do(request(300), lambda _: True)

    asyncio.run(run())


def test_what_takes_too_long_is_given_up_and_told_so() -> None:
    async def run() -> None:
        work, seen = Work(9), threading.Event()

        def endless(lifetime: Lifetime) -> None:
            while True:
                try:
                    lifetime.check()
                except BaseException:
                    seen.set()
                    raise

        with pytest.raises(HTTPException) as refused:
            await work.do(request(0.1), endless)
        assert refused.value.status_code == 503
        assert seen.wait(300)
        assert await work.do(request(300), lambda _: 1) == 1
        assert not work.is_stuck

    asyncio.run(run())


def test_a_thread_that_never_ends_is_noticed() -> None:
    async def run() -> None:
        work, gate = Work(9), threading.Event()
        for _ in range(3):
            with pytest.raises(HTTPException):
                await work.do(request(0.05), lambda _: gate.wait(300))
        assert work.is_stuck
        gate.set()
        assert await work.do(request(300), lambda _: True)
        assert not work.is_stuck

    asyncio.run(run())


@pytest.mark.parametrize("error", [ValueError, KeyError])
def test_a_fault_is_not_swallowed(error: type[Exception]) -> None:
    def fail(_: Lifetime) -> Callable[[], Any]:
        raise error("bug")

    async def run() -> None:
        with pytest.raises(error):
            await Work(1).do(request(300), fail)

    asyncio.run(run())
