"""Recognises Helm charts and kustomizations: what must be rendered before it can be judged."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from kgate.values import dataclass

_CHART_FILES = (
    "Chart.yaml",
    "Chart.yml",
    "Chart.lock",
    "values*.yaml",
    "values*.yml",
    "values.schema.json",
    "requirements.*",
)
_CHART_FOLDERS = ("templates", "charts")
KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""In kustomize's own order of preference."""


@dataclass(frozen=True, slots=True)
class ChartFolder:
    """A Helm chart on disk."""

    folder: Path

    def may_leave(self, path: Path) -> bool:
        """True for what ``holds`` takes by its name alone, and Helm may not use as that: values files, and whatever is
        not a chart in ``charts/``."""
        first, *rest = path.relative_to(self.folder).parts
        return first in ("charts", "ci") or (not rest and first != "values.schema.json" and first.startswith("values"))

    def holds(self, path: Path) -> bool:
        """True if a path is one of the chart's own files, which mean nothing until rendered."""
        if path == self.folder or not path.is_relative_to(self.folder):
            return False
        first, *rest = path.relative_to(self.folder).parts
        if first == "ci" and len(rest) == 1:
            return fnmatch.fnmatch(rest[0], "*-values.yaml")
        if rest or path.is_dir():
            return first in _CHART_FOLDERS
        return any(fnmatch.fnmatch(first, pattern) for pattern in _CHART_FILES)


def find_chart(folder: Path, names: Sequence[str]) -> ChartFolder | None:
    """The chart that a folder with these members is, or None."""
    return ChartFolder(folder) if "Chart.yaml" in names else None


def kustomization_name(names: Sequence[str]) -> str | None:
    """The kustomization file among the members of a folder, or None."""
    return next((name for name in KUSTOMIZATION_NAMES if name in names), None)
