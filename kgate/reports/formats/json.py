"""The JSON report, version 2; its schema is kgate/schemas/report-2.json."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kgate.model import (
    UNKNOWN,
    Accepted,
    Assessment,
    Compared,
    FailOn,
    FileFate,
    Finding,
    Location,
    Related,
    Remark,
    Rendering,
    Report,
    ResourceId,
    Score,
    Unjudged,
    Verdict,
    Waiver,
    WorkloadChange,
    field_path,
)
from kgate.reports.jsontext import json_pieces
from kgate.reports.presentation import Presentation


def render(report: Report, _presentation: Presentation) -> Iterator[str]:
    """Yields one JSON object in ASCII, with a line end."""
    document = {
        "schema": "kgate-report/2",
        "version": report.version,
        "configuration": {
            "path": report.configuration.path or None,
            "revision": report.configuration.revision or None,
        },
        "settings": {one.name: {"value": one.value, "source": one.source} for one in report.settings},
        "workloads": (_workload(assessment, report) for assessment in report.assessments),
        "findings": map(_finding, report.findings),
        "problems": map(remark_json, report.problems),
        "unjudged": map(unjudged_json, report.unjudged),
        **({"accepted": map(_accepted, report.accepted)} if report.accepted else {}),
        "notes": map(remark_json, report.notes),
        **({"files": map(_file, report.files)} if report.files else {}),
        "compared": _compared(report.compared) if report.compared else None,
        "summary": _summary(report),
        "verdict": verdict_json(report.verdict),
    }
    yield from json_pieces(document, indent=2)
    yield "\n"


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Returns the verdict with its reasons."""
    return {
        "passed": verdict.passed and not verdict.incomplete,
        "incomplete": verdict.incomplete,
        "reasons": list(verdict.reasons),
    }


