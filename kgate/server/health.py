"""``/livez`` and ``/readyz``: whether a worker answers, and whether it takes requests."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


async def livez(request: Request) -> Response:
    """Answers, with 503 if the thread that judges is stuck, so that whoever runs the server starts it anew."""
    if request.app.state.work.is_stuck:
        return PlainTextResponse("what judges is stuck\n", 503)
    return PlainTextResponse("ok\n")


async def readyz(_request: Request) -> Response:
    """Answers once the worker has loaded its rules, before which it accepts no connection."""
    return PlainTextResponse("ok\n")
