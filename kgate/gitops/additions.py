"""Collects what a GitOps object adds to a kustomization, and the place of each addition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from kgate.model import Json, Location, Pointer, Resource, child_pointer
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Additions:
    """Fields of a kustomization, and the pointers into the object that hold them."""

    body: dict[str, Json] = field(default_factory=dict)
    places: dict[Pointer, Pointer] = field(default_factory=dict)

    def put(self, name: str, value: Json, place: Pointer) -> None:
        """Sets a field; what is empty adds nothing."""
        if value not in (None, "", [], {}):
            self.body[name] = value
            self.places[child_pointer("", name)] = place

    def append(self, name: str, value: Json, place: Pointer) -> None:
        """Adds an item to a field that is a list."""
        items = self.body.setdefault(name, [])
        self.places[child_pointer("", name, len(items))] = place
        items.append(value)

    def locator(self, resource: Resource) -> Callable[[Pointer], Location]:
        """What gives the place in the object of a pointer into the fields."""
        places = dict(self.places)

        def locate(pointer: Pointer) -> Location:
            above = pointer
            while above and above not in places:
                above = above.rpartition("/")[0]
            return resource.locate(places[above] + pointer[len(above) :] if above in places else "")

        return locate


IMAGE_FIELDS = ("name", "newName", "newTag", "digest")
"""What the API of Flux has of an image."""

_SELECTOR = ("group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector")


def patch_entry(body: Mapping[str, Json], fields: Sequence[str]) -> dict[str, Json]:
    """The ``patches`` entry of a kustomization for a patch of an object, with those of its fields and of its target
    that the API server keeps; it knows them by their exact spelling, unlike kustomize."""
    entry = {name: body[name] for name in fields if name in body}
    target = entry.get("target")
    if isinstance(target, dict):
        entry["target"] = {name: target[name] for name in _SELECTOR if name in target}
    return entry


def image_entry(text: str) -> dict[str, str]:
    """The ``images`` entry of a kustomization for ``[name=]new[:tag][@digest]`` (kustomize edit set image)."""
    name, has_new, new = text.partition("=")
    reference, _, digest = (new if has_new else name).partition("@")
    folder, slash, last = reference.rpartition("/")
    base, _, tag = last.partition(":")
    target = folder + slash + base
    entry = {"name": name if has_new else target}
    entry |= {"newName": target} if has_new and target and target != name else {}
    entry |= {"newTag": tag} if tag else {}
    return entry | ({"digest": digest} if digest else {})
