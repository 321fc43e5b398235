"""Which clusters GitOps objects deploy to, as far as the repository says so."""

from __future__ import annotations

import posixpath
from collections import defaultdict
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
        return self._all(self._by_key.get(key, ()), ())

    def of_file(self, path: str) -> tuple[Destination, ...]:
        """Returns the same of a file that is applied as it is written, by its path in reports."""
        return self._all(self._by_place.get(path, ()), ())

    @property
    def files(self) -> Iterator[str]:
        """The files, and the folders of kustomizations, of which somebody is known who deploys them."""
        yield from self._by_place

    def _all(self, deliveries: Iterable[Delivery], above: tuple[str, ...]) -> tuple[Destination, ...]:
        found = {one for delivery in deliveries for one in self._of(delivery, above)}
        return tuple(sorted(found))

    def _of(self, delivery: Delivery, above: tuple[str, ...]) -> Sequence[Destination]:
        """The clusters of one delivery; ``above`` are the objects that lead to it."""
        if delivery.cluster is None or _HOME in delivery.cluster:
            return ()
        if delivery.cluster:
            return (Destination(delivery.cluster),)
        own = self._own(delivery.resource, above)
        if not delivery.access:
            return own
        return [replace(one, name=f"{delivery.access} of {one.name}", is_own=False, is_unnamed=True) for one in own]

    def _own(self, resource: Resource, above: tuple[str, ...]) -> Sequence[Destination]:
        """The clusters in which an object is."""
        deployers, around = self._deployers(resource), (*above, resource.title)
        if deployers is None:
            return ()
        others = [one for one in deployers if one.resource.title not in around]
        return self._all(others, around) if others else (_home(resource),)

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


def _home(resource: Resource) -> Destination:
    """The cluster of an object that nothing else deploys. What one build makes goes to one cluster, but of the files of
    a folder that is only assumed."""
    if resource.rendering is not None:
        return Destination(f"{_HOME}{resource.rendering}", is_own=True)
    folder = posixpath.dirname(resource.locate("").path) or "."
    return Destination(f"{_HOME}{folder}", is_own=True, is_assumed=True)
