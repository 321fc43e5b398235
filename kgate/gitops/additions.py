"""Collects what a GitOps object puts on top of a kustomization, and where each piece of it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kgate.model import Json, Location, Pointer, Resource, child_pointer


@dataclass(frozen=True, slots=True)
class Additions:
    """Fields of a kustomization, and the pointers into the object that they come from."""

    body: dict[str, Json] = field(default_factory=dict)
    origins: dict[Pointer, Pointer] = field(default_factory=dict)

    def put(self, name: str, value: Json, origin: Pointer) -> None:
        """Sets a field; what is empty adds nothing."""
        if value not in (None, "", [], {}):
            self.body[name] = value
            self.origins[child_pointer("", name)] = origin

    def append(self, name: str, value: Json, origin: Pointer) -> None:
        """Adds an item to a field that is a list."""
        items = self.body.setdefault(name, [])
        self.origins[child_pointer("", name, len(items))] = origin
        items.append(value)

    def locator(self, resource: Resource) -> Callable[[Pointer], Location]:
        """What gives the place in the object of a pointer into the fields."""
        origins = dict(self.origins)

        def locate(pointer: Pointer) -> Location:
            above = pointer
            while above and above not in origins:
                above = above.rpartition("/")[0]
            return resource.locate(origins[above] + pointer[len(above) :] if above in origins else "")

        return locate


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
