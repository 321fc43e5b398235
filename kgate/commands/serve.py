"""``kgate serve``: judges what is posted to it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.judging import take_over
from kgate.commands.scan import limit_option, settings_of
from kgate.commands.today import today
from kgate.errors import ConfigError
from kgate.server.settings import MAX_BODY, QUEUE, REQUEST_TIMEOUT, ServerSettings

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.server.settings import Certificate

_OF_SCANS = frozenset(
    {
        *("min_score", "level", "fail_on", "kubernetes_version", "persona", "select", "ignore", "rules"),
        *("config_path", "policy"),
    }
)
"""The options of ``kgate scan`` that say how is judged."""


def _file_option(name: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = click.Path(dir_okay=False, exists=True, path_type=Path)
    return click.option(name, type=kind, metavar="FILE", help=text)


@click.command(
    epilog="""\b
Examples:
  kgate serve                               at http://127.0.0.1:8080
  kgate serve --host 0.0.0.0 --port 8443 --tls-cert tls.crt --tls-key tls.key

\b
Exit codes:
  0  it was told to stop, and has answered what had been asked
  2  usage, configuration or a rule file is wrong, or it cannot listen
  4  a bug in kgate
"""
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port to listen at; 0 for any."
)
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", help="Processes that answer.  [default: one a processor]"
)
@_file_option("--tls-cert", "Certificate, with its chain; it is read again when it changes.")
@_file_option("--tls-key", "Private key of the certificate.")
@_file_option("--tls-client-ca", "Answer only clients with a certificate of these authorities.")
@limit_option(MAX_BODY, "MIB", "Size of a request's body.")
@limit_option(REQUEST_TIMEOUT, "SECONDS", "Time for a request.")
@limit_option(QUEUE, "N", "Requests of one process that may wait; more are told to come back.")
def serve(**flags: Any) -> int:
    """Answer requests, also those of an API server, with what a scan of their manifests says."""
    from kgate.repository import UntrustedFolders

    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn", "prometheus_client")):
        raise ConfigError("kgate serve needs further libraries; run: pip install 'kgate[serve]'")
    from kgate.server.judging import Judging
    from kgate.server.run import run

    settle = partial(settings_of, {**flags, "paths": (), "no_baseline": True}, UntrustedFolders.around(()))
    Judging(settle, today)  # what is wrong with the settings is said before anything listens
    run(_server_settings(flags, settle), lambda url: console.print_error(f"listening at {url}"))
    return 0


def _server_settings(flags: Mapping[str, Any], settle: Callable[[], Settings]) -> ServerSettings:
    from kgate.processes import processors

    given = {name: flags[name] for name in ("request_timeout", "queue") if flags[name] is not None}
    if flags["max_body"] is not None:
        given["max_body"] = flags["max_body"] << 20
    return ServerSettings(
        settle,
        today,
        flags["host"],
        flags["port"],
        flags["workers"] or processors(),
        certificate=_certificate(flags),
        **given,
    )


def _certificate(flags: Mapping[str, Any]) -> Certificate | None:
    from kgate.server.settings import Certificate

    certificate, key = flags["tls_cert"], flags["tls_key"]
    if certificate is None and key is None and flags["tls_client_ca"] is None:
        return None
    if certificate is None or key is None:
        raise click.UsageError("--tls-cert and --tls-key belong together; name both files")
    return Certificate(certificate, key, flags["tls_client_ca"])


take_over(serve, _OF_SCANS)
