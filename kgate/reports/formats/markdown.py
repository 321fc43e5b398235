"""The Markdown report: what a step summary or a comment on a pull request shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kgate.model import Assessment, Finding, Location, Rendering, Report, ResourceId, Rule
from kgate.reports.links import line_page, rule_page
from kgate.reports.wording import acceptance, answer, chain, first_sentence, short_origin, shown

MAX_CHARS = 1_000_000
"""GitHub drops a step summary above 1 MiB, GitLab a note above 1,000,000 characters."""

MARKER = "<!-- kgate-report -->"
"""The first line, by which a job finds its own comment again to replace it."""

_WORKLOADS_SHARE = 0.25
_PROBLEMS_SHARE = 0.15
_NOTES_SHARE = 0.05
_BLOCK_SHARE = 0.2
_SENTENCES = 600
"""Room for the headings and for the sentences that say what was cut."""

_VALUE_LIMIT = 500
"""Code points of one value."""
_FEW = 8

_ACTIVE = re.compile(r"(@|:(?=/)|[wW]{2}(?=[wW]))|([^\w .,:;/()=%+'…█░-]|_)")
"""What begins a link without any markup, and everything else that is not known to be inert."""

_BACKQUOTED = re.compile("&#96;(.+?)&#96;")


def render(report: Report) -> str:
    """The report as GitHub Flavored Markdown of at most MAX_CHARS bytes; states what it had to cut."""
    return render_for(report, MAX_CHARS)


def render_for(report: Report, max_chars: int) -> str:
    """The report in at most so many characters (and bytes); a comment on GitHub takes 65,536."""
    macros = _macros(report.link_base)
    page = partial(macros.page, report, answer(report.verdict), _severities(report))
    room = max(0, min(max_chars, MAX_CHARS) - len(page(_NO_PARTS).encode()) - _SENTENCES)
    workloads = _fit(_lowest_first(report.assessments), macros.workload, room * _WORKLOADS_SHARE)
    workloads = workloads[0], report.workloads - len(workloads[0])
    problems = _fit(report.problems, macros.problem, room * _PROBLEMS_SHARE)
    notes = _fit(report.notes, macros.problem, room * _NOTES_SHARE)
    rest = room - sum(len(row.encode()) for rows, _ in (workloads, problems, notes) for row in rows)
    details = _fit(_groups(report), lambda group: _block(group, macros, rest * _BLOCK_SHARE), rest)
    return f"{MARKER}\n{page((workloads, problems, notes, details)).strip()}\n"


def inert(text: str) -> str:
    """Text that Markdown, HTML, a mention or a link cannot start from, in a table cell or in an element.

    Whatever is no letter, digit or harmless sign becomes an entity. GitHub and GitLab look for links in the text
    *after* entities are read, so that an empty comment also splits ``@``, ``://`` and ``www``.
    """
    return _ACTIVE.sub(_entity, shown(text, _VALUE_LIMIT))


def _entity(match: re.Match[str]) -> str:
    if match[1] == "@":
        return "&#64;<!-- -->"
    return f"{match[1]}<!-- -->" if match[1] else f"&#{ord(match[2])};"


def _macros(link_base: str) -> Any:
    """The macros of the template, in which every value is made inert unless it is a macro's output."""
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
        "bar": _bar,
        "prose": _prose,
        "chain": chain,
        "origin": short_origin,
        "place": partial(_place, link_base),
        "rule_link": _rule_link,
    }
    environment.filters |= filters
    return environment.get_template("markdown.md.j2").module


def _prose(text: str) -> Any:
    """A rule's own words, inert, with what stands between backquotes as code."""
    from markupsafe import Markup

    return Markup(_BACKQUOTED.sub(r"<code>\1</code>", inert(text)))  # noqa: S704  inert is the escape


def _place(link_base: str, location: Location) -> Any:
    """File and line, linked where the report knows to what."""
    from markupsafe import Markup

    text = f"<code>{inert(f'{location.path}:{location.start.line}')}</code>"
    page = line_page(link_base, location)
    return Markup(f"[{text}]({page})" if page else text)  # noqa: S704  inert is the escape


def _rule_link(rule: Rule) -> Any:
    """The title of a rule, linked to its page."""
    from markupsafe import Markup

    page, title = rule_page(rule), _prose(rule.title)
    return Markup(f"[{title}]({page})") if page else title  # noqa: S704  inert is the escape


def _bar(score: int) -> str:
    """Ten cells, filled as far as the score goes."""
    filled = score // 10
    return "█" * filled + "░" * (10 - filled)


def _lowest_first(assessments: Iterable[Assessment]) -> list[Assessment]:
    return sorted(assessments, key=lambda a: (a.score.value, a.location, a.workload))


def _severities(report: Report) -> list[tuple[str, int, int]]:
    """For each severity, worst first, the findings that count and those that are waived."""
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
        """What the object was rendered by, if it was."""
        return sorted({rendering for finding in self.findings for rendering in finding.renderings})

    @property
    def also(self) -> list[str]:
        """Some of what the object is called in other renderings."""
        return sorted({str(resource) for finding in self.findings for resource in finding.also})[:_FEW]


def _groups(report: Report) -> list[_Group]:
    """Every object with findings, workloads with the lowest score first."""
    findings: dict[tuple[str, ResourceId], list[Finding]] = {}
    for finding in report.findings:
        findings.setdefault((finding.source, finding.resource), []).append(finding)
    groups = []
    for assessment in _lowest_first(report.assessments):
        found = findings.pop((assessment.location.path, assessment.workload), [])
        if found:
            groups.append(_Group(assessment.workload, assessment, found))
    return groups + [_Group(resource, None, found) for (_, resource), found in findings.items()]


def _block(group: _Group, macros: Any, budget: float) -> Any:
    ranked = sorted(group.findings, key=lambda f: (f.waiver is not None, -f.rule.severity, f.location))
    return macros.details(group, len(ranked), _fit(ranked, macros.finding, budget))


_NO_PARTS: tuple[tuple[list[Any], int], ...] = (([], 0),) * 4


def _fit(items: Sequence[Any], write: Callable[[Any], Any], budget: float) -> tuple[list[Any], int]:
    """The first items, written, whose UTF-8 fits into the budget, and the number of the others."""
    written: list[Any] = []
    for item in items:
        chunk = write(item)
        budget -= len(chunk.encode())
        if budget < 0:
            break
        written.append(chunk)
    return written, len(items) - len(written)
