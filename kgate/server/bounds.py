"""Reads the body of a request before anything else happens, within bounds of size, time and memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kgate.server.problem import problem
from kgate.server.settings import ServerSettings

DEADLINE = "kgate.deadline"
"""The key of the scope under which the time of the event loop stands at which a request must be answered."""

_MOST_HELD = 128 << 20
"""Bytes of bodies that one worker holds at a time."""

_MOST_DISCARDED = 256 << 20
"""Bytes of a body that is too large which are read and dropped, so that its sender gets to read the answer."""


class Bounds:
    """Hands on requests whose body is there as a whole; answers the others with a problem document."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._most = settings.max_body
        self._seconds = settings.request_timeout
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads, and hands on or answers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[DEADLINE] = asyncio.get_running_loop().time() + self._seconds
        body = bytearray()
        try:
            refused = await self._read(scope, receive, body)
            if refused is None:
                await self._app(scope, _replay(bytes(body), receive), send)
            else:
                status, detail, headers = refused
                await problem(status, detail, headers)(scope, receive, send)
        except _DisconnectedError:
            return
        finally:
            self._held -= len(body)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> tuple[int, str, dict[str, str]] | None:
        """Reads the body; returns what is to be answered if it cannot be read."""
        too_large = 413, f"the body is larger than {self._most:,} bytes; send less at once", {"Connection": "close"}
        headers = Headers(scope=scope)
        if _declared(headers) > self._most and headers.get("expect"):
            return too_large
        try:
            async with asyncio.timeout_at(scope[DEADLINE]):
                pieces = _pieces(receive)
                async for piece in pieces:
                    if len(body) + len(piece) > self._most:
                        await _discard(pieces)
                        return too_large
                    if self._held + len(piece) > _MOST_HELD:
                        return 503, "too many requests are being read; come back later", _LATER
                    body += piece
                    self._held += len(piece)
        except TimeoutError:
            return 408, f"the body did not arrive within {self._seconds:g} seconds", {"Connection": "close"}
        return None


_LATER = {"Retry-After": "1", "Connection": "close"}


class _DisconnectedError(Exception):
    """The client is gone, so that nobody reads an answer."""


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    """Yields the pieces of a body. Raises _DisconnectedError."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _discard(pieces: AsyncIterator[bytes]) -> None:
    left = _MOST_DISCARDED
    async for piece in pieces:
        left -= len(piece)
        if left < 0:
            return


def _replay(body: bytes, receive: Receive) -> Receive:
    """Returns a ``receive`` that gives the whole body once, and then what the connection says."""
    is_given = False

    async def replayed() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
