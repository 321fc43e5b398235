"""The Markdown report: what a step summary or a comment on a pull request shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Any

from kgate.model import Assessment, Finding, Location, Replacement, Report, Rule
from kgate.reports.blocks import Block, Selection, failing
from kgate.reports.causes import Cause, causes
from kgate.reports.graphs import mermaid
from kgate.reports.links import line_page, rule_page
from kgate.reports.presentation import Presentation, Show
from kgate.reports.textparts import graded, level, passing, totals
from kgate.reports.waived import waived_groups
from kgate.reports.wording import (
    acceptance,
    allowances,
    answer,
    at_most,
    bar,
    change,
    counted,
    decisive_places,
    first_sentence,
    needs,
    offence,
    refused_by,
    settings,
    short_origin,
    shown,
    was,
)
from kgate.values import dataclass

MAX_CHARS = 1_000_000
"""GitHub drops a step summary above 1 MiB, GitLab a note above 1,000,000 characters."""

MARKER = "<!-- kgate-report -->"
"""The first line, by which a job finds its own comment to replace it."""

_SCREEN = 24
"""Lines of what fails that stand open: about as many as a screen shows."""

_FAILING_SHARE = 0.75
_REMARKS_SHARE = 0.1
_WAYS_SHARE = 0.2
_RULES_SHARE = 0.4
_FIXES_SHARE = 0.4
_WORKLOADS_SHARE = 0.25
_WAIVERS_SHARE = 0.25
_NOTES_SHARE = 0.1
_BLOCK_SHARE = 0.25
_SENTENCES = 1_200
"""Room for the headings, and for the sentences that say what was cut."""

_VALUE_LIMIT = 500
"""Code points of one value."""
_FEW = 3
"""Places of a cause, and names of an object, that are listed beside it."""

_ACTIVE = re.compile(r"(@|:(?=/)|[wW]{2}(?=[wW]))|([^\w .,:;/()=%+'…–█░-]|_)")
"""What begins a link without markup, and everything that is not known to be inert."""

_BLANK_LINES = re.compile(r"\n{3,}")
_BACKQUOTED = re.compile("&#96;(.+?)&#96;")


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What fits of a part, written, and how many others there are."""

    rows: Sequence[Any] = ()
    left: int = 0


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of the page: what fails, of which the first blocks stand ``open``; what could not be judged, by its
    cause and by its place; the ways that service accounts and bindings open, drawn; the rules; what ``kgate fix``
    writes; findings that do not decide; all workloads; waivers; notes."""

    failing: _Fitted = _Fitted()
    open: int = 0
    changes: _Fitted = _Fitted()
    causes: _Fitted = _Fitted()
    places: _Fitted = _Fitted()
    ways: _Fitted = _Fitted()
    rules: _Fitted = _Fitted()
    fixes: _Fitted = _Fitted()
    others: _Fitted = _Fitted()
    workloads: _Fitted = _Fitted()
    waivers: _Fitted = _Fitted()
    notes: _Fitted = _Fitted()


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields GitHub Flavored Markdown of at most ``max_chars`` (or MAX_CHARS) bytes, which says what had to be cut."""
    limit = min(presentation.max_chars or MAX_CHARS, MAX_CHARS)
    macros = _macros(presentation)
    page = partial(macros.page, report, answer(report.verdict))
    room = max(0, limit - len(page(_Parts()).encode()) - _SENTENCES)
    text = page(_parts(report, macros, room, _suggested(report, presentation))).strip()
    yield f"{MARKER}\n{_BLANK_LINES.sub(chr(10) * 2, text)}\n"


@dataclass(frozen=True, slots=True)
class _Suggestion:
    """Lines that fix findings of some rules, and where they go."""

    location: Location
    rules: Sequence[str]
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Way:
    """The ways that a finding is about: its object, and the lines of a graph from there."""

    resource: str
    lines: Sequence[str]


def _ways(fails: Sequence[Block]) -> Sequence[_Way]:
    """Returns a graph for each object that fails by what a service account may do, or a binding gives."""
    chains = {block.resource: [*_chains(str(block.resource), block.findings)] for block in fails}
    return [_Way(str(resource), [*mermaid(found)]) for resource, found in chains.items() if found]


def _chains(start: str, findings: Iterable[Finding]) -> Iterator[Sequence[str]]:
    """Yields the steps of findings, each way as far as one of them, with the places."""
    for finding in findings:
        way = [(0, start)]
        for one in finding.location.related if finding.waiver is None else ():
            if one.step:
                way = [(step, label) for step, label in way if step < one.step]
                place = f"{one.location.path}:{one.location.start.line}"
                way.append((one.step, f"{one.message}, {place}"))
                yield [label for _, label in way]


