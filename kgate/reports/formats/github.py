"""GitHub annotations: workflow commands that show findings beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain as joined
from itertools import groupby

from kgate.model import Finding, Location, Remark, Report, Severity
from kgate.reports.wording import answer, first_sentence, origin, shown, summary
from kgate.reports.wording import chain as places

_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
}
_MOST_A_LEVEL = 10
"""GitHub drops what a step says beyond ten of a level."""

_MOST_PROBLEMS = 5
_TEXT_LIMIT = 1_000
_FEW = 8

Command = tuple[str, str]
"""The level and the text of a workflow command."""


def render(report: Report) -> str:
    """At most ten commands of each level, the worst first, then the answer in plain lines."""
    lines: list[str] = []
    for level, group in groupby(_commands(report), key=lambda command: command[0]):
        texts = [text for _, text in group]
        lines += texts[:_MOST_A_LEVEL]
        if len(texts) > _MOST_A_LEVEL:
            lines.append(f"kgate: {len(texts) - _MOST_A_LEVEL:,} more of level {level} are not annotated")
    lines += [f"kgate: {answer(report.verdict)}", *(f"kgate: {shown(r, 500)}" for r in report.verdict.reasons)]
    return "\n".join(lines) + "\n"


def _commands(report: Report) -> Iterator[Command]:
    """All commands, level by level. Half of the errors are for problems: what was not judged is no pass."""
    open_findings = sorted(
        (finding for finding in report.findings if finding.waiver is None),
        key=lambda finding: (-finding.rule.severity, -finding.rule.points, finding.location),
    )
    of_findings = [_of_finding(finding) for finding in open_findings]
    of_problems = [_of_remark("error", "Problem", problem) for problem in report.problems]
    yield from of_problems[:_MOST_PROBLEMS]
    errors = [command for command in of_findings if command[0] == "error"]
    yield from joined(errors, of_problems[_MOST_PROBLEMS:])
    yield from (command for command in of_findings if command[0] == "warning")
    yield from (command for command in of_findings if command[0] == "notice")
    yield from (_of_remark("notice", "Note", note) for note in report.notes)


def _of_finding(finding: Finding) -> Command:
    rule, location = finding.rule, finding.location
    lines = [summary(finding), f"Why: {first_sentence(rule.rationale)}" if rule.rationale.strip() else ""]
    lines += [f"Fix: {first_sentence(rule.remediation)}", *(f"← {place}" for place in places(location)[:2])]
    if finding.renderings:
        lines.append(f"Rendered by {origin(finding.renderings)}")
    if finding.also:
        lines.append(f"Also {', '.join(map(str, finding.also[:_FEW]))}")
    if location.is_approximate:
        lines.append("The line is approximate.")
    level = _LEVELS[rule.severity]
    title = f"{rule.severity.label}: {rule.title} ({rule.id})"
    return level, _command(level, _place(location), title, [line for line in lines if line])


def _place(location: Location) -> dict[str, str]:
    start, end = location.start, location.end
    place = {"file": location.path, "line": str(start.line)}
    if start.line == end.line:
        place |= {"endLine": str(end.line), "col": str(start.column), "endColumn": str(end.column)}
    return place


def _of_remark(level: str, title: str, remark: Remark) -> Command:
    place = {"file": remark.path} | ({"line": str(remark.line)} if remark.line else {})
    return level, _command(level, place, f"kgate: {title}", [remark.message])


def _command(level: str, place: dict[str, str], title: str, lines: list[str]) -> str:
    """A workflow command: inert first, then escaped as the runner reads it."""
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**place, "title": title}.items())
    return f"::{level} {properties}::{'%0A'.join(_data(line) for line in lines)}"


def _data(text: str) -> str:
    return shown(text, _TEXT_LIMIT).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
