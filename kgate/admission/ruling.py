"""Decides about one request: what an object lacks, and whether that is a reason to refuse the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from kgate.admission.asks import Mode
from kgate.admission.controllers import owners
from kgate.admission.review import AdmissionRequest
from kgate.judgement.baseline import compare, record
from kgate.kubernetes.accounts import NODES, ROLE_MAKERS
from kgate.kubernetes.podspec import mapping
from kgate.kubernetes.pss import LEVELS
from kgate.kubernetes.workload import POD_KINDS
from kgate.model import Assessment, Finding, Found, Json, Problem, Report, ResourceId, Severity
from kgate.values import dataclass

_MIRROR = "kubernetes.io/config.mirror"
"""The annotation of a Pod that shows a static one, which a node runs whether the API server has it or not."""

_RBAC = "rbac.authorization.k8s.io/"


@dataclass(frozen=True, slots=True)
class Submitted:
    """An object that is to be judged, and what it belongs to."""

    body: Mapping[str, Json]
    owners: tuple[ResourceId, ...] = ()


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What keeps objects from what is asked of them: workloads that do not reach it, findings that have to go, and what
    could not be judged."""

    assessments: tuple[Assessment, ...] = ()
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.assessments or self.findings or self.problems)


NOTHING = Shortfall()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided about a request. ``unasked`` says why its object is not judged; then there is no ``report``.
    ``shortfall`` are reasons to refuse it, ``accepted`` what would be one if the object had not been like that before;
    ``is_allowed`` says whether it is refused for the reasons, and ``mode`` who is told of them."""

    mode: Mode
    is_allowed: bool = True
    unasked: str = ""
    report: Report | None = None
    shortfall: Shortfall = NOTHING
    accepted: Shortfall = NOTHING
    owners: tuple[ResourceId, ...] = ()


def decide(request: AdmissionRequest, mode: Mode, judge: Callable[[Submitted], Report]) -> Ruling:
    """Returns the ruling about a request, by what ``judge`` reports about its object."""
    unasked = _unasked(request)
    if unasked or request.object is None:
        return Ruling(mode, unasked=unasked)
    belongs_to = owners(request)
    report = judge(Submitted(request.object, belongs_to))
    found, accepted = shortfall(report), NOTHING
    if found and request.old is not None:
        old = judge(Submitted(request.old, belongs_to))
        is_scaled = _unscaled(request.object) == _unscaled(request.old)
        found, accepted = worsened(report, old, is_scaled=is_scaled), found
    mode = Mode.AUDIT if _must_pass(request) else mode
    is_allowed = mode is not Mode.DENY or not found
    return Ruling(mode, is_allowed, "", report, found, NOTHING if found else accepted, belongs_to)


def _unasked(request: AdmissionRequest) -> str:
    """Returns why the object of a request is not to be judged; empty if it is.

    What is being deleted only loses its finalizers. Of a workload the metadata grants nothing; of other objects they
    may, such as the labels of a Namespace and the annotations of an Ingress.
    """
    if request.operation not in ("CREATE", "UPDATE"):
        return f"{request.operation} changes no object"
    if request.subresource == "status":
        return "only the status changes"
    if request.old is None or request.object is None or request.subresource:
        return ""
    if mapping(request.old.get("metadata")).get("deletionTimestamp") is not None:
        return "the object is being deleted"
    if request.kind in POD_KINDS and _content(request.object) == _content(request.old):
        return "only metadata or the status changes"
    return ""


def _content(body: Mapping[str, Json]) -> Mapping[str, Json]:
    return {key: value for key, value in body.items() if key not in ("metadata", "status")}


def _unscaled(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """Returns the content of an object without how many pods it runs."""
    content = dict(_content(body))
    if isinstance(spec := content.get("spec"), dict):
        content["spec"] = {key: value for key, value in spec.items() if key != "replicas"}
    return content


def _must_pass(request: AdmissionRequest) -> bool:
    """True if a refusal would break the cluster and keep nothing from it: of the mirror of a static Pod, by its node,
    and of the roles of Kubernetes itself."""
    body = request.object or {}
    if str(body.get("apiVersion")).startswith(_RBAC):
        return request.user.name in ROLE_MAKERS
    annotations = mapping(mapping(body.get("metadata")).get("annotations"))
    return request.kind == "Pod" and _MIRROR in annotations and NODES in request.user.groups


def shortfall(report: Report) -> Shortfall:
    """Returns what keeps the objects of a report from what is asked of them."""
    failed = tuple(one for one in report.assessments if not one.passed)
    return Shortfall(failed, _deciding(report, failed), report.problems)


def worsened(report: Report, old: Report, *, is_scaled: bool) -> Shortfall:
    """Returns what of a shortfall is a reason to refuse an update: workloads with a lower score than before, or with as
    low a one and a new finding that has to go; such findings; and what cannot be judged, unless that is so before and
    after an update that only scales."""
    before = record(old.findings, old.assessments)
    found = compare(Found(report.assessments, report.findings, report.problems), before).found
    levels = {one.workload: one.pss_level for one in old.assessments}
    failed = tuple(one for one in found.assessments if not (one.passed or _is_better(one, levels.get(one.workload))))
    known = {one.message for one in old.problems} if is_scaled else set()
    now = replace(report, findings=found.findings)
    return Shortfall(failed, _deciding(now, failed), tuple(one for one in report.problems if one.message not in known))


def _is_better(assessment: Assessment, level_before: str | None) -> bool:
    """True if the score has risen, and the Pod Security level has not fallen, as it may where the settings say that a
    rule of it weighs little."""
    score, level = assessment.score, assessment.pss_level
    has_fallen = level_before in LEVELS and level in LEVELS and LEVELS.index(level) < LEVELS.index(level_before)
    return score.is_judged and assessment.before is not None and score.value > assessment.before and not has_fallen


def _deciding(report: Report, failed: tuple[Assessment, ...]) -> tuple[Finding, ...]:
    """Returns the findings that have to go, the new ones first, then the most severe ones."""
    least = {one.workload: one.score.decisive for one in failed}
    open_ones = (one for one in report.findings if one.waiver is None)
    found = [one for one in open_ones if one.fails(report.fail_on) or _decides(one, least)]
    return tuple(sorted(found, key=lambda one: (one.is_new is False, -one.rule.severity)))


def _decides(finding: Finding, least: Mapping[ResourceId, Severity | None]) -> bool:
    asked = [severity for who in finding.resources if (severity := least.get(who)) is not None]
    return any(finding.rule.severity >= severity for severity in asked)
