"""Gives what was read in a private copy of something from elsewhere its place in the repository: where it is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import TypeVar

from kgate.model import Batch, Json, Location, Locator, Pointer, Related, Remark, Resource
from kgate.values import dataclass

R = TypeVar("R", bound=Remark)


@dataclass(frozen=True, slots=True)
class NamedAt:
    """Where a file or folder of a private copy is from: the place that names it, and what it is called there."""

    asked: Location
    title: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """The files and folders of a private copy that are from elsewhere, by their paths as the copy shows them.

    ``names`` are further texts that stand for something in the copy, with what messages show instead.
    """

    origins: Mapping[str, NamedAt]
    names: Mapping[str, str] = field(default_factory=dict)

    def batch(self, batch: Batch) -> Batch:
        """The same with all places in the repository."""
        return replace(
            batch,
            resources=tuple(map(self._resource, batch.resources)),
            problems=tuple(map(self.remark, batch.problems)),
            notes=tuple(map(self.remark, batch.notes)),
            unjudged=tuple(
                replace(self.remark(one), what=self._text(one.what)) for one in dict.fromkeys(batch.unjudged)
            ),
        )

    def place(self, location: Location) -> Location:
        """The place of something: that which names it, with the file and line elsewhere, if it is from there."""
        related = tuple(self._related(location))
        found = self._find(location.path)
        if found is None:
            return replace(location, related=related) if location.related else location
        origin, inside = found
        asked = self.place(origin.asked)
        related = tuple(one for one in related if not (one.is_context and one.location == asked))
        here = Related(_alone(asked), _where(origin, inside, location.start.line))
        return replace(asked, pointer=location.pointer, is_approximate=True, related=(*asked.related, here, *related))

    def remark(self, remark: R) -> R:
        """A message at its place in the repository."""
        message = self._text(remark.message)
        found = self._find(remark.path)
        if found is None:
            return replace(remark, message=message)
        asked = self.place(found[0].asked)
        return replace(
            remark, path=asked.path, line=asked.start.line, message=f"{_where(*found, remark.line)}: {message}"
        )

    def _find(self, path: str) -> tuple[NamedAt, str] | None:
        """Where a path of the copy is from, and its path there; None if it is of the repository itself."""
        fitting = [key for key in self.origins if path == key or path.startswith(f"{key}/")]
        if not fitting:
            return None
        key = max(fitting, key=len)
        return self.origins[key], path[len(key) + 1 :]

    def _related(self, location: Location) -> Iterator[Related]:
        for one in location.related:
            found = self._find(one.location.path)
            if found is None:
                yield one
                continue
            where = _where(*found, one.location.start.line)
            yield replace(one, location=_alone(self.place(found[0].asked)), message=f"{one.message}, {where}")

    def _resource(self, resource: Resource) -> Resource:
        unknown = {
            pointer: replace(one, place=self.place(one.place)) if one.place is not None else one
            for pointer, one in resource.unknown.items()
        }
        rendering = resource.rendering
        found = self._find(rendering.path) if rendering is not None else None
        if rendering is not None and found is not None:
            rendering = replace(rendering, path=_where(*found, None))
        return replace(resource, locator=_Locator(resource.locator, self), unknown=unknown, rendering=rendering)

    def _text(self, text: str) -> str:
        for name in sorted(self.names, key=len, reverse=True):
            text = text.replace(name, self.names[name])
        for key in sorted(self.origins, key=len, reverse=True):
            text = text.replace(f"{key}/", "").replace(key, ".")
        return text


class _Locator:
    """Locates the fields of what is from elsewhere (model.Locator)."""

    def __init__(self, inner: Locator, foreign: Foreign) -> None:
        self._inner = inner
        self._foreign = foreign

    def locate(self, pointer: Pointer) -> Location:
        """The place in the repository."""
        return self._foreign.place(self._inner.locate(pointer))

    def line(self, path: str, number: int) -> str:
        """A line of a file."""
        return self._inner.line(path, number)

    def with_nulls(self, pointer: Pointer) -> Json:
        """The value of a field with its null fields; None if it is absent."""
        return self._inner.with_nulls(pointer)


def _alone(location: Location) -> Location:
    return replace(location, related=())


def _where(origin: NamedAt, inside: str, line: int | None) -> str:
    """``base/pod.yaml:3 of https://git.example.com/platform at v1``; without a path for what is one file."""
    if not inside:
        return f"line {line} of {origin.title}" if line else origin.title
    return f"{inside}:{line} of {origin.title}" if line else f"{inside} of {origin.title}"
