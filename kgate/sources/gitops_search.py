"""Finds quickly which texts may hold objects of Argo CD or Flux, which say what is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from kgate.kubernetes import manifest
from kgate.lifetime import FOREVER, Lifetime
from kgate.model import Note, Resource
from kgate.repository import Repository
from kgate.sources.files import EXTENSIONS, Listing, SourceFile
from kgate.textfile import read_bytes
from kgate.yamltree import spelling
from kgate.yamltree.text import decode

_ARGO_CD, _FLUX = re.compile(r"argoproj\.io"), re.compile(r"fluxcd\.io")
_APPLICATION = re.compile(r"\bApplication(Set)?(List)?\b")
_CONFIG_MAP = re.compile("ConfigMap")


FileObjects: TypeAlias = dict[Path, tuple[Resource, ...]]
"""Objects by the file that holds them."""


def deployment_objects(files: Iterable[SourceFile], lifetime: Lifetime = FOREVER) -> FileObjects:
    """The objects of files that may say what is deployed, and the ConfigMaps that Flux may take values from.

    Raises DeadlineError.
    """
    found: list[SourceFile] = []
    values: list[SourceFile] = []
    has_flux = False
    for file in files:
        lifetime.check()
        text = peek(file.path)
        has_flux = has_flux or spelling.may_hold(text, _FLUX)
        if holds_deployment(text):
            found.append(file)
        elif spelling.may_hold(text, _CONFIG_MAP):
            values.append(file)
    return _relevant_objects([*found, *(values if has_flux else ())], lifetime)


def expected_objects(listing: Listing, repository: Repository, lifetime: Lifetime = FOREVER) -> FileObjects:
    """The objects in files of kustomizations that may say what is deployed, before these are built. Raises
    DeadlineError."""
    used = {path for found in listing.kustomizations.values() for path in found.files} - listing.files.keys()
    named = sorted(path for path in used if path.name.endswith(EXTENSIONS))
    found = (SourceFile(path, repository.shown(path)) for path in named if holds_deployment(peek(path)))
    return _relevant_objects(found, lifetime)


def _relevant_objects(files: Iterable[SourceFile], lifetime: Lifetime) -> FileObjects:
    found: FileObjects = {}
    for file in files:
        from kgate.gitops.plan import is_relevant

        lifetime.check()
        parts = manifest.stream(file.shown, peek(file.path).encode())
        relevant = tuple(one for part in parts for one in part.resources if is_relevant(one))
        if relevant:
            found[file.path] = relevant
    return found


def unfollowed(resources: Iterable[Resource]) -> tuple[Note, ...]:
    """A note for each object of standard input that deploys something: there is no repository to follow it into."""
    groups = [resource for resource in resources if _is_gitops_group(resource.id.api_version)]
    if not groups:
        return ()
    from kgate.gitops.plan import deploys

    message = "is not followed from standard input; scan its repository to judge what it deploys"
    found = [(resource.locate(""), resource.id) for resource in groups if deploys(resource)]
    return tuple(Note(place.path, place.start.line, f"{who} {message}") for place, who in found)


def _is_gitops_group(api_version: str) -> bool:
    return _FLUX.search(api_version) is not None or _ARGO_CD.search(api_version) is not None


def holds_deployment(text: str) -> bool:
    """True if a text may hold an object of Argo CD or Flux that deploys something."""
    if spelling.may_hold(text, _FLUX):
        return True
    return spelling.may_hold(text, _ARGO_CD) and spelling.may_hold(text, _APPLICATION)


def peek(path: Path) -> str:
    """The text of a file; empty if it is not a regular file, cannot be read, or is too large."""
    try:
        return decode(read_bytes(path, manifest.MAX_FILE_BYTES))
    except (OSError, UnicodeDecodeError):
        return ""
