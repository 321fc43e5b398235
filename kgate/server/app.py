"""The application: which function answers which path."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from kgate.server import health
from kgate.server.judging import Judging
from kgate.server.problem import refusal
from kgate.server.settings import ServerSettings


def application(settings: ServerSettings) -> Starlette:
    """Returns what one worker runs. Its ``state`` holds the ``settings`` and what judges (``judging``). Raises
    KgateError."""
    app = Starlette(
        routes=[
            Route("/livez", health.livez),
            Route("/readyz", health.readyz),
        ],
        exception_handlers={HTTPException: refusal},
    )
    app.state.settings = settings
    app.state.judging = Judging(settings.settle)
    return app
