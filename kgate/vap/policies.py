"""Rules -> ValidatingAdmissionPolicies and their bindings, and what cannot become one, with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from datetime import date
from typing import Any, TypeAlias

from kgate.judgement.waivers import WaiverEntry
from kgate.kubernetes.accounts import ROLE_MAKERS
from kgate.kubernetes.plurals import plural
from kgate.kubernetes.served import is_in_files
from kgate.kubernetes.workload import template_path
from kgate.model import Rule, Severity
from kgate.values import dataclass
from kgate.vap import asking
from kgate.vap.exemptions import Exemption, NotExported, exemptions

Body: TypeAlias = dict[str, Any]

API_VERSION = "admissionregistration.k8s.io/v1"
SINCE = 30
"""The first Kubernetes 1.x version that serves it."""

WORKLOADS = (
    ("", ("Pod", "PodTemplate", "ReplicationController")),
    ("apps", ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")),
    ("batch", ("CronJob", "Job")),
    ("argoproj.io", ("Rollout",)),
    ("apps.openshift.io", ("DeploymentConfig",)),
)
"""Kinds whose pods are judged where they are written; the pods that other kinds run are judged as Pods."""

SYSTEM_NAMESPACES = ("kube-node-lease", "kube-public", "kube-system")
_REPLACED = {"serviceAccount": "the API server copies the field from serviceAccountName before any policy is asked"}
"""Fields in which a policy does not see what somebody wrote."""

MAX_CONDITIONS = 64
"""Match conditions that a policy may have (kubernetes, pkg/apis/admissionregistration/validation)."""


@dataclass(frozen=True, slots=True)
class Enforcement:
    """Which rules deny and which warn: those from a severity on, or those that implement a Pod Security level; None if
    none does. Everything else is written to the audit log alone."""

    deny: Severity | str | None = Severity.HIGH
    warn: Severity | str | None = Severity.MEDIUM

    def actions(self, rule: Rule) -> list[str]:
        """Returns the validationActions of a binding; Deny and Warn exclude each other."""
        if _reaches(rule, self.deny):
            return ["Deny", "Audit"]
        return ["Warn", "Audit"] if _reaches(rule, self.warn) else ["Audit"]


def _reaches(rule: Rule, bar: Severity | str | None) -> bool:
    if isinstance(bar, Severity):
        return rule.severity >= bar
    levels = {"baseline": {"baseline"}, "restricted": {"baseline", "restricted"}}.get(bar or "", set())
    return any(check.level in levels for check in rule.pss)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How rules are exported: for which Kubernetes 1.x version, and what is exempt."""

    minor: int
    today: date
    enforcement: Enforcement = Enforcement()
    namespaces: tuple[str, ...] = SYSTEM_NAMESPACES
    waivers: tuple[WaiverEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """A policy with its binding, and comments of people for whoever reads it, of any characters."""

    rule: Rule
    policy: Body
    binding: Body
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """All policies, in the order of the rules, and what is left out."""

    policies: tuple[Exported, ...]
    left_out: tuple[NotExported, ...] = field(default=())


def export(rules: Iterable[Rule], options: ExportOptions) -> Export:
    """Exports every rule that one object can decide."""
    policies: list[Exported] = []
    left_out: list[NotExported] = []
    for rule in rules:
        obstacle = obstacle_of(rule, options.minor)
        if obstacle:
            left_out.append(NotExported(rule.id, obstacle))
            continue
        found = list(exemptions(options.waivers, rule.id, options.today))
        left_out += [one for one in found if isinstance(one, NotExported)]
        policies.append(_exported(rule, options, [one for one in found if isinstance(one, Exemption)]))
    return Export(tuple(policies), tuple(left_out))


def obstacle_of(rule: Rule, minor: int) -> str:
    """Returns why a rule cannot be a policy; empty if it can."""
    if not rule.expression:
        return "it is about the gate, not about an object"
    if rule.components:
        return "it is about the settings of a program, and a policy cannot read a command line"
    if "audit" in rule.targets or (rule.kinds and all(map(is_in_files, rule.kinds))):
        return "it is about a file that a program reads, and no API server gets one"
    if minor not in rule.versions:
        return f"it is not about Kubernetes 1.{minor}"
    if any("facts" in question.names for question in asking.questions(rule, minor)):
        return "it needs to know other objects, such as bindings or service accounts, and a policy sees one"
    return next((reason for name, reason in _REPLACED.items() if rule.fields[:1] == (name,)), "")


def _exported(rule: Rule, options: ExportOptions, exempt: Sequence[Exemption]) -> Exported:
    name = f"kgate-{rule.id}"
    binding = {
        "policyName": name,
        "validationActions": options.enforcement.actions(rule),
        **_limited_to(options.namespaces, rule),
    }
    return Exported(
        rule,
        _object("ValidatingAdmissionPolicy", name, rule, _policy_spec(rule, options.minor, exempt)),
        _object("ValidatingAdmissionPolicyBinding", name, rule, binding),
        tuple(one.comment for one in exempt),
    )


def _object(kind: str, name: str, rule: Rule, spec: Body) -> Body:
    labels = {"app.kubernetes.io/managed-by": "kgate", "kgate.dev/severity": rule.severity.label}
    annotations = {"kgate.dev/rule": rule.id, "kgate.dev/title": rule.title}
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _limited_to(namespaces: Sequence[str], rule: Rule) -> Body:
    """Returns the field of a binding that leaves namespaces out, unless the rule is about the namespace itself."""
    if not namespaces or ".namespace" in rule.expression or ".?namespace" in rule.expression:
        return {}
    chosen = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(namespaces)}
    return {"matchResources": {"namespaceSelector": {"matchExpressions": [chosen]}}}


