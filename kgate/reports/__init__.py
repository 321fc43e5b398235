"""Report formats: each module of this folder that has ``render(report) -> str`` is one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgate.model import Report

_NOT_FORMATS = ("__init__", "links", "safety", "taxonomies", "wording")


def names() -> tuple[str, ...]:
    """The formats, sorted; found by listing the folder, nothing is imported. A hyphen is ``_`` in a file's name."""
    stems = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return tuple(sorted(stem.replace("_", "-") for stem in stems if stem not in _NOT_FORMATS))


def renderer(name: str) -> Callable[[Report], str]:
    """The ``render`` of a format, imported now."""
    render: Callable[[Report], str] = importlib.import_module(f"kgate.reports.{name.replace('-', '_')}").render
    return render
