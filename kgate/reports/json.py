"""The JSON report, version 1; its schema is kgate/schemas/report-1.json."""

from __future__ import annotations

import json
from typing import Any

from kgate.model import Assessment, Finding, Location, Problem, Report, ResourceId, Severity, field_path
from kgate.reports.safety import inert_json


def render(report: Report) -> str:
    """The report as one JSON object in ASCII, with a line end."""
    return inert_json(json.dumps(_report(report), indent=2)) + "\n"


def _report(report: Report) -> dict[str, Any]:
    return {
        "schema": "kgate-report/1",
        "version": report.version,
        "workloads": [_workload(assessment, report) for assessment in report.assessments],
        "findings": [_finding(finding) for finding in report.findings],
        "problems": [_problem(problem) for problem in report.problems],
        "summary": _summary(report),
        "verdict": {
            "passed": report.verdict.passed and not report.verdict.incomplete,
            "incomplete": report.verdict.incomplete,
            "reasons": list(report.verdict.reasons),
        },
    }


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
        "rendered_by": None,
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
        "container": finding.container,
        "field": field_path(finding.location.pointer),
        "message": finding.message,
        "location": _location(finding.location),
        "related": [],
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
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {"path": problem.path, "line": problem.line, "message": problem.message}


def _summary(report: Report) -> dict[str, Any]:
    open_findings = [finding for finding in report.findings if finding.waiver is None]
    counts = {
        severity.label: sum(finding.rule.severity is severity for finding in open_findings)
        for severity in reversed(Severity)
    }
    return {
        "files": report.counts.files,
        "resources": report.counts.resources,
        "ignored": report.counts.ignored,
        "workloads": len(report.assessments),
        "findings": counts,
        "waived": len(report.findings) - len(open_findings),
        "lowest_score": min((assessment.score.value for assessment in report.assessments), default=None),
    }
