"""A ruling in words: for whoever is refused, in warnings, and in the audit log of the API server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kgate.admission.asks import Mode
from kgate.admission.review import AdmissionResponse, within_limits
from kgate.admission.ruling import Ruling
from kgate.model import Assessment, Finding, Report, Score, Waiver, field_path
from kgate.reports.wording import counted, cut, diagnosis, needs, shown

_MOST_LINES = 10
"""Findings that a refusal lists."""

_LONGEST_LINE = 500
_LONGEST_REASON = 1000


def response(uid: str, ruling: Ruling) -> AdmissionResponse:
    """Returns the answer to the request with this uid."""
    heads, details = tuple(_heads(ruling)), tuple(_details(ruling))
    return AdmissionResponse(
        uid,
        ruling.is_allowed,
        "" if ruling.is_allowed else "\n- ".join(("\n".join(heads), *details)),
        within_limits(tuple(_warnings(ruling, (*heads, *details)))),
        audit_annotations(ruling),
    )


def verdict(ruling: Ruling) -> str:
    """Returns a ruling in a word or two: what metrics and the audit log call it."""
    if ruling.report is None:
        return "not asked"
    if ruling.shortfall:
        return "failed"
    if ruling.accepted:
        return "no worse"
    return "not covered" if _is_uncovered(ruling.report) else "passed"


def audit_annotations(ruling: Ruling) -> dict[str, str]:
    """Returns what the audit log of the API server is to say: the verdict and its reason; score, Pod Security level and
    rules of what was judged; and what is waived by what."""
    report = ruling.report
    if report is None:
        return {"verdict": verdict(ruling), "reason": ruling.unasked}
    found = {"verdict": verdict(ruling)}
    if report.assessments:
        lowest = min(report.assessments, key=lambda one: one.score.order)
        found |= {"score": _score(lowest.score), "level": lowest.pss_level}
    found["rules"] = ", ".join(sorted({one.rule.id for one in report.findings if one.waiver is None}))
    found["waived"] = ", ".join(sorted({_waived(one, one.waiver) for one in report.findings if one.waiver}))
    found["owners"] = shown(", ".join(map(str, ruling.owners)), _LONGEST_LINE)
    found["reason"] = cut("; ".join((*_heads(ruling), *_details(ruling))), _LONGEST_REASON)
    return {name: text for name, text in found.items() if text}


def _score(score: Score) -> str:
    return "unknown" if score.is_bound else str(score.value)


def _waived(finding: Finding, waiver: Waiver) -> str:
    end = f" until {waiver.expires}" if waiver.expires else ""
    return shown(f"{finding.rule.id} by {waiver.place}{end}", _LONGEST_LINE)


def _is_uncovered(report: Report) -> bool:
    return not (report.assessments or report.findings or report.unjudged) and bool(report.uncovered.objects)


def _warnings(ruling: Ruling, told: Iterable[str]) -> Iterator[str]:
    """Yields what whoever asked should know, though it is not refused: nothing where only the audit log is written."""
    if ruling.mode is Mode.AUDIT or not ruling.is_allowed or ruling.report is None:
        return
    yield from told
    for one in ruling.report.unjudged:
        yield shown(f"{one.what} is not judged here: {one.message}", _LONGEST_LINE)
    if _is_uncovered(ruling.report):
        yield "no rule is about this kind of object, so nothing of it was judged"


def _heads(ruling: Ruling) -> Iterator[str]:
    """Yields what is not reached, and by how much."""
    found = ruling.shortfall or ruling.accepted
    end = "" if ruling.shortfall else "; the request is allowed as it was no better before"
    for one in found.assessments:
        yield shown(f"{one.workload} {_outcome(one)}{end}", _LONGEST_LINE)
    if not found.assessments and found.findings:
        names = ", ".join(sorted({str(one.resource) for one in found.findings}))
        yield shown(f"{names} has findings that nothing here may have{end}", _LONGEST_LINE)
    if not found.assessments and not found.findings and found.problems:
        yield f"the object cannot be judged{end}"


def _outcome(assessment: Assessment) -> str:
    score, before = assessment.score, assessment.before
    if not score.is_judged:
        return "has no score, as not all of it can be judged"
    then = "" if before is None or before == score.value else f", and scored {before} before"
    most = "at most " if score.is_bound else ""
    return f"scores {most}{score.value} and needs {needs(score)}{then}"


def _details(ruling: Ruling) -> Iterator[str]:
    """Yields what to write instead in which field, and what cannot be judged."""
    found, report = ruling.shortfall or ruling.accepted, ruling.report
    for finding in found.findings[:_MOST_LINES]:
        yield shown(f"{_where(finding)}: {diagnosis(finding)} ({finding.rule.id})", _LONGEST_LINE)
    if len(found.findings) > _MOST_LINES:
        yield f"and {counted(len(found.findings) - _MOST_LINES, 'more finding')}"
    for problem in found.problems[:_MOST_LINES]:
        yield shown(f"cannot be judged: {problem.message}", _LONGEST_LINE)
    if report is not None and any(not one.score.is_judged for one in found.assessments):
        for one in report.unjudged[:_MOST_LINES]:
            yield shown(f"{one.what} cannot be judged: {one.message}", _LONGEST_LINE)


def _where(finding: Finding) -> str:
    field = cut(field_path(finding.location.pointer), 200)
    return field if finding.container is None else f"container {cut(finding.container, 100)}, {field}".rstrip(", ")
