"""Finds pointers of Git LFS among the files that a rendering uses."""

from __future__ import annotations

from pathlib import Path

from kgate.kubernetes import manifest
from kgate.model import Problem
from kgate.rendering.requests import Request
from kgate.repository import Repository, SearchError


def pointer_of(request: Request, repository: Repository) -> Problem | None:
    """A Problem for the first file of a request that is a pointer of Git LFS instead of the file itself."""
    try:
        found = next((path for path in request.files(repository) if _is_pointer(path, repository)), None)
    except SearchError as error:
        return Problem(repository.shown(request.place.path), None, f"not judged: {error}")
    return None if found is None else Problem(repository.shown(found), None, manifest.LFS_PROBLEM)


def _is_pointer(path: Path, repository: Repository) -> bool:
    try:
        return manifest.is_lfs_pointer(repository.read_bytes(path, manifest.MAX_FILE_BYTES))
    except OSError:
        return False
