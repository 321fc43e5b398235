"""The JSON of a comparison, version 1; its schema is kgate/schemas/diff-1.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kgate.model import Diff, Finding, FindingChange, Report
from kgate.reports.diffs.changes import ObjectChange, finding_changes, object_changes, workload_changes
from kgate.reports.formats.json import change_json, identity_json, remark_json, unjudged_json, verdict_json
from kgate.reports.jsontext import json_pieces
from kgate.reports.presentation import Presentation


def render(diff: Diff, _presentation: Presentation) -> Iterator[str]:
    """Yields one JSON object in ASCII, with a line end."""
    compared = diff.after.compared
    document = {
        "schema": "kgate-diff/1",
        "version": diff.after.version,
        "before": _state(diff.titles[0], diff.before),
        "after": _state(diff.titles[1], diff.after),
        "workloads": map(change_json, workload_changes(diff)),
        "objects": map(_object, object_changes(diff)),
        "findings": map(_finding, finding_changes(diff)),
        "known": compared.known if compared is not None else 0,
        "problems": map(remark_json, diff.after.problems),
        "unjudged": map(unjudged_json, diff.after.unjudged),
        "notes": list(diff.notes),
        "verdict": verdict_json(diff.after.verdict),
    }
    yield from json_pieces(document, indent=2)
    yield "\n"


def _state(title: str, report: Report) -> dict[str, Any]:
    return {
        "title": title,
        "resources": report.counts.resources,
        "workloads": report.workloads,
        "findings": {severity.label: count for severity, count in report.severities.items()},
        "lowest_score": min(report.scores, default=None),
    }


def _object(one: ObjectChange) -> dict[str, Any]:
    state = "new" if one.is_new else "gone" if one.is_gone else "changed"
    return {"object": one.name, "path": one.path, "state": state, "new": one.new, "gone": one.gone}


def _finding(change: FindingChange) -> dict[str, Any]:
    one = change.finding
    return {
        "state": change.state.value,
        "rule": one.rule.id,
        "severity": one.rule.severity.label,
        "resource": identity_json(one.resource),
        "container": one.container,
        "field": one.anchor,
        "message": one.message,
        "fingerprint": one.fingerprint,
        "before": _place(change.before),
        "after": _place(change.after),
    }


def _place(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    where = finding.location
    return {"path": where.path, "line": where.start.line, "column": where.start.column}
