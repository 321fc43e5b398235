"""Roles, bindings and service accounts, as typed values; what the API server would refuse is a fault at its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TypeAlias

from kgate.model import Json, Pointer, Problem, Resource
from kgate.rbac.permissions import Permission
from kgate.values import dataclass
from kgate.yamltree.fields import Fields

GROUP = "rbac.authorization.k8s.io"
KINDS = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount"})
"""The kinds that decide who may do what."""

SUBJECT_KINDS = ("ServiceAccount", "User", "Group")


@dataclass(frozen=True, slots=True)
class Role:
    """A Role (in a namespace) or a ClusterRole (``namespace`` is empty).

    ``selectors`` are those of its aggregationRule, None without one. ``resource`` is None for what Kubernetes brings.
    """

    kind: str
    namespace: str
    name: str
    permissions: tuple[Permission, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    selectors: tuple[Fields, ...] | None = None
    resource: Resource | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whom a binding gives a role; ``namespace`` is that of a service account, empty if not written."""

    kind: str
    name: str
    namespace: str
    index: int


@dataclass(frozen=True, slots=True)
class Binding:
    """A RoleBinding or a ClusterRoleBinding (``namespace`` is empty), and the kind and name of its role."""

    kind: str
    namespace: str
    name: str
    role_kind: str
    role_name: str
    subjects: tuple[Subject, ...] = ()
    resource: Resource | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A service account, and whether it says that pods mount its token (None if it does not)."""

    namespace: str
    name: str
    mounts_token: bool | None
    resource: Resource | None = None


Object: TypeAlias = Role | Binding | Account


@dataclass(slots=True)
class FaultLog:
    """The faults of objects as Problems, each once."""

    problems: dict[Problem, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _ObjectFaults:
    """Records the faults of one object; without a log it has none."""

    resource: Resource | None
    log: FaultLog

    def add(self, pointer: Pointer, message: str) -> None:
        """Records a fault at a field of the object."""
        assert self.resource is not None, message
        place = self.resource.locate(pointer)
        text = self.resource.shown(f"{self.resource.id}: {message}")
        self.log.problems[Problem(place.path, place.start.line, text)] = None


def read(resource: Resource, log: FaultLog) -> Object | None:
    """Returns the role, binding or account that a resource is, or None if it is nothing of these."""
    group, _, _ = resource.id.api_version.rpartition("/")
    if group != ("" if resource.id.kind == "ServiceAccount" else GROUP):
        return None
    return read_body(resource.body, resource, log)


def read_body(body: Mapping[str, Json], resource: Resource | None, log: FaultLog) -> Object | None:
    """Returns what a body says; without a resource it is one that Kubernetes brings."""
    make = _READERS.get(str(body.get("kind")))
    return make(Fields(body, "", _ObjectFaults(resource, log)), resource) if make else None


def _account(fields: Fields, resource: Resource | None) -> Account:
    namespace, name = _identity(fields)
    says = fields.has("automountServiceAccountToken")
    return Account(namespace, name, fields.flag("automountServiceAccountToken") if says else None, resource)


def _identity(fields: Fields) -> tuple[str, str]:
    metadata = fields.section("metadata")
    return metadata.text("namespace"), metadata.text("name") or metadata.text("generateName")


# ------------------------------------------------------------------------------------------- roles


def _role(fields: Fields, resource: Resource | None) -> Role:
    namespace, name = _identity(fields)
    kind = fields.text("kind")
    is_wide = kind == "ClusterRole"
    permissions = tuple(_permission(rule, index, is_wide) for index, rule in _members(fields, "rules"))
    labels = fields.section("metadata").strings("labels")
    return Role(kind, "" if is_wide else namespace, name, permissions, labels, _selectors(fields), resource)


def _members(fields: Fields, name: str) -> list[tuple[int, Fields]]:
    """The mappings of a list, each with its index."""
    return [(int(one.pointer.rpartition("/")[2]), one) for one in fields.sections(name)]


def _selectors(fields: Fields) -> tuple[Fields, ...] | None:
    """The selectors of an aggregationRule; only that of a ClusterRole counts."""
    if not fields.has("aggregationRule") or fields.text("kind") != "ClusterRole":
        return None
    rule = fields.section("aggregationRule")
    selectors = tuple(rule.sections("clusterRoleSelectors"))
    if _is_empty(rule, "clusterRoleSelectors"):
        rule.fault(f"{rule.name('clusterRoleSelectors')} is empty, so the API server refuses the role; name a label")
    return selectors


def _permission(rule: Fields, index: int, is_wide: bool) -> Permission:
    """The permission of a rule; one that the API server refuses is a fault, and counts as it stands."""
    lists = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
    verbs, groups, resources, names, paths = (frozenset(text for _, text in rule.texts(name)) for name in lists)
    if _is_empty(rule, "verbs"):
        rule.fault(f"{rule.name('verbs')} is missing{_REFUSED}", "verbs")
    if paths and not is_wide:
        rule.fault(f"{rule.name('nonResourceURLs')} has no place in a Role{_REFUSED}: use a ClusterRole", lists[-1])
    elif paths and (groups or resources or names):
        rule.fault(f"{rule.name()} names both resources and nonResourceURLs{_REFUSED}: make two rules of it")
    elif not paths:
        for name in lists[1:3]:
            if _is_empty(rule, name):
                rule.fault(f"{rule.name(name)} is missing{_REFUSED}", name)
    return Permission(index, verbs, groups, resources, names, paths)


def _is_empty(fields: Fields, name: str) -> bool:
    return fields.body.get(name) in (None, [])


_REFUSED = ", so the API server refuses the role"


# ---------------------------------------------------------------------------------------- bindings


def _binding(fields: Fields, resource: Resource | None) -> Binding:
    namespace, name = _identity(fields)
    kind = fields.text("kind")
    is_wide = kind == "ClusterRoleBinding"
    reference = fields.section("roleRef")
    role_kind = reference.one_of("kind", ("ClusterRole",) if is_wide else ("Role", "ClusterRole"))
    role_name = reference.needed("name", ", so the binding gives no role")
    if not role_kind and not reference.has("kind"):
        reference.fault(f"{reference.name('kind')} is missing, so the binding gives no role", "kind")
    reference.one_of("apiGroup", (GROUP, ""))
    subjects = tuple(_subject(one, index, is_wide) for index, one in _members(fields, "subjects"))
    return Binding(kind, "" if is_wide else namespace, name, role_kind, role_name, subjects, resource)


def _subject(fields: Fields, index: int, is_wide: bool) -> Subject:
    """The subject that a member of a binding's list names; its kind is empty if there is no such kind."""
    kind = fields.one_of("kind", SUBJECT_KINDS)
    if not fields.has("kind"):
        fields.fault(f"{fields.name('kind')} is missing; write one of {', '.join(SUBJECT_KINDS)}", "kind")
    subject = Subject(kind, fields.needed("name"), fields.text("namespace"), index)
    if kind == "ServiceAccount" and is_wide and not subject.namespace:
        where = fields.name("namespace")
        fields.fault(f"{where} is missing, so the API server refuses the binding; name the account's namespace")
    fields.one_of("apiGroup", ("",) if kind == "ServiceAccount" else (GROUP, ""))
    return subject


_READERS: Mapping[str, Callable[[Fields, Resource | None], Object]] = {
    "Role": _role,
    "ClusterRole": _role,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "ServiceAccount": _account,
}
