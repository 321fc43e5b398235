"""Objects on the way that a finding shows, each at the field that leads further."""

from __future__ import annotations

from dataclasses import field

from kgate.kubernetes.podspec import mapping
from kgate.model import Pointer, Related, Resource
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Hop:
    """An object on a way, at the field that leads further. ``place`` is that of a plain manifest; what is
    rendered is located when somebody asks, since that may take a build."""

    kind: str
    name: str
    text: str
    place: str
    resource: Resource = field(compare=False, repr=False)
    pointer: Pointer = field(compare=False)

    @classmethod
    def at(cls, resource: Resource, pointer: Pointer, text: str) -> Hop:
        """Returns the hop at a field of a resource."""
        place = str(resource.locate(pointer)) if resource.rendering is None else ""
        return cls(resource.id.kind, name_of(resource), resource.shown(text), place, resource, pointer)

    @property
    def related(self) -> Related:
        """The place, for a finding."""
        return Related(self.resource.locate(self.pointer), self.text)


def name_of(resource: Resource) -> str:
    """The name of an object as others name it, also where its id has that of the template."""
    name = mapping(resource.body.get("metadata")).get("name")
    return name if isinstance(name, str) else ""
