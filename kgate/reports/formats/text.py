"""The text report: what an engineer reads when the pull request goes red."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import field
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from kgate.model import (
    UNKNOWN,
    Assessment,
    Fate,
    FileFate,
    Finding,
    Location,
    Note,
    Problem,
    Remark,
    Rendering,
    Report,
    ResourceId,
    Rule,
    Severity,
    Unjudged,
)
from kgate.reports.links import rule_page
from kgate.reports.presentation import Detail, Presentation
from kgate.reports.safety import one_line
from kgate.reports.wording import at_most, first_sentence, origin, related_place, short_origin, shown_score, uncovered
from kgate.values import dataclass

if TYPE_CHECKING:
    from rich.style import Style

Line: TypeAlias = tuple[tuple[str, str], ...]
"""Pieces of text and their style in rich's notation."""

_STYLES = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan"}
_GRADE_STYLES = {"A": "green", "B": "green", "C": "yellow", "D": "red", "F": "bold red", UNKNOWN: "dim"}
_BAR_CELLS = 10
_FEW = 8
_FEW_RELATED = 2
_SNIPPET_LIMIT = 160
_NAME_WIDTH = 50


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields the lines of the report, for a terminal, a file or a pipe."""
    show = _styled if presentation.color else _plain
    return (show(line) + "\n" for line in _lines(report, presentation))


def _plain(line: Line) -> str:
    return "".join(text for text, _ in line)


def _styled(line: Line) -> str:
    return "".join(_style(style).render(text) if style else text for text, style in line)


@cache
def _style(definition: str) -> Style:
    from rich.style import Style

    return Style.parse(definition)


def _lines(report: Report, presentation: Presentation) -> Iterator[Line]:
    if presentation.detail is not Detail.QUIET:
        yield from _details(report, presentation)
    yield from _problems(report.problems, presentation)
    yield from _unjudged(report.unjudged, presentation)
    yield from _notes(report.notes, presentation)
    yield from _files(report.files)
    yield from _summary(report, presentation)


# --------------------------------------------------------------------------------------- findings


def _details(report: Report, presentation: Presentation) -> Iterator[Line]:
    """Yields the objects with findings, in the order of the repository."""
    assessments: dict[tuple[str, ResourceId], list[Assessment]] = {}
    for assessment in report.assessments:
        assessments.setdefault((assessment.location.path, assessment.workload), []).append(assessment)
    shown = sorted(report.findings, key=lambda f: (not f.is_about_gate, f.source, f.resource))
    for (source, resource), group in groupby(shown, key=lambda f: (f.source, f.resource)):
        findings = tuple(group)
        graded = sorted(assessments.get((source, resource), ()), key=lambda a: a.score.order)
        yield _headline(resource, source, graded[0] if graded else None)
        yield from _renderings(findings)
        yield _line("")
        about = _Object({rendering for finding in findings for rendering in finding.renderings})
        by_rule = sorted(findings, key=lambda f: (-f.rule.severity, -f.rule.points, f.rule.id, f.location))
        for _, same in groupby(by_rule, key=lambda f: f.rule.id):
            yield from _rule_block(tuple(same), about, presentation)
            yield _line("")


@dataclass(slots=True)
class _Object:
    """The object that is shown: all its renderings, and the places already shown that are about the whole object."""

    renderings: Collection[Rendering]
    shown: set[str] = field(default_factory=set)

    def related_places(self, location: Location, limit: int | None) -> list[str]:
        """Returns the other places that have a part in a finding, without those shown before."""
        places = []
        for related in location.related:
            text = related_place(related)
            if not related.is_context or text not in self.shown:
                places.append(text)
        places = places[:limit]
        self.shown.update(places)
        return places


def _renderings(findings: Sequence[Finding]) -> Iterator[Line]:
    """Yields what an object was rendered by, and the names that it has in other renderings."""
    everywhere = sorted({rendering for finding in findings for rendering in finding.renderings})
    if everywhere:
        yield _line("  ", (f"rendered by {one_line(origin(everywhere))}", "dim"))
    others = sorted({resource for finding in findings for resource in finding.also})
    if others:
        names = ", ".join(str(resource) for resource in others[:_FEW])
        more = f" and {len(others) - _FEW} more" if len(others) > _FEW else ""
        yield _line("  ", (f"also {one_line(names)}{more}", "dim"))


def _headline(resource: ResourceId, path: str, assessment: Assessment | None) -> Line:
    name = one_line(str(resource))
    if assessment is None:
        return _line((name, "bold"), f"  {one_line(path)}")
    score = assessment.score
    mark = ("✓", "green") if assessment.passed else ("✗", "bold red")
    return _line(
        mark,
        " ",
        (name, "bold"),
        f"  {one_line(str(assessment.location))}  ",
        (f"score {UNKNOWN}" if score.is_bound else f"score {score.value} {score.grade}", _GRADE_STYLES[score.grade]),
        f"  PSS {assessment.pss_level}",
        (f"  {at_most(score)}", "" if score.is_judged else "bold magenta") if score.is_bound else "",
        "" if score.passed else f"  (needs {score.threshold})",
    )


def _rule_block(findings: Sequence[Finding], about: _Object, presentation: Presentation) -> Iterator[Line]:
    """Yields the findings of one rule in one object: every place with its source line, then why and fix once."""
    rule = findings[0].rule
    severity = (f"{rule.severity.label:<8}", _STYLES[rule.severity])
    yield _line("  ", severity, " ", (rule.id, _link(rule, presentation)), f": {rule.message}")
    yield from _included(findings)
    for finding in findings if presentation.detail is Detail.VERBOSE else findings[:_FEW]:
        yield from _place(finding, about, presentation)
    if len(findings) > _FEW and presentation.detail is not Detail.VERBOSE:
        yield _line(f"    … and {len(findings) - _FEW} more places (--verbose shows all)")
    whole = presentation.detail is Detail.VERBOSE
    yield from _paragraph("why", rule.rationale if whole else first_sentence(rule.rationale), presentation.width)
    yield from _paragraph("fix", rule.remediation if whole else first_sentence(rule.remediation), presentation.width)


def _included(findings: Iterable[Finding]) -> Iterator[Line]:
    names = sorted({rule.id for finding in findings for rule in finding.includes})
    if names:
        yield _line("    ", ("also", "bold"), f" {', '.join(names)}")


def _place(finding: Finding, about: _Object, presentation: Presentation) -> Iterator[Line]:
    """Yields the place of a finding: file and line, the line itself, and other places that have a part in it."""
    location = finding.location
    where = f"  container {one_line(finding.container)}" if finding.container else ""
    where = f"  {one_line(finding.message)}" if finding.is_about_gate else where
    waived = f"  waived until {one_line(finding.waiver.expires)}" if finding.waiver else ""
    approximate = "  (approximate)" if location.is_approximate else ""
    yield _line("    ", (one_line(str(location)), _file_link(location, presentation)), where, approximate, waived)
    yield from _source_line(location)
    for text in about.related_places(location, None if presentation.detail is Detail.VERBOSE else _FEW_RELATED):
        yield _line((" " * 7 + " ← ", "dim"), one_line(text))
    if len(finding.renderings) < len(about.renderings):
        yield _line((" " * 7 + " ← ", "dim"), f"only in {one_line(origin(finding.renderings))}")


def _source_line(location: Location) -> Iterator[Line]:
    """Yields the offending line, with the field underlined if the line is shown unchanged."""
    stripped = location.snippet.lstrip()
    shown = one_line(stripped)
    number = f"{location.start.line:>7}"
    yield _line((f"{number} │ ", "dim"), shown[:_SNIPPET_LIMIT])
    offset = location.start.column - 1 - (len(location.snippet) - len(stripped))
    length = location.end.column - location.start.column
    if shown == stripped and offset >= 0 and offset + length <= min(len(shown), _SNIPPET_LIMIT) and length:
        yield _line((" " * len(number) + " │ ", "dim"), " " * offset, ("^" * length, "red"))


@cache
def _paragraph(label: str, text: str, width: int) -> tuple[Line, ...]:
    first, *others = textwrap.wrap(" ".join(text.split()), max(width - 9, 30)) or [""]
    return (_line("    ", (label, "bold"), f"  {first}"), *(_line(f"         {line}") for line in others))


def _link(rule: Rule, presentation: Presentation) -> str:
    page = rule_page(rule)
    return f"bold link {page}" if presentation.linked_folder and page else "bold"


def _file_link(location: Location, presentation: Presentation) -> str:
    if presentation.linked_folder is None:
        return "underline"
    from urllib.parse import quote

    return f"underline link file://{quote(f'{presentation.linked_folder}/{location.path}', errors='backslashreplace')}"


# --------------------------------------------------------------------------------------- problems


def _problems(problems: Sequence[Problem], presentation: Presentation) -> Iterator[Line]:
    if problems:
        yield _line(("Problems", "bold"), " (what could not be read or judged)")
        yield from _remarks(problems, ("!", "bold magenta"), "problems", presentation)


def _unjudged(unjudged: Sequence[Unjudged], presentation: Presentation) -> Iterator[Line]:
    if unjudged:
        yield _line(("Not judged", "bold"), " (what would reach a cluster besides)")
        yield from _remarks(unjudged, ("?", "bold magenta"), "parts that are not judged", presentation)


def _notes(notes: Sequence[Note], presentation: Presentation) -> Iterator[Line]:
    if notes and presentation.detail is not Detail.QUIET:
        yield _line(("Notes", "bold"))
        yield from _remarks(notes, ("i", "bold cyan"), "notes", presentation)


def _remarks(remarks: Sequence[Remark], sign: tuple[str, str], noun: str, presentation: Presentation) -> Iterator[Line]:
    """Yields the first remarks, a line each, the number of the others, and an empty line."""
    limit = len(remarks) if presentation.detail is Detail.VERBOSE else 2 * _FEW
    for remark in remarks[:limit]:
        yield _line("  ", sign, f" {one_line(str(remark))}")
    if len(remarks) > limit:
        yield _line(f"  … and {len(remarks) - limit} more {noun} (--verbose shows all)")
    yield _line("")


def _files(files: Sequence[FileFate]) -> Iterator[Line]:
    """Yields what became of every file, where somebody asked for that."""
    if files:
        width = max(len(fate.value) for fate in Fate)
        yield _line(("Files", "bold"))
        for file in files:
            reasons = f"  {one_line('; '.join(file.reasons))}" if file.reasons else ""
            yield _line(f"  {file.fate.value:<{width}}  {one_line(file.path)}", (reasons, "dim"))
        yield _line("")


# ---------------------------------------------------------------------------------------- summary


def _summary(report: Report, presentation: Presentation) -> Iterator[Line]:
    yield _line(("Summary", "bold"), f" (Kubernetes {report.kubernetes_version})")
    ranked = sorted(report.assessments, key=lambda a: (a.score.order, a.location))
    limit = len(ranked) if presentation.detail is Detail.VERBOSE else 5 * _FEW
    width = min(max((len(one_line(str(a.workload))) for a in ranked[:limit]), default=0), _NAME_WIDTH)
    for assessment in ranked[:limit]:
        yield _score_line(assessment, width)
    if len(ranked) > limit:
        more = report.workloads - limit
        yield _line(f"  … and {more} more workloads, none with a lower score (--verbose shows all)")
    yield _line(f"  {_totals(report)}")
    yield _line(f"  configuration: {one_line(str(report.configuration))}")
    if report.findings:
        yield _line("  for more about a rule, run kgate explain RULE")
    yield _verdict(report)
    for reason in report.verdict.reasons:
        yield _line(f"  - {reason}")


def _score_line(assessment: Assessment, width: int) -> Line:
    score = assessment.score
    filled = round((score.known or 0) * _BAR_CELLS / 100)
    bar = "█" * filled + "░" * (_BAR_CELLS - filled)
    name = one_line(str(assessment.workload))
    place = one_line(f"{assessment.location.path}:{assessment.location.start.line}")
    graded = (f"{score.grade} {bar}", _GRADE_STYLES[score.grade])
    bound = (f"  {at_most(score)}", "" if score.is_judged else "bold magenta") if score.is_bound else ""
    source = (f"  {one_line(short_origin(assessment.renderings))}", "dim") if assessment.renderings else ""
    judged = f" {assessment.pss_level:<10}  {name:<{width}}  "
    return _line(f"  {shown_score(score):>3} ", graded, judged, (place, "dim"), source, bound)


def _totals(report: Report) -> str:
    counts = [f"{count} {severity.label}" for severity, count in report.severities.items() if count]
    waived = report.waived
    read = report.counts
    hidden = sum(line.manifests for line in report.hidden)
    parts = (
        (
            f"{_count(report.workloads, 'workload')} in {_count(read.resources, 'object')} "
            f"of {_count(read.files, 'file')}"
        ),
        f"findings: {', '.join(counts) or 'none'}" + (f", {waived} waived" if waived else ""),
        uncovered(report.uncovered),
        f"{_count(read.ignored, 'other document')} ignored" if read.ignored else "",
        f"{_count(hidden, 'manifest')} hidden by .kgateignore" if hidden else "",
    )
    return "; ".join(part for part in parts if part)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _verdict(report: Report) -> Line:
    verdict = report.verdict
    if verdict.incomplete:
        return _line(("! incomplete", "bold magenta"), "" if verdict.passed else ", and failed as far as judged")
    return _line(("✓ passed", "bold green")) if verdict.passed else _line(("✗ failed", "bold red"))


def _line(*parts: str | tuple[str, str]) -> Line:
    """Returns a line of texts with or without style."""
    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return tuple((text, style) for text, style in pairs if text)
