"""Joins renderings that are deployed to the same cluster: each is judged once all of them are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from kgate.kubernetes.clusters import DeployedTo
from kgate.kubernetes.facts import Facts, is_wanted
from kgate.kubernetes.scopes import ClusterScope
from kgate.model import Batch, Resource


class SharedClusters:
    """What renderings put on the clusters that they share."""

    def __init__(
        self, batches: Sequence[Batch], clusters: Sequence[ClusterScope], join: Callable[[Facts], Facts]
    ) -> None:
        """``clusters`` are those of the configuration, ``join`` finds out what roles and bindings give to whom."""
        resources = [one for batch in batches for one in batch.resources]
        self.places = DeployedTo.of(resources, clusters)
        found = defaultdict[str, list[Resource]](list)
        for one in filter(is_wanted, resources):
            for name in self.places.names(one):
                if self.places.counts_for_others(one, name):
                    found[name].append(one)
        self._facts = {name: join(Facts.of(members, is_all=False)) for name, members in found.items()}

    def added_to(self, facts: Facts, resources: Iterable[Resource]) -> Facts:
        """Returns the facts of resources that are deployed together, with what is on their clusters besides."""
        names = next(map(self.places.names, resources), ())
        shared = tuple(self._facts.get(name, Facts()) for name in names)
        return replace(facts.sharing(shared), deployed_to=names)


def may_be_shared(batch: Batch, clusters: Sequence[ClusterScope]) -> bool:
    """True if a part of what was rendered surely goes to a cluster with others."""
    renderings = {one.rendering: one for one in batch.resources if one.rendering is not None}
    places = DeployedTo(clusters)
    return any(map(places.names, renderings.values()))
