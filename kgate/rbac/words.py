"""What users call an action, read (``create pods/exec``), and what a rule of a role permits, written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kgate.kubernetes.nearest import nearest
from kgate.kubernetes.served import resource_groups
from kgate.rbac.permissions import ANY, Action, Permission

_NOT_SERVED: Mapping[str, tuple[str, ...]] = {
    "users": ("",),
    "groups": ("",),
    "uids": ("authentication.k8s.io",),
    "userextras": ("authentication.k8s.io",),
    "signers": ("certificates.k8s.io",),
    "podsecuritypolicies": ("policy",),
}
"""Words of rules that name nothing with an address of its own."""

_MOST_WORDS = 8


class UnknownActionError(ValueError):
    """A word that names no action, with what to write."""


def action(verb: str, what: str, name: str, namespace: str | None, minor: int) -> Action:
    """Returns the action that words name: a verb and a path (``/metrics``), or a resource as ``kubectl`` names it, with
    its group unless Kubernetes knows it (``deployments``, ``things.example.org``, ``pods/exec``). Raises
    UnknownActionError."""
    if what.startswith("/"):
        return Action(verb.lower(), path=what, namespace="")
    whole, _, subresource = what.lower().partition("/")
    resource, _, group = whole.partition(".")
    if resource != ANY and not group:
        resource, group = _known(resource, minor)
    return Action(verb.lower(), resource, subresource, group, name, namespace)


def _known(word: str, minor: int) -> tuple[str, str]:
    """The resource that a word names without its group, and the group."""
    known = {**resource_groups(minor), **_NOT_SERVED}
    for resource in (word, f"{word}s", f"{word}es", f"{word[:-1]}ies"):
        if resource in known:
            groups = known[resource]
            if len(groups) > 1 and "" not in groups:
                choices = " or ".join(f"{resource}.{group}" for group in groups)
                raise UnknownActionError(f"'{word}' is in several API groups; write {choices}")
            return resource, "" if "" in groups else groups[0]
    near = nearest(word, known)
    hint = f"did you mean '{near}'?" if near else f"write the API group of a custom resource, as {word}.example.org"
    raise UnknownActionError(f"Kubernetes has no resource '{word}'; {hint}")


def described(permission: Permission) -> str:
    """Returns what a rule permits in words: ``get, list secrets``, ``* deployments.apps web``."""
    verbs = _listed(permission.verbs)
    if permission.paths:
        return f"{verbs} {_listed(permission.paths)}"
    groups = sorted(permission.groups) or [""]
    names = (f"{one}.{group}" if group else one for one in sorted(permission.resources) for group in groups)
    objects = f" named {_listed(permission.names)}" if permission.names else ""
    return f"{verbs} {_listed(names)}{objects}"


def as_rule(permission: Permission) -> dict[str, list[str]]:
    """Returns a permission as the rule of a role is written."""
    lists = {
        "apiGroups": permission.groups,
        "resources": permission.resources,
        "resourceNames": permission.names,
        "nonResourceURLs": permission.paths,
        "verbs": permission.verbs,
    }
    return {field: sorted(words) for field, words in lists.items() if words}


def _listed(words: Iterable[str]) -> str:
    found = sorted(words)
    more = f" and {len(found) - _MOST_WORDS} more" if len(found) > _MOST_WORDS else ""
    return ", ".join(found[:_MOST_WORDS]) + more
