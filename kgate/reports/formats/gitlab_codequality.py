"""The Code Quality report of GitLab: what the widget of a merge request shows in every tier."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

from kgate.model import Finding, Note, Problem, Remark, Report, Severity, Unjudged, Verdict
from kgate.reports.jsontext import json_pieces
from kgate.reports.presentation import Presentation
from kgate.reports.wording import acceptance, fingerprints, first_sentence, remark_sentence, shown, summary

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
}
_LIMIT = 2_000


def render(report: Report, _presentation: Presentation) -> Iterator[str]:
    """Yields a JSON array in ASCII, Problems first, then findings; GitLab stops reading at the first invalid entry."""
    entries = chain(
        map(_of_problem, report.problems),
        map(partial(_of_unjudged, report.verdict), report.unjudged),
        map(_of_note, (*report.unlisted.notes, *report.hidden)),
        map(_of_finding, report.findings, fingerprints(report.findings)),
    )
    yield from json_pieces(entries, indent=1)
    yield "\n"


def _of_finding(finding: Finding, fingerprint: str) -> dict[str, Any]:
    """Returns the entry of a finding; a waived one is kept with severity info."""
    text = f"{summary(finding)} {first_sentence(finding.rule.remediation)}"
    severity = _SEVERITIES[finding.rule.severity]
    if finding.waiver is not None:
        text, severity = f"Waived: {acceptance(finding.waiver)}. {text}", "info"
    start, end = finding.location.start, finding.location.end
    return {
        "description": shown(text, _LIMIT),
        "check_name": finding.rule.id,
        "fingerprint": fingerprint,
        "severity": severity,
        "categories": ["Security"],
        "location": {
            "path": _path(finding.location.path),
            "lines": {"begin": start.line, "end": max(start.line, end.line)},
        },
    }


def _of_problem(problem: Problem) -> dict[str, Any]:
    """Returns the entry of what could not be judged, with the highest severity: it may hide anything."""
    return _of_remark(problem, f"Not judged: {remark_sentence(problem)}", "problem", "blocker")


def _of_unjudged(verdict: Verdict, unjudged: Unjudged) -> dict[str, Any]:
    """Returns the entry of what was not judged, which weighs little where the user accepts that."""
    severity = "critical" if verdict.incomplete else "info"
    return _of_remark(unjudged, remark_sentence(unjudged), "unjudged", severity)


def _of_note(note: Note) -> dict[str, Any]:
    """Returns the entry that says what is not listed of a file, or hidden by it."""
    return _of_remark(note, remark_sentence(note), "note", "info")


def _of_remark(remark: Remark, text: str, name: str, severity: str) -> dict[str, Any]:
    return {
        "description": shown(text, _LIMIT),
        "check_name": name,
        "fingerprint": hashlib.sha256(str(remark).encode("utf-8", "surrogatepass")).hexdigest()[:32],
        "severity": severity,
        "categories": ["Security"],
        "location": {"path": _path(remark.path), "lines": {"begin": remark.line or 1}},
    }


def _path(path: str) -> str:
    return shown(path.removeprefix("./") or ".", _LIMIT)
