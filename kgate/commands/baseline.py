"""``kgate baseline write`` and ``kgate baseline shrink``: record the findings that a gate accepts, and drop what is
fixed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.groups import Group
from kgate.commands.judging import take_over_options
from kgate.commands.scan import settings_of
from kgate.errors import ConfigError

if TYPE_CHECKING:
    from kgate.baselinefile import BaselineFile
    from kgate.config.settings import Settings
    from kgate.judgement.baseline import Baseline
    from kgate.model import Report
    from kgate.repository import UntrustedFolders

_INCOMPLETE = 3
_WRITING_SECONDS = 120
_OF_REPORTS = ("fail_on", "exit_zero", "max_chars", "link_base", "color")
"""Options of ``kgate scan`` that are about what it prints, and what it fails for."""


_paths = click.argument("paths", nargs=-1, metavar="[PATH…]")


def _file(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns the option that names a baseline."""
    return click.option("--file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=text)


@click.group(cls=Group)
def baseline() -> None:
    """Accept the findings that a repository has, so that the gate fails for new ones."""


@baseline.command(
    epilog="""\b
Examples:
  kgate baseline write                      accept what a scan of the current folder finds
  kgate baseline write --persona audit k8s  also what the audit rules find

\b
Exit codes:
  0  the file was written, also if not everything could be judged
  2  usage, configuration or the file is wrong, or it could not be written
  4  a bug in kgate
"""
)
@_paths
@_file("File to write.  [default: the one that scans use, else kgate-baseline.json beside the configuration]")
def write(**flags: Any) -> int:
    """Record the findings of a scan of PATH (default: the current folder) and the scores of workloads that fail.

    Later scans find the file and fail only for what is not in it. Commit it. An existing one is replaced.
    """
    from kgate.judgement.baseline import failing, record

    settings, untrusted = _settings(flags)
    target = _target(settings, flags["file"], untrusted)
    _refuse_other_file(target)
    report = _judged(settings)
    if sum(report.unlisted.findings.values()):
        raise ConfigError(f"{report.unlisted.notes[0]}; leave the file out with .kgateignore, or name other paths")
    found = failing(record(report.findings, report.assessments), report.assessments)
    save(target, found, untrusted)
    console.print_text("\n".join(_written(target, found, report)))
    return 0


@baseline.command(
    epilog="""\b
Example:
  kgate baseline shrink                     after fixing something

\b
Exit codes:
  0  the file holds nothing that is fixed
  2  usage, configuration or the file is wrong, or it could not be written
  3  incomplete: something was not read, rendered or judged, and nothing was changed
  4  a bug in kgate
"""
)
@_paths
@_file("File to shrink.  [default: the one that scans use]")
def shrink(**flags: Any) -> int:
    """Drop from the baseline what a scan of PATH (default: the current folder) no longer finds, and raise its scores.

    Nothing is added. What lies outside of PATH stays.
    """
    from kgate.judgement.baseline import compare
    from kgate.model import Found
    from kgate.scan import scanned

    settings, untrusted = _settings(flags)
    source = _named(settings, flags["file"], untrusted) if flags["file"] else settings.baseline
    if source is None:
        raise ConfigError("there is no kgate-baseline.json; write one with: kgate baseline write")
    before = source.read()
    report = _judged(settings)
    if report.verdict.incomplete:
        for reason in report.verdict.reasons:
            console.print_error(reason)
        console.print_error(f"{source.shown} stays as it is: what is gone from it may only not have been judged")
        return _INCOMPLETE
    found = Found(report.assessments, report.findings, report.problems, report.unlisted)
    kept = compare(found, before, scanned(settings)).kept
    if (kept.findings, kept.workloads) != (before.findings, before.workloads):
        save(source, kept, untrusted)
    fixed = sum(before.findings.values()) - sum(kept.findings.values())
    console.print_text(f"{source.shown}: {_findings(kept)}; {fixed:,} dropped")
    return 0


take_over_options(write, _OF_REPORTS)
take_over_options(shrink, _OF_REPORTS)


def _settings(flags: Mapping[str, Any]) -> tuple[Settings, UntrustedFolders]:
    from kgate.repository import UntrustedFolders

    if "-" in flags["paths"]:
        raise click.UsageError("a baseline is about files; name them instead of '-'")
    console.install_signal_handlers()
    untrusted = UntrustedFolders.around(map(Path, flags["paths"]))
    settings = settings_of(flags, untrusted)
    console.end_after(settings.timeout + _WRITING_SECONDS)
    return settings, untrusted


def _judged(settings: Settings) -> Report:
    """Returns the report of a scan that lists all and accepts nothing."""
    with console.progress() as progress:
        from kgate.judgement.baseline import Baseline
        from kgate.scan import compared_scan

        return compared_scan(replace(settings, lists_all=True), Baseline({}), progress)


def _named(settings: Settings, path: Path, untrusted: UntrustedFolders) -> BaselineFile:
    from kgate.baselinefile import flagged

    return flagged(path, settings.repository, untrusted)


def _target(settings: Settings, path: Path | None, untrusted: UntrustedFolders) -> BaselineFile:
    """Returns the file to write."""
    from kgate.repository import BASELINE_NAME

    if path is not None:
        return _named(settings, path, untrusted)
    if settings.baseline is not None:
        return settings.baseline
    root = settings.repository.root
    beside = root / os.path.dirname(settings.origin.path)
    return _named(settings, (beside if beside.is_relative_to(root) else root) / BASELINE_NAME, untrusted)


def _refuse_other_file(target: BaselineFile) -> None:
    """Raises ConfigError for a file that is not a baseline of this version: nothing else is overwritten."""
    from kgate.baselinefile import parse

    repository = target.repository.as_changed()
    if os.path.lexists(target.path):
        parse(repository.bytes_if_any(target.path), target.shown)


def save(target: BaselineFile, found: Baseline, untrusted: UntrustedFolders) -> None:
    """Writes a baseline whole or not at all. Raises OutputError."""
    from kgate.baselinefile import text_of
    from kgate.commands import outputs

    outputs.write(target.path, [text_of(replace(found, title=""))], untrusted)


def _written(target: BaselineFile, found: Baseline, report: Report) -> Iterator[str]:
    """Yields what was recorded, and what no baseline accepts."""
    from kgate.reports.wording import counted

    below = f"{counted(len(found.workloads), 'workload')} below the threshold"
    yield f"wrote {target.shown}: {_findings(found)}, {below}; commit it"
    if not report.verdict.incomplete:
        return
    if not (report.problems or report.unjudged):
        yield f"scans stay incomplete: {report.verdict.reasons[-1]}"
        return
    parts = f"{counted(len(report.unjudged), 'part')} not judged"
    missing = f"{counted(len(report.problems), 'problem')} and {parts}"
    yield f"not in it, as a baseline holds findings: {missing}; scans stay incomplete (kgate scan lists them)"


def _findings(found: Baseline) -> str:
    from kgate.reports.wording import counted

    return counted(sum(found.findings.values()), "finding")
