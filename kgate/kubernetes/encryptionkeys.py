"""Keeps the keys in a configuration of encryption at rest out of what reports show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kgate.kubernetes.neighbours import ENCRYPTION_KINDS
from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Json, Location, Locator, Pointer, Resource, json_text
from kgate.values import dataclass

KINDS = (*ENCRYPTION_KINDS, "MachineConfig")
"""The kinds that hold keys; the last one is that of Talos."""

_WITH_KEYS = ("aescbc", "aesgcm", "secretbox")
_OF_TALOS = ("aescbcEncryptionSecret", "secretboxEncryptionSecret")
_STAND_IN = "***"


def concealed(resource: Resource) -> Resource:
    """A resource of KINDS that shows no key, neither in its own texts nor in the lines of its file."""
    keys = sorted(set(filter(None, _keys(resource.body))), key=lambda key: (-len(key), key))
    if not keys:
        return resource
    pairs = tuple((key, _STAND_IN) for key in keys)
    return replace(resource, locator=_Concealing(resource.locator, tuple(keys)), concealed=pairs)


def _keys(body: Mapping[str, Json]) -> Iterator[str]:
    for entry in list_of(body.get("resources")):
        for provider in list_of(mapping(entry).get("providers")):
            for name in _WITH_KEYS:
                keys = list_of(mapping(mapping(provider).get(name)).get("keys"))
                yield from (json_text(mapping(key).get("secret", "")) for key in keys)
    yield from (json_text(mapping(body.get("cluster")).get(name, "")) for name in _OF_TALOS)


@dataclass(frozen=True, slots=True)
class _Concealing:
    """Gives places without keys (model.Locator)."""

    inner: Locator
    keys: tuple[str, ...]

    def locate(self, pointer: Pointer) -> Location:
        """The place of a field; of a line that holds a key, with stars in the place of it."""
        found = self.inner.locate(pointer)
        whole = self.inner.line(found.path, found.start.line)
        if not any(key in whole for key in self.keys):
            return found
        is_cut = not whole.startswith(found.snippet) or len(whole.rstrip()) > len(found.snippet)
        return replace(found, snippet="" if is_cut else self._without(found.snippet), value=self._without(found.value))

    def line(self, path: str, number: int) -> str:
        """A line of the file."""
        return self._without(self.inner.line(path, number))

    def with_nulls(self, pointer: Pointer) -> Json:
        """The value of a field with its null fields; None if it is absent."""
        return self.inner.with_nulls(pointer)

    def _without(self, text: str) -> str:
        for key in self.keys:
            text = text.replace(key, _STAND_IN)
        return text
