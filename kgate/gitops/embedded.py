"""Values that an object holds as YAML text (a block scalar), with the place of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from kgate.gitops.fields import ObjectFields
from kgate.model import Json, Location, Pointer, Position
from kgate.rendering.helm.release import InlineValues
from kgate.repository import Repository
from kgate.yamltree.embedded import outward
from kgate.yamltree.nodes import ManifestError, compose
from kgate.yamltree.text import SourceText, decode


def read_values(text: str, place: Location, repository: Repository) -> InlineValues:
    """The values that a YAML text holds; ``place`` is the field that holds it.

    Raises ValueError, with what is wrong, for what is not a mapping.
    """
    try:
        roots = [root for root in compose(text) if root.value is not None]
    except ManifestError as error:
        raise ValueError(f"line {error.line} of the values: {error}") from None
    if not roots:
        return InlineValues({}, lambda _: place)
    if len(roots) > 1 or not isinstance(roots[0].value, dict):
        raise ValueError("values must be one mapping")
    document = SourceText(place.path, text).document(0, roots[0])
    return InlineValues(roots[0].with_nulls(), _outward(document.locate, text.splitlines(), place, repository))


def held_values(section: ObjectFields) -> InlineValues | None:
    """The values that a field of an object holds; None if there are none. A null in them deletes a default."""
    resource = section.resource
    body = _with_nulls_of(section.body, resource.locator.with_nulls(resource.pointer + section.pointer))

    def locate(pointer: Pointer) -> Location:
        return resource.locate(section.pointer + pointer)

    return InlineValues(body, locate, section.pointer, resource.locator.line) if body else None


def _with_nulls_of(value: Json, written: Json) -> Json:
    """A value with the null fields of what is written in its place, where parameters may stand."""
    if isinstance(value, Mapping) and isinstance(written, Mapping):
        nulls = {key: None for key, one in written.items() if one is None and key not in value}
        return {key: _with_nulls_of(one, written.get(key)) for key, one in value.items()} | nulls
    if isinstance(value, list) and isinstance(written, list) and len(value) == len(written):
        return [_with_nulls_of(one, other) for one, other in zip(value, written, strict=True)]
    return value


def _outward(
    inner: Callable[[Pointer], Location], lines: list[str], place: Location, repository: Repository
) -> Callable[[Pointer], Location]:
    """Locates a value of the text in the file: exactly if its line is found there, else at the field.

    A field that a generator of kustomize has read from another file has that as a related place.
    """
    contents = [replace(one.location, start=_BEFORE, end=_BEFORE) for one in place.related if one.message == "content"]
    around = {one.path: _lines(repository, one.path) for one in (place, *contents)}

    def line(path: str, number: int) -> str:
        return around[path][number - 1] if 0 < number <= len(around[path]) else ""

    def locate(pointer: Pointer) -> Location:
        for start in (*contents, place):
            found = outward(inner(pointer), lines, start, partial(line, start.path))
            if found is not start:
                return replace(found, pointer=place.pointer)
        return place

    return locate


_BEFORE = Position(0, 1)
"""The line before the first one of a file, where what is the whole file would be a field of it."""


def _lines(repository: Repository, path: str) -> list[str]:
    try:
        found = repository.find(path)
        return decode(repository.read_bytes(found)).splitlines() if found else []
    except (OSError, UnicodeDecodeError):
        return []
