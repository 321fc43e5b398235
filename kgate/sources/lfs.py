"""Finds the pointers of Git LFS among the files that a rendering uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.model import Problem
from kgate.rendering.helm.contents import decisive_files
from kgate.rendering.requests import ChartRequest, Request, ValuesFile
from kgate.repository import Repository, SearchError
from kgate.sources import queue


def pointer_of(request: Request, repository: Repository) -> Problem | None:
    """A Problem for the first file of a chart or kustomization that is a pointer of Git LFS."""
    try:
        found = next((path for path in files_of(request, repository) if _is_pointer(path, repository)), None)
    except SearchError as error:
        return Problem(repository.shown(request.target.path), None, f"not judged: {error}")
    return None if found is None else Problem(repository.shown(found), None, manifest.LFS_PROBLEM)


def files_of(request: Request, repository: Repository) -> Iterator[Path]:
    """The files that a rendering uses. Raises SearchError."""
    if not isinstance(request, ChartRequest):
        yield from queue.sources(request, repository)
        return
    yield from decisive_files(request.chart, repository) if request.chart.is_dir() else (request.chart,)
    for release in request.releases:
        yield from (values.path for values in release.values if isinstance(values, ValuesFile))


def _is_pointer(path: Path, repository: Repository) -> bool:
    try:
        return manifest.is_lfs_pointer(repository.read_bytes(path, manifest.MAX_FILE_BYTES))
    except OSError:
        return False
