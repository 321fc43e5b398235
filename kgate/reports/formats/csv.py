"""The CSV report: a row for each workload, finding, problem, part that is not judged, accepted one of these, note, and
setting that somebody made, for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kgate.model import Accepted, Assessment, Finding, Location, Remark, Report, ResourceId, Score, field_path
from kgate.reports.presentation import Presentation
from kgate.reports.wording import (
    acceptance,
    allowances,
    at_most,
    fingerprints,
    first_sentence,
    needs,
    origin,
    related_places,
    settings,
    shown,
    shown_score,
    without,
)

COLUMNS = (
    *("type", "severity", "rule", "title", "apiVersion", "kind", "namespace", "name", "also", "container", "field"),
    *("path", "line", "column", "approximate", "related", "rendered_by", "message", "fix", "waived", "fingerprint"),
    *("score", "grade", "threshold", "passed", "pss", "new", "before"),
)
_LIMIT = 2_000
_FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH COMMERCIAL AT}")
"""What a spreadsheet takes as the start of a formula (OWASP: CSV injection); tabs and line ends are gone by then."""

Row = dict[str, object]


def render(report: Report, _presentation: Presentation) -> Iterator[str]:
    """Yields a table with a header (RFC 4180, but with LF), every cell inert in a spreadsheet."""
    table = writer(COLUMNS)
    yield table.writeheader()
    for row in _rows(report):
        yield table.writerow({name: cell(value) for name, value in row.items()})


def writer(columns: Sequence[str]) -> Any:
    """Returns a writer of rows by their columns, whose methods return the text instead of writing it."""
    return csv.DictWriter(_Passthrough(), columns, restval="", lineterminator="\n")


class _Passthrough:
    """A file for csv, whose writers return what the file's ``write`` returns."""

    def write(self, text: str) -> str:
        """Returns the text."""
        return text


def cell(value: object) -> str:
    """Returns a value as one inert line, with an apostrophe before what a spreadsheet would run as a formula."""
    text = shown("" if value is None else str(value), _LIMIT)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _rows(report: Report) -> Iterator[Row]:
    yield from (_workload(assessment) for assessment in report.assessments)
    yield from map(_finding, report.findings, fingerprints(report.findings))
    yield from (_remark("problem", problem) for problem in report.problems)
    yield from (_remark("unjudged", one) for one in report.unjudged)
    yield from map(_accepted, report.accepted)
    yield from (_remark("note", note) for note in report.notes)
    yield from map(_setting, (*settings(report), *allowances(report)))


def _identity(resource: ResourceId) -> Row:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
    }


def _place(location: Location) -> Row:
    return {"path": location.path, "line": location.start.line, "column": location.start.column}


def _workload(assessment: Assessment) -> Row:
    score = assessment.score
    return {
        "type": "workload",
        **_identity(assessment.workload),
        **_place(assessment.location),
        "rendered_by": origin(assessment.renderings),
        "message": _joined(filter(None, (at_most(score), without(score), _asked(score)))),
        "score": shown_score(score),
        "grade": score.grade,
        "threshold": score.threshold,
        "before": assessment.before,
        "passed": _word(assessment.passed),
        "pss": assessment.pss_level,
    }


def _asked(score: Score) -> str:
    """What the score does not reach, where that is more than the threshold or an entry of ``gates`` asks for it."""
    return "" if score.passed or needs(score) == str(score.threshold) else f"needs {needs(score)}"


def _finding(finding: Finding, fingerprint: str) -> Row:
    rule, location = finding.rule, finding.location
    return {
        "type": "finding",
        "severity": rule.severity.label,
        "rule": rule.id,
        "title": rule.title,
        **_identity(finding.resource),
        "also": _joined(map(str, finding.also)),
        "container": finding.container,
        "field": field_path(location.pointer),
        **_place(location),
        "approximate": _word(location.is_approximate),
        "related": _joined(related_places(location)),
        "rendered_by": origin(finding.renderings),
        "message": finding.message,
        "fix": first_sentence(rule.remediation),
        "waived": acceptance(finding.waiver) if finding.waiver else "",
        "new": "" if finding.is_new is None else _word(finding.is_new),
        "fingerprint": fingerprint,
    }


def _remark(kind: str, remark: Remark) -> Row:
    return {"type": kind, "path": remark.path, "line": remark.line, "message": remark.text}


def _accepted(accepted: Accepted) -> Row:
    return {**_remark("accepted", accepted.remark), "waived": acceptance(accepted.waiver)}


def _setting(text: str) -> Row:
    return {"type": "setting", "message": text}


def _word(value: bool) -> str:
    return "yes" if value else "no"


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(texts)
