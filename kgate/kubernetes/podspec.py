"""The parts of a pod spec: containers, their lists, and what stands elsewhere than in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kgate.model import Container, Gap, Json, Pod, Pointer, child_pointer

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
"""In the order in which upstream's pod-security-admission visits them."""


def read_pod(spec: Json, pointer: Pointer, metadata: Json, metadata_pointer: Pointer) -> Pod:
    """Reads a pod spec, whatever type it has, with the metadata of its template."""
    containers = tuple(containers_of(mapping(spec), pointer))
    return Pod(spec, pointer, mapping(metadata), metadata_pointer, containers)


def with_gaps(pod: Pod) -> Iterator[Pod | Gap]:
    """The pod, and a gap for each container list that is none."""
    yield pod
    yield from not_lists(mapping(pod.spec), pod.pointer, CONTAINER_LISTS)


def not_lists(holder: Mapping[str, Json], pointer: Pointer, names: Iterable[str]) -> Iterator[Gap]:
    """A gap for each of these fields that is present and not a list."""
    for name in names:
        if not isinstance(holder.get(name, []), list):
            yield Gap(child_pointer(pointer, name), f"{name} must be a list")


def mapping(value: Json) -> Mapping[str, Json]:
    """The value, or an empty mapping in the place of anything else."""
    return value if isinstance(value, Mapping) else {}


def list_of(value: Json) -> Sequence[Json]:
    """The members of a list; none of anything else."""
    return value if isinstance(value, list) else ()


def containers_of(spec: Mapping[str, Json], pointer: Pointer) -> Iterator[Container]:
    """The containers of a pod spec, in the order of CONTAINER_LISTS."""
    for name in CONTAINER_LISTS:
        for index, body in enumerate(list_of(spec.get(name))):
            yield read_container(body, name, child_pointer(pointer, name, index))


def read_container(body: Json, list_name: str, pointer: Pointer) -> Container:
    """A container; a null member of the list is one with every field absent."""
    name = mapping(body).get("name")
    return Container(name if isinstance(name, str) else "", list_name, {} if body is None else body, pointer)


@dataclass(frozen=True, slots=True)
class Holder:
    """The mapping that holds a value, and where it stands."""

    body: Mapping[str, Json]
    pointer: Pointer


def volume_origins(*sources: Holder) -> dict[str, Pointer]:
    """Where each member of a volume list stands that was put together from several pod specs."""
    pointers = [
        child_pointer(source.pointer, "volumes", index)
        for source in sources
        for index in range(len(list_of(source.body.get("volumes"))))
    ]
    return {f"volumes/{index}": pointer for index, pointer in enumerate(pointers)}
