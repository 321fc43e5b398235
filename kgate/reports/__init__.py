"""What was found, for people and programs; the formats are the modules of the folder ``formats``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kgate.model import Report
    from kgate.reports.presentation import Presentation

Renderer: TypeAlias = "Callable[[Report, Presentation], Iterator[str]]"
"""The ``render`` of a format: yields the report in pieces, so that a long one is never held as a whole."""

DEFAULT = "text"
"""The format if none is named."""

_FORMATS = Path(__file__).parent / "formats"


def names() -> tuple[str, ...]:
    """Returns the formats, sorted, from the names of their files (``_`` there is a hyphen here); imports none."""
    stems = (path.stem for path in _FORMATS.glob("*.py") if path.stem != "__init__")
    return tuple(sorted(stem.replace("_", "-") for stem in stems))


def renderer(name: str) -> Renderer:
    """Imports a format and returns its ``render``."""
    render: Renderer = importlib.import_module(f"kgate.reports.formats.{name.replace('-', '_')}").render
    return render
