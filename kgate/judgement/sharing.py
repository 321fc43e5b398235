"""Joins renderings that are deployed to the same cluster: each is judged once all of them are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from kgate.kubernetes.clusters import DeployedTo, PlacedFiles
from kgate.kubernetes.facts import POLICY, Facts, UndefinedRole, is_wanted
from kgate.kubernetes.scopes import ClusterScope
from kgate.model import Batch, Resource

_OF_CLUSTER = frozenset({"ClusterRole", "ClusterRoleBinding", "Namespace", "PersistentVolume"})
"""The kinds with a meaning for others that are in no namespace; as for policies, any may be about all."""


class SharedClusters:
    """What renderings, and plain manifests of which it is known, put on the clusters that they share."""

    def __init__(
        self,
        batches: Sequence[Batch],
        placed: PlacedFiles,
        clusters: Sequence[ClusterScope],
        join: Callable[[Facts], Facts],
    ) -> None:
        """``clusters`` are those of the configuration, ``join`` finds out what roles and bindings give to whom."""
        resources = [*placed.resources, *(one for batch in batches for one in batch.resources)]
        self.places = DeployedTo.of(resources, clusters, placed.destinations)
        found = defaultdict[str, list[Resource]](list)
        for one in resources:
            for name in self.places.names(one) if is_wanted(one) and _is_placed(one) else ():
                if self.places.is_sure(one, name):
                    found[name].append(one)
        self._facts = {name: join(Facts.of(members, is_all=False)) for name, members in found.items()}

    def added_to(self, facts: Facts, resources: Iterable[Resource]) -> Facts:
        """Returns the facts of resources that are deployed together, with what is on their clusters besides."""
        return self.added_at(facts, next(map(self.places.names, resources), ()))

    def added_at(self, facts: Facts, names: tuple[str, ...]) -> Facts:
        """Returns facts with what is on these clusters besides."""
        shared = tuple(self._facts.get(name, Facts()) for name in names)
        return replace(facts.sharing(shared), deployed_to=names)

    def defines(self, role: UndefinedRole) -> bool:
        """True if a role that a plain manifest names is known in its cluster, though not from plain manifests."""
        names = self.places.names_of_file(role.path)
        known = (one.id for name in names if name in self._facts for one in self._facts[name].defined)
        return any((one.kind, one.namespace or "", one.name) == (role.kind, role.namespace, role.name) for one in known)

    def of_files(self, facts: Facts) -> Mapping[str, Facts]:
        """Returns the facts of plain manifests that GitOps objects deploy, by their paths, from those of all."""
        places = {path: names for path in self.places.files if (names := self.places.names_of_file(path))}
        found = {names: self._of_placed(facts, names, places) for names in dict.fromkeys(places.values())}
        return {path: found[names] for path, names in places.items()}

    def _of_placed(self, facts: Facts, names: tuple[str, ...], places: Mapping[str, tuple[str, ...]]) -> Facts:
        apart = frozenset(path for path, others in places.items() if self.places.differ(names, others))
        return replace(self.added_at(facts, names), apart=apart)


def _is_placed(resource: Resource) -> bool:
    """True if it is known where an object is in its cluster."""
    kind = resource.id.kind
    return bool(resource.id.namespace) or kind in _OF_CLUSTER or kind.endswith(POLICY)


def may_be_shared(batch: Batch, clusters: Sequence[ClusterScope]) -> bool:
    """True if a part of what was rendered surely goes to a cluster with others."""
    renderings = {one.rendering: one.rendering for one in batch.resources if one.rendering is not None}
    places = DeployedTo(clusters)
    return any(map(places.names_of, renderings.values()))