def _suggested(report: Report, presentation: Presentation) -> Sequence[_Suggestion]:
    """Returns what the safe fixes of findings write, each replacement once. A text that could end a block of code is
    left out."""
    if presentation.suggestions is None:
        return ()
    suggest = presentation.suggestions(report)
    found: dict[tuple[str, Replacement], list[Finding]] = {}
    for finding in report.findings:
        for one in suggest(finding) if finding.waiver is None else ():
            found.setdefault((finding.location.path, one), []).append(finding)
    return [
        _Suggestion(findings[0].location, sorted({finding.rule.id for finding in findings}), lines)
        for (_, one), findings in found.items()
        if (lines := one.text.strip("\r\n").splitlines()) and all(map(_is_plain, lines))
    ]


def _is_plain(text: str) -> bool:
    return text.isprintable() and "`" not in text


def _parts(report: Report, macros: Any, room: float, suggested: Sequence[_Suggestion]) -> _Parts:
    """Returns the parts, what decides first; what one part does not need is left for the next ones."""
    left = _Budget(room)
    fails = failing(report)
    shown = left.fit(fails, lambda block: _block(block, macros, room * _FAILING_SHARE * _BLOCK_SHARE), _FAILING_SHARE)
    changed = (report.compared.changes if report.compared else None) or ()
    changes = left.fit(changed, macros.change, _WORKLOADS_SHARE)
    remarks = [*report.problems, *report.unjudged]
    found: list[Cause[Any]] = [*causes(report.problems), *causes(report.unjudged)]
    reasons = left.fit(found, macros.cause, _REMARKS_SHARE)
    ways = left.fit(_ways(fails), macros.way, _WAYS_SHARE)
    rules = left.fit(_rules(report, fails), macros.rule, _RULES_SHARE)
    fixes = left.fit(suggested, macros.suggestion, _FIXES_SHARE)
    workloads = left.fit(_lowest_first(report.assessments), macros.workload, _WORKLOADS_SHARE)
    workloads = _Fitted(workloads.rows, report.workloads - len(workloads.rows))
    listed = remarks if any(len(cause.remarks) > _FEW for cause in found) else []
    places = left.fit(listed, macros.remark, _REMARKS_SHARE)
    waivers = left.fit(waived_groups(report), macros.waiver, _WAIVERS_SHARE)
    notes = left.fit(report.notes, macros.remark, _NOTES_SHARE)
    others = left.fit(_others(report, fails), lambda block: _block(block, macros, left.bytes * _BLOCK_SHARE), 1)
    parts = reasons, places, ways, rules, fixes, others, workloads, waivers, notes
    return _Parts(shown, _standing_open(fails), changes, *parts)


class _Budget:
    """The bytes that are left for the page."""

    def __init__(self, room: float) -> None:
        self.bytes = room

    def fit(self, items: Sequence[Any], write: Callable[[Any], Any], share: float) -> _Fitted:
        """Writes the first items whose UTF-8 fits into a share of what is left."""
        written: list[Any] = []
        budget = self.bytes * share
        for item in items:
            chunk = write(item)
            size = len(chunk.encode())
            if size > budget:
                break
            budget -= size
            self.bytes -= size
            written.append(chunk)
        return _Fitted(written, len(items) - len(written))


def inert(text: str) -> str:
    """Returns text in which no Markdown, HTML, mention or link can begin, for a table cell or an element.

    Whatever is not a letter, a digit or a harmless sign becomes an entity. GitHub and GitLab look for links in the text
    *after* entities are read, so that an empty comment also splits ``@``, ``://`` and ``www``.
    """
    return _ACTIVE.sub(_entity, shown(text, _VALUE_LIMIT))


def _entity(match: re.Match[str]) -> str:
    if match[1] == "@":
        return "&#64;<!-- -->"
    return f"{match[1]}<!-- -->" if match[1] else f"&#{ord(match[2])};"


