"""Notes what Kubernetes makes nothing of: unknown fields, types that it refuses, API versions that nobody serves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from kgate.kubernetes import faults, served
from kgate.kubernetes.components.component import Hint
from kgate.kubernetes.nearest import nearest
from kgate.kubernetes.podspec import mapping
from kgate.kubernetes.schema import Fault, Schema, UnknownField
from kgate.kubernetes.workload import template_path
from kgate.model import Gap, Note, Pod, Pointer, Resource, Unjudged, child_pointer, field_path


def notes(resource: Resource, schema: Schema, reported: Collection[Pointer]) -> Iterator[Note]:
    """Yields a note for each of these; none for the fields that are reported already."""
    who = resource.id
    unserved = served.complaint(who.api_version, who.kind, schema.minor)
    if unserved:
        yield _note(resource, child_pointer("", unserved.field), unserved.message)
    for fault in _faults(resource, schema):
        if fault.pointer not in reported:
            yield from _about(resource, fault, schema)


def _about(resource: Resource, fault: Fault, schema: Schema) -> Iterator[Note]:
    if isinstance(fault, UnknownField):
        yield _note(resource, fault.pointer, faults.unknown_field(fault, schema))
    elif not (faults.is_placeholder(fault) or fault.pointer in resource.unknown or resource.is_invented(fault.pointer)):
        message = faults.mismatch(fault, resource.locate(fault.pointer))
        yield _note(resource, fault.pointer, f"{message}, or the API server refuses the object")


def _faults(resource: Resource, schema: Schema) -> tuple[Fault, ...]:
    """Returns the faults of an object whose fields are known; of another one that has a pod template, its faults."""
    who, body = resource.id, resource.body
    name = schema.type_of(who.api_version, who.kind)
    if name is not None:
        return schema.faults(body, name)
    path = template_path(who.api_version, who.kind)
    for token in path:
        body = mapping(body.get(token))
    return schema.faults(body, "PodTemplateSpec", child_pointer("", *path)) if path else ()


def _note(resource: Resource, pointer: Pointer, message: str) -> Note:
    location = resource.locate(pointer)
    return Note(location.path, location.start.line, resource.shown(message))


def hints(resource: Resource, found: Iterable[Hint]) -> Iterator[Note]:
    """Yields a note for each hint about a component."""
    return (_note(resource, hint.pointer, hint.message) for hint in found)


def unread(resource: Resource, pointer: Pointer, reason: str) -> Unjudged:
    """Says of a part of a component that nobody knows what it sets."""
    location = resource.locate(pointer)
    subject = f"{resource.id}: {field_path(pointer)}"
    return Unjudged(location.path, location.start.line, resource.shown(reason), resource.shown(subject))


def no_containers(pod: Pod) -> Gap:
    """Says that a pod spec has no containers, at the field that is probably meant."""
    names = [name for name in mapping(pod.spec) if nearest(name, ("containers",))]
    if names:
        return Gap(
            child_pointer(pod.pointer, names[0]),
            f"the pod spec lists no containers; write `containers`, not `{names[0]}`",
        )
    return Gap(
        pod.pointer, "the pod spec lists no containers; add them, or list the file in .kgateignore if it is a patch"
    )
