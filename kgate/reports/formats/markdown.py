"""The Markdown report: what a step summary or a comment on a pull request shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from kgate.model import Assessment, Finding, Location, Rendering, Report, ResourceId, Rule
from kgate.reports.links import line_page, rule_page
from kgate.reports.presentation import Presentation
from kgate.reports.wording import (
    acceptance,
    answer,
    at_most,
    bar,
    first_sentence,
    related_places,
    short_origin,
    shown,
    shown_score,
    uncovered,
)
from kgate.values import dataclass

MAX_CHARS = 1_000_000
"""GitHub drops a step summary above 1 MiB, GitLab a note above 1,000,000 characters."""

MARKER = "<!-- kgate-report -->"
"""The first line, by which a job finds its own comment to replace it."""

_WORKLOADS_SHARE = 0.25
_PROBLEMS_SHARE = 0.15
_UNJUDGED_SHARE = 0.1
_NOTES_SHARE = 0.05
_BLOCK_SHARE = 0.2
_SENTENCES = 600
"""Room for the headings and for the sentences that say what was cut."""

_VALUE_LIMIT = 500
"""Code points of one value."""
_FEW = 8

_ACTIVE = re.compile(r"(@|:(?=/)|[wW]{2}(?=[wW]))|([^\w .,:;/()=%+'…–█░-]|_)")
"""What begins a link without markup, and everything that is not known to be inert."""

_BACKQUOTED = re.compile("&#96;(.+?)&#96;")


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields GitHub Flavored Markdown of at most ``max_chars`` (or MAX_CHARS) bytes, which says what had to be cut."""
    limit = min(presentation.max_chars or MAX_CHARS, MAX_CHARS)
    macros = _macros(presentation.link_base)
    page = partial(macros.page, report, answer(report.verdict), _severities(report))
    room = max(0, limit - len(page(_NO_PARTS).encode()) - _SENTENCES)
    workloads = _fit(_lowest_first(report.assessments), macros.workload, room * _WORKLOADS_SHARE)
    workloads = workloads[0], report.workloads - len(workloads[0])
    problems = _fit(report.problems, macros.problem, room * _PROBLEMS_SHARE)
    unjudged = _fit(report.unjudged, macros.problem, room * _UNJUDGED_SHARE)
    notes = _fit(report.notes, macros.problem, room * _NOTES_SHARE)
    rest = room - sum(len(row.encode()) for rows, _ in (workloads, problems, unjudged, notes) for row in rows)
    details = _fit(_groups(report), lambda group: _block(group, macros, rest * _BLOCK_SHARE), rest)
    yield f"{MARKER}\n{page((workloads, problems, unjudged, notes, details)).strip()}\n"


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


def _macros(link_base: str) -> Any:
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
        "bar": bar,
        "prose": _prose,
        "related_places": related_places,
        "origin": short_origin,
        "place": partial(_place, link_base),
        "rule_link": _rule_link,
        "shown_score": shown_score,
        "uncovered": uncovered,
    }
    environment.filters |= filters
    return environment.get_template("markdown.md.j2").module


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


def _rule_link(rule: Rule) -> Any:
    """Returns the title of a rule, as a link if the rule has a page."""
    from markupsafe import Markup

    page, title = rule_page(rule), _prose(rule.title)
    return Markup(f"[{title}]({page})") if page else title  # noqa: S704  inert is the escape


def _lowest_first(assessments: Iterable[Assessment]) -> list[Assessment]:
    return sorted(assessments, key=lambda a: (a.score.order, a.location, a.workload))


def _severities(report: Report) -> list[tuple[str, int, int]]:
    """Returns each severity, worst first, with the number of its open and of its waived findings."""
    waived = Counter(finding.rule.severity for finding in report.findings if finding.waiver is not None)
    return [(severity.label, count, waived[severity]) for severity, count in report.severities.items()]


@dataclass(frozen=True, slots=True)
class _Group:
    """The findings of one object, and its assessment if it is a workload."""

    resource: ResourceId
    assessment: Assessment | None
    findings: Sequence[Finding]

    @property
    def renderings(self) -> list[Rendering]:
        """What the object was rendered by; empty for a plain manifest."""
        return sorted({rendering for finding in self.findings for rendering in finding.renderings})

    @property
    def also(self) -> list[str]:
        """Some of the names that the object has in other renderings."""
        return sorted({str(resource) for finding in self.findings for resource in finding.also})[:_FEW]


def _groups(report: Report) -> list[_Group]:
    """Returns what weakens the gate, then the objects with findings, workloads with the lowest score first."""
    findings: dict[tuple[str, ResourceId], list[Finding]] = {}
    for finding in report.findings:
        findings.setdefault((finding.source, finding.resource), []).append(finding)
    groups = []
    for assessment in _lowest_first(report.assessments):
        found = findings.pop((assessment.location.path, assessment.workload), [])
        if found:
            groups.append(_Group(assessment.workload, assessment, found))
    groups += [_Group(resource, None, found) for (_, resource), found in findings.items()]
    return sorted(groups, key=lambda group: not group.findings[0].is_about_gate)


def _block(group: _Group, macros: Any, budget: float) -> Any:
    ranked = sorted(group.findings, key=lambda f: (f.waiver is not None, -f.rule.severity, f.location))
    return macros.details(group, len(ranked), _fit(ranked, macros.finding, budget))


_NO_PARTS: tuple[tuple[list[Any], int], ...] = (([], 0),) * 5


def _fit(items: Sequence[Any], write: Callable[[Any], Any], budget: float) -> tuple[list[Any], int]:
    """Writes the first items whose UTF-8 fits into the budget; returns them and the number of the others."""
    written: list[Any] = []
    for item in items:
        chunk = write(item)
        budget -= len(chunk.encode())
        if budget < 0:
            break
        written.append(chunk)
    return written, len(items) - len(written)
