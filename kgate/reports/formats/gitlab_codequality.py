"""The Code Quality report of GitLab: what the widget of a merge request shows in every tier."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from kgate.model import Finding, Note, Problem, Remark, Report, Severity, Unjudged, Verdict
from kgate.reports.jsontext import json_pieces
from kgate.reports.links import project_path
from kgate.reports.presentation import Folder, Presentation
from kgate.reports.waived import accepted_notes
from kgate.reports.wording import acceptance, diagnosis, fingerprints, numbered, place_of, remark_sentence, shown
from kgate.values import dataclass

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
}
_LIMIT = 2_000


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields a JSON array in ASCII, Problems first, then findings; GitLab stops reading at the first invalid entry."""
    project = presentation.project
    remarks = chain(
        map(_of_problem, report.problems),
        map(partial(_of_unjudged, report.verdict), report.unjudged),
        map(_of_accepted, accepted_notes(report)),
        map(_of_note, (*report.unlisted.notes, *report.hidden)),
    )
    entries = chain(
        _of_remarks(remarks, project),
        map(partial(_of_finding, project), report.findings, fingerprints(report.findings)),
    )
    yield from json_pieces(entries, indent=1)
    yield "\n"


def _of_finding(project: Folder, finding: Finding, fingerprint: str) -> dict[str, Any]:
    """Returns the entry of a finding; a waived one is kept with severity info."""
    text = f"{diagnosis(finding)} In {place_of(finding)}."
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
            "path": project_path(finding.location.path, project),
            "lines": {"begin": start.line, "end": max(start.line, end.line)},
        },
    }


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is said about a file beside its findings: the text, its class and its severity."""

    remark: Remark
    text: str
    name: str
    severity: str

    @property
    def cause(self) -> str:
        """What stays when lines move and counts change, by which GitLab knows it again."""
        said = "" if isinstance(self.remark, Note) else self.remark.text
        return "\0".join((self.name, self.remark.path, said))


def _of_problem(problem: Problem) -> _Entry:
    """Returns the entry of what could not be judged, with the highest severity: it may hide anything."""
    return _Entry(problem, f"Not judged: {remark_sentence(problem)}", "problem", "blocker")


def _of_unjudged(verdict: Verdict, unjudged: Unjudged) -> _Entry:
    """Returns the entry of what was not judged, which weighs little where the user accepts that."""
    return _Entry(unjudged, remark_sentence(unjudged), "unjudged", "critical" if verdict.incomplete else "info")


def _of_accepted(note: Note) -> _Entry:
    """Returns the entry of what was not judged and is accepted."""
    return _Entry(note, remark_sentence(note), "accepted", "info")


def _of_note(note: Note) -> _Entry:
    """Returns the entry that says what is not listed of a file, or hidden by it."""
    return _Entry(note, remark_sentence(note), "note", "info")


def _of_remarks(entries: Iterable[_Entry], project: Folder) -> Iterator[dict[str, Any]]:
    """Yields the entries as GitLab reads them; the second one of a cause has another fingerprint."""
    listed = list(entries)
    for entry, cause in zip(listed, numbered(entry.cause for entry in listed), strict=True):
        path = project_path(entry.remark.path, project)
        yield {
            "description": shown(entry.text, _LIMIT),
            "check_name": entry.name,
            "fingerprint": hashlib.sha256(cause.encode("utf-8", "surrogatepass")).hexdigest()[:32],
            "severity": entry.severity,
            "categories": ["Security"],
            "location": {"path": path, "lines": {"begin": entry.remark.line or 1}},
        }
