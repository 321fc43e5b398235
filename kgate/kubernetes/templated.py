"""Finds what only a controller fills in, in the templates of objects that kro, Flux Operator and others hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from kgate.kubernetes.embedded import MARKS, OBJECTS_FIELD, expanded
from kgate.kubernetes.podspec import mapping
from kgate.kubernetes.workload import find_workload
from kgate.model import Json, Pointer, Resource, Unjudged, Unknown, child_pointer, field_path
from kgate.values import dataclass

_REASON = "is filled in by a controller, so its value is not known"

_EXPRESSIONS = {"kro.run": ("${", "}"), "fluxcd.controlplane.io": ("<<", ">>")}
"""How an expression that stands for a value begins and ends in the objects of a group."""

_OF_OBJECTS = re.compile(r"/spec/resources/\d+(?:/template)?(?:/(?:apiVersion|kind|spec))?")
"""Where an expression in place of a value may stand for whole objects, or hide what they are."""

_CONTROL = re.compile(
    r"<<-?\s*(?:/\*|(?:if|else|end|range|with|define|block|break|continue)\b|\$\w+\s*(?:,\s*\$\w+\s*)?:?=)"
)
"""The beginning of an action that prints nothing itself."""

_FIELD = re.compile(r"((?: |- )*)([A-Za-z]+):")
_INDENT = re.compile(r"\bn?indent\s+(\d+)\s*-?>>")
_HARMLESS = (
    *("labels", "annotations", "matchLabels", "nodeSelector", "selector", "affinity", "tolerations", "resources"),
    *("limits", "requests", "data", "stringData", "imagePullSecrets", "topologySpreadConstraints"),
)
"""Fields in which nothing grants a privilege."""


@dataclass(frozen=True, slots=True)
class Filled:
    """An object with the texts that it holds read, and which fields of its pods are filled in later, and an entry for
    each part of it of which not even the fields are known."""

    resource: Resource
    unjudged: tuple[Unjudged, ...] = ()


@dataclass(frozen=True, slots=True)
class _Expression:
    """An expression in a field; ``is_key`` if it is in the name of the field."""

    pointer: Pointer
    text: str
    is_key: bool


def read(resource: Resource) -> Filled:
    """Reads the templates of an object."""
    whole = expanded(resource)
    brackets = _EXPRESSIONS.get(resource.id.api_version.rpartition("/")[0])
    if whole is resource and brackets is None:
        return Filled(resource)
    found = [*_expressions(whole.body, brackets)]
    workload = find_workload(whole)
    pods = workload.pods if workload is not None else ()
    specs = {pod.pointer for pod in pods}
    places = specs | {pod.metadata_pointer for pod in pods}
    around = {above for spec in specs for above in _above(spec)}
    large = (one for one in found if one.pointer in around or _is_large(one, specs))
    texts = _texts(resource) if brackets is not None else ()
    entries = (_entry(whole, one.pointer, f"{one.text} {_REASON}") for one in large)
    inside = {one.pointer: Unknown(one.text, _REASON) for one in found if _is_in(one.pointer, places)}
    return Filled(replace(whole, unknown={**inside, **resource.unknown}), (*entries, *texts))


def _is_large(one: _Expression, specs: Collection[Pointer]) -> bool:
    """True if an expression stands for objects, hides what they are, or gives pods further fields."""
    holder = one.pointer.rpartition("/")[0].rpartition("/")[2]
    is_field = one.is_key and holder not in _HARMLESS and _is_in(one.pointer, specs)
    return is_field or _OF_OBJECTS.fullmatch(one.pointer) is not None


def _is_in(pointer: Pointer, places: Collection[Pointer]) -> bool:
    return pointer in places or any(above in places for above in _above(pointer))


def _above(pointer: Pointer) -> Iterator[Pointer]:
    """Yields the pointers of all that holds a field."""
    while pointer:
        pointer = pointer.rpartition("/")[0]
        yield pointer


def _texts(resource: Resource) -> Iterator[Unjudged]:
    """Yields an entry for each text that may print any fields."""
    spec = mapping(resource.body.get("spec"))
    text = spec.get(OBJECTS_FIELD)
    for action in _printed(text) if isinstance(text, str) else ():
        yield _entry(resource, child_pointer("/spec", OBJECTS_FIELD), f"{action} prints fields that are not known")
    if _has_lines(spec.get("inputs")):
        yield _entry(resource, "/spec/inputs", "an input has several lines, which may hold any fields")


def _entry(resource: Resource, pointer: Pointer, why: str) -> Unjudged:
    place = resource.locate(pointer)
    return Unjudged(place.path, place.start.line, why, f"{resource.id}: {field_path(pointer)}")


def _expressions(value: Json, brackets: tuple[str, str] | None) -> Iterator[_Expression]:
    """Yields the first expression of each value and each key that has any."""
    pending: list[tuple[Json, Pointer]] = [(value, "")]
    while pending:
        value, pointer = pending.pop()
        if isinstance(value, str) and (text := _expression(value, brackets)):
            yield _Expression(pointer, text, is_key=False)
        elif isinstance(value, Mapping | list):
            members = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, member in members:
                place = child_pointer(pointer, key)
                pending.append((member, place))
                if isinstance(key, str) and (text := _expression(key, brackets)):
                    yield _Expression(place, text, is_key=True)


def _expression(text: str, brackets: tuple[str, str] | None) -> str:
    """The first expression in a text; empty if there is none."""
    mark = next((mark for mark in MARKS if mark in text), "")
    if mark or brackets is None:
        return mark
    opening, closing = brackets
    start = text.find(opening)
    end = text.find(closing, start) if start >= 0 else -1
    return text[start : end + len(closing)] if end >= 0 else ""


def _printed(text: str) -> Iterator[str]:
    """Yields the actions in lines of their own that may print a field that matters."""
    holder = None
    for line in text.split("\n"):
        action = line.strip()
        if not (action.startswith("<<") and action.find(">>") == len(action) - 2):
            holder = _FIELD.fullmatch(line.rstrip()) if action else holder
        elif not _CONTROL.match(action):
            depth = _INDENT.search(action)
            is_inside = holder is not None and depth is not None and int(depth[1]) > len(holder[1])
            if not (is_inside and holder is not None and holder[2] in _HARMLESS):
                yield action


def _has_lines(value: Json) -> bool:
    """True if a text anywhere in a value has several lines."""
    if isinstance(value, Mapping | list):
        return any(map(_has_lines, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, str) and "\n" in value.strip()
