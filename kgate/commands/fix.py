"""``kgate fix``: edits manifests so that findings go away."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console, screen
from kgate.commands.groups import OneOf
from kgate.commands.network import cache_dir_option, config_option, policy_from_option
from kgate.commands.scan import RULE_IDS
from kgate.errors import ConfigError, OutputError
from kgate.lifetime import DeadlineError
from kgate.limits import TIMEOUT
from kgate.model import Finding, Persona

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.fix.plan import LeftAlone
    from kgate.fixing import ChangedFile, Fixes
    from kgate.reports.presentation import Folder

_EXIT_EMPTY = 3
_WRITING_SECONDS = 120
_MOST_PLACES = 3


@click.command(
    epilog="""\b
Examples:
  kgate fix --diff ./k8s                    show what would be changed, and change nothing
  kgate fix ./k8s                           what hardly a program notices
  kgate fix --unsafe --select host-network ./k8s

\b
Exit codes:
  0  what can be fixed is fixed; with --diff: there is nothing to fix
  1  with --diff: there is something to fix
  2  usage, configuration or a rule file is wrong, or a file could not be written
  3  no Kubernetes object was found, and the configuration does not allow that
  4  a bug in kgate
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@click.option("--diff", "as_diff", is_flag=True, help="Print the changes as a unified diff, and change nothing.")
@click.option("--unsafe", is_flag=True, help="Also make changes that a program may notice.")
@click.option("--persona", type=OneOf([persona.label for persona in Persona]), help="Rules to use, as in kgate scan.")
@click.option("--select", **RULE_IDS, help="Fix only findings of these rules; may be repeated.")
@click.option("--ignore", **RULE_IDS, help="Leave findings of these rules alone; may be repeated.")
@click.option("--rules", multiple=True, metavar="FOLDER", help="Use the rules of this folder, too.")
@click.option("--kubernetes-version", metavar="V", help="Version to judge for, such as 1.30.  [default: latest]")
@config_option
@policy_from_option
@cache_dir_option
@click.option("--helm-bin", metavar="PROGRAM", envvar="KGATE_SCAN_HELM_BIN", help="The helm to use.")
@click.option(
    "--kubectl-bin",
    metavar="PROGRAM",
    envvar="KGATE_SCAN_KUBECTL_BIN",
    help="The kubectl to use; it contains kustomize.",
)
@click.option("--kustomize-bin", metavar="PROGRAM", envvar="KGATE_SCAN_KUSTOMIZE_BIN", help="The kustomize to use.")
@click.option(
    "--timeout",
    type=click.IntRange(TIMEOUT.least, TIMEOUT.most),
    metavar="SECONDS",
    help=f"Time for the whole run.  [default: {TIMEOUT.default}]",
)
@click.option("-v", "--verbose", is_flag=True, help="List everything that is left alone. Errors: show tracebacks.")
def fix(**flags: Any) -> int:
    """Fix findings in the manifests at or below PATH (default: the current folder).

    Edits only the fields that a finding is about: comments, order and layout stay as they are. A change that a program
    may notice is left to --unsafe.
    """
    from kgate.commands.scan import settings_in, settings_of
    from kgate.fixing import find_fixes
    from kgate.policy.basetree import trusted_copy
    from kgate.repository import UntrustedFolders
    from kgate.trial import paths_in

    if "-" in flags["paths"]:
        raise click.UsageError("'-' is standard input, which cannot be edited; name a file or a folder")
    console.install_signal_handlers()
    untrusted = UntrustedFolders.around(map(Path, flags["paths"]))
    settings = settings_of(flags, untrusted)
    console.end_after(settings.timeout + _WRITING_SECONDS)

    def at(copied: Path) -> Settings:
        root, config = settings.repository.root, flags["config_path"]
        inside = config is not None and Path(os.path.realpath(config)).is_relative_to(root)
        named = Path(*paths_in(copied, [os.fspath(config)], root)) if inside else config
        moved = {**flags, "paths": tuple(paths_in(copied, flags["paths"], root)), "config_path": named}
        untrusted = UntrustedFolders.around([copied, *map(Path, flags["paths"])])
        if settings.repository.trusted is None:
            return settings_of(moved, untrusted)
        return settings_in(moved, trusted_copy(copied, settings.repository), untrusted)

    try:
        with console.progress() as progress:
            fixes = find_fixes(settings, at, progress, with_unsafe=flags["unsafe"])
    except DeadlineError:
        message = f"was stopped after {settings.timeout:g} seconds, and has changed nothing"
        raise ConfigError(f"{message}: fix less at once, or allow more with --timeout") from None
    report = fixes.report
    if not (report.counts.resources or report.problems or settings.allow_empty):
        console.print_error("no Kubernetes object was found, so there is nothing to fix; name other paths")
        return _EXIT_EMPTY
    if flags["as_diff"]:
        console.print_pieces(diff(fixes))
        return 1 if fixes.changed else 0
    failures = [failure for file in fixes.changed if (failure := _write(file))]
    folder = screen.folder_of(flags["paths"], settings.repository.root, os.environ)
    most = None if flags["verbose"] else _MOST_PLACES
    console.print_text("\n".join(map(console.inert, lines(fixes, folder, most))))
    for failure in failures:
        console.print_error(failure)
    return OutputError.exit_code if failures else 0


