"""What kgate makes up to render a release, where nobody says it; no finding stands on a field that has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Json, Pointer, Resource, child_pointer, is_number, value_at
from kgate.rendering.helm import semver
from kgate.rendering.helm.release import Release

NAMESPACE = "release-namespace"
"""The namespace of a release that nobody gives one, as Helm calls a release that nobody names ``release-name``."""

_NAMES = ("/metadata/name", "/metadata/generateName", "/metadata/namespace")
_OLDEST_MINOR = 10


def kubernetes_version(ranges: str) -> str:
    """The newest version that is known, or else the newest that the chart takes (``kubeVersion`` of Chart.yaml)."""
    return next(_versions(range(NEWEST_MINOR, _OLDEST_MINOR, -1), ranges), f"1.{NEWEST_MINOR}.0")


def oldest_kubernetes_version(ranges: str) -> str:
    """The oldest version that a chart takes."""
    return next(_versions(range(_OLDEST_MINOR + 1, NEWEST_MINOR + 1), ranges), kubernetes_version(ranges))


def _versions(minors: Iterable[int], ranges: str) -> Iterator[str]:
    return (version for minor in minors if semver.satisfies(version := f"1.{minor}.0", ranges))


def identified(resource: Resource, release: Release) -> Resource:
    """A resource of a release that knows what is invented of it, without an invented namespace, and with the name that
    its template writes if that is invented in part."""
    who = resource.id
    if not release.namespace:
        who = replace(who, namespace="" if who.namespace == NAMESPACE else who.namespace)
        if NAMESPACE in who.name:
            who = replace(who, name=resource.name_as_written or who.name)
    return replace(resource, id=who, is_invented=partial(_is_invented, resource, release))


def _is_invented(resource: Resource, release: Release, pointer: Pointer) -> bool:
    value = value_at(resource.body, pointer)
    if not isinstance(value, str):
        return False
    if not release.namespace and (value == NAMESPACE or (pointer in _NAMES and NAMESPACE in value)):
        return True
    if release.is_named or not (value == release.name or (pointer in _NAMES and release.name in value)):
        return False
    return _is_of_action(resource, pointer)


def _is_of_action(resource: Resource, pointer: Pointer) -> bool:
    """True if an action of a template prints a field, and has it from no values file."""
    place = resource.locate(pointer)
    template = next((one.location for one in place.related if one.message == "rendered here"), place)
    text = template.snippet[template.start.column - 1 : template.end.column - 1] or template.snippet
    return "{{" in text and not any("value " in related.message for related in place.related)


# --------------------------------------------------------------------------------------------- chance


def compared(resource: Resource, other: Resource) -> tuple[Resource, tuple[Pointer, ...]]:
    """A resource and the same of another rendering. Returns it as it is judged, and the fields that chance decides and
    that are not text or a number: of these nobody can say what is installed."""
    if resource.body == other.body:
        return resource, ()
    unclear: list[Pointer] = []
    body = _common(resource.body, other.body, "", unclear)
    who = resource.id
    if who.name != other.id.name:
        who = replace(who, name=resource.name_as_written or who.name)
    return replace(resource, id=who, otherwise=body), tuple(unclear)


def _common(value: Json, other: Json, pointer: Pointer, unclear: list[Pointer]) -> Json:
    """The other value, in which texts hold only what both have at the begin and end."""
    if isinstance(value, dict) and isinstance(other, dict) and value.keys() == other.keys():
        return {key: _common(value[key], other[key], child_pointer(pointer, key), unclear) for key in value}
    if isinstance(value, list) and isinstance(other, list) and len(value) == len(other):
        pairs = enumerate(zip(value, other, strict=True))
        return [_common(a, b, child_pointer(pointer, index), unclear) for index, (a, b) in pairs]
    if isinstance(value, str) and isinstance(other, str):
        return _common_text(value, other)
    if value != other and not (is_number(value) and is_number(other)):
        unclear.append(pointer)
    return other


def _common_text(value: str, other: str) -> str:
    if value == other:
        return value
    start = _shared(value, other)
    end = _shared(value[start:][::-1], other[start:][::-1])
    return value[:start] + value[len(value) - end :]


def _shared(value: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(value, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(value), len(other)))


def paired(resources: tuple[Resource, ...], others: tuple[Resource, ...]) -> Iterator[tuple[Resource, Resource]] | None:
    """The resources that a template prints in two renderings, pair by pair; None if they are not the same."""
    kinds = [[(one.id.api_version, one.id.kind) for one in some] for some in (resources, others)]
    return zip(resources, others, strict=True) if kinds[0] == kinds[1] else None
