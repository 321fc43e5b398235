"""What was found, for people and programs; the formats are the modules of the folder ``formats``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgate.model import Report

_FORMATS = Path(__file__).parent / "formats"


def names() -> tuple[str, ...]:
    """The formats, sorted; found by listing the folder, nothing is imported. A hyphen is ``_`` in a file's name."""
    stems = (path.stem for path in _FORMATS.glob("*.py") if path.stem != "__init__")
    return tuple(sorted(stem.replace("_", "-") for stem in stems))


def renderer(name: str) -> Callable[[Report], str]:
    """The ``render`` of a format, imported now."""
    render: Callable[[Report], str] = importlib.import_module(f"kgate.reports.formats.{name.replace('-', '_')}").render
    return render
