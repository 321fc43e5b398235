"""How pods are reached from outside of the cluster: by Services, Ingresses, and routes of Gateways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import TypeAlias

from kgate.kubernetes.hops import Hop, name_of
from kgate.kubernetes.podspec import Labels, labels_of, list_of, mapping
from kgate.kubernetes.scopes import Scope, nearest, path_of, scopes
from kgate.kubernetes.selectors import LabelIndex
from kgate.model import Json, Pod, Pointer, Resource, child_pointer
from kgate.values import dataclass

_INGRESS_GROUPS = ("networking.k8s.io", "extensions")
_GATEWAY_GROUP = "gateway.networking.k8s.io"
_ROUTES = frozenset({"GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute"})

_MOST_TRIED = 1000
"""Services that are tried on a pod where labels do not tell them apart."""

_MOST_WAYS = 2
"""The most ways to a Service, and to a pod, that are kept: a finding shows no more."""


Way: TypeAlias = tuple[Hop, ...]
"""The hops to a pod, from the outside on."""


@dataclass(frozen=True, slots=True)
class _Service:
    """A Service, and how it is reached from outside. One that is not may keep others of its name from counting."""

    scope: Scope
    name: str
    path: str
    selector: Labels
    ways: tuple[Way, ...]

    @property
    def identity(self) -> Hashable:
        """Its namespace and name (scopes.Placed)."""
        return self.scope[0], self.name


@dataclass(frozen=True, slots=True)
class Exposure:
    """The Services of resources that are deployed together."""

    services: tuple[_Service, ...] = ()
    index: Mapping[Scope, LabelIndex[_Service]] = field(default_factory=dict, compare=False)
    named: Mapping[Hashable, Sequence[_Service]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, resources: Sequence[Resource]) -> Exposure:
        """Reads what leads to pods among resources."""
        entrances = _entrances(resources)
        services = [one for resource in resources if (one := _service(resource, entrances)) is not None]
        if not any(service.ways for service in services):
            return cls()
        by_scope, named = defaultdict[Scope, list[_Service]](list), defaultdict[Hashable, list[_Service]](list)
        for service in services:
            by_scope[service.scope].append(service)
            named[service.identity].append(service)
        index = {scope: LabelIndex((one.selector, one) for one in group) for scope, group in by_scope.items()}
        return cls(tuple(services), index, named)

    def ways(self, resource: Resource, pod: Pod) -> tuple[Way, ...]:
        """Returns ways to a pod; none to one whose labels the API server refuses, or something else completes."""
        labels = labels_of(pod)
        if not self.services or not labels or not pod.is_whole:
            return ()
        here = (
            one for scope in scopes(resource) if scope in self.index for one in self.index[scope].candidates(labels)
        )
        found = [one for one in islice(here, _MOST_TRIED) if one.selector.items() <= labels.items()]
        names = dict.fromkeys(one.identity for one in found if one.ways)
        near = {id(one) for name in names for one in nearest(self.named[name][:_MOST_TRIED], resource)}
        return tuple(islice((way for one in found if id(one) in near for way in one.ways), _MOST_WAYS))


_Entrances: TypeAlias = Mapping[tuple[Scope, str], Sequence[Way]]
"""What leads to a Service, by the scope and name that it must have."""


def _group(resource: Resource) -> str:
    return resource.id.api_version.rpartition("/")[0]


def _service(resource: Resource, entrances: _Entrances) -> _Service | None:
    """Reads a Service; None if it selects no pods by itself."""
    spec = mapping(resource.body.get("spec"))
    selector = mapping(spec.get("selector"))
    is_right = bool(selector) and all(isinstance(value, str) for value in selector.values())
    if resource.id.kind != "Service" or _group(resource) or not is_right or spec.get("type") == "ExternalName":
        return None
    seen, name = scopes(resource), name_of(resource)
    ways: list[Way] = [(step,) for step in _doors(resource, spec)]
    led = [way for scope in seen for way in entrances.get((scope, name), ())]
    ways += [(*way, Hop.at(resource, "/spec/selector", f"{resource.id} selects the pod")) for way in led]
    return _Service(seen[0], name, path_of(resource), selector, tuple(ways[:_MOST_WAYS]))


def _doors(resource: Resource, spec: Mapping[str, Json]) -> Iterator[Hop]:
    """Yields the step of a Service that is reached from outside by itself."""
    if spec.get("type") in ("LoadBalancer", "NodePort"):
        yield Hop.at(resource, "/spec/type", f"{resource.id} ({spec['type']}) selects the pod")
    elif list_of(spec.get("externalIPs")):
        yield Hop.at(resource, "/spec/externalIPs", f"{resource.id} (externalIPs) selects the pod")


def _entrances(resources: Sequence[Resource]) -> _Entrances:
    """Gathers the Ingresses and routes by the Services that they lead to."""
    gateways = [one for one in resources if one.id.kind == "Gateway" and _group(one) == _GATEWAY_GROUP]
    known = {(scopes(one)[0], name_of(one)): one for one in gateways}
    found = defaultdict[tuple[Scope, str], list[Way]](list)
    for resource in resources:
        for backend in _backends(resource):
            scope = (backend.namespace, "") if backend.namespace else scopes(resource)[0]
            ways = found[scope, backend.name]
            if len(ways) < _MOST_WAYS:
                step = Hop.at(resource, backend.pointer, f"{resource.id} leads to the Service {backend.name}")
                ways.append((*_gateway_steps(resource, known), step))
    return found


@dataclass(frozen=True, slots=True)
class _Backend:
    """The name of a Service in an Ingress or a route, and its place; the namespace is empty if it is that of both."""

    name: str
    namespace: str
    pointer: Pointer


def _backends(resource: Resource) -> Iterator[_Backend]:
    """Yields the Services that an Ingress, or a route of a Gateway, leads to; a route may belong to a mesh instead."""
    spec, group = mapping(resource.body.get("spec")), _group(resource)
    if resource.id.kind == "Ingress" and group in _INGRESS_GROUPS:
        yield from _of_ingress(spec)
    elif resource.id.kind in _ROUTES and group == _GATEWAY_GROUP and any(_gateway_refs(spec)):
        for pointer, rule in _members(spec, "/spec", "rules"):
            for place, backend in _members(rule, pointer, "backendRefs"):
                name, namespace = backend.get("name"), backend.get("namespace", "")
                is_service = backend.get("kind", "Service") == "Service" and backend.get("group", "") == ""
                if is_service and isinstance(name, str) and isinstance(namespace, str):
                    yield _Backend(name, namespace, child_pointer(place, "name"))


def _of_ingress(spec: Mapping[str, Json]) -> Iterator[_Backend]:
    places = [(child_pointer("/spec", name), mapping(spec.get(name))) for name in ("defaultBackend", "backend")]
    for pointer, rule in _members(spec, "/spec", "rules"):
        for place, path in _members(mapping(rule.get("http")), child_pointer(pointer, "http"), "paths"):
            places.append((child_pointer(place, "backend"), mapping(path.get("backend"))))
    for place, backend in places:
        name = mapping(backend.get("service")).get("name")
        if isinstance(name, str):
            yield _Backend(name, "", child_pointer(place, "service", "name"))
        elif isinstance(name := backend.get("serviceName"), str):  # as extensions/v1beta1 has it
            yield _Backend(name, "", child_pointer(place, "serviceName"))


def _members(value: Mapping[str, Json], pointer: Pointer, name: str) -> Iterator[tuple[Pointer, Mapping[str, Json]]]:
    """Yields the members of a list that are mappings, each with its pointer."""
    for index, member in enumerate(list_of(value.get(name))):
        if isinstance(member, Mapping):
            yield child_pointer(pointer, name, index), member


def _gateway_refs(spec: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Yields the parents of a route that are Gateways."""
    for _, parent in _members(spec, "/spec", "parentRefs"):
        if parent.get("kind", "Gateway") == "Gateway" and parent.get("group", _GATEWAY_GROUP) == _GATEWAY_GROUP:
            yield parent


def _gateway_steps(resource: Resource, known: Mapping[tuple[Scope, str], Resource]) -> Way:
    """The step of the first Gateway of a route that is among the resources."""
    for parent in _gateway_refs(mapping(resource.body.get("spec"))):
        name, namespace = parent.get("name"), parent.get("namespace")
        seen = ((namespace, ""),) if isinstance(namespace, str) else scopes(resource)
        for gateway in (known[scope, name] for scope in seen if isinstance(name, str) and (scope, name) in known):
            return (Hop.at(gateway, "/spec/listeners", f"{gateway.id} takes requests for {resource.id}"),)
    return ()
