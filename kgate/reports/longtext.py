"""The long text report: every finding with its place, its reason and its fix, object by object."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import field
from itertools import groupby

from kgate.model import Assessment, Finding, Location, Remark, Rendering, Replacement, Report, ResourceId
from kgate.reports.lines import Line, cells, line
from kgate.reports.presentation import Presentation, Suggest
from kgate.reports.safety import one_line
from kgate.reports.textparts import (
    DOUBT,
    GRADE_STYLES,
    SEVERITY_STYLES,
    change_lines,
    excerpt,
    file_lines,
    file_link,
    from_here,
    graded,
    level,
    paragraph,
    path_text,
    place,
    remark_place,
    rule_link,
    settings_text,
    totals,
    verdict,
)
from kgate.reports.waived import accepted_notes
from kgate.reports.wording import (
    acceptance,
    allowances,
    at_most,
    bar,
    needs,
    origin,
    related_branches,
    related_place,
    short_origin,
    shown_score,
    standing,
    was,
    without,
)
from kgate.values import dataclass

_NAME_WIDTH = 50
_NARROW = 80
"""Columns below which a table has no bars."""


def lines(report: Report, presentation: Presentation) -> Iterator[Line]:
    """Yields the lines of the report."""
    yield from _details(report, presentation)
    yield from _remarks(report.problems, "Problems", "what could not be read or judged", ("!", DOUBT), presentation)
    yield from _remarks(report.unjudged, "Not judged", "what would reach a cluster besides", ("?", DOUBT), presentation)
    accepted = accepted_notes(report)
    yield from _remarks(accepted, "Accepted", "what would stand above", ("i", "bold cyan"), presentation)
    yield from _remarks(report.notes, "Notes", "", ("i", "bold cyan"), presentation)
    yield from change_lines(report, presentation)
    yield from file_lines(report.files, presentation)
    yield from _summary(report, presentation)


# --------------------------------------------------------------------------------------- findings


def _details(report: Report, presentation: Presentation) -> Iterator[Line]:
    """Yields the objects with findings, in the order of the repository."""
    assessments: dict[tuple[str, ResourceId], list[Assessment]] = {}
    for assessment in report.assessments:
        assessments.setdefault((assessment.location.path, assessment.workload), []).append(assessment)
    shown = sorted(report.findings, key=lambda f: (not f.is_about_gate, f.source, f.resource))
    suggest = presentation.suggestions(report) if presentation.suggestions is not None else None
    for (source, resource), group in groupby(shown, key=lambda f: (f.source, f.resource)):
        findings = tuple(group)
        graded = sorted(assessments.get((source, resource), ()), key=lambda a: a.score.order)
        yield _headline(resource, source, graded[0] if graded else None, presentation)
        yield from _renderings(findings, presentation)
        yield line()
        about = _Object({rendering for finding in findings for rendering in finding.renderings}, suggest)
        by_rule = sorted(findings, key=lambda f: (-f.rule.severity, -f.rule.points, f.rule.id, f.location))
        for _, same in groupby(by_rule, key=lambda f: f.rule.id):
            yield from _rule_block(tuple(same), about, presentation)
            yield line()


@dataclass(slots=True)
class _Object:
    """The object that is shown: all its renderings, what knows how its findings are fixed, and the places that are
    about the whole object and the replacements that were shown already."""

    renderings: Collection[Rendering]
    suggest: Suggest | None = None
    shown: set[str | Replacement] = field(default_factory=set)

    def replacements(self, finding: Finding) -> list[Replacement]:
        """Returns what fixes a finding, without what was shown before."""
        found = self.suggest(finding) if self.suggest is not None and finding.waiver is None else ()
        new = [one for one in found if one not in self.shown]
        self.shown.update(new)
        return new

    def related_places(self, location: Location) -> list[tuple[str, str]]:
        """Returns the other places that have a part in a finding, without those shown before, as a tree."""
        known = {related_place(one) for one in location.related if one.is_context} & self.shown
        branches = [(sign, text) for sign, text in related_branches(location) if text not in known]
        self.shown.update(text for _, text in branches)
        return branches


def _renderings(findings: Sequence[Finding], presentation: Presentation) -> Iterator[Line]:
    """Yields what an object was rendered by, and the names that it has in other renderings."""
    everywhere = sorted({rendering for finding in findings for rendering in finding.renderings})
    if everywhere:
        yield line("  ", (f"rendered by {one_line(origin(from_here(everywhere, presentation)))}", "dim"))
    others = sorted({resource for finding in findings for resource in finding.also})
    if others:
        yield line("  ", (f"also {one_line(', '.join(map(str, others)))}", "dim"))


def _headline(resource: ResourceId, path: str, assessment: Assessment | None, presentation: Presentation) -> Line:
    name = one_line(str(resource))
    if assessment is None:
        return line((name, "bold"), f"  {path_text(path, presentation)}")
    score = assessment.score
    return line(
        ("✓", "green") if assessment.passed else ("✗", "bold red"),
        " ",
        (name, "bold"),
        f"  {place(assessment.location, presentation)}  ",
        graded(score),
        f"  {level(assessment)}",
        (f"  {at_most(score)}", "" if score.is_judged else DOUBT) if score.is_bound else "",
        "" if score.passed else f"  (needs {needs(score)})",
        f"  ({was(assessment)})" if was(assessment) else "",
    )


def _rule_block(findings: Sequence[Finding], about: _Object, presentation: Presentation) -> Iterator[Line]:
    """Yields the findings of one rule in one object: every place with its source line, then why and fix once."""
    rule = findings[0].rule
    severity = (f"{rule.severity.label:<8}", SEVERITY_STYLES[rule.severity])
    yield line("  ", severity, " ", (rule.id, rule_link(rule, presentation)), f": {rule.message}")
    names = sorted({included.id for finding in findings for included in finding.includes})
    if names:
        yield line("    ", ("also", "bold"), f" {', '.join(names)}")
    for finding in findings:
        yield from _place(finding, about, presentation)
    yield from paragraph("why", rule.rationale, presentation.width)
    yield from paragraph("fix", rule.remediation, presentation.width)
    yield from _waiving(findings)


def _waiving(findings: Sequence[Finding]) -> Iterator[Line]:
    """Yields the command that accepts the findings, as far as they can be accepted and are not."""
    open_ones = [one.fingerprint for one in findings if one.waiver is None and not one.is_about_gate]
    names = [name[:_LEAST_DIGITS] for name in dict.fromkeys(open_ones)]
    if names:
        yield line("    ", ("or ", "bold"), f"  kgate waive {' '.join(names)} --reason WHY")


_LEAST_DIGITS = 8
"""Digits of a fingerprint that kgate waive wants."""


def _place(finding: Finding, about: _Object, presentation: Presentation) -> Iterator[Line]:
    """Yields the place of a finding: file and line, the line itself, and other places that have a part in it."""
    location = finding.location
    where = f"  container {one_line(finding.container)}" if finding.container else ""
    where = f"  {one_line(finding.message)}" if finding.is_about_gate else where
    waived = f"  waived: {one_line(acceptance(finding.waiver))}" if finding.waiver else ""
    waived += f"  {standing(finding)}" if finding.is_new is not None else ""
    approximate = "  (approximate)" if location.is_approximate else ""
    yield line("    ", (place(location, presentation), file_link(location, presentation)), where, approximate, waived)
    yield from excerpt(location, presentation)
    for one in about.replacements(finding):
        for text in one.text.strip("\r\n").splitlines():
            yield line((" " * 7 + " + ", "green"), one_line(text))
    for sign, text in about.related_places(location):
        yield line((" " * 8 + sign, "dim"), one_line(presentation.folder.path(text)))
    if len(finding.renderings) < len(about.renderings):
        only = one_line(origin(from_here(finding.renderings, presentation)))
        yield line((" " * 7 + " ← ", "dim"), f"only in {only}")


# ---------------------------------------------------------------------------------------- remarks


def _remarks(
    remarks: Iterable[Remark], title: str, what: str, sign: tuple[str, str], presentation: Presentation
) -> Iterator[Line]:
    """Yields a title, the remarks, a line each, and an empty line; nothing if there are none."""
    if not remarks:
        return
    yield line((title, "bold"), f" ({what})" if what else "")
    for remark in remarks:
        yield line("  ", sign, f" {remark_place(remark, presentation)}: {one_line(remark.text)}")
    yield line()


# ---------------------------------------------------------------------------------------- summary


def _summary(report: Report, presentation: Presentation) -> Iterator[Line]:
    yield line(("Summary", "bold"))
    ranked = sorted(report.assessments, key=lambda a: (a.score.order, a.location))
    width = min(max((cells(one_line(str(a.workload))) for a in ranked), default=0), _NAME_WIDTH)
    for assessment in ranked:
        yield _score_line(assessment, width, presentation)
    yield line(f"  {totals(report)}")
    yield line(f"  {settings_text(report, presentation) or 'configuration: none, so the defaults hold'}")
    yield from (line(f"  {one_line(text)}") for text in (() if report.verdict.passed else allowances(report)))
    if report.findings:
        yield line("  for more about a rule, run kgate explain RULE")
    yield from verdict(report)


def _score_line(assessment: Assessment, width: int, presentation: Presentation) -> Line:
    score = assessment.score
    name = one_line(str(assessment.workload))
    name += " " * (width - cells(name))
    where = f"{path_text(assessment.location.path, presentation)}:{assessment.location.start.line}"
    cells_of_bar = f" {bar(score)}" if presentation.width >= _NARROW else ""
    bound = (f"  {at_most(score)}", "" if score.is_judged else DOUBT) if score.is_bound else ""
    otherwise = f"  ({found})" if (found := without(score)) else ""
    origins = short_origin(from_here(assessment.renderings, presentation))
    source = (f"  {one_line(origins)}", "dim") if origins else ""
    judged = f" {assessment.pss_level:<10}  {name}  "
    graded = (f"{score.grade}{cells_of_bar}", GRADE_STYLES[score.grade])
    return line(f"  {shown_score(score):>3} ", graded, judged, (where, "dim"), source, bound, otherwise)
