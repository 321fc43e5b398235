"""Tells quickly which texts may hold objects of Argo CD or Flux, which say what is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kgate import manifest
from kgate.model import Resource
from kgate.sources.files import SourceFile
from kgate.textfile import read_bytes

_ARGO_CD, _FLUX = b"argoproj.io", b"fluxcd.io"
_APPLICATION = re.compile(rb"\bApplication(Set)?\b")
_ESCAPED = re.compile(
    rb"\\(?:(?:x|u00|U000000)(?:2e|[46][1-9a-f]|[57][0-9a])|(?<=[\"\w.]\\)\r?\n[ \t]*[\w.])", re.IGNORECASE
)
"""Letters and dots that a string of YAML spells otherwise, or goes on with in its next line."""


def deployment_objects(files: Iterable[SourceFile]) -> Iterator[Resource]:
    """The objects of files that may say what is deployed, and the ConfigMaps that Flux may take values from."""
    texts = {file: peek(file.path) for file in files}
    has_flux = any(_FLUX in text for text in texts.values())
    for file, text in texts.items():
        if holds_deployment(text) or (has_flux and b"ConfigMap" in text):
            yield from manifest.read(file.shown, text).resources


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
