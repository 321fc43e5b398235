"""Joins: what resources need to know of each other to be judged, which rules read in the variable ``facts``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, TypeAlias

from kgate.kubernetes.pss import ENFORCE
from kgate.model import Json, Pod, Pointer, Related, Resource, Workload
from kgate.values import dataclass
from kgate.yamltree import spelling

if TYPE_CHECKING:
    from kgate.kubernetes.auditfiles import AuditFiles
    from kgate.kubernetes.exposure import Exposure, Way
    from kgate.kubernetes.isolation import NetworkPolicies
    from kgate.kubernetes.podsecurity import EnforcedLevel
    from kgate.kubernetes.scopes import ClusterScope
    from kgate.kubernetes.storage import HostVolume, StaticVolumes

_AUTOMOUNT = "automountServiceAccountToken"
_BINDING_KINDS = frozenset({"RoleBinding", "ClusterRoleBinding"})
_ROLE_KINDS = frozenset({"Role", "ClusterRole", *_BINDING_KINDS})
_ROLE_GROUP = "rbac.authorization.k8s.io/"
_LEADING_KINDS = frozenset(
    {"Gateway", "GRPCRoute", "HTTPRoute", "Ingress", "Service", "TCPRoute", "TLSRoute", "UDPRoute"}
)
_STORAGE_KINDS = frozenset({"PersistentVolume", "PersistentVolumeClaim"})
KINDS = frozenset({"Namespace", "ServiceAccount", *_ROLE_KINDS, *_LEADING_KINDS, *_STORAGE_KINDS})
"""The kinds that facts are taken from, beside policies."""

POLICY = "NetworkPolicy"
"""The kind of policies in the network; those of Cilium, Calico, Antrea and others have names that end with it."""

MENTIONED = re.compile(rf"\b(?:{'|'.join(sorted(KINDS))})\b|{POLICY}\b")
"""Every text that holds something of these kinds matches, in its plainest spelling (yamltree.spelling)."""

ISOLATES = re.compile(rf"{POLICY}\b")
"""Every text that holds a policy matches: then it matters which pods there are."""

AUDITED_SERVERS = re.compile(r"audit-(?:policy|webhook|log)|audit(?:Policy|Webhook|Log)|audit_log")
"""Every text that sets up the audit log of an API server matches."""

AUDIT_FILES = re.compile(
    r"\baudit\.k8s\.io\b|\bcurrent-context\b|\bcontexts\b|\b(?:fluentd|fluent-bit|filebeat|vector|promtail)\b"
)
"""Every text matches that may hold what belongs to such an API server: an audit policy, the kubeconfig of a webhook or
a program that sends logs elsewhere."""

_ACCOUNT = re.compile(r"\bServiceAccount\b")
_ROLE = re.compile(r"\b(?:Cluster)?Role(?:Binding)?\b")
_DECIDING = re.compile(
    r"\b(?:(?:GRPC|HTTP|TCP|TLS|UDP)Route|Ingress|LoadBalancer|NodePort|externalIPs|PersistentVolume)\b"
    rf"|{POLICY}\b|{_ROLE.pattern}"
)


def may_matter(text: str) -> bool:
    """True if facts from a text may excuse a pod, which they do not in an odd spelling, or if it may hold a role, bind
    one, say what a namespace enforces, lead to a pod from outside, isolate one or give it a volume."""
    excuses = _AUTOMOUNT in text and _ACCOUNT.search(text) is not None
    return excuses or ENFORCE in text or spelling.may_hold(text, _DECIDING)


def may_matter_elsewhere(text: str) -> bool:
    """True if facts from a text may be about what is applied by other means."""
    return ENFORCE in text or spelling.may_hold(text, _ROLE)


def is_wanted(resource: Resource) -> bool:
    """True for resources that facts are taken from."""
    return resource.id.kind in KINDS or resource.id.kind.endswith(POLICY)


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

    @property
    def identity(self) -> str:
        """The binding (scopes.Placed)."""
        return self.binding

    def is_surely_in(self, namespace: str) -> bool:
        """True if it is given to accounts of a namespace, or to all of the cluster."""
        return self.namespace == namespace or not (self.namespace or self.account)


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is around a pod: ``network`` says what policies there are (NetworkPolicies.about_pod), ``ways`` lead to it
    from outside of the cluster, ``on_node`` are the volumes that it has by claims and that lie on the node."""

    network: Mapping[str, Json] = field(default_factory=dict)
    ways: tuple[Way, ...] = ()
    on_node: tuple[HostVolume, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Returns them as CEL sees them."""
        exposure = [{"kind": way[0].kind, "name": way[0].name} for way in self.ways]
        on_node = [{"volume": one.name, "type": one.type} for one in self.on_node]
        known = {"network": dict(self.network), "exposure": exposure, "onNode": on_node}
        return {name: value for name, value in known.items() if value}


_NOTHING_AROUND = PodFacts()
_NO_POLICIES: Mapping[str, Json] = {"policies": False, "ingress": False, "egress": False}


@dataclass(frozen=True, slots=True)
class UndefinedRole:
    """A role that a binding names and that is not known, with the binding and the place where this names it.
    ``namespace`` is that of a Role, empty for a ClusterRole or if it is not known; ``cluster`` the only one in which it
    was looked for."""

    kind: str
    namespace: str
    name: str
    binding: str
    path: str
    line: int
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the resources that are deployed together, gathered before any of them is judged.

    ``accounts`` holds the service accounts by name: the namespace of each, empty if unknown, and whether it says that
    pods mount its token (None if it does not say); ``runners`` has the objects. ``roles`` holds the roles and bindings
    until somebody has found out what they give to whom (judgement.reach), which is in ``reach``, by the name of the
    account, and in ``given``, by the binding; from then on ``defined`` has the roles, and ``undefined`` those that
    bindings name and nobody knows. ``namespaces`` has what namespaces enforce, by their names. ``policies``,
    ``exposure`` and ``volumes`` are None where nothing of the kind is; ``is_all`` says that everything is known that is
    deployed. ``elsewhere`` is known of resources that are applied by other means; of these only what is surely about
    the same cluster counts: it names its namespace, and lies above or below what is asked about, or what asks for that
    to be rendered.

    ``names`` and ``around`` have the accounts of the pods of the workload that is asked about, and what is around them,
    by their pointers, while parts of it are left out to see what holds without them: pod and binding, or pod and
    Service, get the same name of a chart, whatever it is.

    ``cluster`` is the one that they are about, if somebody says which files are deployed to it: then nothing of another
    one is among them, and what is known of it from ``elsewhere`` counts wherever it lies. ``clusters`` has the facts of
    each such cluster for those of all.

    ``shared`` has the facts of the clusters to which this is deployed for sure, of what is in namespaces that are known
    and that others apply there, and ``deployed_to`` the names of these clusters. What adds privilege counts if it is so
    in one of them, what takes it away if it is so in all. ``placed`` has the facts of plain manifests that GitOps
    objects deploy to such clusters, by their paths; ``apart`` are files that surely go to other ones.
    ``audit`` is None where no API server writes an audit log.
    """

    accounts: Mapping[str, tuple[tuple[str, Json], ...]] = field(default_factory=dict)
    roles: tuple[Resource, ...] = field(default=(), compare=False)
    reach: Mapping[str, tuple[ReachedPower, ...]] = field(default_factory=dict)
    namespaces: Mapping[str, tuple[EnforcedLevel, ...]] = field(default_factory=dict)
    given: Mapping[BindingKey, tuple[ReachedPower, ...]] = field(default_factory=dict)
    defined: tuple[Resource, ...] = field(default=(), compare=False)
    undefined: tuple[UndefinedRole, ...] = ()
    elsewhere: Facts | None = None
    runners: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict, compare=False)
    names: Mapping[Pointer, str] = field(default_factory=dict)
    policies: NetworkPolicies | None = None
    exposure: Exposure | None = None
    volumes: StaticVolumes | None = None
    is_all: bool = False
    around: Mapping[Pointer, PodFacts] = field(default_factory=dict)
    cluster: ClusterScope | None = None
    clusters: tuple[Facts, ...] = ()
    shared: tuple[Facts, ...] = ()
    deployed_to: tuple[str, ...] = ()
    placed: Mapping[str, Facts] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    audit: AuditFiles | None = None

    @classmethod
    def of(cls, resources: Collection[Resource], *, is_all: bool = True) -> Facts:
        """Gathers the facts from resources; ``is_all`` says that nothing else is deployed with these."""
        accounts: dict[str, tuple[tuple[str, Json], ...]] = {}
        roles: list[Resource] = []
        runners: dict[str, tuple[Resource, ...]] = {}
        namespaces: dict[str, tuple[EnforcedLevel, ...]] = {}
        for resource in resources:
            who = resource.id
            if who.kind in _ROLE_KINDS and who.api_version.startswith(_ROLE_GROUP):
                roles.append(resource)
            elif who.kind == "ServiceAccount" and who.api_version == "v1":
                known = (who.namespace or "", resource.body.get(_AUTOMOUNT))
                accounts[who.name] = (*accounts.get(who.name, ()), known)
                runners[who.name] = (*runners.get(who.name, ()), resource)
            elif who.kind == "Namespace" and (level := _enforced_level(resource)) is not None:
                namespaces[who.name] = (*namespaces.get(who.name, ()), level)
        return cls(
            accounts,
            tuple(roles),
            namespaces=namespaces,
            policies=_policies(resources, is_all=is_all),
            exposure=_exposure(resources),
            volumes=_volumes(resources),
            runners=runners,
            is_all=is_all,
        )

    def at(self, resource: Resource) -> Facts:
        """Returns the facts of the cluster that a resource is deployed to; these if nobody says which one that is."""
        if not self.clusters and not self.placed:
            return self
        from kgate.kubernetes.scopes import cluster_of, path_of

        found = cluster_of(resource, (one.cluster for one in self.clusters if one.cluster is not None))
        if found is None:
            return self.placed.get(path_of(resource), self)
        return next((one for one in self.clusters if one.cluster == found), self)

    def _is_beside(self, path: str, resource: Resource) -> bool:
        """True for a file that is applied by other means than a resource, and surely to the same cluster."""
        from kgate.kubernetes.scopes import is_near

        return (self.cluster is not None and self.cluster.holds(path)) or is_near(path, resource)

    def beside(self, others: NetworkPolicies) -> Facts:
        """Returns these facts with policies of what is deployed elsewhere, but may be in the same cluster."""
        if self.policies is not None:
            return replace(self, policies=self.policies.beside(others))
        return replace(self, policies=others.alone(is_all=self.is_all))

    def sharing(self, shared: tuple[Facts, ...]) -> Facts:
        """Returns these facts with those of the clusters to which all this is deployed."""
        found = replace(self, shared=shared)
        for one in shared:
            found = found.beside(one.policies) if one.policies is not None else found
        return found

    def of_workload(self, workload: Workload | None) -> Facts:
        """Returns these facts for the time in which a workload is judged."""
        if workload is None:
            return self
        names = {pod.pointer: account_of(pod) for pod in workload.pods} if self._may_reach else {}
        around = {pod.pointer: self._of_pod(workload.resource, pod) for pod in workload.pods}
        return replace(self, names=names, around=around)

    def _of_pod(self, resource: Resource, pod: Pod) -> PodFacts:
        network: Mapping[str, Json] = _NO_POLICIES if self.is_all and pod.is_whole else {}
        if self.policies is not None:
            network = self.policies.about_pod(resource, pod)
        ways = self.exposure.ways(resource, pod) if self.exposure is not None else ()
        on_node = self.volumes.on_node(resource, pod) if self.volumes is not None else ()
        for shared in self.shared if resource.id.namespace else ():
            if not ways and shared.exposure is not None:
                ways = shared.exposure.ways(resource, pod)
            if not on_node and shared.volumes is not None:
                on_node = shared.volumes.on_node(resource, pod)
        return PodFacts(network, ways, on_node) if network or ways or on_node else _NOTHING_AROUND

    @property
    def _may_reach(self) -> bool:
        return bool(self.reach or self.elsewhere or self.shared)

    def about(self, resource: Resource, pod: Pod) -> dict[str, Json]:
        """Returns what is known about a pod of a resource, as CEL sees it: ``serviceAccount``, the account that the
        pod runs as, with ``automountServiceAccountToken`` if all accounts that this may be agree on it; ``reach``, what
        is bound to it, each with ``account``, ``severity`` and ``rule``; ``network``, whether there are NetworkPolicies
        and select it; ``exposure``, what leads to it from outside of the cluster, each with ``kind`` and ``name``;
        and ``onNode``, the volumes that a claim gives it on the node, each with ``volume`` and ``type``."""
        known = self._mounting(resource, pod)
        if self._may_reach and (reach := self.reached_by(resource, pod)):
            name = account_of(pod)
            first = {(one.account and name, one.severity): one.rule for one in reversed(reach)}
            known["reach"] = [
                {"account": account, "severity": severity, "rule": rule} for (account, severity), rule in first.items()
            ]
        return known | self.around.get(pod.pointer, _NOTHING_AROUND).as_json()

    def about_resource(self, resource: Resource) -> dict[str, Json]:
        """Returns what is known about a resource itself, as CEL sees it: ``reach``, what a binding gives to whoever is
        bound, each with ``severity`` and ``rule``, and ``network``, whether a policy selects pods."""
        first = {one.severity: one.rule for one in reversed(self.given_by(resource))}
        reach = [{"severity": severity, "rule": rule} for severity, rule in first.items()]
        network = self.policies.about_policy(resource) if self.policies is not None else {}
        return {**({"reach": reach} if reach else {}), **({"network": network} if network else {})}

    def given_by(self, resource: Resource) -> tuple[ReachedPower, ...]:
        """Returns what a binding gives to whoever is bound; nothing if the resource is none."""
        if not self.given or resource.id.kind not in _BINDING_KINDS:
            return ()
        return self.given.get((str(resource.id), resource.locate("").path), ())

    def way_in(self, pod: Pod) -> tuple[Related, ...]:
        """Returns the places of the steps that lead to a pod from outside."""
        ways = self.around.get(pod.pointer, _NOTHING_AROUND).ways
        return tuple(dict.fromkeys(hop.related for way in ways for hop in way))

    def way_to_node(self, pod: Pod, volume: Json) -> tuple[Related, ...]:
        """Returns the places of what puts a volume of a pod on the node; ``volume`` is its name."""
        found = self.around.get(pod.pointer, _NOTHING_AROUND).on_node
        return tuple(hop.related for one in found if one.name == volume for hop in one.way)

    def reached_by(self, resource: Resource, pod: Pod) -> tuple[ReachedPower, ...]:
        """Returns what is bound to the account of a pod. Of bindings of one name in several files, as repositories with
        a folder for each cluster have them, those count whose files are nearest."""
        namespace = resource.id.namespace
        names = {self.names.get(pod.pointer) or account_of(pod): None, "": None}
        found = [
            one
            for name in names
            for one in self.reach.get(name, ())
            if not (one.namespace and namespace and one.namespace != namespace)
        ]
        if self.elsewhere is not None and namespace:
            others = (one for name in names for one in self.elsewhere.reach.get(name, ()))
            found += [one for one in others if one.namespace == namespace and self._is_beside(one.path, resource)]
        if self.shared and namespace:
            shared = (one for facts in self.shared for name in names for one in facts.reach.get(name, ()))
            found = list(dict.fromkeys((*found, *(one for one in shared if one.is_surely_in(namespace)))))
        if self.apart:
            found = [one for one in found if one.path not in self.apart]
        if len({one.path for one in found}) < 2:
            return tuple(found)
        from kgate.kubernetes.scopes import nearest  # few scans of a manifest need it

        return tuple(nearest(found, resource))

    @property
    def has_namespaces(self) -> bool:
        """True if it is known of any namespace what it enforces."""
        return bool(self.namespaces) or any(one.namespaces for one in self.shared)

    def enforced_on(self, resource: Resource) -> EnforcedLevel | None:
        """Returns what the namespace of a resource enforces: that of the nearest file, as each cluster may have one of
        that name. None if nobody says so, or if those say different things."""
        found = self.namespaces.get(resource.id.namespace, ())
        if not found and self.elsewhere is not None:
            others = self.elsewhere.namespaces.get(resource.id.namespace, ())
            found = tuple(one for one in others if self._is_beside(one.path, resource))
        if not found:
            return self._enforced_by_all(resource)
        if len(found) > 1:
            from kgate.kubernetes.scopes import closest

            found = tuple(closest(found, lambda one: one.path, resource.locate("").path))
        return found[0] if len({(one.level, one.minor) for one in found}) == 1 else None

    def _enforced_by_all(self, resource: Resource) -> EnforcedLevel | None:
        """What the namespace of a resource enforces in each of the clusters to which it is deployed."""
        levels = [one.enforced_on(resource) for one in self.shared]
        found = {(one.level, one.minor) for one in levels if one is not None}
        return levels[0] if None not in levels and len(found) == 1 else None

    def accounts_of(self, resource: Resource, pod: Pod) -> tuple[Resource, ...]:
        """Returns the service accounts that a pod may run as: those of its namespace in the nearest files."""
        name = self.names.get(pod.pointer) or account_of(pod)
        found = self.runners.get(name, ())
        if not found and resource.id.namespace:
            found = tuple(one for facts in self.shared for one in facts.runners.get(name, ()))
        namespaces = {resource.id.namespace, ""} if resource.id.namespace else {one.id.namespace for one in found}
        found = tuple(one for one in found if one.id.namespace in namespaces)
        if len(found) > 1:
            from kgate.kubernetes.scopes import closest

            found = tuple(closest(found, lambda one: one.locate("").path, resource.locate("").path))
        return found

    def _mounting(self, resource: Resource, pod: Pod) -> dict[str, Json]:
        said = self._said_of_token(resource, pod)
        if not said and self.shared and resource.id.namespace:
            each = [one._said_of_token(resource, pod) for one in self.shared]
            said = [value for values in each for value in values] if all(each) else []
        if not said or any(value is not said[0] for value in said) or said[0] is None:
            return {}
        return {"serviceAccount": {_AUTOMOUNT: said[0]}}

    def _said_of_token(self, resource: Resource, pod: Pod) -> list[Json]:
        """What the accounts that a pod may run as say of mounting their token, each (None if it does not)."""
        namespace = resource.id.namespace or ""
        found = self.accounts.get(account_of(pod), ())
        return [value for where, value in found if not (where and namespace and where != namespace)]