def _policy_spec(rule: Rule, minor: int, exempt: Sequence[Exemption]) -> Body:
    asked = list(asking.questions(rule, minor))
    excused = [one.condition for one in exempt if one.is_about_container]
    used = {*(name for question in asked for name in question.names), *(question.target for question in asked)}
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": list(_resource_rules(rule))},
        "matchConditions": list(_match_conditions(rule, used, exempt)),
        "variables": list(_variables(asked, used, excused)),
        "validations": [_validation(rule, question) for question in asked],
    }


# ------------------------------------------------------------------------------------- which objects


def _resource_rules(rule: Rule) -> Iterator[Body]:
    """Yields the resources that a rule is about, by API group."""
    found: dict[str, set[str]] = {}
    for name in rule.kinds:
        kind, _, group = name.partition(".")
        groups = [one for one, kinds in WORKLOADS if kind in kinds] or ["*"] if not group else [group]
        for one in groups:
            found.setdefault("" if one == "core" else one, set()).add(plural(kind))
    if rule.targets != ("resource",):
        for one, kinds in WORKLOADS:
            found.setdefault(one, set()).update(map(plural, kinds))
        found[""].add("pods/ephemeralcontainers")
    for one in sorted(found):
        yield {
            "apiGroups": [one],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": sorted(found[one]),
        }


def _match_conditions(rule: Rule, used: set[str], exempt: Sequence[Exemption]) -> Iterator[Body]:
    """Yields conditions, all of which hold for what is judged."""
    yield _named("not-being-deleted", "!has(object.metadata.deletionTimestamp)")
    if rule.targets != ("resource",):
        changes = [f"object.?{name} != oldObject.?{name}" for name in ("spec", "template")]
        if asking.METADATA in used:
            changes.append("object.metadata.?annotations != oldObject.metadata.?annotations")
        yield _named("changes-pods", " || ".join(("oldObject == null", *changes)))
    else:
        yield _named("not-by-kubernetes", f"!(request.userInfo.username in {json.dumps(ROLE_MAKERS)})")
    whole = [one.condition for one in exempt if not one.is_about_container]
    if len(whole) + 2 > MAX_CONDITIONS:
        whole = [" || ".join(f"({condition})" for condition in whole)]
    for number, condition in enumerate(whole, 1):
        yield _named(f"not-waived-{number}", f"!({condition})")


def _named(name: str, expression: str) -> Body:
    return {"name": name, "expression": expression}


# ---------------------------------------------------------------------------------------- what it asks


def _variables(asked: Sequence[asking.Question], used: set[str], excused: Sequence[str]) -> Iterator[Body]:
    if not used.isdisjoint((asking.POD, "container")):
        yield _named(asking.POD, _below_template("spec"))
    if asking.METADATA in used:
        yield _named(asking.METADATA, _below_template("metadata"))
    condition = next((asking.about_object(one) for one in asked if one.target == "container"), None)
    if condition is not None:
        lists = ("initContainers", "containers", "ephemeralContainers")
        yield _named(asking.CONTAINERS, " + ".join(f"variables.pod.?{name}.orValue([])" for name in lists))
        exempt = "".join(f"!({one}) && " for one in excused)
        yield _named(asking.OFFENDING, f"variables.containers.filter(container, {exempt}!({condition}))")


def _below_template(name: str) -> str:
    """Returns the expression of a part of the pod template, wherever a kind has it; empty where there is none."""
    kinds_at: dict[tuple[str, ...], list[str]] = {}
    for group, kinds in WORKLOADS:
        for kind in kinds:
            kinds_at.setdefault(template_path(f"{group}/v1" if group else "v1", kind), []).append(kind)
    usual = max(kinds_at, key=lambda path: len(kinds_at[path]))
    lines = [
        f"object.kind == '{kind}' ? {_optional(path, name)} :"
        for path, kinds in kinds_at.items()
        for kind in kinds
        if path != usual
    ]
    return "\n".join((*lines, _optional(usual, name)))


def _optional(path: Sequence[str], name: str) -> str:
    return "object" + "".join(f".?{token}" for token in (*path, name)) + ".orValue({})"


def _validation(rule: Rule, question: asking.Question) -> Body:
    """Returns a validation, with a message that names the containers."""
    is_about_container = question.target == "container"
    instead = f" → {rule.instead}" if rule.instead else ""
    told = f"{rule.message} (kgate {rule.id}{instead})"
    body = {
        "expression": f"variables.{asking.OFFENDING}.size() == 0"
        if is_about_container
        else asking.about_object(question),
        "message": told,
        "reason": "Forbidden",
    }
    if is_about_container:
        names = f"variables.{asking.OFFENDING}.map(container, container.?name.orValue('')).join(', ')"
        body["messageExpression"] = f"{json.dumps(told + ' Containers: ', ensure_ascii=False)} + {names}"
    return body
