"""The SAST report of GitLab, version 15.2.1: what its vulnerability report shows (tier Ultimate)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

from kgate.model import Finding, Report, Rule
from kgate.reports.jsontext import json_pieces
from kgate.reports.links import HOME, project_path, rule_page
from kgate.reports.presentation import Folder, Presentation
from kgate.reports.taxonomies import CWE, taxa
from kgate.reports.waived import accepted_notes
from kgate.reports.wording import (
    acceptance,
    allowances,
    fingerprints,
    first_sentence,
    origin,
    related_places,
    remark_sentence,
    settings,
    shown,
    subject,
    summary,
)

_VERSION = "15.2.1"
_NO_TIME = "1970-01-01T00:00:00"
"""The start and end that the format requires; a real time would make the bytes depend on the clock."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}#finding")
_NAME_LIMIT = 255
_SOLUTION_LIMIT = 7_000
_LIMIT = 2_000


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields a JSON object in ASCII; a Problem is a fatal message of the scan, which then has failed."""
    document = {
        "version": _VERSION,
        "scan": _scan(report),
        "vulnerabilities": map(
            partial(_vulnerability, presentation.project), report.findings, fingerprints(report.findings)
        ),
    }
    yield from json_pieces(document, indent=1)
    yield "\n"


def _scan(report: Report) -> dict[str, Any]:
    tool = {"id": "kgate", "name": "kgate", "url": HOME, "version": report.version, "vendor": {"name": "kgate"}}
    return {
        "type": "sast",
        "status": "failure" if report.verdict.incomplete else "success",
        "start_time": _NO_TIME,
        "end_time": _NO_TIME,
        "analyzer": tool,
        "scanner": tool,
        "messages": list(_messages(report)),
    }


def _messages(report: Report) -> Iterator[dict[str, str]]:
    for problem in report.problems:
        yield {"level": "fatal", "value": shown(f"{problem.path}: {remark_sentence(problem)}", _LIMIT)}
    if report.verdict.incomplete and not (report.problems or report.unjudged):
        yield from ({"level": "fatal", "value": shown(reason, _LIMIT)} for reason in report.verdict.reasons)
    level = "warn" if report.verdict.incomplete else "info"
    for unjudged in report.unjudged:
        yield {"level": level, "value": shown(f"{unjudged.path}: {remark_sentence(unjudged)}", _LIMIT)}
    for text in (*settings(report), *allowances(report)):
        yield {"level": "info", "value": shown(text, _LIMIT)}
    for note in (*accepted_notes(report), *report.notes):
        yield {"level": "info", "value": shown(f"{note.path}: {remark_sentence(note)}", _LIMIT)}


def _vulnerability(project: Folder, finding: Finding, fingerprint: str) -> dict[str, Any]:
    """Returns a finding; its id and its tracking come from the fingerprint, so that they stay when lines move.

    The format has no accepted risks: a waived finding has severity Info and states the reason.
    """
    rule, location = finding.rule, finding.location
    return {
        "id": str(uuid.uuid5(_NAMESPACE, fingerprint)),
        "name": shown(f"{rule.title}: {subject(finding)}", _NAME_LIMIT),
        "description": shown(_description(finding), _LIMIT),
        "severity": "Info" if finding.waiver else rule.severity.label.capitalize(),
        "solution": shown(" ".join(rule.remediation.split()), _SOLUTION_LIMIT),
        "identifiers": _identifiers(rule),
        "links": [{"name": reference.title, "url": reference.url} for reference in rule.references],
        "location": {
            "file": project_path(location.path, project),
            "start_line": location.start.line,
            "end_line": max(location.start.line, location.end.line),
        },
        "tracking": {"type": "source", "items": [_tracked(project, finding, fingerprint)]},
    }


def _description(finding: Finding) -> str:
    parts = [summary(finding), first_sentence(finding.rule.rationale)]
    if finding.waiver:
        parts.insert(0, f"Waived: {acceptance(finding.waiver)}.")
    if finding.renderings:
        parts.append(f"Rendered by {origin(finding.renderings)}.")
    parts += [f"See {place}." for place in related_places(finding.location)[:4]]
    if finding.also:
        parts.append(f"Also {', '.join(map(str, finding.also[:8]))}.")
    if finding.location.is_approximate:
        parts.append("The line is approximate.")
    return " ".join(part for part in parts if part)


def _identifiers(rule: Rule) -> list[dict[str, str]]:
    """Returns the rule, by which GitLab recognises a vulnerability, then the weaknesses."""
    page = rule_page(rule)
    own = {"type": "kgate_rule", "name": f"kgate {rule.id}", "value": rule.id}
    weaknesses = [taxon for taxon in taxa(rule) if taxon.taxonomy is CWE]
    return [
        {**own, **({"url": page} if page else {})},
        *(
            {"type": "cwe", "name": taxon.id, "value": taxon.id.removeprefix("CWE-"), "url": taxon.url}
            for taxon in weaknesses
        ),
    ]


def _tracked(project: Folder, finding: Finding, fingerprint: str) -> dict[str, Any]:
    start = finding.location.start.line
    return {
        "file": project_path(finding.location.path, project),
        "start_line": start,
        "end_line": max(start, finding.location.end.line),
        "signatures": [{"algorithm": "scope_offset", "value": f"{finding.rule.id}|{fingerprint}"}],
    }
