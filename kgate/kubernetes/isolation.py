"""Which pods NetworkPolicies isolate, and which of them select nothing (networking.k8s.io/v1, NetworkPolicySpec)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from itertools import islice
from typing import TYPE_CHECKING

from kgate.kubernetes.podspec import Labels, labels_of, list_of, mapping
from kgate.kubernetes.scopes import Scope, scopes
from kgate.kubernetes.selectors import LabelIndex, NoticedFaults, matches, selects
from kgate.kubernetes.served import is_own
from kgate.kubernetes.workload import find_workload, template_path
from kgate.model import Json, Pod, Resource
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.yamltree.fields import Fields

_KIND = "NetworkPolicy"
_GROUPS = ("networking.k8s.io", "extensions")
_DIRECTIONS = ("Ingress", "Egress")

_MOST_TRIED = 1000
"""Policies, or pods, that are tried one by one where labels do not tell them apart; of more, nothing is said."""

_ADDED_LABELS = frozenset(
    {
        *("controller-revision-hash", "controller-uid", "job-name", "pod-template-generation", "pod-template-hash"),
        *("apps.kubernetes.io/pod-index", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"),
        *("batch.kubernetes.io/job-completion-index", "rollouts-pod-template-hash"),
        "statefulset.kubernetes.io/pod-name",
    }
)
"""Labels that controllers give to pods and no manifest has: a policy that selects by them may select any pod."""

_ROLES = frozenset({"ClusterRole", "Role"})
_MAKES = frozenset({"*", "create", "patch", "update"})
_PODS = frozenset(
    {
        "*",
        "cronjobs",
        "daemonsets",
        "deployments",
        "jobs",
        "pods",
        "replicasets",
        "replicationcontrollers",
        "statefulsets",
    }
)


@dataclass(frozen=True, slots=True)
class _Policy:
    """A policy: which pods of its namespace it selects, and for which directions. ``scope`` is where it surely counts,
    though nobody may know the namespace."""

    namespace: str
    scope: Scope
    selector: Mapping[str, Json]
    directions: frozenset[str]

    def selects(self, labels: Labels) -> bool:
        """True if it selects pods with these labels."""
        return selects(self.selector, labels)

    @property
    def needed(self) -> Labels:
        """The labels that a pod must have."""
        return mapping(self.selector["matchLabels"])


@dataclass(frozen=True, slots=True)
class _Pods:
    """The pods that policies may select, by their labels. In the namespaces of ``unread`` there are pods whose labels
    are not known; ``words`` are what custom resources are called, whose controllers name pods after them."""

    by_label: Mapping[tuple[str, tuple[str, str] | None], tuple[Labels, ...]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NetworkPolicies:
    """The policies of resources that are deployed together, and ``others`` of the same repository, which may be in the
    same cluster. In the namespaces of ``unread``, or everywhere if one of them is empty, pods may also be isolated by
    what is not read: a policy of another API, or a faulty one.

    ``is_all`` says that there are no others, and that everything is known that these can select, which is in ``pods``.
    """

    policies: tuple[_Policy, ...] = ()
    others: tuple[_Policy, ...] = ()
    unread: frozenset[str] = frozenset()
    pods: _Pods = _Pods()
    is_all: bool = True
    index: Mapping[str, LabelIndex[_Policy]] = field(default_factory=dict, compare=False)
    scopes: frozenset[Scope] = field(default=frozenset(), compare=False)

    @classmethod
    def of(cls, resources: Collection[Resource], *, is_all: bool) -> NetworkPolicies:
        """Reads the policies among resources; ``is_all`` says that nothing else is deployed with these."""
        policies: list[_Policy] = []
        unread: set[str] = set()
        for resource in resources:
            if resource.id.kind.endswith(_KIND):
                policy = _read(resource)
                if policy is None:
                    unread.add(_namespace(resource))
                else:
                    policies.append(policy)
        pods = _pods(resources) if is_all and any(map(_is_particular, policies)) else _Pods()
        found = frozenset(policy.scope for policy in policies)
        return cls(tuple(policies), (), frozenset(unread), pods, is_all, _index(policies), found)

    def alone(self, *, is_all: bool) -> NetworkPolicies:
        """Returns what these policies are to resources that have none of their own."""
        return NetworkPolicies(is_all=is_all).beside(self)

    def beside(self, others: NetworkPolicies) -> NetworkPolicies:
        """Returns these policies with others, which may select the same pods and are no reason to expect it."""
        own = (*self.others, *others.policies, *others.others)
        if not own and not others.unread:
            return self
        named = frozenset(policy.scope for policy in own if policy.namespace)
        return replace(
            self,
            others=own,
            unread=self.unread | others.unread,
            index=_index((*self.policies, *own)),
            scopes=self.scopes | named,
        )

    def about_pod(self, resource: Resource, pod: Pod) -> dict[str, Json]:
        """Returns whether there are ``policies`` in the namespace of a pod and, as ``ingress`` and ``egress``, whether
        one of them selects it for that direction; nothing if that is not known. Policies do not apply to pods in the
        network of the node."""
        namespace, labels = _namespace(resource), labels_of(pod)
        is_known = labels is not None and _has_all_labels(resource, pod) and not self._is_unread(namespace)
        if labels is None or not is_known or not (self.policies or self.is_all):
            return {}
        found: set[str] = set()
        candidates = self._candidates(namespace, labels)
        for policy in islice(candidates, _MOST_TRIED):
            if not found.issuperset(policy.directions) and policy.selects(labels):
                found |= policy.directions
                if len(found) == len(_DIRECTIONS):
                    break
        else:
            if next(candidates, None) is not None:
                return {}
        has_policies = not self.scopes.isdisjoint(scopes(resource))
        return {"policies": has_policies, "ingress": "Ingress" in found, "egress": "Egress" in found}

    def about_policy(self, resource: Resource) -> dict[str, Json]:
        """Returns whether a policy selects pods (``selectsPods``); nothing if that is not known, or it is none."""
        policy = _read(resource) if self.pods.by_label and is_policy(resource) else None
        if policy is None or not _is_particular(policy):
            return {}
        namespace, pods, needed = policy.namespace, self.pods, policy.needed
        around = pods.by_label.get((namespace, None), ())
        if not around or not pods.unread.isdisjoint((namespace, "")) or not pods.words.isdisjoint(needed.values()):
            return {}
        least = min((pods.by_label.get((namespace, label), ()) for label in needed.items()), key=len, default=around)
        return {"selectsPods": any(map(policy.selects, least))} if len(least) <= _MOST_TRIED else {}

    def _is_unread(self, namespace: str) -> bool:
        return bool(self.unread) and (not namespace or not self.unread.isdisjoint((namespace, "")))

    def _candidates(self, namespace: str, labels: Labels) -> Iterator[_Policy]:
        """Yields the policies that may be of a namespace and need none but these labels, or some of them."""
        for name in (namespace, "") if namespace else self.index:
            if name in self.index:
                yield from self.index[name].candidates(labels)


def is_policy(resource: Resource) -> bool:
    """True for a policy of Kubernetes itself."""
    return resource.id.kind == _KIND and resource.id.api_version.rpartition("/")[0] in _GROUPS


def is_whole(resource: Resource) -> bool:
    """True for a policy of any API that says what it selects; False for a patch of one, and for everything else."""
    spec = mapping(resource.body.get("spec"))
    return resource.id.kind.endswith(_KIND) and (not is_policy(resource) or "podSelector" in spec)


def _index(policies: Iterable[_Policy]) -> Mapping[str, LabelIndex[_Policy]]:
    by_namespace = defaultdict[str, list[_Policy]](list)
    for policy in policies:
        by_namespace[policy.namespace].append(policy)
    return {name: LabelIndex((one.needed, one) for one in group) for name, group in by_namespace.items()}


def _namespace(resource: Resource) -> str:
    return resource.id.namespace or ""


def _has_all_labels(resource: Resource, pod: Pod) -> bool:
    """True for a pod in the network of the cluster that has the labels in its manifest, and no more that matter."""
    has_template = resource.id.kind == "Pod" or bool(template_path(resource.id.api_version, resource.id.kind))
    return has_template and pod.is_whole and mapping(pod.spec).get("hostNetwork") in (None, False)


def _is_particular(policy: _Policy) -> bool:
    return bool(policy.needed or policy.selector["matchExpressions"])


def _fields(body: Mapping[str, Json], faults: NoticedFaults) -> Fields:
    from kgate.yamltree.fields import Fields  # few scans of a manifest need it

    return Fields(body, "", faults)


def _read(resource: Resource) -> _Policy | None:
    """Reads a policy with the defaults of the API server (pkg/apis/networking/v1/defaults.go); None if it is of another
    API, or faulty."""
    if not is_policy(resource) or resource.unknown:
        return None
    faults = NoticedFaults()
    spec = _fields(resource.body, faults).section("spec")
    directions = {text for _, text in spec.texts("policyTypes")}
    if not directions:
        directions = {"Ingress", "Egress"} if spec.items("egress") else {"Ingress"}
    selector = spec.section("podSelector")
    needed = selector.strings("matchLabels")
    expressions = [one.body for one in selector.sections("matchExpressions")]
    for one in expressions:
        matches(_fields({"matchExpressions": [one]}, faults), {})
    if faults.found or not directions.issubset(_DIRECTIONS):
        return None
    own: dict[str, Json] = {
        "matchLabels": {key: value for key, value in needed.items() if key not in _ADDED_LABELS},
        "matchExpressions": [one for one in expressions if one["key"] not in _ADDED_LABELS],
    }
    return _Policy(_namespace(resource), scopes(resource)[0], own, frozenset(directions))


def _pods(resources: Collection[Resource]) -> _Pods:
    """Gathers what policies may select; nothing if a program may make further pods."""
    if any(map(_lets_make_pods, resources)):
        return _Pods()
    by_label = defaultdict[tuple[str, tuple[str, str] | None], list[Labels]](list)
    unread: set[str] = set()
    words: set[str] = set()
    for resource in resources:
        namespace, workload = _namespace(resource), find_workload(resource)
        if workload is None and not is_own(resource.id.api_version):
            words.update(_words(resource))
        for pod in workload.pods if workload else ():
            labels = labels_of(pod)
            if labels is None or not pod.is_whole:
                unread.add(namespace)
                continue
            for label in (None, *labels.items()):
                by_label[namespace, label].append(labels)
    return _Pods({key: tuple(value) for key, value in by_label.items()}, frozenset(unread), frozenset(words))


def _lets_make_pods(resource: Resource) -> bool:
    """True for a role that lets a program make pods, or give them other labels."""
    rules = map(mapping, list_of(resource.body.get("rules"))) if resource.id.kind in _ROLES else ()
    return any(
        not _MAKES.isdisjoint(map(str, list_of(rule.get("verbs"))))
        and not _PODS.isdisjoint(map(str, list_of(rule.get("resources"))))
        for rule in rules
    )


def _words(resource: Resource) -> Iterator[str]:
    """The name of an object, and the values of its labels."""
    metadata = mapping(resource.body.get("metadata"))
    values = (metadata.get("name"), *mapping(metadata.get("labels")).values())
    return (value for value in values if isinstance(value, str))
