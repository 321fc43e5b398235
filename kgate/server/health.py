"""``/livez`` and ``/readyz``: whether a worker answers, and whether it takes requests."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


async def livez(_request: Request) -> Response:
    """Answers: that is all that is asked."""
    return PlainTextResponse("ok\n")


async def readyz(_request: Request) -> Response:
    """Answers once the worker has loaded its rules, before which it accepts no connection."""
    return PlainTextResponse("ok\n")
