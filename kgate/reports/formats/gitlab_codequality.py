"""The Code Quality report of GitLab: what the widget of a merge request shows in every tier."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from kgate.model import Finding, Note, Problem, Remark, Report, Severity
from kgate.reports.safety import inert_json
from kgate.reports.wording import acceptance, fingerprints, first_sentence, remark_sentence, shown, summary

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
}
_LIMIT = 2_000


def render(report: Report) -> str:
    """A JSON array in ASCII, a Problem first, then each finding; GitLab reads up to the first that is not right."""
    entries = [_of_problem(problem) for problem in report.problems]
    entries += [_of_note(note) for note in report.unlisted.notes]
    entries += [
        _of_finding(finding, fingerprint)
        for finding, fingerprint in zip(report.findings, fingerprints(report.findings), strict=True)
    ]
    return inert_json(json.dumps(entries, indent=1)) + "\n"


def _of_finding(finding: Finding, fingerprint: str) -> dict[str, Any]:
    """A finding; one that is waived stays, as information."""
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
    """What could not be judged: nothing is worse to have in a merge request."""
    return _of_remark(problem, f"Not judged: {remark_sentence(problem)}", "problem", "blocker")


def _of_note(note: Note) -> dict[str, Any]:
    """What of a file is not listed."""
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
