"""The folders of clusters: entries of ``clusters``, each with what is deployed to one cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import field

from kgate.model import Json, Note
from kgate.sources.pathlines import PathLines
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class ClusterFolders:
    """An entry (kubernetes.scopes.ClusterScope); ``paths`` are lines as in .kgateignore, ``file`` and ``line`` the
    place where they are written."""

    name: str
    paths: tuple[str, ...]
    lines: PathLines = field(compare=False, repr=False)
    file: str = field(default="", compare=False)
    line: int | None = field(default=None, compare=False)

    @classmethod
    def of(cls, name: str, paths: tuple[str, ...], file: str = "", line: int | None = None) -> ClusterFolders:
        """Returns the cluster of these folders."""
        return cls(name, paths, PathLines(paths), file, line)

    def holds(self, path: str) -> bool:
        """True for a file in its folders."""
        return self.lines.cover(path)


def unused(clusters: Iterable[ClusterFolders], paths: Collection[str]) -> Iterator[Note]:
    """Yields a note for each entry that holds none of the paths of a repository."""
    for one in clusters:
        if not any(map(one.holds, paths)):
            message = f"the cluster {one.name} has nothing in the repository; correct its `paths`, or remove it"
            yield Note(one.file, one.line, message)


def clusters_json(clusters: Iterable[ClusterFolders]) -> list[Json]:
    """Returns entries as a configuration has them."""
    return [{"name": one.name, "paths": list(one.paths)} for one in clusters]
