"""Finds the folders of this repository from which deployers that are not followed may take manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from kgate.gitops.deployed import Possible
from kgate.kubernetes import deployers
from kgate.model import Json, Pointer, Resource, child_pointer
from kgate.repository import OutsideError, Repository

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^@/\s]+@[^/\s]+:")
_SOURCE = "sourceRef"
"""What refers to a source of Flux, which may be this repository."""


def is_one(resource: Resource) -> bool:
    """True if an object deploys something that is not followed, itself or by an object that it holds."""
    return next(deployers.unfollowed(resource), None) is not None


def places(resource: Resource, repository: Repository) -> Iterator[Possible]:
    """Yields the folders that such an object may deploy: those that exist here and stand beside a URL of this
    repository, or beside a reference to a source of Flux; the root if none does."""
    for pointer, value in _mappings(resource.body, ""):
        texts = [text for member in value.values() for text in _texts(member)]
        paths = [text for text in texts if not _URL.match(text) and repository.has(text)]
        if _is_here(texts, paths, repository) or (paths and isinstance(value.get(_SOURCE), Mapping)):
            place = resource.locate(pointer)
            for folder in _folders(paths, repository):
                yield Possible(folder, str(resource.id), place.path, place.start.line)


def _is_here(texts: list[str], paths: list[str], repository: Repository) -> bool:
    urls = [text for text in texts if _URL.match(text)]
    return any(repository.is_meant(url, path) for url in urls for path in (*paths, ""))


def _folders(paths: list[str], repository: Repository) -> Iterator[Path]:
    for path in paths or [""]:
        try:
            found = repository.find("/" + path)
        except OutsideError:
            continue
        if found is not None:
            yield found


def _texts(value: Json) -> Iterator[str]:
    """A text, or those of a list."""
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))


def _mappings(value: Json, pointer: Pointer) -> Iterator[tuple[Pointer, Mapping[str, Json]]]:
    """Yields every mapping at or below a value, with its pointer."""
    if isinstance(value, Mapping):
        yield pointer, value
    members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from _mappings(member, child_pointer(pointer, key))
