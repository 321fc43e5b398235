"""The short text report: what decides the verdict, the worst last, and how much else there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from kgate.model import Finding, Note, Problem, Report, Rule, Severity, Unjudged
from kgate.reports.blocks import Block, Selection
from kgate.reports.causes import Cause, causes
from kgate.reports.lines import Line, cells, cut, line, sticky
from kgate.reports.presentation import Detail, Presentation, Show
from kgate.reports.safety import one_line
from kgate.reports.textparts import (
    DOUBT,
    SEVERITY_STYLES,
    change_lines,
    excerpt,
    file_lines,
    file_link,
    from_here,
    graded,
    level,
    paragraph,
    passing,
    path_text,
    place,
    remark_place,
    rule_link,
    settings_text,
    severities,
    totals,
    verdict,
)
from kgate.reports.wording import (
    allowances,
    at_most,
    counted,
    first_sentence,
    needs,
    offence,
    origin,
    refused_by,
    related_branches,
    standing,
    was,
)
from kgate.values import dataclass

_EXCERPTS = 3
"""Findings of which the report shows the line."""

_FEW = 3
_FEW_RELATED = 2
_FEW_BRANCHES = 5
_FEW_NAMES = 4
_SOURCE_WIDTH = 60
_SOURCE_INDENT = 6


def lines(report: Report, presentation: Presentation) -> Iterator[Line]:
    """Yields the lines of the report."""
    selection = Selection(report, presentation)
    if presentation.detail is Detail.QUIET:
        for block in selection.blocks:
            yield from _quiet_block(block, presentation)
    else:
        yield from _Blocks.of(selection, presentation).lines()
    yield from _problems(report.problems, presentation)
    yield from _unjudged(report.unjudged, presentation)
    yield from file_lines(report.files, presentation)
    yield from _end(report, selection, presentation)


# --------------------------------------------------------------------------------------- blocks


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The blocks to print. ``excerpts`` says in which block the line of a finding is shown, for the worst ones, and
    ``explained`` where the reason and the fix of a rule are told: in the last block that has it."""

    blocks: Sequence[Block]
    presentation: Presentation
    excerpts: Mapping[int, int]
    explained: Mapping[str, int]

    @classmethod
    def of(cls, selection: Selection, presentation: Presentation) -> _Blocks:
        """The blocks of a selection."""
        found = [(finding, number) for number, block in enumerate(selection.blocks) for finding in block.findings]
        last = {id(finding): (finding, number) for finding, number in found}
        worst = sorted(last.values(), key=lambda one: (-one[0].rule.severity, -one[0].rule.points, -one[1]))
        excerpts = {id(finding): number for finding, number in worst[:_EXCERPTS]}
        explained = {finding.rule.id: number for finding, number in found}
        return cls(selection.blocks, presentation, excerpts, explained)

    def lines(self) -> Iterator[Line]:
        """Yields the lines of all blocks."""
        for number, block in enumerate(self.blocks):
            yield _headline(block, self.presentation)
            yield from _origins(block, self.presentation)
            yield from _rows(block, self.presentation)
            yield line()
            yield from self._details(block, number)

    def _details(self, block: Block, number: int) -> Iterator[Line]:
        """Yields the excerpts of a block, and what its rules mean where no later block tells it."""
        for _, same in groupby(block.findings, key=lambda finding: finding.rule.id):
            findings = tuple(same)
            rule = findings[0].rule
            excerpts = [finding for finding in findings if self.excerpts.get(id(finding)) == number]
            is_explained = self.explained[rule.id] == number
            if not excerpts and is_explained:
                yield line("  ", (rule.id, rule_link(rule, self.presentation)))
            for finding in excerpts:
                yield from _excerpt(finding, self.presentation)
            if is_explained:
                yield from paragraph("why", first_sentence(rule.rationale), self.presentation.width)
                yield from paragraph("fix", first_sentence(rule.remediation), self.presentation.width)
            if excerpts or is_explained:
                yield line()


def _headline(block: Block, presentation: Presentation) -> Line:
    name = one_line(str(block.resource))
    sign = ("✗", "bold red") if block.fails else ("✓", "green") if block.assessments else ("•", "dim")
    if not block.assessments:
        refused = refused_by(block.findings)
        return line(
            sign, " ", (name, "bold"), f"  {path_text(block.path, presentation)}", f"  {refused}" if refused else ""
        )
    worst = block.assessments[0]
    score, refused = worst.score, refused_by(block.findings)
    return line(
        sign,
        " ",
        (name, "bold"),
        "  ",
        (place(worst.location, presentation), file_link(worst.location, presentation)),
        "  ",
        graded(score),
        "" if score.passed else f", needs {needs(score)}",
        f", {refused}" if refused else "",
        f", {was(worst)}" if was(worst) else "",
        (f"  {at_most(score)}", "" if score.is_judged else DOUBT) if score.is_bound else "",
        f"  {level(worst)}" if presentation.detail is not Detail.QUIET else "",
    )


