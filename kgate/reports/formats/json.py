"""The JSON report, version 1; its schema is kgate/schemas/report-1.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from kgate.model import Assessment, Finding, Location, Related, Remark, Rendering, Report, ResourceId, field_path
from kgate.reports.safety import inert_json


def render(report: Report) -> str:
    """The report as one JSON object in ASCII, with a line end."""
    return "".join(_pieces(report))


def _pieces(report: Report) -> Iterator[str]:
    """The text in pieces, one member of a list at a time: all of them as Python values take 600 MB for
    the findings of 10,000 workloads."""
    verdict = report.verdict
    answer = {
        "passed": verdict.passed and not verdict.incomplete,
        "incomplete": verdict.incomplete,
        "reasons": list(verdict.reasons),
    }
    yield f'{{\n  "schema": "kgate-report/1",\n  "version": {json.dumps(report.version)},\n  "workloads": '
    yield from _list(_workload(assessment, report) for assessment in report.assessments)
    yield ',\n  "findings": '
    yield from _list(_finding(finding) for finding in report.findings)
    yield ',\n  "problems": '
    yield from _list(_remark(problem) for problem in report.problems)
    yield ',\n  "notes": '
    yield from _list(_remark(note) for note in report.notes)
    yield f',\n  "summary": {_nested(_summary(report), "  ")},\n  "verdict": {_nested(answer, "  ")}\n}}\n'


def _list(members: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A list as json.dumps indents it."""
    separator, end = "[\n    ", "[]"
    for member in members:
        yield separator + _nested(member, "    ")
        separator, end = ",\n    ", "\n  ]"
    yield end


def _nested(value: dict[str, Any], indent: str) -> str:
    return inert_json(json.dumps(value, indent=2)).replace("\n", "\n" + indent)


def _identity(resource: ResourceId) -> dict[str, str | None]:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace or None,
        "name": resource.name,
    }


def _workload(assessment: Assessment, report: Report) -> dict[str, Any]:
    return {
        **_identity(assessment.workload),
        "source": {"path": assessment.location.path, "line": assessment.location.start.line},
        "rendered_by": next(iter(_rendered_by(assessment.renderings)), None),
        "score": assessment.score.value,
        "grade": assessment.score.grade,
        "threshold": assessment.score.threshold,
        "passed": assessment.passed,
        "pss": {"level": assessment.pss_level, "version": report.kubernetes_version},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    waiver = finding.waiver
    return {
        "rule": finding.rule.id,
        "severity": finding.rule.severity.label,
        "points": finding.rule.points,
        "includes": [rule.id for rule in finding.includes],
        "resource": _identity(finding.resource),
        "also": [_identity(resource) for resource in finding.also],
        "container": finding.container,
        "field": field_path(finding.location.pointer),
        "message": finding.message,
        "location": _location(finding.location),
        "related": [_related(related) for related in finding.location.related],
        "rendered_by": _rendered_by(finding.renderings),
        "fingerprint": finding.fingerprint,
        "waived": {"reason": waiver.reason, "owner": waiver.owner, "expires": waiver.expires} if waiver else False,
        "new": None,
    }


def _location(location: Location) -> dict[str, Any]:
    return {
        "path": location.path,
        "line": location.start.line,
        "column": location.start.column,
        "end_line": location.end.line,
        "end_column": location.end.column,
        "approximate": location.is_approximate,
    }


def _related(related: Related) -> dict[str, Any]:
    start = related.location.start
    return {
        "path": related.location.path,
        "line": start.line,
        "column": start.column,
        "message": related.message,
    }


def _remark(remark: Remark) -> dict[str, Any]:
    return {"path": remark.path, "line": remark.line, "message": remark.message}


def _rendered_by(renderings: Iterable[Rendering]) -> list[dict[str, Any]]:
    """One entry for each chart or kustomization, with its releases and the GitOps objects that ask for them."""
    found: dict[tuple[str, str], list[Rendering]] = {}
    for rendering in renderings:
        found.setdefault((rendering.tool, rendering.path), []).append(rendering)
    return [
        {
            "tool": tool,
            "path": path,
            "variants": [{"name": r.variant or None, "requested_by": r.requested_by or None} for r in same],
        }
        for (tool, path), same in found.items()
    ]


def _summary(report: Report) -> dict[str, Any]:
    return {
        "files": report.counts.files,
        "resources": report.counts.resources,
        "ignored": report.counts.ignored,
        "workloads": report.workloads,
        "findings": {severity.label: count for severity, count in report.severities.items()},
        "waived": report.waived,
        "lowest_score": min(report.scores, default=None),
    }
