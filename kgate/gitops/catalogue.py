"""Finds the object that another one refers to by kind, namespace and name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from kgate.model import Resource


def group(resource: Resource) -> str:
    """The API group of a resource; empty for the core."""
    return resource.id.api_version.rpartition("/")[0]


class Catalogue:
    """The objects of a scan, by group, kind and name."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._objects: Mapping[tuple[str, str, str], list[Resource]] = {}
        objects: dict[tuple[str, str, str], list[Resource]] = {}
        for resource in resources:
            objects.setdefault((group(resource), resource.id.kind, resource.id.name), []).append(resource)
        self._objects = objects

    def find(self, kind: tuple[str, str], namespace: str, name: str, near: Resource) -> Resource | None:
        """The object of a group and kind with that name, or None.

        Where the namespace of either side is unknown, any fits. Of several (one for each cluster), the one that was
        rendered together with ``near`` comes first, then the one whose file is the nearest.
        """
        return next(iter(self.find_all(kind, namespace, name, near)), None)

    def find_all(self, kind: tuple[str, str], namespace: str, name: str, near: Resource) -> list[Resource]:
        """All objects that a reference may mean, in the order in which ``find`` prefers them."""
        found = self._objects.get((*kind, name), ())
        fitting = [r for r in found if not namespace or r.id.namespace in ("", namespace)]
        return sorted(fitting, key=lambda r: _distance(r, near, namespace))

    def all_of(self, kind: tuple[str, str]) -> list[Resource]:
        """All objects of a group and kind."""
        return [r for key, members in self._objects.items() if key[:2] == kind for r in members]

    def of_kind(self, kind: tuple[str, str], namespace: str, near: Resource) -> list[Resource]:
        """All objects of a group and kind in a namespace, in the order in which ``find`` prefers them."""
        fitting = [r for r in self.all_of(kind) if not namespace or r.id.namespace in ("", namespace)]
        return sorted(fitting, key=lambda r: _distance(r, near, namespace))


def _distance(resource: Resource, near: Resource, namespace: str) -> tuple[bool, int, bool, str]:
    path, other = resource.locate("").path, near.locate("").path
    together = resource.rendering is not None and resource.rendering == near.rendering
    between = len(os.path.relpath(os.path.dirname("/" + path), os.path.dirname("/" + other)).split("/"))
    same_folder = os.path.dirname(path) == os.path.dirname(other)
    return not together, 0 if same_folder else between, resource.id.namespace != namespace, path