def _origins(block: Block, presentation: Presentation) -> Iterator[Line]:
    """Yields what the objects of a block were rendered by, and what the others are called."""
    found = {rendering for assessment in block.assessments for rendering in assessment.renderings}
    found = found or {rendering for finding in block.findings for rendering in finding.renderings}
    if found:
        yield line("  ", (f"rendered by {one_line(origin(from_here(sorted(found), presentation)))}", "dim"))
    others = sorted({str(one.workload) for one in block.assessments} - {str(block.resource)})
    if others:
        more = f" and {len(others) - _FEW_NAMES} more" if len(others) > _FEW_NAMES else ""
        yield line("  ", (f"also {one_line(', '.join(others[:_FEW_NAMES]))}{more}", "dim"))


def _rows(block: Block, presentation: Presentation) -> Iterator[Line]:
    """Yields a line for each finding: place, severity, rule, what is written there, and what to write instead."""
    rows = Counter(_Row.of(finding, block.path, presentation) for finding in block.findings)
    places = max((cells(row.place) for row in rows if row.is_here), default=0)
    rules = max((cells(row.rule.id) for row in rows), default=0)
    for row, count in rows.items():
        severity = (f"{row.rule.severity.label:<8}", SEVERITY_STYLES[row.rule.severity])
        rule = (row.rule.id, rule_link(row.rule, presentation))
        head = line("  ", f"{row.place:<{places}}", "  ", severity, "  ", rule)
        tail = line("  ", *row.change, f" ({counted(count, 'container')})" if count > 1 else "", (row.remark, "dim"))
        gap = " " * (rules - cells(row.rule.id))
        if _width((*head, *tail)) > presentation.width:
            yield head
            yield line(" " * (_SOURCE_INDENT - 2), *tail)
        else:
            fits = _width((*head, *tail)) + len(gap) <= presentation.width
            yield (*head, *line(gap if fits else ""), *tail)


def _width(pieces: Line) -> int:
    return sum(cells(text) for text, _ in pieces)


@dataclass(frozen=True, slots=True)
class _Row:
    """A finding in one line. ``source`` is what is written there, or what is wrong if no field says it; ``is_here``
    says that it is in the file of the block."""

    place: str
    is_here: bool
    rule: Rule
    source: str
    remark: str

    @property
    def change(self) -> Line:
        """What is written there, and what to write instead."""
        instead = self.rule.instead
        return line(self.source, (f"{' ' if self.source else ''}→ ", "dim") if instead else "", instead)

    @classmethod
    def of(cls, finding: Finding, path: str, presentation: Presentation) -> _Row:
        """The row of a finding; the path is left out where it is that of the block."""
        location = finding.location
        start = location.start
        is_here = location.path == path
        where = f"{start.line}:{start.column}" if is_here else place(location, presentation)
        remark = " (approximate)" if location.is_approximate else ""
        until = f" until {one_line(finding.waiver.expires)}" if finding.waiver and finding.waiver.expires else ""
        remark += f" (waived{until})" if finding.waiver else ""
        remark += f" ({standing(finding)})" if finding.is_new is not None else ""
        return cls(where, is_here, finding.rule, _source(finding, presentation), remark)


def _source(finding: Finding, presentation: Presentation) -> str:
    """Returns what is written at a finding, as far as a line has room for it."""
    text = offence(finding)
    if finding.is_about_gate:
        return text
    return sticky(cut(text, min(_SOURCE_WIDTH, presentation.width - _SOURCE_INDENT)))


def _excerpt(finding: Finding, presentation: Presentation) -> Iterator[Line]:
    """Yields the place of a finding, its line with the offence underlined, and places that have a part in it."""
    location = finding.location
    container = f"  container {one_line(finding.container)}" if finding.container else ""
    yield line(
        ("  ", ""),
        (finding.rule.id, rule_link(finding.rule, presentation)),
        "  ",
        (place(location, presentation), file_link(location, presentation)),
        container,
    )
    yield from excerpt(location, presentation)
    for sign, text in related_branches(location, _FEW_RELATED)[:_FEW_BRANCHES]:
        yield line((" " * 8 + sign, "dim"), one_line(presentation.folder.path(text)))


