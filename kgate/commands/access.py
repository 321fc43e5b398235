"""What the commands that answer who may do what share: their options, what they read, and how they show the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.network import cache_dir_option, config_option
from kgate.errors import ConfigError
from kgate.limits import TIMEOUT
from kgate.model import Json, Location, child_pointer

if TYPE_CHECKING:
    from kgate.access import Access
    from kgate.rbac.ways import Waypoint

_WRITING_SECONDS = 120
EXIT_INCOMPLETE = 3
EPILOG = """\b
Exit codes:
  0  answered
  2  usage or configuration is wrong
  3  answered, but something could not be read, or a role is nowhere defined
  4  a bug in kgate
"""


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options about how the repository is read."""
    timeout = click.IntRange(TIMEOUT.least, TIMEOUT.most)
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="List everything. Errors: show tracebacks."),
        click.option(
            "--timeout",
            type=timeout,
            metavar="SECONDS",
            help=f"Time for the whole run.  [default: {TIMEOUT.default}]",
        ),
        click.option("--kubectl-bin", metavar="PROGRAM", envvar="KGATE_SCAN_KUBECTL_BIN", help="The kubectl to use."),
        click.option("--helm-bin", metavar="PROGRAM", envvar="KGATE_SCAN_HELM_BIN", help="The helm to use."),
        cache_dir_option,
        config_option,
    ):
        command = option(command)
    return command


def read(flags: Mapping[str, Any]) -> Access:
    """Returns what the paths of a command line hold. Raises ConfigError if the time is up."""
    from kgate.access import read_access
    from kgate.commands.scan import settings_of
    from kgate.lifetime import DeadlineError
    from kgate.repository import UntrustedFolders

    if "-" in flags["paths"]:
        raise click.UsageError("'-' is standard input, and an answer needs a whole repository; name a folder")
    console.install_signal_handlers()
    settings = settings_of(flags, UntrustedFolders.around(map(Path, flags["paths"])))
    console.end_after(settings.timeout + _WRITING_SECONDS)
    try:
        with console.progress() as progress:
            return read_access(settings, progress)
    except DeadlineError:
        message = f"was stopped after {settings.timeout:g} seconds and answers nothing"
        raise ConfigError(f"{message}: name fewer paths, or allow more with --timeout") from None


def place(location: Location | None) -> str:
    """Returns where a step is: ``rbac.yaml:12``."""
    return f"{location.path}:{location.start.line}" if location is not None else "part of Kubernetes"


def way(steps: Iterable[Waypoint], indent: str) -> Iterator[str]:
    """Yields a line for each step."""
    for step in steps:
        yield f"{indent}{step}  {place(step.location)}"


def step_json(step: Waypoint) -> dict[str, Json]:
    """Returns a step for JSON; without a place if Kubernetes brings it."""
    where = step.location
    found: dict[str, Json] = {"kind": step.kind, "namespace": step.namespace, "name": step.name}
    if where is None:
        return {**found, "built_in": True}
    return {**found, "path": where.path, "line": where.start.line, "column": where.start.column}


def missing(found: Access, *, is_verbose: bool) -> Iterator[str]:
    """Yields what the answer lacks: roles that are nowhere defined, and what could not be read."""
    for one in found.undefined:
        assert one.resource is not None
        where = place(one.resource.locate(child_pointer("", "roleRef", "name")))
        role = f"{one.role_kind} {one.role_name}"
        yield f"! {one.kind} {one.name}  {where}: {role} is nowhere defined, so what it gives is not known"
    remarks = [*found.problems, *found.unjudged]
    if is_verbose:
        yield from (f"! {remark}" for remark in remarks)
    elif remarks:
        yield f"! {len(remarks)} problems keep parts of the repository from being read; -v lists them"


def missing_json(found: Access) -> dict[str, Json]:
    """Returns what the answer lacks for JSON."""
    undefined = [one for one in found.undefined if one.resource is not None]
    return {
        "undefined_roles": [
            {"binding": str(one.resource.id), "role": f"{one.role_kind}/{one.role_name}"}
            for one in undefined
            if one.resource is not None
        ],
        "problems": [str(one) for one in (*found.problems, *found.unjudged)],
    }


def exit_code(found: Access) -> int:
    """Returns 3 if the answer may lack something."""
    return EXIT_INCOMPLETE if found.undefined or found.problems or found.unjudged else 0
