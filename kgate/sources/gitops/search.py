"""Tells quickly which texts may hold objects of Argo CD or Flux, which say what is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kgate import manifest
from kgate.lifetime import FOREVER, Lifetime
from kgate.model import Note, Resource
from kgate.sources.files import SourceFile
from kgate.textfile import read_bytes

_ARGO_CD, _FLUX = b"argoproj.io", b"fluxcd.io"
_APPLICATION = re.compile(rb"\bApplication(Set)?\b")
_ESCAPED = re.compile(
    rb"\\(?:(?:x|u00|U000000)(?:2e|[46][1-9a-f]|[57][0-9a])|(?<=[\"\w.]\\)\r?\n[ \t]*[\w.])", re.IGNORECASE
)
"""Letters and dots that a string of YAML spells otherwise, or goes on with in its next line."""


def deployment_objects(files: Iterable[SourceFile], lifetime: Lifetime = FOREVER) -> Iterator[Resource]:
    """The objects of files that may say what is deployed, and the ConfigMaps that Flux may take values from.

    Raises DeadlineError.
    """
    found: list[SourceFile] = []
    values: list[SourceFile] = []
    has_flux = False
    for file in files:
        lifetime.check()
        text = peek(file.path)
        has_flux = has_flux or _FLUX in text
        if holds_deployment(text):
            found.append(file)
        elif b"ConfigMap" in text:
            values.append(file)
    for file in [*found, *(values if has_flux else ())]:
        lifetime.check()
        yield from manifest.read(file.shown, peek(file.path)).resources


def unfollowed(path: str, data: bytes, resources: Iterable[Resource]) -> tuple[Note, ...]:
    """A note for each object of standard input that deploys something: there is no repository to follow it into."""
    if not holds_deployment(data):
        return ()
    from kgate.sources.gitops.plan import deploys

    found = [resource for resource in resources if deploys(resource)]
    message = "is not followed from standard input; scan its repository to judge what it deploys"
    return tuple(Note(path, one.locate("").start.line, f"{one.id} {message}") for one in found)


def holds_deployment(text: bytes) -> bool:
    """Whether a text may hold an object of Argo CD or Flux that deploys something."""
    if _FLUX in text or (_ARGO_CD in text and _APPLICATION.search(text) is not None):
        return True
    return b"\\" in text and _ESCAPED.search(text) is not None


def peek(path: Path) -> bytes:
    """The text of a file in UTF-8, or none if it is not a readable regular file of bounded size."""
    try:
        data = read_bytes(path, manifest.MAX_FILE_BYTES)
        return data if data.isascii() else manifest.decode(data).encode()
    except (OSError, UnicodeDecodeError):
        return b""