def _quiet_block(block: Block, presentation: Presentation) -> Iterator[Line]:
    """Yields one line for what fails: the object, its score, and its rules, on a terminal as many as fit."""
    head = _headline(block, presentation)
    rules = list(dict.fromkeys(finding.rule.id for finding in block.findings))
    room = presentation.width - _width(head)
    shown = len(rules)
    while presentation.breaks and shown and cells(_names(rules, shown)) > room:
        shown -= 1
    yield (*head, *line(_names(rules, shown)))


def _names(rules: Sequence[str], shown: int) -> str:
    """Returns the first rules, and the number of the others."""
    more = f"{len(rules) - shown} more" if shown else counted(len(rules), "rule")
    parts = [", ".join(rules[:shown]), more if shown < len(rules) else ""]
    text = " and ".join(part for part in parts if part)
    return f": {text}" if text else ""


# -------------------------------------------------------------------------------------- remarks


def _problems(problems: Sequence[Problem], presentation: Presentation) -> Iterator[Line]:
    for cause in causes(problems):
        yield from _cause(cause, ("!", DOUBT), counted(len(cause.remarks), "problem"), "", presentation)


def _unjudged(unjudged: Sequence[Unjudged], presentation: Presentation) -> Iterator[Line]:
    for cause in causes(unjudged):
        command = cause.remarks[0].command
        what = f"{counted(len(cause.remarks), 'part')} not judged"
        yield from _cause(cause, ("?", DOUBT), what, f"; run: {command}" if command else "", presentation)


def _cause(
    cause: Cause[Problem] | Cause[Unjudged],
    sign: tuple[str, str],
    what: str,
    advice: str,
    presentation: Presentation,
) -> Iterator[Line]:
    """Yields a single remark whole; of several the cause, what to do about it, and the first places."""
    remarks = cause.remarks
    if len(remarks) == 1:
        yield line(sign, f" {remark_place(remarks[0], presentation)}: {one_line(remarks[0].text)}")
        return
    yield line(sign, " ", (what, "bold"), f": {one_line(cause.text + advice)}")
    if presentation.detail is Detail.QUIET:
        return
    shown = remarks if len(remarks) == _FEW + 1 else remarks[:_FEW]
    for remark in shown:
        named = f"  {one_line(remark.what)}" if isinstance(remark, Unjudged) else ""
        yield line(f"    {remark_place(remark, presentation)}{named}")
    if len(remarks) > len(shown):
        yield line(f"    … and {len(remarks) - len(shown):,} more (--verbose shows all)")


# ------------------------------------------------------------------------------------------ end


def _end(report: Report, selection: Selection, presentation: Presentation) -> Iterator[Line]:
    """Yields what is not shown, how much there is, and the verdict."""
    is_quiet = presentation.detail is Detail.QUIET
    if not is_quiet:
        yield from change_lines(report, presentation)
    if report.verdict.exit_code == 0:
        yield _passed(report, presentation)
        yield from (line(f"  - {one_line(reason)}") for reason in report.verdict.reasons)
        if not is_quiet:
            yield from _aside(report, presentation)
        return
    if not is_quiet:
        yield from _hidden(report, selection, presentation)
        yield from _aside(report, presentation)
        yield line(f"  {totals(report)}")
    yield from verdict(report)


def _passed(report: Report, presentation: Presentation) -> Line:
    """Returns all that is to be said on a pass."""
    took = f"; {presentation.seconds():.1f} s" if presentation.seconds is not None else ""
    return line(("✓ passed", "bold green"), f": {passing(report)}{took}")


def _hidden(report: Report, selection: Selection, presentation: Presentation) -> Iterator[Line]:
    """Yields how many findings are not shown, and the flag that shows them."""
    shown = {id(finding) for block in selection.blocks for finding in block.findings}
    left = Counter(one.rule.severity for one in report.findings if id(one) not in shown and one.waiver is None)
    if left:
        flag = "--show all" if presentation.show is Show.FAILED else "--min-severity low"
        counts = severities((severity, left[severity]) for severity in reversed(Severity))
        yield line(f"  {counted(left.total(), 'other finding')} not shown ({counts}): {flag} lists them")


def _aside(report: Report, presentation: Presentation) -> Iterator[Line]:
    """Yields one line for settings and omissions and for the notes; nothing if there is nothing to say."""
    parts = [found] if (found := settings_text(report, presentation)) else []
    parts += allowances(report) if not report.verdict.passed else []
    parts += [_note(report.notes, presentation)] if report.notes else []
    if parts:
        yield line("  ", ("; ".join(parts), "dim"))


def _note(notes: Sequence[Note], presentation: Presentation) -> str:
    """Returns a single note, or the number of several."""
    if len(notes) == 1:
        return f"note: {remark_place(notes[0], presentation)}: {one_line(notes[0].text)}"
    return f"{counted(len(notes), 'note')} (--verbose shows them)"
