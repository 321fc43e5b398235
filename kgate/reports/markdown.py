"""The Markdown report: what a step summary or a comment on a pull request shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kgate.model import Assessment, Finding, Report, ResourceId, Severity, Verdict
from kgate.reports.wording import acceptance, chain, first_sentence, short_origin, shown

# GitHub drops a step summary above 1 MiB, GitLab a note above 1,000,000 characters. Bytes, so that both hold:
# the five parts and what stands around them stay below 1,000,000.
_WORKLOADS_BUDGET = 250_000
_PROBLEMS_BUDGET = 150_000
_NOTES_BUDGET = 50_000
_DETAILS_BUDGET = 500_000
_BLOCK_BUDGET = 100_000

_VALUE_LIMIT = 500
"""Code points of one value; a row of the most hostile ones still fits into any budget."""

_ACTIVE = re.compile(r"(@|:(?=/)|[wW]{2}(?=[wW]))|([^\w .,:;/()=%+'…█░-]|_)")
"""What begins a link without any markup, and everything else that is not known to be inert."""

_BACKQUOTED = re.compile("&#96;(.+?)&#96;")


def render(report: Report) -> str:
    """The report as GitHub Flavored Markdown of less than 1,000,000 bytes; states what it had to cut."""
    macros = _macros()
    workloads = _fit(_lowest_first(report.assessments), macros.workload, _WORKLOADS_BUDGET)
    problems = _fit(report.problems, macros.problem, _PROBLEMS_BUDGET)
    notes = _fit(report.notes, macros.problem, _NOTES_BUDGET)
    details = _fit(_groups(report), lambda group: _block(group, macros), _DETAILS_BUDGET)
    headline, severities = _headline(report.verdict), _severities(report.findings)
    return f"{macros.page(report, headline, severities, (workloads, problems, notes, details)).strip()}\n"


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


def _macros() -> Any:
    """The macros of the template, in which every value is made inert unless it is a macro's output."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: object) -> Markup:
        return value if isinstance(value, Markup) else Markup(inert(str(value)))  # noqa: S704  inert is the escape

    environment = Environment(
        loader=PackageLoader("kgate.reports", ""),
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
    }
    environment.filters |= filters
    return environment.get_template("markdown.md.j2").module


def _prose(text: str) -> Any:
    """A rule's own words, inert, with what stands between backquotes as code."""
    from markupsafe import Markup

    return Markup(_BACKQUOTED.sub(r"<code>\1</code>", inert(text)))  # noqa: S704  inert is the escape


def _bar(score: int) -> str:
    """Ten cells, filled as far as the score goes."""
    filled = score // 10
    return "█" * filled + "░" * (10 - filled)


def _headline(verdict: Verdict) -> str:
    if verdict.incomplete:
        return "incomplete" if verdict.passed else "incomplete, and failed as far as judged"
    return "passed" if verdict.passed else "failed"


def _lowest_first(assessments: Iterable[Assessment]) -> list[Assessment]:
    return sorted(assessments, key=lambda a: (a.score.value, a.location, a.workload))


def _severities(findings: Sequence[Finding]) -> list[tuple[str, int, int]]:
    """For each severity, worst first, the findings that count and those that are waived."""
    rows = []
    for severity in reversed(Severity):
        waived = [finding.waiver is not None for finding in findings if finding.rule.severity is severity]
        rows.append((severity.label, len(waived) - sum(waived), sum(waived)))
    return rows


@dataclass(frozen=True, slots=True)
class _Group:
    """The findings of one object, and its assessment if it is a workload."""

    resource: ResourceId
    assessment: Assessment | None
    findings: Sequence[Finding]


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


def _block(group: _Group, macros: Any) -> Any:
    ranked = sorted(group.findings, key=lambda f: (f.waiver is not None, -f.rule.severity, f.location))
    rows = _fit(ranked, macros.finding, _BLOCK_BUDGET)
    return macros.details(group.resource, group.assessment, len(ranked), rows)


def _fit(items: Sequence[Any], write: Callable[[Any], Any], budget: int) -> tuple[list[Any], int]:
    """The first items, written, whose UTF-8 fits into the budget, and the number of the others."""
    written: list[Any] = []
    for item in items:
        chunk = write(item)
        budget -= len(chunk.encode())
        if budget < 0:
            break
        written.append(chunk)
    return written, len(items) - len(written)
