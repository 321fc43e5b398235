"""Which volumes of pods lie on the node though they only name a claim: by PersistentVolumes of hostPath and local."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from typing import TypeAlias

from kgate.kubernetes.hops import Hop, name_of
from kgate.kubernetes.podspec import Labels, list_of, mapping
from kgate.kubernetes.scopes import Scope, closest, nearest, path_of, scopes
from kgate.kubernetes.selectors import selects
from kgate.model import Json, Pod, Resource, child_pointer
from kgate.values import dataclass

_NODE_TYPES = ("hostPath", "local")
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"

_MOST_TRIED = 1000
"""Volumes that are compared for one claim; where there are more, nothing is said."""

_MOST_REPLICAS = 100
"""Pods of a StatefulSet for whose claims volumes are looked for."""

_QUANTITY = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)([kMGTPE]|[KMGTPE]i)?")
_UNITS = {"k": Decimal(1000), "": Decimal(1)}
_UNITS |= {letter: Decimal(1000) ** power for power, letter in enumerate("MGTPE", 2)}
_UNITS |= {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}


@dataclass(frozen=True, slots=True)
class HostVolume:
    """A volume of a pod that lies on the node: its name, ``hostPath`` or ``local``, and the way to the path there."""

    name: str
    type: str
    way: tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class _PersistentVolume:
    """A PersistentVolume; ``type`` is empty unless it lies on the node, ``claim`` None unless it is kept for one, which
    has a namespace and a name. ``size`` is in bytes, None if it cannot be read."""

    name: str
    path: str
    type: str
    storage_class: str
    claim: tuple[str, str] | None
    size: Decimal | None
    modes: frozenset[str]
    volume_mode: Json
    labels: Labels
    hop: Hop

    @property
    def identity(self) -> Hashable:
        """Its name (scopes.Placed)."""
        return self.name


@dataclass(frozen=True, slots=True)
class _VolumeClaim:
    """What a pod asks for: the names that the claim may have, and its spec. ``way`` leads there from the pod."""

    names: tuple[str, ...]
    spec: Mapping[str, Json]
    storage_class: Json
    path: str
    way: tuple[Hop, ...] = ()

    @property
    def identity(self) -> Hashable:
        """Its names (scopes.Placed)."""
        return self.names


_ByKey: TypeAlias = Mapping[str, Sequence[_PersistentVolume]]


@dataclass(frozen=True, slots=True)
class StaticVolumes:
    """The PersistentVolumes of resources that are deployed together, and the claims, by their scopes and names."""

    volumes: tuple[_PersistentVolume, ...] = ()
    claims: Mapping[tuple[Scope, str], tuple[_VolumeClaim, ...]] = field(default_factory=dict)
    by_name: _ByKey = field(default_factory=dict, compare=False)
    by_claim: _ByKey = field(default_factory=dict, compare=False)
    by_class: _ByKey = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, resources: Sequence[Resource]) -> StaticVolumes:
        """Reads the volumes and claims among resources; nothing if no volume lies on the node."""
        core = [resource for resource in resources if resource.id.api_version == "v1"]
        volumes = [_read(resource) for resource in core if resource.id.kind == "PersistentVolume"]
        if not any(volume.type for volume in volumes):
            return cls()
        claims = defaultdict[tuple[Scope, str], tuple[_VolumeClaim, ...]](tuple)
        for resource in core:
            if resource.id.kind == "PersistentVolumeClaim":
                claims[scopes(resource)[0], name_of(resource)] += (_claim_of(resource),)
        by_name = _grouped((volume.name, volume) for volume in volumes)
        by_claim = _grouped((volume.claim[1], volume) for volume in volumes if volume.claim is not None)
        by_class = _grouped((volume.storage_class, volume) for volume in volumes if volume.claim is None)
        return cls(tuple(volumes), dict(claims), by_name, by_claim, by_class)

    def on_node(self, resource: Resource, pod: Pod) -> tuple[HostVolume, ...]:
        """Returns the volumes of a pod that lie on the node since a PersistentVolume does that is surely theirs."""
        return tuple(self._on_node(resource, pod)) if self.volumes else ()

    def _on_node(self, resource: Resource, pod: Pod) -> Iterator[HostVolume]:
        for volume in map(mapping, list_of(mapping(pod.spec).get("volumes"))):
            claim = self._asked(resource, volume)
            bound = self._bound(claim, resource) if claim is not None else None
            if claim is not None and bound is not None and bound.type:
                yield HostVolume(str(volume.get("name")), bound.type, (*claim.way, bound.hop))

    def _asked(self, resource: Resource, volume: Mapping[str, Json]) -> _VolumeClaim | None:
        """Returns the claim of a volume; None if it has none, or none that is known."""
        name, template = volume.get("name"), mapping(mapping(volume.get("ephemeral")).get("volumeClaimTemplate"))
        if template:
            names = (f"{name_of(resource)}-{name}",) if resource.id.kind == "Pod" else ()
            return _claim(names, template, path_of(resource))
        for index, own in enumerate(list_of(mapping(resource.body.get("spec")).get("volumeClaimTemplates"))):
            if resource.id.kind == "StatefulSet" and mapping(mapping(own).get("metadata")).get("name") == name:
                hop = Hop.at(resource, child_pointer("/spec/volumeClaimTemplates", index), "its pods have this claim")
                return _claim(tuple(_names_of_replicas(resource, str(name))), mapping(own), path_of(resource), hop)
        wanted = mapping(volume.get("persistentVolumeClaim")).get("claimName")
        found = [one for scope in scopes(resource) for one in self.claims.get((scope, str(wanted)), ())]
        return next(iter(nearest(found, resource)), None)

    def _bound(self, claim: _VolumeClaim, resource: Resource) -> _PersistentVolume | None:
        """Returns the volume that a claim gets (kubernetes, pkg/controller/volume/persistentvolume); None if it is not
        known, as with a class that makes volumes."""
        wanted = claim.spec.get("volumeName")
        if isinstance(wanted, str) and wanted:
            return next(iter(nearest(self.by_name.get(wanted, ()), resource)), None)
        namespace = resource.id.namespace or ""
        kept = [volume for name in claim.names for volume in self.by_claim.get(name, ())[:_MOST_TRIED]]
        own = [one for one in kept if one.claim is not None and namespace in (one.claim[0], "")]
        return next(iter(nearest(own, resource)), None) or self._smallest(claim)

    def _smallest(self, claim: _VolumeClaim) -> _PersistentVolume | None:
        """Returns the smallest volume that a claim may have, if it is of the class that the claim names."""
        known = self.by_class.get(claim.storage_class, ()) if isinstance(claim.storage_class, str) else ()
        if len(known) > _MOST_TRIED:
            return None
        near = closest([volume for volume in known if _fits(volume, claim)], lambda one: one.path, claim.path)
        least = min((one.size for one in near if one.size is not None), default=None)
        best = [one for one in near if one.size == least]
        return best[0] if best and all(one.type for one in best) else None


def _grouped(pairs: Iterable[tuple[str, _PersistentVolume]]) -> _ByKey:
    found = defaultdict[str, list[_PersistentVolume]](list)
    for key, volume in pairs:
        found[key].append(volume)
    return dict(found)


def _fits(volume: _PersistentVolume, claim: _VolumeClaim) -> bool:
    """True if a volume of the same class has what a claim asks for (FindMatchingVolume)."""
    spec, size = claim.spec, _bytes(mapping(mapping(claim.spec.get("resources")).get("requests")).get("storage"))
    modes = list_of(spec.get("accessModes"))
    is_large = volume.size is not None and size is not None and volume.size >= size
    is_equal = spec.get("volumeMode", "Filesystem") == volume.volume_mode
    is_selected = "selector" not in spec or selects(mapping(spec["selector"]), volume.labels)
    return is_large and is_equal and is_selected and bool(modes) and all(mode in volume.modes for mode in modes)


def _read(resource: Resource) -> _PersistentVolume:
    spec, metadata = mapping(resource.body.get("spec")), mapping(resource.body.get("metadata"))
    kind = next((name for name in _NODE_TYPES if isinstance(spec.get(name), Mapping)), "")
    where = mapping(spec.get(kind)).get("path")
    text = f"{resource.id} is {where} of the node" if kind else str(resource.id)
    claim = mapping(spec.get("claimRef"))
    names = str(claim.get("namespace") or ""), str(claim.get("name") or "")
    labels = {key: value for key, value in mapping(metadata.get("labels")).items() if isinstance(value, str)}
    return _PersistentVolume(
        name=name_of(resource),
        path=path_of(resource),
        type=kind,
        storage_class=str(_class(spec, metadata) or ""),
        claim=names if names[1] else None,
        size=_bytes(mapping(spec.get("capacity")).get("storage")),
        modes=frozenset(mode for mode in list_of(spec.get("accessModes")) if isinstance(mode, str)),
        volume_mode=spec.get("volumeMode", "Filesystem"),
        labels=labels,
        hop=Hop.at(resource, child_pointer("/spec", kind, "path") if kind else "/spec", text),
    )


def _claim_of(resource: Resource) -> _VolumeClaim:
    hop = Hop.at(resource, "/spec", f"{resource.id} is the claim")
    return _claim((name_of(resource),), resource.body, path_of(resource), hop)


def _claim(names: tuple[str, ...], body: Mapping[str, Json], path: str, *way: Hop) -> _VolumeClaim:
    spec = mapping(body.get("spec"))
    return _VolumeClaim(names, spec, _class(spec, mapping(body.get("metadata"))), path, way)


def _class(spec: Mapping[str, Json], metadata: Mapping[str, Json]) -> Json:
    """The storage class of a volume or claim; None if none is named, and the cluster may choose one."""
    annotation = mapping(metadata.get("annotations")).get(_CLASS_ANNOTATION)
    return spec.get("storageClassName") if annotation is None else annotation


def _names_of_replicas(resource: Resource, template: str) -> Iterator[str]:
    """Yields the names of the claims that a StatefulSet makes of a template."""
    spec = mapping(resource.body.get("spec"))
    start, replicas = mapping(spec.get("ordinals")).get("start", 0), spec.get("replicas", 1)
    if isinstance(start, int) and isinstance(replicas, int):
        for number in range(start, start + min(replicas, _MOST_REPLICAS)):
            yield f"{template}-{name_of(resource)}-{number}"


def _bytes(quantity: Json) -> Decimal | None:
    """Reads a quantity of storage; None if it is none, or one that nobody writes for storage."""
    match = _QUANTITY.fullmatch(str(quantity)) if isinstance(quantity, (str, int, float)) else None
    return Decimal(match[1]) * _UNITS[match[2] or ""] if match is not None else None
