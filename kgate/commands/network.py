"""What the commands that fetch, or use what was fetched, share: their options, how they ask, and what they say of what
cannot be had."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from kgate.commands import console

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.elsewhere.pull import Result
    from kgate.elsewhere.wanted import Asked
    from kgate.pull import Pull, Terms

_MOST_PLACES = 3

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file.  [default: the nearest kgate.yaml]",
)
policy_from_option = click.option(
    "--policy-from",
    metavar="REF",
    help="Take configuration, rule folders and ignore files from this revision, such as the target branch of a pull "
    "request; what the change weakens in them is a finding.",
)
policy_option = click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Policy of an organisation: settings for what the configuration does not say, and a floor below which it "
    "cannot go.",
)
cache_dir_option = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Folder that keeps what kgate pull has fetched.  [default: below the user's cache folder]",
)


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options about what may be fetched, from where."""
    file = click.Path(dir_okay=False, exists=True, path_type=Path)
    for option in (
        click.option(
            "--keyring",
            type=file,
            metavar="FILE",
            help="Refuse charts without a provenance file that one of these public keys has signed.",
        ),
        click.option(
            "--registry-config",
            type=file,
            metavar="FILE",
            help="Credentials by host, in Docker's format; each is sent to its host alone.",
        ),
        click.option(
            "--pull-from",
            multiple=True,
            metavar="HOST",
            help="Ask this host, by https; may be repeated. With a scheme (http://localhost:5000) also without"
            " encryption and at a private address.",
        ),
    ):
        command = option(command)
    return command


def terms_of(flags: Mapping[str, Any], settings: Settings) -> Terms:
    """Returns what a pull may do, from flags and environment, and from a configuration that no change can have altered
    and the lock file of the trusted revision: their hosts are allowed, too. Raises ConfigError."""
    from kgate.elsewhere import credentials
    from kgate.elsewhere.fetched import trusted_hosts
    from kgate.elsewhere.hosts import Hosts
    from kgate.pull import Terms

    given = credentials.read(flags["registry_config"]) if flags["registry_config"] else {}
    keyring = flags["keyring"].absolute() if flags["keyring"] else None
    named = [name for text in flags["pull_from"] for name in text.replace(",", " ").split()]
    return Terms(
        Hosts.parse([*named, *settings.pull_from, *trusted_hosts(settings.repository)]),
        given,
        keyring,
        is_locked=bool(flags.get("locked")),
        updates=bool(flags.get("update")),
        allows=_allows,
    )


def refuse_without(flag: str, flags: Mapping[str, Any]) -> None:
    """Raises click.UsageError for an option about fetching on a command line that asks for none."""
    context = click.get_current_context()
    for name in ("pull_from", "registry_config", "keyring", "locked") if not flags[flag] else ():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} is about what is fetched; add --{flag} to fetch it")


def _allows(host: str) -> bool:
    """Asks on a terminal whether a host may be asked; it may not elsewhere."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(f"Fetch from {console.inert(host)}?", default=False, err=True)


def run(settings: Settings, terms: Terms) -> Pull:
    """Pulls, and shows a progress bar on a terminal. Raises ConfigError if the time is up."""
    from kgate.errors import ConfigError
    from kgate.lifetime import DeadlineError
    from kgate.pull import pull as run_pull

    try:
        with console.progress() as progress:
            return run_pull(settings, terms, progress)
    except DeadlineError:
        message = f"pull was stopped after {settings.timeout:g} seconds; what was fetched stays in the cache"
        raise ConfigError(f"{message}: run it again, or allow more with --timeout") from None


def failures(result: Pull) -> Iterator[str]:
    """Yields a line for each thing that cannot be had: where it is asked for, why, and what would allow it; then one
    with all flags that do."""
    for one, asked in result.results:
        if one.what == "failed":
            yield f"failed  {_places(asked)}: {one.wanted.label}: {one.reason}{_advice(one)}"
    flags = sorted({one.allow for one, _ in result.results if one.allow})
    if flags:
        yield f"to allow these hosts: {' '.join(f'--pull-from {flag}' for flag in flags)}"


def _advice(one: Result) -> str:
    return f"; allow it with --pull-from {one.allow}" if one.allow else ""


def _places(asked: tuple[Asked, ...]) -> str:
    shown = ", ".join(f"{one.path}:{one.line}" for one in asked[:_MOST_PLACES])
    more = f" and {len(asked) - _MOST_PLACES} more" if len(asked) > _MOST_PLACES else ""
    return f"{shown}{more}"
