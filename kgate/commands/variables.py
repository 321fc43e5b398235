"""The environment variables that stand for options: ``KGATE_SCAN_MIN_SCORE`` for ``kgate scan --min-score``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import click

from kgate.errors import ConfigError

PREFIX = "KGATE_"
OF_CI_JOBS = (
    *("KGATE_MODE", "KGATE_NEW_ONLY", "KGATE_PACKAGE", "KGATE_PACKAGE_SHA256", "KGATE_PATHS", "KGATE_POLICY_FROM"),
)
"""Variables that the jobs of docs/ci read before they start kgate."""

_OF_OTHERS = re.compile(r"KGATE_(TEST_\w+|(\w+_)?SERVICE_(HOST|PORT\w*)|(\w+_)?PORT(_\d+_\w+)?)")
"""Variables of kgate's own tests, and those that Kubernetes sets in every pod beside a Service of that name."""


def name_variables(command: click.Command, *path: str) -> None:
    """Lets a variable stand for each option of a command and of those in it, besides those that it names itself."""
    for option in _options(command):
        own = variable_of(path, option)
        others = [option.envvar] if isinstance(option.envvar, str) else option.envvar or ()
        option.envvar = list(dict.fromkeys((own, *others)))
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            name_variables(one, *path, name)


def unread(environment: Iterable[str], main: click.Group) -> Iterator[str]:
    """Yields a warning for each variable with the prefix that nothing reads. Raises ConfigError for one that is meant
    for an option, and names the right one."""
    given = [name for name in environment if name.upper().startswith(PREFIX) and name not in OF_CI_JOBS]
    suspect = sorted(name for name in given if not _OF_OTHERS.fullmatch(name))
    known = read_variables(main) if suspect else {}
    for name in suspect:
        if name not in known:
            told = f"the environment variable {name} is not read"
            meant = _meant(name, known)
            if meant is not None:
                raise ConfigError(f"{told}; write {meant}, or {known[meant]}")
            told += "; `kgate scan --help` shows the options that KGATE_SCAN_… variables stand for"
            if name.upper().startswith(f"{PREFIX}SCAN_"):
                raise ConfigError(told)
            yield told


def read_variables(main: click.Group) -> Mapping[str, str]:
    """Returns the variables that stand for options, each with its option: ``KGATE_SCAN_MIN_SCORE``, ``--min-score``."""
    context = click.Context(main)
    return {
        variable: _flag(option)
        for name in main.list_commands(context)
        for option in _all_options(main.get_command(context, name))
        for variable in option.envvar or ()
    }


def _meant(name: str, known: Iterable[str]) -> str | None:
    """The variable that is meant by another one, if that is near enough."""
    import difflib

    short = name.upper().removeprefix(PREFIX)
    for word in (f"{PREFIX}SCAN_{short}", name.upper()):
        if near := difflib.get_close_matches(word, known, n=1, cutoff=_NEAR):
            return near[0]
    return None


_NEAR = 0.85


def _all_options(command: click.Command | None) -> Iterator[click.Option]:
    if command is not None:
        yield from _options(command)
    if isinstance(command, click.Group):
        for one in command.commands.values():
            yield from _all_options(one)


def _options(command: click.Command) -> Iterator[click.Option]:
    """The options that have a value: not ``--help``."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield parameter


def variable_of(path: Iterable[str], option: click.Option) -> str:
    """Returns the name of the variable that stands for an option of a command."""
    return "_".join((PREFIX.rstrip("_"), *path, _flag(option).lstrip("-"))).replace("-", "_").upper()


def _flag(option: click.Option) -> str:
    """The long name of an option."""
    return max(option.opts, key=len)
