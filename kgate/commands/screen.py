"""What standard output can show, and how much of a report the user asked for."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kgate.model import Severity
from kgate.reports.presentation import Detail, Folder, Presentation, Show

_LEAST_COLUMNS = 40
_CONTRADICTIONS = (
    ({"quiet", "verbose"}, "--quiet and --verbose contradict each other; leave one of them out"),
    ({"quiet", "min_severity"}, "--quiet lists no findings to choose from; leave out --quiet or --min-severity"),
    ({"quiet", "all"}, "--quiet lists only what fails; leave out --quiet or --show all"),
    ({"verbose", "failed"}, "--verbose shows everything; leave out --verbose or --show failed"),
    ({"verbose", "min_severity"}, "--verbose shows everything; leave out --verbose or --min-severity"),
)
_ABOUT = {"show": "text", "min_severity": "text", "sarif_all": "sarif"}
"""The format that a flag is about; to ask for another one alone is an error."""

_DETAILS = ("quiet", "verbose", "show", "min_severity")


def with_details(presentation: Presentation, flags: Mapping[str, Any]) -> Presentation:
    """Adds how much of the text report was asked for: by flags if there are any, else by the environment. Raises
    click.UsageError for flags that contradict each other, or that nothing heeds."""
    asked = _asked(flags)
    given = {name for name, value in asked.items() if value} | {asked["show"]} - {None}
    for together, message in _CONTRADICTIONS:
        if together <= given:
            raise click.UsageError(message)
    lowest = asked["min_severity"]
    return replace(
        presentation,
        detail=Detail.QUIET if asked["quiet"] else Detail.VERBOSE if asked["verbose"] else Detail.NORMAL,
        show=Show(asked["show"] or Show.FAILED.value),
        min_severity=Severity.parse(lowest) if lowest else None,
    )


def _asked(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the flags for how much is shown; those of the environment only if the command line has none."""
    context = click.get_current_context()
    typed = [name for name in _DETAILS if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    formats = {flags["format_name"], *(name for name, _ in flags["outputs"])}
    for name, about in _ABOUT.items():
        if about not in formats and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = f"--{name.replace('_', '-')}"
            advice = f"leave it out, or ask for one with -o {about}=FILE"
            raise click.UsageError(f"{flag} is about the {about} report; {advice}")
    return {name: flags[name] if name in typed or not typed else None for name in _DETAILS}


def for_screen(presentation: Presentation, flags: Mapping[str, Any], root: Path) -> Presentation:
    """Adds what standard output can show."""
    color = wants_color(flags["color"])
    is_terminal, started = sys.stdout.isatty(), time.monotonic()
    return replace(
        presentation,
        color=color,
        width=width(),
        breaks=is_terminal,
        linked_folder=str(root) if color and _shows_links() else None,
        seconds=(lambda: time.monotonic() - started) if is_terminal and not flags["cache"] else None,
    )


def width() -> int:
    """Returns the columns of standard output; those of a file if it is no terminal."""
    return _columns() if sys.stdout.isatty() else Presentation().width


def _columns() -> int:
    import shutil

    return max(shutil.get_terminal_size().columns, _LEAST_COLUMNS)


def wants_color(choice: str) -> bool:
    """Returns True if standard output gets colours, by a flag or else by the environment."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _shows_links() -> bool:
    """Returns True if standard output is a terminal that shows links, or at least hides what it cannot show."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb", "linux")


# ------------------------------------------------------------------------------ where paths start


def folder_of(paths: Sequence[str], root: Path, environment: Mapping[str, str]) -> Folder:
    """Returns where paths start: in a checkout of git at its root, else in the folder of the CI job that holds it, or
    where the user is, as the user has typed them."""
    from kgate.repository import has_git

    if has_git(root):
        return Folder()
    jobs = (environment.get(name, "") for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"))
    for base in (*filter(os.path.isabs, jobs), os.getcwd()):
        if (found := _inside(base, root)) is not None:
            return found
    here = Path.cwd()
    typed = [path for path in paths if path != "-"]
    for path in typed:
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        if Path(os.path.realpath(folder)) == root:
            return Folder(_prefix(Path(os.path.normpath(folder)).as_posix()))
    if any(map(os.path.isabs, typed)):
        return Folder(root.as_posix())
    own = here.relative_to(root).as_posix() if here.is_relative_to(root) else ""
    return Folder(_prefix(Path(os.path.relpath(root, here)).as_posix()), own)


def project_of(root: Path, environment: Mapping[str, str], folder: Folder) -> Folder:
    """Returns where the paths of reports for GitLab start: at the project if that of a job holds what is scanned, also
    as a checkout of its own, else where those of the text report do."""
    project = environment.get("CI_PROJECT_DIR", "")
    return (_inside(project, root) if os.path.isabs(project) else None) or folder


def _inside(base: str, root: Path) -> Folder | None:
    """Returns what leads from a folder to the root; None if that is not below it."""
    real = Path(os.path.realpath(base))
    if not root.is_relative_to(real) or real == real.parent:
        return None
    return Folder(_prefix(root.relative_to(real).as_posix()))


def _prefix(path: str) -> str:
    return "" if path == "." else path
