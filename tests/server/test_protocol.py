"""server/protocol.py: a connection whose client does not read ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from kgate.server.protocol import ImpatientProtocol
from tests.waiting import HANG

_ANSWER = bytes(32 << 20)
"""More than the system takes of a text that nobody reads."""

_GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def _app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": _ANSWER})


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[ServerState, socket.socket]]:
    """A client of a server that is patient for a tenth of a second, and the state of that server."""
    config = uvicorn.Config(_app, http=ImpatientProtocol, lifespan="off")
    config.timeout_keep_alive = 0.1  # type: ignore[assignment] # it waits for parts of a second as well
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: ImpatientProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, server.sockets[0].getsockname())
            yield state, client


@pytest.mark.parametrize(
    "requests", [pytest.param(_GET, id="one request"), pytest.param(_GET + _GET, id="a request behind another")]
)
def test_a_client_that_does_not_read_its_answer_is_dropped(requests: bytes) -> None:
    async def run() -> None:
        async with asyncio.timeout(HANG), _connected() as (state, client):
            await asyncio.get_running_loop().sock_sendall(client, requests)
            while not state.total_requests:
                await asyncio.sleep(0.01)
            while state.connections:
                await asyncio.sleep(0.01)

    asyncio.run(run())
