"""Notices bindings that no workload was judged with: of accounts that are nowhere defined, or that others run as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from kgate.kubernetes.facts import BindingKey, Facts, ReachedPower, account_of
from kgate.model import Location, Note, Resource, Workload
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.kubernetes.clusters import DeployedTo

Runner: TypeAlias = tuple[str, str]
"""A service account: its namespace, empty if unknown, and its name."""

Clusters: TypeAlias = tuple[str, ...]
"""The names of the clusters to which something is surely deployed; none if that is not known."""

DEFAULT = "default"
"""The account that Kubernetes makes in each namespace."""


@dataclass(slots=True)
class Joins:
    """What is known of accounts: ``defined`` has those that are defined, ``runners`` the workloads that run as each, by
    the clusters to which these are deployed (none if unknown); ``bindings`` are those that workloads were judged
    with."""

    defined: set[Runner] = field(default_factory=set)
    runners: dict[Runner, dict[Clusters, str]] = field(default_factory=dict)
    bindings: set[BindingKey] = field(default_factory=set)

    def add(self, resource: Resource, workload: Workload | None, facts: Facts) -> None:
        """Adds an account, or a workload, that is judged with these facts."""
        if resource.id.kind == "ServiceAccount":
            self.defined.add((resource.id.namespace or "", resource.id.name))
        clusters = clusters_of(facts)
        for pod in workload.pods if workload is not None else ():
            account = resource.id.namespace or "", account_of(pod)
            self.runners.setdefault(account, {}).setdefault(clusters, str(resource.id))
            self.bindings.update(one.key for one in facts.reached_by(resource, pod))

    def update(self, others: Joins) -> None:
        """Adds what is known of other workloads."""
        for account, found in others.runners.items():
            self.runners[account] = {**found, **self.runners.get(account, {})}
        self.defined |= others.defined
        self.bindings |= others.bindings

    def runner(self, account: Runner, clusters: Clusters, places: DeployedTo) -> str:
        """Returns a workload that runs as an account and may be in one of these clusters; an empty text if there is
        none."""
        found = self.runners.get(account, {})
        return next((who for others, who in found.items() if not places.differ(clusters, others)), "")

    def knows(self, account: Runner, clusters: Clusters, places: DeployedTo) -> bool:
        """True if an account is defined, or runs a workload; either may name no namespace."""
        known: tuple[Runner, Runner] = account, ("", account[1])
        is_defined = account[1] == DEFAULT or not self.defined.isdisjoint(known)
        return is_defined or any(self.runner(one, clusters, places) for one in known)


def clusters_of(facts: Facts) -> Clusters:
    """Returns the clusters to which all that is deployed that facts are about; none if that is not known."""
    return facts.deployed_to or ((facts.cluster.name,) if facts.cluster is not None else ())


class BoundAccounts:
    """What bindings give to service accounts."""

    def __init__(self) -> None:
        self._bound: dict[tuple[BindingKey, Runner], tuple[Clusters, Location]] = {}

    @property
    def has_any(self) -> bool:
        """True if there are any."""
        return bool(self._bound)

    def add(self, facts: Facts, *, is_rendering: bool) -> None:
        """Adds what is known of resources that are deployed together: of one rendering, or of plain manifests."""
        for powers in facts.reach.values():
            for one in powers:
                if one.places and one.account and one.namespace:
                    is_sure = is_rendering or (facts.cluster is not None and facts.cluster.holds(one.path))
                    self._bind(one, clusters_of(facts) if is_sure else ())

    def _bind(self, power: ReachedPower, clusters: Clusters) -> None:
        """Adds what one binding gives; what may be in any cluster is also among the facts of each."""
        key = power.key, (power.namespace, power.account)
        if clusters or key not in self._bound:
            self._bound[key] = clusters, power.places[0].location

    def notes(self, joins: Joins, places: DeployedTo) -> Iterator[Note]:
        """Yields a note for each account that is nowhere defined and that nothing runs as, and for each binding of one
        that only workloads run as that were not judged with it."""
        missing: set[Runner] = set()
        for (binding, account), (found, place) in self._bound.items():
            clusters = found or (places.names_of_file(binding[1]) if binding[1] in places.files else ())
            namespace, name = account
            who = f"ServiceAccount/{namespace}/{name}"
            if binding in joins.bindings:
                continue
            if workload := joins.runner(account, clusters, places):
                text = f"{binding[0]}: {workload} runs as {who} and is deployed by other means, so it is judged without"
                yield Note(place.path, place.start.line, f"{text} this binding; kgate reach joins them")
            elif not joins.knows(account, clusters, places) and account not in missing:
                missing.add(account)
                text = f"{binding[0]}: {who} is nowhere defined, and nothing runs as it"
                yield Note(place.path, place.start.line, f"{text}, so what is bound to it counts for no workload")
