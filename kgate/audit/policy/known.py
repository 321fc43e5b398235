"""Finds words of a rule that name nothing Kubernetes has: resources in another group, identities that nobody has."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.audit.policy.deadwords import DeadWord
from kgate.audit.policy.policy import PolicyRule
from kgate.kubernetes import served
from kgate.kubernetes.nearest import nearest
from kgate.kubernetes.plurals import plural
from kgate.kubernetes.resources import catalogue
from kgate.model import child_pointer

_GONE_USERS = {
    "system:unsecured": "the port without authentication is gone since Kubernetes 1.20",
    "kubelet": "a kubelet is a user system:node:NAME of the group system:nodes",
}
_GROUPS = (
    "system:authenticated",
    "system:unauthenticated",
    "system:masters",
    "system:nodes",
    "system:serviceaccounts",
    "system:bootstrappers",
    "system:monitoring",
)
_USERS = (
    "system:anonymous",
    "system:apiserver",
    "system:kube-proxy",
    "system:kube-scheduler",
    "system:kube-controller-manager",
)


def unknown_resources(rule: PolicyRule, minor: int) -> Iterator[DeadWord]:
    """Yields the resources that a group of Kubernetes does not have, and the groups that it has no more."""
    for number, entry in enumerate(rule.resources):
        base = child_pointer("", "resources", number)
        if entry.group == "*" or not (entry.group in catalogue() or served.is_own(f"{entry.group}/v1")):
            continue
        if entry.group not in catalogue():
            if not any(entry.group in groups for groups in served.resource_groups(minor).values()):
                reason = f"Kubernetes 1.{minor} has no group `{entry.group}` any more"
                yield DeadWord(child_pointer(base, "group"), reason)
            continue
        for index, word in enumerate(entry.resources):
            complaint = _unknown(entry.group, word, minor)
            if complaint is not None:
                yield DeadWord(child_pointer(base, "resources", index), complaint)


def _unknown(group: str, word: str, minor: int) -> str | None:
    resource, _, subresource = word.partition("/")
    if "*" in (resource, word) or word in catalogue()[group]:
        return None
    groups = served.resource_groups(minor)
    if group in groups.get(resource, ()) or resource in catalogue()[group]:
        return None if subresource == "*" or not subresource else _no_subresource(group, resource, subresource)
    name = f"the group `{group}`" if group else "the core group"
    others = [other for other in catalogue() if resource in catalogue()[other]]
    if others:
        return f"{name} has no `{resource}`; it is in `{others[0] or 'core'}`"
    near = nearest(plural(resource), catalogue()[group]) or nearest(resource, catalogue()[group])
    return f"{name} has no `{resource}`" + (f"; did you mean `{near}`?" if near else "")


def _no_subresource(group: str, resource: str, subresource: str) -> str | None:
    known = [word.partition("/")[2] for word in catalogue()[group] if word.startswith(f"{resource}/")]
    near = nearest(subresource, known)
    return f"`{resource}` has no subresource `{subresource}`" + (f"; did you mean `{near}`?" if near else "")


def unknown_identities(rule: PolicyRule) -> Iterator[DeadWord]:
    """Yields the users and groups that nobody is."""
    for index, user in enumerate(rule.users):
        if user in _GONE_USERS:
            yield DeadWord(child_pointer("", "users", index), f"nobody is `{user}`: {_GONE_USERS[user]}")
        elif user in _GROUPS or user.startswith("system:serviceaccounts:"):
            yield DeadWord(child_pointer("", "users", index), f"`{user}` is a group; list it in `userGroups`")
    for index, group in enumerate(rule.groups):
        is_user = group in (*_USERS, *_GONE_USERS) or group.startswith(("system:serviceaccount:", "system:node:"))
        if is_user:
            yield DeadWord(child_pointer("", "userGroups", index), f"`{group}` is a user; list it in `users`")
