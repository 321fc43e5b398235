"""Joins: what resources need to know of each other to be judged, which rules read in the variable ``facts``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field

from kgate.model import Json, Pod, Resource
from kgate.values import dataclass

_AUTOMOUNT = "automountServiceAccountToken"
KINDS = frozenset({"ServiceAccount"})
"""The kinds that facts are taken from."""

MENTIONED = re.compile(r"\bServiceAccount\b")
"""Every text that holds something of these kinds matches, in its plainest spelling (yamltree.spelling)."""


def may_matter(text: str) -> bool:
    """True if facts from a text may excuse a pod. In an odd spelling they do not."""
    return _AUTOMOUNT in text and MENTIONED.search(text) is not None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the resources that are deployed together, gathered before any of them is judged.

    ``accounts`` holds the service accounts by name: the namespace of each, empty if unknown, and whether it says that
    pods mount its token (None if it does not say).
    """

    accounts: Mapping[str, tuple[tuple[str, Json], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> Facts:
        """Gathers the facts from resources."""
        accounts: dict[str, tuple[tuple[str, Json], ...]] = {}
        for resource in resources:
            who = resource.id
            if who.kind in KINDS and who.api_version == "v1":
                known = (who.namespace or "", resource.body.get(_AUTOMOUNT))
                accounts[who.name] = (*accounts.get(who.name, ()), known)
        return cls(accounts)

    def about(self, resource: Resource, pod: Pod) -> dict[str, Json]:
        """Returns what is known about a pod of a resource, as CEL sees it: ``serviceAccount``, the account that the
        pod runs as, with ``automountServiceAccountToken`` if all accounts that this may be agree on it."""
        if not self.accounts:
            return {}
        namespace = resource.id.namespace or ""
        found = self.accounts.get(account_of(pod), ())
        said = [value for where, value in found if not (where and namespace and where != namespace)]
        if not said or any(value is not said[0] for value in said) or said[0] is None:
            return {}
        return {"serviceAccount": {_AUTOMOUNT: said[0]}}


def account_of(pod: Pod) -> str:
    """Returns the name of the service account that a pod runs as, in either spelling of the field (PodSpec)."""
    spec = pod.spec if isinstance(pod.spec, Mapping) else {}
    names = (spec.get(name) for name in ("serviceAccountName", "serviceAccount"))
    return next((name for name in names if isinstance(name, str) and name), "default")
