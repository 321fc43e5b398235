"""The folders of clusters: entries of ``clusters``, each with what is deployed to one cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from kgate.model import Json
from kgate.sources.pathlines import PathLines
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class ClusterFolders:
    """An entry (kubernetes.scopes.ClusterScope); ``paths`` are lines as in .kgateignore."""

    name: str
    paths: tuple[str, ...]
    lines: PathLines = field(compare=False, repr=False)

    @classmethod
    def of(cls, name: str, paths: tuple[str, ...]) -> ClusterFolders:
        """Returns the cluster of these folders."""
        return cls(name, paths, PathLines(paths))

    def holds(self, path: str) -> bool:
        """True for a file in its folders."""
        return self.lines.cover(path)


def clusters_json(clusters: Iterable[ClusterFolders]) -> list[Json]:
    """Returns entries as a configuration has them."""
    return [{"name": one.name, "paths": list(one.paths)} for one in clusters]
