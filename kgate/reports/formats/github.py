"""GitHub annotations: workflow commands that show what fails at the lines of a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby, islice
from operator import itemgetter
from typing import TypeAlias

from kgate.model import Finding, Location, Remark, Report, Severity
from kgate.reports import shorttext
from kgate.reports.blocks import decisive
from kgate.reports.lines import plain
from kgate.reports.presentation import Detail, Presentation
from kgate.reports.waived import accepted_notes
from kgate.reports.wording import counted, decisive_places, first_sentence, origin, settings, shown, summary

_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning"}
"""The levels of findings. A low one is never annotated, even where it decides."""

_MOST_A_LEVEL = 10
"""GitHub drops the annotations of a step beyond ten of a level."""

_MOST_PROBLEMS = 5
_TEXT_LIMIT = 1_000
_FEW = 8

Command: TypeAlias = tuple[str, Callable[[], str]]
"""The level of a workflow command, and what writes it: only commands that are shown are written."""


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields at most ten commands of each level, then what fails and the verdict in plain lines."""
    findings = sorted(decisive(report), key=lambda one: (not one.is_about_gate, not presentation.is_new(one.location)))
    left: Counter[str] = Counter()
    for level, commands in groupby(_commands(report, findings), key=itemgetter(0)):
        yield from (f"{write()}\n" for _, write in islice(commands, _MOST_A_LEVEL))
        left[level] = sum(1 for _ in commands)
    left["low finding"] = sum(finding.rule.severity not in _LEVELS for finding in findings)
    if more := ", ".join(counted(count, noun) for noun, count in left.items() if count):
        yield f"kgate: not annotated: {more}\n"
    if made_with := settings(report, presentation.folder):
        yield f"kgate: {shown('; '.join(made_with), _TEXT_LIMIT)}\n"
    quiet = replace(presentation, detail=Detail.QUIET, color=False)
    yield from (f"{plain(line)}\n" for line in shorttext.lines(report, quiet))


def _commands(report: Report, findings: Sequence[Finding]) -> Iterator[Command]:
    """Yields all commands, level by level. Half of the errors shown are for problems: not judged is not passed."""
    yield from _of_remarks("error", "Problem", report.problems[:_MOST_PROBLEMS])
    yield from _of_findings("error", findings)
    yield from _of_remarks("error", "Problem", report.problems[_MOST_PROBLEMS:])
    doubts, accepted = (report.unjudged, ()) if report.verdict.incomplete else ((), report.unjudged)
    yield from _of_remarks("warning", "Not judged", doubts[:_MOST_PROBLEMS])
    yield from _of_findings("warning", findings)
    yield from _of_remarks("warning", "Not judged", doubts[_MOST_PROBLEMS:])
    yield from _of_remarks("notice", "Not judged", accepted)
    yield from _of_remarks("notice", "Accepted", accepted_notes(report))
    yield from _of_remarks("notice", "Note", report.notes)


def _of_findings(level: str, findings: Iterable[Finding]) -> Iterator[Command]:
    return ((level, partial(_of_finding, f)) for f in findings if _LEVELS.get(f.rule.severity) == level)


def _of_remarks(level: str, title: str, remarks: Iterable[Remark]) -> Iterator[Command]:
    return ((level, partial(_of_remark, level, title, remark)) for remark in remarks)


def _of_finding(finding: Finding) -> str:
    rule, location = finding.rule, finding.location
    instead = f"Write instead: {rule.instead}" if rule.instead else ""
    lines = [summary(finding), instead, f"Why: {first_sentence(rule.rationale)}" if rule.rationale.strip() else ""]
    lines += [f"Fix: {first_sentence(rule.remediation)}", *(f"← {place}" for place in decisive_places(location))]
    if finding.renderings:
        lines.append(f"Rendered by {origin(finding.renderings)}")
    if finding.also:
        lines.append(f"Also {', '.join(map(str, finding.also[:_FEW]))}")
    if location.is_approximate:
        lines.append("The line is approximate.")
    level = _LEVELS[rule.severity]
    title = f"{rule.severity.label}: {rule.title} ({rule.id})"
    return _command(level, _place(location), title, [line for line in lines if line])


def _place(location: Location) -> dict[str, str]:
    start, end = location.start, location.end
    place = {"file": location.path, "line": str(start.line)}
    if start.line == end.line:
        place |= {"endLine": str(end.line), "col": str(start.column), "endColumn": str(end.column)}
    return place


def _of_remark(level: str, title: str, remark: Remark) -> str:
    place = {"file": remark.path} | ({"line": str(remark.line)} if remark.line else {})
    return _command(level, place, f"kgate: {title}", [remark.text])


def _command(level: str, place: dict[str, str], title: str, lines: list[str]) -> str:
    """Returns a workflow command, its texts made inert and then escaped as the runner reads them."""
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**place, "title": title}.items())
    return f"::{level} {properties}::{'%0A'.join(_data(line) for line in lines)}"


def _data(text: str) -> str:
    return shown(text, _TEXT_LIMIT).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
