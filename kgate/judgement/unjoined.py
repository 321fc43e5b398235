"""Notices bindings that no workload was judged with: of accounts that are nowhere defined, or that others run as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TypeAlias

from kgate.kubernetes.facts import BindingKey, Facts, ReachedPower, account_of
from kgate.model import Location, Note, Resource, Workload
from kgate.values import dataclass

Runner: TypeAlias = tuple[str, str]
"""A service account: its namespace, empty if unknown, and its name."""

DEFAULT = "default"
"""The account that Kubernetes makes in each namespace."""


@dataclass(slots=True)
class Joins:
    """What is known of accounts: ``defined`` has those that are defined, ``runners`` the workloads that run as each, by
    the clusters of these (empty if unknown); ``bindings`` are those that workloads were judged with."""

    defined: set[Runner] = field(default_factory=set)
    runners: dict[Runner, dict[str, str]] = field(default_factory=dict)
    bindings: set[BindingKey] = field(default_factory=set)

    def add(self, resource: Resource, workload: Workload | None, facts: Facts) -> None:
        """Adds an account, or a workload, that is judged with these facts."""
        if resource.id.kind == "ServiceAccount":
            self.defined.add((resource.id.namespace or "", resource.id.name))
        cluster = facts.cluster.name if facts.cluster is not None else ""
        for pod in workload.pods if workload is not None else ():
            account = resource.id.namespace or "", account_of(pod)
            self.runners.setdefault(account, {}).setdefault(cluster, str(resource.id))
            self.bindings.update(one.key for one in facts.reached_by(resource, pod))

    def update(self, others: Joins) -> None:
        """Adds what is known of other workloads."""
        for account, found in others.runners.items():
            self.runners[account] = {**found, **self.runners.get(account, {})}
        self.defined |= others.defined
        self.bindings |= others.bindings

    def runner(self, account: Runner, cluster: str) -> str:
        """Returns a workload that runs as an account and may be in a cluster; an empty text if there is none."""
        found = self.runners.get(account, {})
        return (found.get(cluster) or found.get("", "")) if cluster else next(iter(found.values()), "")

    def knows(self, account: Runner, cluster: str) -> bool:
        """True if an account is defined, or runs a workload; either may name no namespace."""
        known: tuple[Runner, Runner] = account, ("", account[1])
        is_defined = account[1] == DEFAULT or not self.defined.isdisjoint(known)
        return is_defined or any(self.runner(one, cluster) for one in known)


class BoundAccounts:
    """What bindings give to service accounts."""

    def __init__(self) -> None:
        self._bound: dict[tuple[BindingKey, Runner], tuple[str, Location]] = {}

    def add(self, facts: Facts, *, is_rendering: bool) -> None:
        """Adds what is known of resources that are deployed together: of one rendering, or of plain manifests."""
        for powers in facts.reach.values():
            for one in powers:
                if one.places and one.account and one.namespace:
                    is_sure = facts.cluster is not None and (is_rendering or facts.cluster.holds(one.path))
                    self._bind(one, facts.cluster.name if facts.cluster is not None and is_sure else "")

    def _bind(self, power: ReachedPower, cluster: str) -> None:
        """Adds what one binding gives; what may be in any cluster is also among the facts of each."""
        key = power.key, (power.namespace, power.account)
        if cluster or key not in self._bound:
            self._bound[key] = cluster, power.places[0].location

    def notes(self, joins: Joins) -> Iterator[Note]:
        """Yields a note for each account that is nowhere defined and that nothing runs as, and for each binding of one
        that only workloads run as that were not judged with it."""
        missing: set[Runner] = set()
        for (binding, account), (cluster, place) in self._bound.items():
            namespace, name = account
            who = f"ServiceAccount/{namespace}/{name}"
            if binding in joins.bindings:
                continue
            if workload := joins.runner(account, cluster):
                text = f"{binding[0]}: {workload} runs as {who} and is deployed by other means, so it is judged without"
                yield Note(place.path, place.start.line, f"{text} this binding; kgate reach joins them")
            elif not joins.knows(account, cluster) and account not in missing:
                missing.add(account)
                text = f"{binding[0]}: {who} is nowhere defined, and nothing runs as it"
                yield Note(place.path, place.start.line, f"{text}, so what is bound to it counts for no workload")