def _enforced_level(resource: Resource) -> EnforcedLevel | None:
    from kgate.kubernetes.podsecurity import enforced_level  # few manifests hold a Namespace

    return enforced_level(resource)


def _policies(resources: Collection[Resource], *, is_all: bool) -> NetworkPolicies | None:
    if not any(resource.id.kind.endswith(POLICY) for resource in resources):
        return None
    from kgate.kubernetes.isolation import NetworkPolicies

    return NetworkPolicies.of(resources, is_all=is_all)


def _exposure(resources: Collection[Resource]) -> Exposure | None:
    leading = [resource for resource in resources if resource.id.kind in _LEADING_KINDS]
    if not leading:
        return None
    from kgate.kubernetes.exposure import Exposure

    return Exposure.of(leading)


def _volumes(resources: Collection[Resource]) -> StaticVolumes | None:
    if not any(resource.id.kind == "PersistentVolume" for resource in resources):
        return None
    from kgate.kubernetes.storage import StaticVolumes

    return StaticVolumes.of([resource for resource in resources if resource.id.kind in _STORAGE_KINDS])


def account_of(pod: Pod) -> str:
    """Returns the name of the service account that a pod runs as, in either spelling of the field (PodSpec)."""
    spec = pod.spec if isinstance(pod.spec, Mapping) else {}
    names = (spec.get(name) for name in ("serviceAccountName", "serviceAccount"))
    return next((name for name in names if isinstance(name, str) and name), "default")
