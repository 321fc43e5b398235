"""Runs the application in several processes, until it is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from kgate.errors import ConfigError
from kgate.server.app import application
from kgate.server.settings import ServerSettings

GRACE_SECONDS = 25
"""Time that requests have to end when the server stops: less than the 30 seconds after which Kubernetes kills."""

_BACKLOG = 1024


def run(settings: ServerSettings, announce: Callable[[str], None]) -> None:
    """Listens, announces the URL, and answers until SIGTERM or SIGINT. Raises ConfigError if it cannot listen."""
    listening = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        partial(application, settings),
        factory=True,
        workers=settings.workers,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    announce(_url(listening, is_encrypted=settings.certificate is not None))
    Multiprocess(config, sockets=[listening]).run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen at {host}:{port}: {error.strerror or error}; choose others with --host and --port"
        ) from None


def _url(listening: socket.socket, *, is_encrypted: bool) -> str:
    host, port = listening.getsockname()[:2]
    return f"{'https' if is_encrypted else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
