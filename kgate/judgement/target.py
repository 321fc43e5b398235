"""What rules are asked about, and where its fields are in the resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kgate.kubernetes.components.component import Component
from kgate.model import Container, Json, Pod, Pointer, Resource, child_pointer, value_at
from kgate.rules import fieldpath
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that rules are asked about: a container, a pod, a component, what is known of an audit policy, or a
    whole resource, and the variables of its rules."""

    kind: str
    resource: Resource
    variables: Mapping[str, Json]
    pod: Pod | None = None
    container: Container | None = None
    component: Component | None = None

    @property
    def body(self) -> Json:
        """The value of the variable that the target is."""
        return self.variables[self.kind]

    @property
    def is_whole(self) -> bool:
        """False for a part of a pod that an operator completes, and for a component that is also set up elsewhere."""
        if self.component is not None:
            return self.component.is_whole
        return self.pod is None or self.pod.is_whole

    def pointer(self, tokens: Sequence[str | int]) -> Pointer:
        """The place of a field in the resource; ``tokens`` begin at the target."""
        if self.component is not None:
            places, name = self.component.places, ".".join(map(str, tokens))
            return places.get(
                name, places.get(str(tokens[0]), self.component.pointer) if tokens else self.component.pointer
            )
        if self.kind == "audit":
            return str(self.fact(tokens).get("at", ""))
        if self.container is not None:
            if self.pod is not None and tokens and tokens[0] == "pod":
                return _pod_pointer(self.pod, tokens[1:])
            return _redirect(self.container.pointer, self.container.origins, tokens)
        if self.pod is not None:
            return _pod_pointer(self.pod, tokens)
        return child_pointer("", *tokens)

    def fact(self, tokens: Sequence[str | int]) -> Mapping[str, Json]:
        """The fact of an audit policy that a way leads to, or into; nothing if it leads to none."""
        for length in range(1, len(tokens) + 1):
            value = value_at(self.body, child_pointer("", *tokens[:length]))
            if isinstance(value, dict) and "at" in value:
                return value
        return {}

    def stable_name(self, tokens: Sequence[str | int]) -> str:
        """The way to a field from its container or pod, with list items by name or value instead of index.

        It stays the same when other containers or items come and go.
        """
        if self.component is not None:
            return "/".join((self.component.name, *map(str, tokens)))
        in_pod = self.container is not None and bool(tokens) and tokens[0] == "pod"
        body, way = (self.variables["pod"], tokens[1:]) if in_pod else (self.body, tokens)
        list_name = f"{self.container.list}/" if self.container is not None and not in_pod else ""
        return list_name + "/".join(fieldpath.stable_tokens(body, tuple(way)))


def _pod_pointer(pod: Pod, tokens: Sequence[str | int]) -> Pointer:
    if tokens and tokens[0] == "metadata":
        return child_pointer(pod.metadata_pointer, *tokens[1:])
    return _redirect(pod.pointer, pod.origins, tokens)


def _redirect(base: Pointer, origins: Mapping[str, Pointer], tokens: Sequence[str | int]) -> Pointer:
    """The pointer of a field below a base, or below the place that an ancestor of it comes from."""
    for length in range(len(tokens), 0, -1) if origins else ():
        origin = origins.get("/".join(map(str, tokens[:length])))
        if origin is not None:
            return child_pointer(origin, *tokens[length:])
    return child_pointer(base, *tokens)
