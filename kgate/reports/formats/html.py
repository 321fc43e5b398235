"""The HTML report: one file that needs no network, with scores to sort and filter and findings with their source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from kgate.model import Assessment, Finding, Location, Report, Rule, Score, field_path
from kgate.reports.blocks import decisive
from kgate.reports.causes import causes
from kgate.reports.jsontext import json_pieces
from kgate.reports.links import HOME, line_page, rule_page
from kgate.reports.pages import LIMIT, digest, environment, markup, part
from kgate.reports.presentation import Presentation
from kgate.reports.surroundings import LinesAround
from kgate.reports.waived import waived_groups
from kgate.reports.wording import (
    BAR_CELLS,
    acceptance,
    allowances,
    answer,
    at_most,
    counted,
    filled_cells,
    fingerprints,
    needs,
    origin,
    settings,
    shown,
    uncovered,
    was,
    without,
)
from kgate.values import dataclass

_LONG_LIMIT = 4_000
_UNCUT_LENGTH = 100
_FEW = 8
_LINES_AROUND = 3

_BIN = 10


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields a page whose policy lets nothing run or load but its own style and script."""
    style, script = part("html.css"), part("html.js")
    template = environment().get_template("html.html.j2")
    yield from template.generate(
        report=report,
        answer=answer(report.verdict),
        read=f"{counted(report.counts.resources, 'object')} of {counted(report.counts.files, 'file')}",
        state="incomplete" if report.verdict.incomplete else "passed" if report.verdict.passed else "failed",
        severities=[(severity.label, count) for severity, count in report.severities.items()],
        waived=report.waived,
        waivers=waived_groups(report),
        uncovered=uncovered(report.uncovered),
        made_with=[*settings(report), *allowances(report)],
        lowest=min(report.scores, default=None),
        causes=causes,
        bars=_bars(report),
        home=HOME,
        style=markup(style),
        script=markup(script),
        policy=f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; base-uri 'none'",
        data=map(markup, _data(report, presentation)),
    )


# --------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar of the plot: its range of scores, how many workloads have them, its length in percent of the longest, and
    the thresholds in the range."""

    first: int
    last: int
    count: int
    length: int
    grade: str
    thresholds: Sequence[int]


def _bars(report: Report) -> list[_Bar]:
    """Returns the distribution of the scores in steps of ten; 100 counts to the last."""
    counts: Counter[int] = Counter()
    for score, count in report.scores.items():
        counts[min(score // _BIN, 9)] += count
    most = max(counts.values(), default=1)
    thresholds = sorted({assessment.score.threshold for assessment in report.assessments})
    bars = []
    for step in range(10):
        first = step * _BIN
        last = 100 if step == 9 else first + _BIN - 1
        length = max(round(100 * counts[step] / most), 1 if counts[step] else 0)
        here = [threshold for threshold in thresholds if first <= threshold <= last]
        bars.append(_Bar(first, last, counts[step], length, Score(first, 0).grade, here))
    return bars


# ------------------------------------------------------------------------------------------ data


def _data(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields what the script shows, as JSON that no HTML parser takes for markup."""
    link_base = presentation.link_base
    deciding = set(map(id, decisive(report)))
    surroundings = LinesAround.of(presentation)
    used = {rule.id: rule for finding in report.findings for rule in finding.rules}
    document = {
        "rules": {rule_id: _rule(used[rule_id]) for rule_id in sorted(used)},
        "workloads": (_workload(assessment, link_base) for assessment in report.assessments),
        "findings": (
            {
                **_finding(finding, fingerprint, link_base),
                "decides": id(finding) in deciding,
                "isNew": presentation.is_new(finding.location) if finding.is_new is None else finding.is_new,
                **_around(finding, surroundings),
            }
            for finding, fingerprint in zip(report.findings, fingerprints(report.findings), strict=True)
        ),
    }
    for piece in json_pieces(document):
        yield piece.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "title": shown(rule.title, LIMIT),
        "severity": rule.severity.label,
        "why": shown(" ".join(rule.rationale.split()), _LONG_LIMIT),
        "instead": shown(rule.instead, LIMIT),
        "fix": shown(" ".join(rule.remediation.split()), _LONG_LIMIT),
        "page": rule_page(rule),
        "references": [
            [shown(reference.title, LIMIT), reference.url]
            for reference in rule.references
            if reference.url.startswith(("https://", "http://"))
        ],
    }


def _workload(assessment: Assessment, link_base: str) -> dict[str, Any]:
    score, location = assessment.score, assessment.location
    return {
        "object": shown(str(assessment.workload), LIMIT),
        "kind": shown(assessment.workload.kind, LIMIT),
        "namespace": shown(assessment.workload.namespace, LIMIT),
        "name": shown(assessment.workload.name, LIMIT),
        "score": score.known,
        "filled": 100 * filled_cells(score) // BAR_CELLS,
        **({"atMost": at_most(score)} if score.is_bound else {}),
        **({"without": shown(other, LIMIT)} if (other := without(score)) else {}),
        "grade": score.grade,
        "threshold": score.threshold,
        "needs": shown(needs(score), LIMIT),
        **({"was": was(assessment)} if was(assessment) else {}),
        "passed": assessment.passed,
        "pss": assessment.pss_level,
        "source": shown(location.path, LIMIT),
        "renderedBy": shown(origin(assessment.renderings), LIMIT),
        **_place(location, link_base),
    }


def _place(location: Location, link_base: str) -> dict[str, Any]:
    return {
        "path": shown(location.path, LIMIT),
        "line": location.start.line,
        "link": line_page(link_base, location),
    }


def _source(location: Location, link_base: str) -> dict[str, Any]:
    """Returns a place with its line, and the columns of the field if the line is shown whole."""
    text, start, end = location.snippet, location.start, location.end
    is_whole = len(text) < _UNCUT_LENGTH and shown(text, LIMIT) == text and start.line == end.line
    exact = is_whole and text[start.column - 1 : end.column - 1]
    marked = [start.column - 1, end.column - 1] if exact else None
    return {**_place(location, link_base), "text": shown(text, LIMIT), "marked": marked}


def _around(finding: Finding, surroundings: LinesAround) -> dict[str, list[str]]:
    before, after = surroundings.around(finding, _LINES_AROUND)
    return {name: [shown(line, LIMIT) for line in lines] for name, lines in (("before", before), ("after", after))}


def _finding(finding: Finding, fingerprint: str, link_base: str) -> dict[str, Any]:
    location = finding.location
    return {
        "rule": finding.rule.id,
        "includes": [rule.id for rule in finding.includes],
        "object": shown(str(finding.resource), LIMIT),
        "source": shown(finding.source or location.path, LIMIT),
        "also": [shown(str(resource), LIMIT) for resource in finding.also[:_FEW]],
        "container": shown(finding.container or "", LIMIT),
        "field": shown(field_path(location.pointer), LIMIT),
        "message": shown(finding.message, LIMIT),
        "at": _source(location, link_base),
        "approximate": location.is_approximate,
        "related": [
            {
                **_source(related.location, link_base),
                "what": shown(related.message, LIMIT),
                **({"step": related.step} if related.step else {}),
            }
            for related in location.related[:_FEW]
        ],
        "renderedBy": shown(origin(finding.renderings), LIMIT),
        "waived": shown(acceptance(finding.waiver), LIMIT) if finding.waiver else "",
        **({"isKnown": True} if finding.is_new is False else {}),
        "fingerprint": fingerprint,
    }