def _macros(presentation: Presentation) -> Any:
    """Returns the macros of the template, in which every value is made inert unless a macro wrote it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: object) -> Markup:
        return value if isinstance(value, Markup) else Markup(inert(str(value)))  # noqa: S704  inert is the escape

    environment = Environment(
        loader=PackageLoader("kgate.reports", "templates"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {
        "first_sentence": first_sentence,
        "acceptance": acceptance,
        "at_most": at_most,
        "needs": needs,
        "refused_by": refused_by,
        "bar": bar,
        "change": change,
        "counted": counted,
        "graded": lambda score: graded(score)[0],
        "level": level,
        "offence": offence,
        "passing": passing,
        "code": _code,
        "prose": _prose,
        "decisive_places": decisive_places,
        "origin": short_origin,
        "place": partial(_place, presentation.link_base),
        "line": partial(_line, presentation.link_base),
        "rule_link": _rule_link,
        "was": was,
        "settings": lambda report: [*settings(report), *(allowances(report) if report.verdict.reasons else ())],
        "totals": totals,
    }
    environment.tests["new"] = presentation.is_new
    environment.globals["few"] = _FEW
    environment.filters |= filters
    return environment.get_template("markdown.md.j2").module


def _code(line: str) -> Any:
    """Returns a line of a block of code as it is; _suggested has left out what could end the block."""
    from markupsafe import Markup

    return Markup(line)  # noqa: S704  nothing is read in a block of code


def _prose(text: str) -> Any:
    """Returns the text of a rule, inert, with what is between backquotes as code."""
    from markupsafe import Markup

    return Markup(_BACKQUOTED.sub(r"<code>\1</code>", inert(text)))  # noqa: S704  inert is the escape


def _place(link_base: str, location: Location) -> Any:
    """Returns file and line, as a link if it is known where the file is shown."""
    from markupsafe import Markup

    text = f"<code>{inert(f'{location.path}:{location.start.line}')}</code>"
    page = line_page(link_base, location)
    return Markup(f"[{text}]({page})" if page else text)  # noqa: S704  inert is the escape


def _line(link_base: str, location: Location, path: str) -> Any:
    """Returns the line of a place in the file of its block, and the place of one in another file."""
    from markupsafe import Markup

    if location.path != path:
        return _place(link_base, location)
    text, page = f"line {location.start.line}", line_page(link_base, location)
    return Markup(f"[{text}]({page})" if page else text)  # noqa: S704  a number, and a percent-encoded page


def _rule_link(rule: Rule) -> Any:
    """Returns the title of a rule, as a link if the rule has a page."""
    from markupsafe import Markup

    page, title = rule_page(rule), _prose(rule.title)
    return Markup(f"[{title}]({page})") if page else title  # noqa: S704  inert is the escape


def _lowest_first(assessments: Iterable[Assessment]) -> list[Assessment]:
    return sorted(assessments, key=lambda a: (a.score.order, a.location, a.workload))


def _standing_open(fails: Sequence[Block]) -> int:
    """Returns how many of the blocks a screen shows, at least one."""
    lines = accumulate(1 + len(_rows(block)) for block in fails)
    return max(1, sum(end <= _SCREEN for end in lines))


def _others(report: Report, fails: Iterable[Block]) -> list[Block]:
    """Returns the objects with findings that do not decide, the worst first, with these."""
    decisive = {id(finding) for block in fails for finding in block.findings}
    blocks = reversed(Selection(report, Presentation(show=Show.ALL)).blocks)
    rest = (replace(one, findings=[each for each in one.findings if id(each) not in decisive]) for one in blocks)
    return [block for block in rest if block.findings]


def _rules(report: Report, fails: Iterable[Block]) -> list[Rule]:
    """Returns the rules with a finding, those that decide first, each once."""
    decisive = [finding.rule for block in fails for finding in block.findings]
    others = sorted((one.rule for one in report.findings), key=lambda rule: (-rule.severity, -rule.points, rule.id))
    return list({rule.id: rule for rule in (*decisive, *others)}.values())


def _rows(block: Block) -> list[tuple[Finding, int]]:
    """Returns the findings of a block that differ in a line, and how many containers each is about."""
    alike: dict[tuple[object, ...], list[Finding]] = {}
    for finding in block.findings:
        key = finding.rule.id, finding.location.order, finding.message, finding.waiver
        alike.setdefault(key, []).append(finding)
    return [(findings[0], len(findings)) for findings in alike.values()]


def _block(block: Block, macros: Any, budget: float) -> Any:
    rows = _Budget(budget).fit(_rows(block), lambda row: macros.finding(row[0], row[1], block.path), 1)
    renderings = {one for assessment in block.assessments for one in assessment.renderings}
    renderings |= {one for finding in block.findings for one in finding.renderings}
    names = {str(one.workload) for one in block.assessments} - {str(block.resource)}
    names |= {str(resource) for finding in block.findings for resource in finding.also}
    return macros.block(block, rows, sorted(renderings), sorted(names)[:_FEW])
