"""What the pods of a workload may ask of the API server, and by which way."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace

from kgate.kubernetes.clusters import DeployedTo
from kgate.kubernetes.facts import account_of
from kgate.kubernetes.podspec import list_of, mapping
from kgate.kubernetes.scopes import is_near
from kgate.model import Pod, Rendering, Resource, Workload
from kgate.rbac.authorizer import DEFAULT_NAMESPACE, Authorizer, Grant, Identity
from kgate.rbac.objects import Account, Binding, Object
from kgate.values import dataclass

_AUTOMOUNT = "automountServiceAccountToken"


@dataclass(frozen=True, slots=True)
class AccountReach:
    """The account that pods of a workload run as, and what that may do. ``namespace`` is the workload's, or the one
    that is assumed as it names none. ``token`` says whether they have the account's token, and why. ``clusters`` are
    those to which the workload is surely deployed."""

    resource: Resource
    namespace: str
    is_assumed: bool
    account_name: str
    accounts: tuple[Account, ...]
    has_token: bool
    token: str
    grants: tuple[Grant, ...]
    clusters: tuple[str, ...] = ()


def reaches(
    workload: Workload,
    others: Iterable[Workload],
    objects: Iterable[Object],
    places: DeployedTo = DeployedTo(),  # noqa: B008 - frozen
) -> Iterator[AccountReach]:
    """Yields the reach of each account that a workload runs pods as.

    Of several renderings with the same workload, such as overlays for several clusters, each counts for its own; for a
    plain workload also what is in files beside it. Nothing counts that is surely in another cluster.
    """
    own = workload.resource
    same = [other.resource for other in others if other.resource.id == own.id]
    elsewhere = {one.rendering for one in same if one.rendering is not None and one.rendering != own.rendering}
    near = (one for one in objects if one.resource is None or _counts(one.resource, own, elsewhere))
    here = [one for one in near if one.resource is None or not places.are_apart(one.resource, own)]
    pods: dict[str, Pod] = {}
    for pod in workload.pods:
        name = account_of(pod)
        if name not in pods or not _mounts(pods[name], ())[0]:
            pods[name] = pod
    for name, pod in sorted(pods.items()):
        yield replace(_reach(own, pod, name, here), clusters=places.names(own))


def _counts(one: Resource, own: Resource, elsewhere: Container[Rendering]) -> bool:
    """True if an object may be in the cluster of a workload, which other renderings hold, too."""
    return one.rendering not in elsewhere or (own.rendering is None and is_near(one.locate("").path, own))


def _reach(resource: Resource, pod: Pod, name: str, objects: list[Object]) -> AccountReach:
    namespace = resource.id.namespace or _assumed(name, objects)
    authorizer = Authorizer(objects, namespace)
    accounts = tuple(
        one for one in authorizer.accounts if one.name == name and (one.namespace or namespace) == namespace
    )
    has_token, token = _mounts(pod, accounts)
    grants = tuple(authorizer.held(Identity.of_account(namespace, name), None))
    return AccountReach(resource, namespace, not resource.id.namespace, name, accounts, has_token, token, grants)


def _assumed(name: str, objects: Iterable[Object]) -> str:
    """The namespace of an account that the manifests do not write: the only one in which anything names it."""
    found = set()
    for one in objects:
        if isinstance(one, Account) and one.name == name:
            found.add(one.namespace)
        elif isinstance(one, Binding) and one.resource is not None:
            found |= {
                who.namespace or one.namespace
                for who in one.subjects
                if (who.kind, who.name) == ("ServiceAccount", name)
            }
    found.discard("")
    return found.pop() if len(found) == 1 else DEFAULT_NAMESPACE


def _mounts(pod: Pod, accounts: Iterable[Account]) -> tuple[bool, str]:
    """Says whether a pod has a token of its account, and what decides it (PodSpec, ServiceAccount)."""
    spec = mapping(pod.spec)
    if any(_is_token(source) for volume in list_of(spec.get("volumes")) for source in _sources(volume)):
        return True, "a projected volume holds its token"
    if isinstance(spec.get(_AUTOMOUNT), bool):
        return spec[_AUTOMOUNT], f"{_AUTOMOUNT} is {str(spec[_AUTOMOUNT]).lower()} in the pod"
    said = {account.mounts_token for account in accounts}
    if said == {False}:
        return False, f"{_AUTOMOUNT} is false in the service account"
    return True, "it is mounted by default"


def _sources(volume: object) -> Iterable[object]:
    return list_of(mapping(mapping(volume).get("projected")).get("sources"))


def _is_token(source: object) -> bool:
    return isinstance(source, Mapping) and source.get("serviceAccountToken") is not None
