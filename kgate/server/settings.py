"""What a server is told to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.limits import Limit
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings

MAX_BODY = Limit("max-body", "MiB", 8, 1, 32)
"""Size of the body of a request: an AdmissionReview holds an object of up to 3 MiB twice, and a scan reads no more than
32 MiB of one file."""

REQUEST_TIMEOUT = Limit("request-timeout", "seconds", 8, 1, 300)
"""Time for one request from its first byte; a webhook waits for 10 seconds by default."""

QUEUE = Limit("queue", "requests", 64, 1, 10_000)
"""Requests of one worker that are judged or wait for it; more are told to come back."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a server's certificate and its key, and of the authorities that a client's must come from (None if
    clients need none)."""

    certificate: Path
    key: Path
    client_authorities: Path | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where a server listens, how many processes answer (``workers``), and what it bears: the bytes of a body, the
    seconds of a request, and the requests in the ``queue`` of a worker. It speaks TLS if it has a certificate.

    ``settle`` reads how is judged from the configuration; every worker does so when it starts. Raises KgateError.
    ``today`` tells the day, on which waivers have ended or not.
    """

    settle: Callable[[], Settings]
    today: Callable[[], date]
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    max_body: int = MAX_BODY.default << 20
    request_timeout: float = REQUEST_TIMEOUT.default
    queue: int = QUEUE.default
    certificate: Certificate | None = None
