"""Decides whether a policy or a binding is about an object (kubernetes/apiserver, pkg/admission/plugin/policy)."""

from __future__ import annotations

from collections.abc import Mapping

from kgate.kubernetes.podspec import mapping
from kgate.kubernetes.selectors import matches as selects
from kgate.model import Json
from kgate.rules.cel import UnansweredError
from kgate.vap.reading import Admission, resource_name
from kgate.yamltree.fields import Fields

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server gives to every namespace."""


def matches(constraints: Fields, admission: Admission, *, is_binding: bool) -> bool:
    """True if an object fits. A binding without rules is about all objects of its policy. Raises UnansweredError where
    that depends on the labels of a namespace that nobody has."""
    if not _fits_object(constraints, admission) or any(
        _fits(rule, admission, is_any_version=False) for rule in constraints.sections("excludeResourceRules")
    ):
        return False
    rules = list(constraints.sections("resourceRules"))
    is_any_version = constraints.text("matchPolicy") != "Exact"
    if not any(_fits(rule, admission, is_any_version=is_any_version) for rule in rules) and not (
        is_binding and not rules
    ):
        return False
    return _fits_namespace(constraints, admission)


def _fits(rule: Fields, admission: Admission, *, is_any_version: bool) -> bool:
    """True if a rule names the resource. With matchPolicy Equivalent one version of an API stands for all."""
    resource = admission.resource
    scope = rule.text("scope")
    wanted = {"Cluster": not admission.namespace, "Namespaced": bool(admission.namespace)}
    named = [text for _, text in rule.texts("resourceNames")]
    return (
        wanted.get(scope, True)
        and _lists(rule, "operations", admission.operation)
        and _lists(rule, "apiGroups", admission.group)
        and (is_any_version or _lists(rule, "apiVersions", admission.version))
        and any(text in ("*", "*/*", resource_name(resource)) for _, text in rule.texts("resources"))
        and (not named or resource.id.name in named)
    )


def _lists(rule: Fields, name: str, wanted: str) -> bool:
    return any(text in ("*", wanted) for _, text in rule.texts(name))


def _fits_object(constraints: Fields, admission: Admission) -> bool:
    """True if the selector selects the object, as it is or as it was."""
    selector = constraints.section("objectSelector")
    bodies = (admission.resource.body, *(() if admission.old is None else (admission.old,)))
    return any(selects(selector, labels_of(body)) for body in bodies)


def _fits_namespace(constraints: Fields, admission: Admission) -> bool:
    """True if the selector selects the namespace: that of the object, or the object itself if it is one."""
    selector = constraints.section("namespaceSelector")
    if not selector.body:
        return True
    if (admission.resource.id.kind, admission.group) == ("Namespace", ""):
        name, body = admission.resource.id.name, admission.resource.body
        return selects(selector, {NAME_LABEL: name, **labels_of(body)})
    if not admission.namespace:
        return True
    known = admission.namespace_object
    if known is None and _asked_labels(selector) - {NAME_LABEL}:
        raise UnansweredError(f"the labels of namespace '{admission.namespace}' are not known; add its manifest")
    return selects(selector, {NAME_LABEL: admission.namespace, **labels_of(known or {})})


def _asked_labels(selector: Fields) -> set[str]:
    keys = {one.text("key") for one in selector.sections("matchExpressions")}
    return keys | set(selector.strings("matchLabels"))


def labels_of(body: Mapping[str, Json]) -> dict[str, str]:
    """Returns the labels of an object."""
    labels = mapping(mapping(body.get("metadata")).get("labels"))
    return {key: value for key, value in labels.items() if isinstance(value, str)}
