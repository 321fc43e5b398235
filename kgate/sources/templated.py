"""Recognises Helm charts and kustomizations: what must be rendered before it can be judged."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgate import manifest
from kgate.model import Json
from kgate.textfile import read_bytes

_CHART_FILES = (
    "Chart.yaml",
    "Chart.yml",
    "Chart.lock",
    "values*.yaml",
    "values*.yml",
    "values.schema.json",
    "requirements.*",
)
_CHART_FOLDERS = ("templates", "charts", "ci")
KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""In kustomize's own order of preference."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A Helm chart on disk."""

    folder: Path

    def holds(self, path: Path) -> bool:
        """Whether a path is one of the chart's own files, which mean nothing until rendered."""
        if path == self.folder or not path.is_relative_to(self.folder):
            return False
        first, *rest = path.relative_to(self.folder).parts
        if rest or path.is_dir():
            return first in _CHART_FOLDERS
        return any(fnmatch.fnmatch(first, pattern) for pattern in _CHART_FILES)

    def problem(self, shown: str) -> str:
        """What to tell about the chart as long as it is not rendered."""
        return f"Helm chart, not rendered, so not judged; scan what it renders to: helm template {shown} | kgate scan -"


def find_chart(folder: Path, names: Sequence[str]) -> Chart | None:
    """The chart that a folder with these members is, or None."""
    return Chart(folder) if "Chart.yaml" in names else None


def kustomization_name(names: Sequence[str]) -> str | None:
    """The kustomization file among the members of a folder, or None."""
    return next((name for name in KUSTOMIZATION_NAMES if name in names), None)


def kustomization_problem(shown: str) -> str:
    """What to tell about a kustomization as long as it is not rendered."""
    return (
        "kustomization, not rendered: its resources are judged as they are written, without its patches; "
        f"scan what it builds to: kubectl kustomize {shown} | kgate scan -"
    )


def files_of_kustomization(folder: Path, names: Sequence[str]) -> set[Path]:
    """The kustomization file itself and every file that it uses as anything but a resource."""
    name = kustomization_name(names)
    if name is None:
        return set()
    path = folder / name
    try:
        roots = list(manifest.compose(manifest.decode(read_bytes(path))))
    except (OSError, UnicodeDecodeError, manifest.ManifestError):
        return {path}
    value = roots[0].value if roots else None
    used = _used_files(value) if isinstance(value, dict) else iter(())
    return {path, *(Path(os.path.realpath(folder / file)) for file in used if "\n" not in file and "\0" not in file)}


def _used_files(kustomization: dict[str, Json]) -> Iterator[str]:
    """Paths in all fields of a kustomization that do not hold complete manifests (kustomize, api/types)."""
    for key in ("patches", "patchesJson6902", "replacements"):
        for entry in _list(kustomization.get(key)):
            if isinstance(entry, dict) and isinstance(entry.get("path"), str):
                yield entry["path"]
    for key in ("patchesStrategicMerge", "configurations", "crds", "transformers", "generators", "validators"):
        yield from (entry for entry in _list(kustomization.get(key)) if isinstance(entry, str))
    for key in ("configMapGenerator", "secretGenerator"):
        for entry in _list(kustomization.get(key)):
            if isinstance(entry, dict):
                files = (*_list(entry.get("files")), *_list(entry.get("envs")))
                yield from (file.rpartition("=")[2] for file in files if isinstance(file, str))
    for entry in _list(kustomization.get("helmCharts")):
        if isinstance(entry, dict):
            files = (entry.get("valuesFile"), *_list(entry.get("additionalValuesFiles")))
            yield from (file for file in files if isinstance(file, str))


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()
