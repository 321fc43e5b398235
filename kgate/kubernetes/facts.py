"""Joins: what resources need to know of each other to be judged, which rules read in the variable ``facts``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, TypeAlias

from kgate.kubernetes.pss import ENFORCE
from kgate.model import Json, Pod, Pointer, Related, Resource, Workload
from kgate.values import dataclass
from kgate.yamltree import spelling

if TYPE_CHECKING:
    from kgate.kubernetes.podsecurity import EnforcedLevel

_AUTOMOUNT = "automountServiceAccountToken"
_BINDING_KINDS = frozenset({"RoleBinding", "ClusterRoleBinding"})
_ROLE_KINDS = frozenset({"Role", "ClusterRole", *_BINDING_KINDS})
_ROLE_GROUP = "rbac.authorization.k8s.io/"
KINDS = frozenset({"Namespace", "ServiceAccount", *_ROLE_KINDS})
"""The kinds that facts are taken from."""

MENTIONED = re.compile(r"\b(?:Namespace|ServiceAccount|(?:Cluster)?Role(?:Binding)?)\b")
"""Every text that holds something of these kinds matches, in its plainest spelling (yamltree.spelling)."""

_ACCOUNT = re.compile(r"\bServiceAccount\b")
_BINDING = re.compile(r"\b(?:Cluster)?RoleBinding\b")


def may_matter(text: str) -> bool:
    """True if facts from a text may excuse a pod, which they do not in an odd spelling, or if it may bind a role or say
    what a namespace enforces."""
    excuses = _AUTOMOUNT in text and _ACCOUNT.search(text) is not None
    return excuses or ENFORCE in text or spelling.may_hold(text, _BINDING)


BindingKey: TypeAlias = tuple[str, str]
"""A binding: its kind, namespace and name, and the file in which it begins."""


@dataclass(frozen=True, slots=True)
class ReachedPower:
    """Something that a binding lets a service account do: what rules call it and how severe it is, and the places of
    the binding and of the rule of the role. ``account`` is empty if all accounts are meant, ``namespace`` if the
    account may be in any. ``binding`` and ``path`` tell the binding from others of that name in other files."""

    account: str
    namespace: str
    binding: str
    path: str
    severity: str = ""
    rule: str = ""
    places: tuple[Related, ...] = ()

    @property
    def key(self) -> BindingKey:
        """The binding."""
        return self.binding, self.path


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the resources that are deployed together, gathered before any of them is judged.

    ``accounts`` holds the service accounts by name: the namespace of each, empty if unknown, and whether it says that
    pods mount its token (None if it does not say). ``roles`` holds the roles and bindings until somebody has found out
    what they give to whom (judgement.reach), which is in ``reach``, by the name of the account, and in ``given``, by
    the binding. ``namespaces`` has what namespaces enforce, by their names. ``names`` has the accounts of the pods of
    the workload that is asked about, by their pointers, while parts of it are left out to see what holds without them:
    pod and binding get the same name of a chart, whatever it is.
    """

    accounts: Mapping[str, tuple[tuple[str, Json], ...]] = field(default_factory=dict)
    roles: tuple[Resource, ...] = field(default=(), compare=False)
    reach: Mapping[str, tuple[ReachedPower, ...]] = field(default_factory=dict)
    namespaces: Mapping[str, tuple[EnforcedLevel, ...]] = field(default_factory=dict)
    given: Mapping[BindingKey, tuple[ReachedPower, ...]] = field(default_factory=dict)
    names: Mapping[Pointer, str] = field(default_factory=dict)

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> Facts:
        """Gathers the facts from resources."""
        accounts: dict[str, tuple[tuple[str, Json], ...]] = {}
        roles: list[Resource] = []
        namespaces: dict[str, tuple[EnforcedLevel, ...]] = {}
        for resource in resources:
            who = resource.id
            if who.kind in _ROLE_KINDS and who.api_version.startswith(_ROLE_GROUP):
                roles.append(resource)
            elif who.kind == "ServiceAccount" and who.api_version == "v1":
                known = (who.namespace or "", resource.body.get(_AUTOMOUNT))
                accounts[who.name] = (*accounts.get(who.name, ()), known)
            elif who.kind == "Namespace" and (level := _enforced_level(resource)) is not None:
                namespaces[who.name] = (*namespaces.get(who.name, ()), level)
        return cls(accounts, tuple(roles), namespaces=namespaces)

    def of_workload(self, workload: Workload | None) -> Facts:
        """Returns these facts for the time in which a workload is judged."""
        if not self.reach or workload is None:
            return self
        return replace(self, names={pod.pointer: account_of(pod) for pod in workload.pods})

    def about(self, resource: Resource, pod: Pod) -> dict[str, Json]:
        """Returns what is known about a pod of a resource, as CEL sees it: ``serviceAccount``, the account that the
        pod runs as, with ``automountServiceAccountToken`` if all accounts that this may be agree on it, and ``reach``,
        what is bound to it, each with ``account``, ``severity`` and ``rule``."""
        known = self._mounting(resource, pod) if self.accounts else {}
        if self.reach and (reach := self.reached_by(resource, pod)):
            name = account_of(pod)
            first = {(one.account and name, one.severity): one.rule for one in reversed(reach)}
            known["reach"] = [
                {"account": account, "severity": severity, "rule": rule} for (account, severity), rule in first.items()
            ]
        return known

    def about_resource(self, resource: Resource) -> dict[str, Json]:
        """Returns what is known about a resource itself, as CEL sees it: ``reach``, what a binding gives to whoever is
        bound, each with ``severity`` and ``rule``."""
        given = self.given_by(resource)
        first = {one.severity: one.rule for one in reversed(given)}
        return {"reach": [{"severity": severity, "rule": rule} for severity, rule in first.items()]} if first else {}

    def given_by(self, resource: Resource) -> tuple[ReachedPower, ...]:
        """Returns what a binding gives to whoever is bound; nothing if the resource is none."""
        if not self.given or resource.id.kind not in _BINDING_KINDS:
            return ()
        return self.given.get((str(resource.id), resource.locate("").path), ())

    def reached_by(self, resource: Resource, pod: Pod) -> tuple[ReachedPower, ...]:
        """Returns what is bound to the account of a pod. Of bindings of one name in several files, as repositories with
        a folder for each cluster have them, those count whose files are nearest."""
        namespace = resource.id.namespace
        found = [
            one
            for name in {self.names.get(pod.pointer) or account_of(pod): None, "": None}
            for one in self.reach.get(name, ())
            if not (one.namespace and namespace and one.namespace != namespace)
        ]
        if len({one.path for one in found}) < 2:
            return tuple(found)
        nearest: dict[str, int] = {}
        near = {one.path: folders_in_common(one.path, resource.locate("").path) for one in found}
        for one in found:
            nearest[one.binding] = max(nearest.get(one.binding, 0), near[one.path])
        return tuple(one for one in found if near[one.path] == nearest[one.binding])

    def enforced_on(self, resource: Resource) -> EnforcedLevel | None:
        """Returns what the namespace of a resource enforces: that of the nearest file, as each cluster may have one of
        that name. None if nobody says so, or if those say different things."""
        found = self.namespaces.get(resource.id.namespace, ())
        if len(found) > 1:
            near = [folders_in_common(one.path, resource.locate("").path) for one in found]
            found = tuple(one for one, count in zip(found, near, strict=True) if count == max(near))
        return found[0] if len({(one.level, one.minor) for one in found}) == 1 else None

    def _mounting(self, resource: Resource, pod: Pod) -> dict[str, Json]:
        namespace = resource.id.namespace or ""
        found = self.accounts.get(account_of(pod), ())
        said = [value for where, value in found if not (where and namespace and where != namespace)]
        if not said or any(value is not said[0] for value in said) or said[0] is None:
            return {}
        return {"serviceAccount": {_AUTOMOUNT: said[0]}}


def _enforced_level(resource: Resource) -> EnforcedLevel | None:
    from kgate.kubernetes.podsecurity import enforced_level  # few manifests hold a Namespace

    return enforced_level(resource)


def account_of(pod: Pod) -> str:
    """Returns the name of the service account that a pod runs as, in either spelling of the field (PodSpec)."""
    spec = pod.spec if isinstance(pod.spec, Mapping) else {}
    names = (spec.get(name) for name in ("serviceAccountName", "serviceAccount"))
    return next((name for name in names if isinstance(name, str) and name), "default")


def folders_in_common(path: str, other: str) -> int:
    """Returns how many folders two paths have in common from the start."""
    pairs = zip(path.split("/")[:-1], other.split("/")[:-1], strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
