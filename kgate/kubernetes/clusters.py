"""Which objects are surely deployed to the same cluster, though different tools apply them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import TypeAlias

from kgate.kubernetes.scopes import ClusterScope, asking_file, own_file, path_of
from kgate.kubernetes.workload import find_workload
from kgate.model import Destination, Rendering, Resource
from kgate.values import dataclass

_TELLING = frozenset({"Role", "RoleBinding", "ServiceAccount"})
"""The kinds, beside those that run pods, of which no cluster gets the same object twice."""

ReleaseKey: TypeAlias = tuple[str, str]
"""A chart or kustomization and the object that asks for it: of its variants only one may be deployed."""


@dataclass(frozen=True, slots=True)
class PlacedFiles:
    """Plain manifests that surely go to a cluster: the objects in them that others may rely on, and the destinations of
    those that a GitOps object deploys, by their paths."""

    resources: tuple[Resource, ...] = ()
    destinations: Mapping[str, tuple[Destination, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeployedTo:
    """To which clusters things are deployed, by the ``clusters`` of the configuration and the destinations of GitOps
    objects.

    A chart or kustomization in the folders of a cluster goes there, or to the one with the name of the destination;
    else what a GitOps object in these folders asks for, unless such objects name several destinations. In ``mixed`` are
    the clusters for which this is so. Else the destination counts, unless it is among the ``doubtful``: those that are
    only assumed, and that get one object twice, as staging and production do together.

    ``known`` are the names of all clusters, ``own`` those of clusters that are only known by what is in them, or leads
    to them, and ``variants`` those of each release in each cluster.
    """

    clusters: Sequence[ClusterScope] = ()
    mixed: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()
    known: tuple[str, ...] = ()
    own: frozenset[str] = frozenset()
    variants: Mapping[tuple[str, ReleaseKey], frozenset[str]] = field(default_factory=dict, compare=False)
    files: Mapping[str, tuple[Destination, ...]] = field(default_factory=dict, compare=False)
    _found: dict[Hashable, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        resources: Iterable[Resource],
        clusters: Sequence[ClusterScope] = (),
        files: Mapping[str, tuple[Destination, ...]] = MappingProxyType({}),
    ) -> DeployedTo:
        """Looks through everything that is rendered; ``files`` are plain manifests with their destinations."""
        rendered = [(one, one.rendering) for one in resources if one.rendering is not None]
        renderings = dict.fromkeys((rendering, rendering.destinations) for _, rendering in rendered)
        named = defaultdict[str, set[str]](set)
        for rendering, destinations in renderings:
            if (folder := _holding(asking_file(rendering), clusters)) is not None:
                named[folder].update(one.name for one in destinations if not one.is_own)
        mixed = frozenset(name for name, found in named.items() if len(found) > 1)
        places = cls(clusters, mixed, _doubtful(rendered), files=files)
        variants = defaultdict[tuple[str, ReleaseKey], set[str]](set)
        for rendering, destinations in renderings:
            for name in places.names_of(replace(rendering, destinations=destinations)):
                variants[name, release_of(rendering)].add(rendering.variant)
        plain = {name for path in files for name in places.names_of_file(path)}
        known = dict.fromkeys((*(one.name for one in clusters), *sorted(plain | {name for name, _ in variants})))
        all_destinations = (*(found for _, found in renderings), *files.values())
        own = frozenset(one.name for where in all_destinations for one in where if one.is_own or one.is_unnamed)
        found = {key: frozenset(names) for key, names in variants.items()}
        return cls(clusters, mixed, places.doubtful, tuple(known), own, found, files)

    def names(self, resource: Resource) -> tuple[str, ...]:
        """Returns the clusters to which an object is surely deployed; nothing if that is not known."""
        if resource.rendering is not None:
            return self.names_of(resource.rendering)
        return self.names_of_file(path_of(resource))

    def names_of_file(self, path: str) -> tuple[str, ...]:
        """Returns the same of a plain manifest: the cluster in whose folders it is, else its destinations."""
        found = _holding(path, self.clusters)
        return (found,) if found is not None else self._sure(self.files.get(path, ()))

    def _sure(self, destinations: Iterable[Destination]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.name for one in destinations if one.name not in self.doubtful))

    def names_of(self, rendering: Rendering) -> tuple[str, ...]:
        """Returns the same for everything that is rendered together."""
        key = rendering, rendering.destinations
        if key not in self._found:
            self._found[key] = self._names_of(rendering)
        return self._found[key]

    def _names_of(self, rendering: Rendering) -> tuple[str, ...]:
        own, asking = (_holding(path, self.clusters) for path in (own_file(rendering), asking_file(rendering)))
        entries = {one.name for one in self.clusters}
        given = self._sure(rendering.destinations)
        stated = tuple(name for name in given if name in entries)
        if own is not None:
            return () if stated and own not in stated else (own,)
        is_mixed = asking in self.mixed and any(not one.is_own for one in rendering.destinations)
        return stated or ((asking,) if asking is not None and not is_mixed else given)

    def is_sure(self, resource: Resource, cluster: str) -> bool:
        """True if an object is surely in a cluster to which it is deployed: no other variant of its release may take
        its place."""
        rendering = resource.rendering
        return rendering is None or len(self.variants.get((cluster, release_of(rendering)), ())) == 1

    def are_apart(self, one: Resource, other: Resource) -> bool:
        """True if two objects are never in one cluster: each is known to be in others, or they are of two variants of
        one release."""
        return is_variant(one.rendering, other.rendering) or self.differ(self.names(one), self.names(other))

    def differ(self, names: Collection[str], others: Collection[str]) -> bool:
        """True if clusters are surely other ones: only names of one kind tell that. One cluster may be known by its
        folder, its name and its URL, and the cluster that something is in by any of these."""
        kinds = {self._kind(name) for name in (*names, *others)}
        return bool(names and others) and len(kinds) == 1 and kinds != {""} and set(names).isdisjoint(others)

    def _kind(self, name: str) -> str:
        if any(one.name == name for one in self.clusters):
            return "folder"
        if name in self.own:
            return ""
        return "URL" if "://" in name else "name"


def release_of(rendering: Rendering) -> ReleaseKey:
    """Returns what a rendering is a variant of."""
    return f"{rendering.tool} {rendering.path}", rendering.requested_by


def is_variant(one: Rendering | None, other: Rendering | None) -> bool:
    """True if two renderings are variants of one release."""
    if one is None or other is None or one.variant == other.variant:
        return False
    return release_of(one) == release_of(other)


def _holding(path: str, clusters: Sequence[ClusterScope]) -> str | None:
    """The name of the first cluster with a file."""
    return next((one.name for one in clusters if one.holds(path)), None) if path else None


def _doubtful(rendered: Iterable[tuple[Resource, Rendering]]) -> frozenset[str]:
    """The destinations that are only assumed and get the same object twice."""
    found: dict[Hashable, ReleaseKey] = {}
    doubtful: set[str] = set()
    for resource, rendering in rendered:
        names = [one.name for one in rendering.destinations if one.is_assumed]
        if names and (resource.id.kind in _TELLING or find_workload(resource) is not None):
            who, release = resource.id, release_of(rendering)
            keys = ((name, (who.kind, who.namespace, who.name)) for name in names)
            doubtful.update(key[0] for key in keys if found.setdefault(key, release) != release)
    return frozenset(doubtful)
