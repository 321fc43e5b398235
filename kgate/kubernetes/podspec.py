"""Reads the parts of a pod spec: containers, their lists, and fields that come from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from kgate.model import Container, Gap, Json, Pod, Pointer, child_pointer
from kgate.values import dataclass

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
"""In the order in which upstream's pod-security-admission visits them."""

Labels: TypeAlias = Mapping[str, str]


def read_pod(spec: Json, pointer: Pointer, metadata: Json, metadata_pointer: Pointer) -> Pod:
    """Reads a pod spec of any type, right or wrong, with the metadata of its template."""
    containers = tuple(containers_of(mapping(spec), pointer))
    return Pod(spec, pointer, mapping(metadata), metadata_pointer, containers)


def labels_of(pod: Pod) -> Labels | None:
    """Returns the labels of a pod; None if they are not what the API server takes."""
    labels = pod.metadata.get("labels")
    if labels is None:
        return {}
    is_right = isinstance(labels, Mapping) and all(isinstance(value, str) for value in labels.values())
    return labels if is_right else None


def with_gaps(pod: Pod) -> Iterator[Pod | Gap]:
    """Yields the pod, and a gap for each container list that is not a list."""
    yield pod
    yield from not_lists(mapping(pod.spec), pod.pointer, CONTAINER_LISTS)


def not_lists(holder: Mapping[str, Json], pointer: Pointer, names: Iterable[str]) -> Iterator[Gap]:
    """Yields a gap for each of these fields that is present and not a list."""
    for name in names:
        if not isinstance(holder.get(name, []), list):
            yield Gap(child_pointer(pointer, name), f"{name} must be a list")


def mapping(value: Json) -> Mapping[str, Json]:
    """Returns the value if it is a mapping, else an empty mapping."""
    return value if isinstance(value, Mapping) else {}


def list_of(value: Json) -> Sequence[Json]:
    """Returns the value if it is a list, else an empty sequence."""
    return value if isinstance(value, list) else ()


def containers_of(spec: Mapping[str, Json], pointer: Pointer) -> Iterator[Container]:
    """Yields the containers of a pod spec, in the order of CONTAINER_LISTS."""
    for name in CONTAINER_LISTS:
        for index, body in enumerate(list_of(spec.get(name))):
            yield read_container(body, name, child_pointer(pointer, name, index))


def read_container(body: Json, list_name: str, pointer: Pointer) -> Container:
    """Returns a container; a null member of a list becomes one without any field."""
    name = mapping(body).get("name")
    return Container(name if isinstance(name, str) else "", list_name, {} if body is None else body, pointer)


@dataclass(frozen=True, slots=True)
class Holder:
    """A mapping and the pointer to it in its object."""

    body: Mapping[str, Json]
    pointer: Pointer


def volume_origins(*sources: Holder) -> dict[str, Pointer]:
    """Returns the pointer of each member of a volume list that was assembled from several pod specs."""
    pointers = [
        child_pointer(source.pointer, "volumes", index)
        for source in sources
        for index in range(len(list_of(source.body.get("volumes"))))
    ]
    return {f"volumes/{index}": pointer for index, pointer in enumerate(pointers)}
