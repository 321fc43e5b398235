"""Which clusters GitOps objects deploy to, as far as the repository says so."""

from __future__ import annotations

import posixpath
from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path

from kgate.model import Destination, Resource
from kgate.rendering.requests import Request
from kgate.repository import Repository
from kgate.values import dataclass

_KGATE = "kgate.yaml"
"""What asks for the releases that a configuration lists, which is no object."""

_HOME = "the cluster of "
"""How the name of a cluster begins that nobody has named; nothing is known of one that somebody calls so."""

_MOST_LAYERS, _MOST_STEPS = 20, 1000
"""Layers of objects that deploy objects, and objects, that are followed from one to its clusters."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one object deploys to one cluster: by its name or URL, empty for the one in which the object itself is, None
    if it is not known. ``access`` names what leads from there to another one, if something does."""

    resource: Resource
    cluster: str | None = ""
    access: str = ""


@dataclass(slots=True)
class Deliveries:
    """Who deploys what is rendered, by the keys of requests, and the files that are applied as they are written.

    An object that deploys to its own cluster goes by who deploys that object, and so on: up to one that nothing of the
    repository deploys, whose cluster is named after the folder or the rendering that it comes from.
    """

    repository: Repository
    _by_key: dict[Hashable, list[Delivery]] = field(default_factory=lambda: defaultdict(list))
    _by_place: dict[str, list[Delivery]] = field(default_factory=lambda: defaultdict(list))
    _by_object: dict[str, dict[Hashable, str]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, delivery: Delivery, requests: Iterable[Request], files: Iterable[Path]) -> None:
        """Adds what an object deploys."""
        for request in requests:
            self._by_key[request.key].append(delivery)
            self._by_object[delivery.resource.title][request.key] = self.repository.shown(request.place.path)
        for path in files:
            self._by_place[self.repository.shown(path)].append(delivery)

    def take_apart(self, requests: Sequence[Request], parts: Iterable[Request], files: Iterable[Path]) -> None:
        """Adds the parts and files that are deployed in place of requests."""
        found = [delivery for request in requests for delivery in self._by_key[request.key]]
        for part in parts:
            self._by_key[part.key] += found
            self._by_place[self.repository.shown(part.place.path)] += found
        for path in files:
            self._by_place[self.repository.shown(path)] += found

    def of_request(self, key: Hashable) -> tuple[Destination, ...]:
        """Returns the clusters to which a request is surely deployed."""
        return self._all(self._by_key.get(key, ()))

    def of_file(self, path: str) -> tuple[Destination, ...]:
        """Returns the same of a file that is applied as it is written, by its path in reports."""
        return self._all(self._by_place.get(path, ()))

    @property
    def files(self) -> Iterator[str]:
        """The files, and the folders of kustomizations, of which somebody is known who deploys them."""
        yield from self._by_place

    def _all(self, deliveries: Iterable[Delivery]) -> tuple[Destination, ...]:
        """The clusters of some deliveries; those of objects go from each to what deploys it, the nearest ones first."""
        found, seen = set[Destination](), set[Hashable]()
        pending = deque[tuple[str, tuple[str, ...], Delivery]](("", (), one) for one in deliveries)
        while pending and len(seen) < _MOST_STEPS:
            way, above, one = pending.popleft()
            if one.cluster is None or _HOME in one.cluster:
                continue
            if one.cluster:
                found.add(_led_to(way, Destination(one.cluster)))
                continue
            way += f"{one.access} of " if one.access else ""
            title = one.resource.title
            here = way, title, one.resource.rendering
            if here in seen or len(above) == _MOST_LAYERS:
                continue
            seen.add(here)
            deployers, around = self._deployers(one.resource), (*above, title)
            if deployers is None:
                continue
            others = [other for other in deployers if other.resource.title not in around]
            pending.extend((way, around, other) for other in others)
            if not others:
                found.add(_led_to(way, _home(one.resource)))
        return tuple(sorted(found))

    def _deployers(self, resource: Resource) -> Sequence[Delivery] | None:
        """What deploys an object; None if that is not clear. Objects of several clusters may be of one place and name,
        as those of a base that overlays change, and an ApplicationSet makes Applications for several clusters."""
        rendering = resource.rendering
        if rendering is None:
            return self._by_place.get(resource.locate("").path, ())
        if rendering.requested_by in ("", _KGATE):
            return self._by_place.get(rendering.path, ())
        asked = self._by_object.get(rendering.requested_by, {})
        keys = [key for key, path in asked.items() if path == rendering.path] or [*asked]
        return self._by_key[keys[0]] if len(keys) == 1 else None


def _led_to(way: str, cluster: Destination) -> Destination:
    """A cluster, or the one that something leads to from there."""
    return replace(cluster, name=f"{way}{cluster.name}", is_own=False, is_unnamed=True) if way else cluster


def _home(resource: Resource) -> Destination:
    """The cluster of an object that nothing else deploys. What one build makes goes to one cluster, but of the files of
    a folder that is only assumed."""
    if resource.rendering is not None:
        return Destination(f"{_HOME}{resource.rendering}", is_own=True)
    folder = posixpath.dirname(resource.locate("").path) or "."
    return Destination(f"{_HOME}{folder}", is_own=True, is_assumed=True)
