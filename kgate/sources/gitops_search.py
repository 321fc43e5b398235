"""Finds quickly which texts may hold objects of Argo CD or Flux, which say what is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.model import Note, Resource
from kgate.textfile import read_bytes
from kgate.yamltree import spelling
from kgate.yamltree.text import decode

_ARGO_CD, FLUX = re.compile(r"argoproj\.io"), re.compile(r"fluxcd\.io")
_APPLICATION = re.compile(r"\bApplication(Set)?(List)?\b")


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
    return FLUX.search(api_version) is not None or _ARGO_CD.search(api_version) is not None


def holds_deployment(text: str) -> bool:
    """True if a text may hold an object of Argo CD or Flux that deploys something."""
    if spelling.may_hold(text, FLUX):
        return True
    return spelling.may_hold(text, _ARGO_CD) and spelling.may_hold(text, _APPLICATION)


def peek(path: Path) -> str:
    """The text of a file; empty if it is not a regular file, cannot be read, or is too large."""
    try:
        return decode(read_bytes(path, manifest.MAX_FILE_BYTES))
    except (OSError, UnicodeDecodeError):
        return ""
