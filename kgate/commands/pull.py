"""``kgate pull``: fetches what the repository deploys from elsewhere, and writes kgate.lock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.network import (
    cache_dir_option,
    config_option,
    failures,
    network_options,
    policy_from_option,
    policy_option,
    run,
    terms_of,
)
from kgate.limits import TIMEOUT

if TYPE_CHECKING:
    from kgate.pull import Pull

_WRITING_SECONDS = 120


@click.command(
    epilog="""\b
Examples:
  kgate pull --pull-from ghcr.io --pull-from charts.jetstack.io
  kgate pull --locked                       in CI: fetch what kgate.lock names, and change nothing
  kgate pull --update apps/web              take new versions of what a folder asks for

\b
Exit codes:
  0  all is in kgate.lock and in the cache
  2  usage or configuration is wrong, or kgate.lock could not be written
  3  something cannot be had
  4  a bug in kgate
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@network_options
@click.option("--locked", is_flag=True, help="Do not change kgate.lock: fail if something is not in it.")
@click.option("--update", is_flag=True, help="Take the newest versions that are asked for, whatever kgate.lock says.")
@cache_dir_option
@config_option
@policy_from_option
@policy_option
@click.option("--helm-bin", metavar="PROGRAM", envvar="KGATE_SCAN_HELM_BIN", help="The helm to use.")
@click.option(
    "--kubectl-bin",
    metavar="PROGRAM",
    envvar="KGATE_SCAN_KUBECTL_BIN",
    help="The kubectl to use; it contains kustomize.",
)
@click.option(
    "--timeout",
    type=click.IntRange(TIMEOUT.least, TIMEOUT.most),
    metavar="SECONDS",
    help=f"Time for the whole run.  [default: {TIMEOUT.default}]",
)
def pull(**flags: Any) -> int:
    """Fetch what the repository deploys from elsewhere, for scans without network.

    Reads the Flux and Argo CD objects, charts and kustomizations at or below PATH (default: the current folder), has
    helm and git fetch the charts, folders and bases that they name into a cache, and writes what that was to
    kgate.lock. Only hosts that are allowed are asked.
    """
    from kgate.commands.scan import settings_of
    from kgate.repository import UntrustedFolders

    if flags["locked"] and flags["update"]:
        raise click.UsageError("--locked and --update exclude each other; leave one of them out")
    console.install_signal_handlers()
    untrusted = UntrustedFolders.around(map(Path, flags["paths"]))
    settings = settings_of({**flags, "pull": True}, untrusted)
    console.end_after(settings.timeout + _WRITING_SECONDS)
    if settings.ignores_hosts:
        why = "as the change that is judged may have written it"
        click.echo(f"pull-from of {settings.origin.path} counts only with --policy-from or --policy, {why}", err=True)
    result = run(settings, terms_of(flags, settings))
    console.print_text("\n".join(map(console.inert, lines(result))))
    return 0 if result.is_complete else 3


def lines(result: Pull) -> Iterator[str]:
    """Yields a line for each thing that is wanted, and a summary."""
    for one, _ in result.results:
        if one.what != "failed" and one.locked is not None:
            yield f"{one.what:8}{one.locked.file}  {one.wanted.label}"
    yield from failures(result)
    found = [what for what in ("kept", "fetched", "added", "renewed", "failed") if _count(result, what)]
    counts = ", ".join(f"{_count(result, what)} {what}" for what in found)
    removed = f", {result.removed} removed" if result.removed else ""
    yield f"{counts or 'nothing is deployed from elsewhere'}{removed}"
    if result.problems:
        yield f"{result.problems} problems keep parts of the repository from being read; kgate scan shows them"


def _count(result: Pull, what: str) -> int:
    return sum(one.what == what for one, _ in result.results)
