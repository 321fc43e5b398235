"""Reads ``clusters``: the folders of which each holds what is deployed to one cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kgate.config.gatelist import patterns
from kgate.sources import pathlines
from kgate.sources.clusters import ClusterFolders

if TYPE_CHECKING:
    from kgate.yamltree.fields import FileFields

CLUSTER_FIELDS = ("name", "paths")


def read_clusters(fields: FileFields, shown: str) -> Iterator[ClusterFolders]:
    """The entries of ``clusters``; ``shown`` is the file's name in reports. Raises the error of the file."""
    seen: dict[str, int] = {}
    for number, entry in enumerate(fields.sections("clusters", "mappings")):
        entry.only(CLUSTER_FIELDS)
        name = entry.needed("name", "; it is what messages call the cluster")
        if name in seen:
            entry.fault(f"{entry.name('name')} is that of clusters[{seen[name]}]; put all paths in one entry", "name")
        seen[name] = number
        if not entry.has("paths"):
            entry.fault(f"{entry.name('paths')} is missing; name the folders of the cluster, such as clusters/prod/")
        yield ClusterFolders.of(name, patterns(entry, "paths", pathlines.check), shown, entry.line("paths"))
