"""The requests that a policy is asked about: what attackers do, what holds secrets, and what only makes noise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from kgate.audit.policy.policy import LEVELS, OTHER_NAME, ApiRequest, AuditPolicy
from kgate.audit.policy.witnesses import ANYBODY, NAMELESS, OTHER, Person, identity
from kgate.kubernetes.resources import catalogue
from kgate.values import dataclass

READS = ("get", "list", "watch")
WRITES = ("create", "update", "patch", "delete", "deletecollection")

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"


@dataclass(frozen=True, slots=True)
class VerbsOn:
    """Verbs on resources of a group: ``pods/exec``."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


AREAS: dict[str, tuple[VerbsOn, ...]] = {
    "secrets": (VerbsOn("", ("secrets",), (*READS, *WRITES)),),
    "configmaps": (VerbsOn("", ("configmaps",), (*READS, *WRITES)),),
    "token-reviews": (VerbsOn("authentication.k8s.io", ("tokenreviews",), ("create",)),),
    "tokens": (VerbsOn("", ("serviceaccounts/token",), ("create",)),),
    "workloads": (VerbsOn("", ("pods",), WRITES), VerbsOn("apps", ("deployments",), WRITES)),
    "other-workloads": (
        VerbsOn("", ("replicationcontrollers",), WRITES),
        VerbsOn("apps", ("daemonsets", "statefulsets", "replicasets"), WRITES),
        VerbsOn("batch", ("jobs", "cronjobs"), WRITES),
    ),
    "commands": (
        VerbsOn(
            "", ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"), ("get", "create")
        ),
    ),
    "nodes": (
        VerbsOn("", ("nodes/proxy",), ("get", "create")),
        VerbsOn("", ("pods/ephemeralcontainers",), ("update", "patch")),
        VerbsOn("", ("pods/eviction",), ("create",)),
    ),
    "rbac": (VerbsOn(_RBAC, ("roles", "rolebindings", "clusterroles", "clusterrolebindings"), WRITES),),
    "admission": (
        VerbsOn(
            _ADMISSION,
            (
                *("validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
                *("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
                *("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
            ),
            WRITES,
        ),
        VerbsOn("certificates.k8s.io", ("certificatesigningrequests",), ("create",)),
        VerbsOn("certificates.k8s.io", ("certificatesigningrequests/approval",), ("update", "patch")),
        VerbsOn("", ("serviceaccounts/token",), ("create",)),
    ),
    "custom-resources": (VerbsOn(OTHER, (OTHER,), WRITES),),
    "reads": (VerbsOn(OTHER, (OTHER,), READS), VerbsOn("", (OTHER,), READS)),
}
"""What is asked, by the name that rules use."""

DISCLOSING = ("secrets", "configmaps", "token-reviews", "tokens")
"""The areas whose bodies are nobody else's business."""

_BODIES = {
    ("secrets", "create"): "Request",
    ("secrets", "update"): "Request",
    ("secrets", "patch"): "Request",
    ("secrets", "get"): "RequestResponse",
    ("secrets", "list"): "RequestResponse",
    ("secrets", "watch"): "RequestResponse",
    ("tokenreviews", "create"): "Request",
    ("serviceaccounts/token", "create"): "RequestResponse",
}
"""The level from which on the body of a request or its answer holds a secret or a token."""


def reveals(request: ApiRequest, level: str) -> bool:
    """True if the events of a request hold a secret or a token at a level."""
    since = _BODIES.get((request.full_resource, request.verb))
    return since is not None and LEVELS.index(level) >= LEVELS.index(since)


def requests(policy: AuditPolicy, area: str) -> Iterator[ApiRequest]:
    """Yields the requests of an area, by somebody whom no rule names: in the namespaces that the policy names, in
    another one, and in all of them at once."""
    spaces = tuple(dict.fromkeys(space for rule in policy.rules for space in rule.namespaces if space))
    for asked in AREAS[area]:
        for resource, verb in itertools.product(asked.resources, asked.verbs):
            yield from _placed(asked.group, resource, verb, spaces)


def _placed(group: str, word: str, verb: str, spaces: Sequence[str]) -> Iterator[ApiRequest]:
    resource, _, subresource = word.partition("/")
    served = catalogue().get(group, {}).get(word)
    is_nameless = not subresource and verb in (*NAMELESS, "list", "watch")
    places: tuple[str, ...] = ("",)
    if served is None or served.is_namespaced:
        places = (OTHER, *spaces, *(("",) if verb in ("list", "watch") and not subresource else ()))
    for namespace in places:
        yield ApiRequest(
            verb,
            *(ANYBODY.user, ANYBODY.groups),
            resource=resource,
            subresource=subresource,
            group=group,
            namespace=namespace,
            name="" if is_nameless else OTHER_NAME,
        )


def nobodys() -> Iterator[ApiRequest]:
    """Yields requests of those who are not authenticated: one that fails authentication, and one of the anonymous."""
    anonymous = identity("system:anonymous")
    for who in (Person(None), anonymous):
        yield ApiRequest("list", who.user, who.groups, resource="secrets")


_KUBE_PROXY = identity("system:kube-proxy")
_NODE = identity(f"system:node:{OTHER}")
_CONTROLLERS = identity("system:kube-controller-manager")


def noise() -> Iterator[ApiRequest]:
    """Yields requests that a cluster makes all the time by itself, and that say little."""
    for who, verb, group, resource, namespace in (
        (_NODE, "update", "coordination.k8s.io", "leases", "kube-node-lease"),
        (_CONTROLLERS, "update", "coordination.k8s.io", "leases", "kube-system"),
        (_KUBE_PROXY, "watch", "discovery.k8s.io", "endpointslices", ""),
        (_KUBE_PROXY, "watch", "", "services", ""),
        (_NODE, "create", "", "events", "default"),
        (_NODE, "create", "authorization.k8s.io", "subjectaccessreviews", ""),
        (_NODE, "create", "authentication.k8s.io", "tokenreviews", ""),
    ):
        name = OTHER_NAME if verb == "update" else ""
        yield ApiRequest(verb, who.user, who.groups, resource, "", group, namespace, name)
    anonymous = identity("system:anonymous")
    for path in ("/healthz", "/livez", "/readyz"):
        yield ApiRequest("get", anonymous.user, anonymous.groups, path=path)