def _write(file: ChangedFile) -> str:
    """Writes a file whole or not at all, with the mode that it has. Returns what is wrong if it cannot be written; an
    empty text if it was."""
    from kgate import wholefile

    data = file.new_data

    def fill(handle: int) -> None:
        with open(handle, "wb") as stream:
            stream.write(data)

    try:
        real = Path(os.path.realpath(file.place))
        if real.read_bytes() != file.data:
            return f"{file.fix.path}: has changed meanwhile, so it is left as it is; run kgate fix again"
        wholefile.replace(real, fill, stat.S_IMODE(real.stat().st_mode))
    except OSError as error:
        return f"{file.fix.path}: cannot be written: {error.strerror}; fix its permissions"
    return ""


# ------------------------------------------------------------------------------------------- output


def diff(fixes: Fixes) -> Iterator[str]:
    """Yields a unified diff with the paths of the report, as git apply takes it. Lines that a log or terminal would
    obey are broken up."""
    import difflib

    for file in fixes.changed:
        before, after = _split(file.fix.before), _split(file.fix.after)
        path = console.inert(file.fix.path)
        for line in difflib.unified_diff(before, after, f"a/{path}", f"b/{path}"):
            yield _harmless(line)


def _split(text: str) -> list[str]:
    """Returns the lines of a text as git sees them: other line breaks are part of a line."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _harmless(line: str) -> str:
    content = line.rstrip("\r\n")
    end = line[len(content) :] or "\n\\ No newline at end of file\n"
    is_plain = content.replace("\t", "").isprintable() and "##" not in content and "::" not in content
    return (content if is_plain else content[:1] + console.inert(content[1:])) + end


def lines(fixes: Fixes, folder: Folder, most: int | None) -> Iterator[str]:
    """Yields what was fixed, file by file, and what was left alone, reason by reason, with so many places of each."""
    from kgate.reports.wording import counted

    for file in fixes.changed:
        yield f"{folder.path(file.fix.path)}"
        places: dict[tuple[int, str, str], list[str]] = {}
        for one in file.fix.fixed:
            place = one.finding.location.start.line, _subject(one.finding), one.also
            places.setdefault(place, []).append(one.finding.rule.id)
        for (line, subject, also), rules in sorted(places.items()):
            yield f"  {line:>5}  {subject}: {', '.join(sorted(rules))}{also and f'; {also}'}"
    left = [*fixes.left_alone, *(one for file in fixes.files for one in file.fix.left_alone)]
    if left:
        yield from _left(left, folder, most)
    fixed = sum(len(file.fix.fixed) for file in fixes.changed)
    total = f"{fixed} fixed in {counted(len(fixes.changed), 'file')}" if fixed else "nothing to fix"
    yield f"{total}, {len(left)} left alone" if left else total
    if fixes.report.problems:
        problems = counted(len(fixes.report.problems), "problem")
        yield f"not everything could be read, for {problems} that kgate scan shows"


def _subject(finding: Finding) -> str:
    container = f", container {finding.container}" if finding.container is not None else ""
    return f"{finding.resource}{container}"


def _left(left: Iterable[LeftAlone], folder: Folder, most: int | None) -> Iterator[str]:
    groups: dict[tuple[bool, str], list[Finding]] = {}
    for one in left:
        groups.setdefault((one.is_doubt, one.reason), []).append(one.finding)
    yield "left alone"
    for (is_doubt, reason), findings in sorted(groups.items(), key=lambda group: group[0]):
        yield f"  {reason}{' (--unsafe fixes it)' if is_doubt else ''}"
        findings.sort(key=lambda one: (one.location.order, one.rule.id))
        shown = findings if most is None else findings[:most]
        for finding in shown:
            place = f"{folder.path(finding.location.path)}:{finding.location.start.line}"
            yield f"    {place}  {finding.rule.id}: {_subject(finding)}"
        if len(findings) > len(shown):
            yield f"    and {len(findings) - len(shown)} more; -v lists them"
