"""Keeps the keys in a configuration of encryption at rest out of what reports show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from kgate.kubernetes.neighbours import ENCRYPTION_KINDS
from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Json, Location, Locator, Pointer, Resource, child_pointer, json_text

KINDS = (*ENCRYPTION_KINDS, "MachineConfig")
"""The kinds that hold keys; the last one is that of Talos."""

_WITH_KEYS = ("aescbc", "aesgcm", "secretbox")
_OF_TALOS = ("aescbcEncryptionSecret", "secretboxEncryptionSecret")
_STAND_IN = "***"

_MOST_KEYS = 100
"""Keys that are looked for in lines; of an object with more, no line is shown."""


def concealed(resource: Resource) -> Resource:
    """A resource of KINDS that shows no key, neither in its own texts nor in the lines of its file."""
    found = {pointer: key for pointer, key in _keys(resource.body) if key}
    if not found:
        return resource
    keys = {resource.pointer + pointer: key for pointer, key in found.items()}
    locator = _Concealing(resource.locator, keys)
    return replace(resource, locator=locator, concealed=tuple((key, _STAND_IN) for key in locator.keys))


def _keys(body: Mapping[str, Json]) -> Iterator[tuple[Pointer, str]]:
    for number, entry in enumerate(list_of(body.get("resources"))):
        for index, provider in enumerate(list_of(mapping(entry).get("providers"))):
            for name in _WITH_KEYS:
                for place, key in enumerate(list_of(mapping(mapping(provider).get(name)).get("keys"))):
                    pointer = child_pointer("/resources", number, "providers", index, name, "keys", place, "secret")
                    yield pointer, json_text(mapping(key).get("secret", ""))
    for name in _OF_TALOS:
        yield child_pointer("/cluster", name), json_text(mapping(body.get("cluster")).get(name, ""))


class _Concealing:
    """Gives places without keys (model.Locator)."""

    def __init__(self, inner: Locator, places: Mapping[Pointer, str]) -> None:
        self.inner = inner
        self.keys = sorted(set(places.values()), key=lambda key: (-len(key), key))
        self._places = places

    def _is_hidden(self, path: str, number: int) -> bool:
        """True for a line that is not shown at all."""
        return len(self._places) > _MOST_KEYS or (path, number) in self._hidden

    @cached_property
    def _hidden(self) -> frozenset[tuple[str, int]]:
        """The lines of keys that are not written as they are: with escapes, or over several lines."""
        return frozenset(self._spelled_otherwise())

    def _spelled_otherwise(self) -> Iterator[tuple[str, int]]:
        for pointer, key in self._places.items():
            place = self.inner.locate(pointer)
            is_given = bool(place.related)  # what stands there is the name of a value, or a call
            if not is_given and key not in self.inner.line(place.path, place.start.line):
                yield from ((place.path, number) for number in range(place.start.line, place.end.line + 1))

    def locate(self, pointer: Pointer) -> Location:
        """The place of a field; of a line that holds a key, with stars in the place of it."""
        return self._shown(self.inner.locate(pointer))

    def _shown(self, place: Location) -> Location:
        related = tuple(replace(one, location=self._shown(one.location)) for one in place.related)
        whole = self.inner.line(place.path, place.start.line)
        is_cut = not whole.startswith(place.snippet) or len(whole.rstrip()) > len(place.snippet)
        has_key = any(key in text for key in self.keys for text in (whole, place.snippet))
        if self._is_hidden(place.path, place.start.line) or (has_key and is_cut):
            return replace(place, snippet="", value="", related=related)
        if not has_key:
            return replace(place, related=related) if related else place
        return replace(place, snippet=self._without(place.snippet), value=self._without(place.value), related=related)

    def line(self, path: str, number: int) -> str:
        """A line of the file; empty for one that holds a key, or a part of one, in another spelling."""
        if self._is_hidden(path, number):
            return ""
        return self._without(self.inner.line(path, number))

    def with_nulls(self, pointer: Pointer) -> Json:
        """The value of a field with its null fields; None if it is absent."""
        return self.inner.with_nulls(pointer)

    def _without(self, text: str) -> str:
        for key in self.keys:
            text = text.replace(key, _STAND_IN)
        return text
