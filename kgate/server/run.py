"""Runs the application in several processes, until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from kgate.errors import ConfigError
from kgate.server.app import application
from kgate.server.metrics import FOLDER
from kgate.server.protocol import ImpatientProtocol
from kgate.server.settings import Certificate, ServerSettings
from kgate.server.tls import context_for

GRACE_SECONDS = 25
"""Time that requests have to end when the server stops: less than the 30 seconds after which Kubernetes kills."""

_START_SECONDS = 15
"""Time for a worker to start in place of another one, and to tell the process that watches it that it lives: both take
long on a machine that is busy, and what watches may wait as long for one that was killed just then."""

_BACKLOG = 1024
_MOST_CONNECTIONS = 4096


def run(settings: ServerSettings, announce: Callable[[str], None]) -> None:
    """Listens, announces the URL, and answers until SIGTERM or SIGINT. Raises ConfigError if it cannot listen."""
    if settings.certificate is not None:
        context_for(settings.certificate)  # what is wrong with the files is said at once
    listening = _listen(settings.host, settings.port)
    _allow_connections()
    config = uvicorn.Config(
        partial(application, settings),
        factory=True,
        http=ImpatientProtocol,
        workers=settings.workers,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=_START_SECONDS,
        ssl_context_factory=partial(_context, settings.certificate) if settings.certificate is not None else None,
    )
    announce(_url(listening, is_encrypted=settings.certificate is not None))
    with _shared_numbers(settings.workers):
        Multiprocess(config, sockets=[listening]).run()


def _context(
    certificate: Certificate, _config: uvicorn.Config, _default: Callable[[], ssl.SSLContext]
) -> ssl.SSLContext:
    """Makes the context in a worker, as uvicorn asks for it."""
    return context_for(certificate)


@contextlib.contextmanager
def _shared_numbers(workers: int) -> Iterator[None]:
    """Gives several workers a folder for the numbers that they share, in memory where the system has such a place."""
    if workers == 1:
        yield
        return
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    with tempfile.TemporaryDirectory(prefix="kgate-", dir=memory if memory.is_dir() else None) as folder:
        os.environ[FOLDER] = folder
        yield


def _allow_connections() -> None:
    """Lets each worker have its connections: many systems give a process 1,024 files unless it asks for more."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * _MOST_CONNECTIONS
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listen(host: str, port: int) -> socket.socket:
    if not host:
        raise ConfigError("--host is empty; name an address, or 0.0.0.0 for all of this machine")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # An answer is written in two pieces, of which the second one must not wait until the first one is acknowledged.
        # asyncio sees to that only for sockets that name their protocol. Connections inherit it.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise ConfigError(
            f"cannot listen at {host}:{port}: {error.strerror or error}; choose others with --host and --port"
        ) from None
    return listening


def _url(listening: socket.socket, *, is_encrypted: bool) -> str:
    host, port = listening.getsockname()[:2]
    return f"{'https' if is_encrypted else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