def identity_json(resource: ResourceId) -> dict[str, str | None]:
    """Returns what tells an object from others."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace or None,
        "name": resource.name,
    }


def _workload(assessment: Assessment, report: Report) -> dict[str, Any]:
    return {
        **identity_json(assessment.workload),
        "source": {"path": assessment.location.path, "line": assessment.location.start.line},
        "rendered_by": next(iter(_rendered_by(assessment.renderings)), None),
        "score": assessment.score.known,
        **({"score_at_most": assessment.score.value} if assessment.score.is_bound else {}),
        **_ignoring(assessment.score),
        "judged": assessment.score.is_judged,
        **({"decisive": assessment.score.decisive.label} if assessment.score.decisive is not None else {}),
        "grade": None if assessment.score.is_bound else assessment.score.grade,
        "threshold": assessment.score.threshold,
        **_asked(assessment.score),
        "score_before": assessment.before,
        "known": assessment.is_known,
        "passed": assessment.passed,
        "pss": {
            "level": _known(assessment.pss_level),
            "version": assessment.kubernetes_version or report.kubernetes_version,
        },
    }


def _asked(score: Score) -> dict[str, Any]:
    """The level that was asked for, and the lines of ``gates`` that ask for it and for the threshold."""
    places = {"threshold": score.threshold_place, "level": score.level_place}
    named = {name: place for name, place in places.items() if place}
    return {**({"required_level": score.level} if score.level else {}), **({"gates": named} if named else {})}


def _ignoring(score: Score) -> dict[str, Any]:
    """The rules that were left out by name, and those that do not count as they are waived, with the score with
    them."""
    ignored = {"ignored": list(score.ignored), "score_without_ignoring": score.without_ignoring}
    waived = {"waived": list(score.waived), "score_without_waivers": score.without_waivers}
    return {**(ignored if score.ignored else {}), **(waived if score.waived else {})}


def _known(text: str) -> str | None:
    return None if text == UNKNOWN else text


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule.id,
        "severity": finding.rule.severity.label,
        "points": finding.rule.points,
        "explicit": finding.is_explicit,
        "includes": [rule.id for rule in finding.includes],
        "resource": identity_json(finding.resource),
        "also": [identity_json(resource) for resource in finding.also],
        "container": finding.container,
        "field": field_path(finding.location.pointer),
        "anchor": finding.anchor,
        "known_as": finding.known_as or None,
        "message": finding.message,
        "source": finding.source,
        "location": _location(finding.location),
        "related": [_related(related) for related in finding.location.related],
        "rendered_by": _rendered_by(finding.renderings),
        "fingerprint": finding.fingerprint,
        "waived": _waiver(finding.waiver) if finding.waiver else False,
        "new": finding.is_new,
        **_fail_on(finding.fail_on),
    }


def _fail_on(own: FailOn | None) -> dict[str, Any]:
    """From which severity it fails, and the line of ``gates`` that says so."""
    if own is None or own.severity is None or not own.place:
        return {}
    return {"fail_on": {"severity": own.severity.label, "place": own.place}}


def _waiver(waiver: Waiver) -> dict[str, str | None]:
    return {
        "reason": waiver.reason,
        "owner": waiver.owner or None,
        "expires": waiver.expires or None,
        "place": waiver.place or None,
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


def remark_json(remark: Remark) -> dict[str, Any]:
    """Returns a remark with its place."""
    return {"path": remark.path, "line": remark.line, "message": remark.message}


def unjudged_json(unjudged: Unjudged) -> dict[str, Any]:
    """Returns what was not judged, why, and what to run."""
    return {
        "path": unjudged.path,
        "line": unjudged.line,
        "what": unjudged.what,
        "why": unjudged.message,
        "command": unjudged.command or None,
    }


def _accepted(accepted: Accepted) -> dict[str, Any]:
    remark = accepted.remark
    if isinstance(remark, Unjudged):
        return {"type": "unjudged", **unjudged_json(remark), "waived": _waiver(accepted.waiver)}
    return {"type": "problem", **remark_json(remark), "waived": _waiver(accepted.waiver)}


def _file(file: FileFate) -> dict[str, Any]:
    return {"path": file.path, "fate": file.fate.value, "reasons": list(file.reasons)}


def _rendered_by(renderings: Iterable[Rendering]) -> list[dict[str, Any]]:
    """Returns an entry for each chart or kustomization, with its releases and the GitOps objects that request them."""
    found: dict[tuple[str, str], list[Rendering]] = {}
    for rendering in renderings:
        found.setdefault((rendering.tool, rendering.path), []).append(rendering)
    return [
        {
            "tool": tool,
            "path": path,
            "variants": [{"name": r.title or None, "requested_by": r.requested_by or None} for r in same],
        }
        for (tool, path), same in found.items()
    ]


def _compared(compared: Compared) -> dict[str, Any]:
    return {
        "with": compared.title,
        "new": compared.new,
        "known": compared.known,
        "known_workloads": compared.workloads,
        "gone": compared.gone,
        **({} if compared.changes is None else {"workloads": [change_json(one) for one in compared.changes]}),
    }


def change_json(change: WorkloadChange) -> dict[str, Any]:
    """Returns what became of a workload."""
    return {
        "workload": change.workload,
        "path": change.path,
        "rendered_by": list(change.renderings),
        "state": "new" if change.is_new else "gone" if change.is_gone else "changed",
        "before": change.before,
        "after": change.after,
        "new": change.new,
        "gone": change.gone,
        **({"moved_from": change.moved_from} if change.moved_from else {}),
    }


def _summary(report: Report) -> dict[str, Any]:
    return {
        "files": report.counts.files,
        "resources": report.counts.resources,
        "ignored": report.counts.ignored,
        "workloads": report.workloads,
        "findings": {severity.label: count for severity, count in report.severities.items()},
        "waived": report.waived,
        "accepted": len(report.accepted),
        "hidden": sum(line.manifests for line in report.hidden),
        "unjudged": len(report.unjudged) + report.unlisted.unjudged,
        "uncovered": {"objects": report.uncovered.objects, "rbac": report.uncovered.rbac},
        "lowest_score": min(report.scores, default=None),
    }
