"""Renders what must be rendered before it can be judged, and finds the source of it; each folder is a kind of source.

A kind whose sources are recognised by the members of a folder has a module ``detect.py`` with a ``find``, which the
scan calls for each folder that it walks through. Charts and kustomizations have none: to which of them a file belongs
depends on the folders around it, so ``kgate/sources/files.py`` recognises them itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kgate.rendering.requests import Request
    from kgate.repository import Repository

Finder: TypeAlias = "Callable[[Path, Sequence[str], Repository], Iterable[Request]]"
"""The ``find`` of a kind of source: returns a request for each of its sources in a folder, whose members have these
names, sorted. The files of the requests (``Request.files``) are not judged as plain manifests. What is wrong with a
source comes up when it is rendered: ``find`` reads as little as it can, and raises nothing."""


def finders() -> tuple[Finder, ...]:
    """Imports the ``find`` of each kind of source that has one, in the order of the names of their folders."""
    found = {path.parent.name for folder in __path__ for path in Path(folder).glob("*/detect.py")}
    return tuple(importlib.import_module(f"{__name__}.{name}.detect").find for name in sorted(found))
