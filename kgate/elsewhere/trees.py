"""Packs what is fetched and is no chart: a kustomization with what it uses, a folder of a git repository, or a file."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from kgate.elsewhere.fetched import ABOUT, TREE, described
from kgate.elsewhere.transfer import TransferError
from kgate.elsewhere.wanted import MAX_BYTES, Wanted
from kgate.kubernetes import manifest
from kgate.rendering import archive, scratch
from kgate.rendering.detect import KUSTOMIZATION_NAMES
from kgate.rendering.kustomize import graph, kustomization, overlay
from kgate.rendering.workspace import CopyError, Workspace
from kgate.repository import Repository, SearchError
from kgate.textfile import read_bytes

FILE = "file"
"""The version of what is one file."""

_CONTENT = "content.yaml"
_SOURCE_IGNORE = ".sourceignore"
_MOST_NAMED = 3


def holds_objects(data: bytes) -> bool:
    """True if kustomize takes the content of a URL for a file of resources."""
    found = manifest.read("", data)
    return bool(found.resources or found.skipped) and not found.problems


def packed_file(data: bytes, wanted: Wanted) -> bytes:
    """A file, packed. Raises TransferError."""
    with scratch.private_folder() as folder:
        target = folder / "packed"
        (target / TREE).mkdir(parents=True)
        (target / TREE / _CONTENT).write_bytes(data)
        return _archived(target, {**described(wanted, FILE), "file": _CONTENT})


def packed_artifact(data: bytes, wanted: Wanted, version: str) -> bytes:
    """The files of a packed folder, packed anew. Raises TransferError."""
    with scratch.private_folder() as folder:
        target = folder / "packed"
        try:
            archive.unpack(data, target / TREE, archive.Room(), archive.flat_name)
        except archive.ArchiveError as error:
            raise TransferError(str(error)) from None
        except OSError as error:
            raise TransferError(error.strerror or str(error)) from None
        return _archived(target, {**described(wanted, version), "folder": "."})


def packed(tree: Path, wanted: Wanted, commit: str, submodules: Collection[str], path: str) -> bytes:
    """What is wanted of a checkout, packed: what lies at a path in it, with what that uses. Raises TransferError for
    what leaves the checkout or is missing."""
    repository = Repository.at(tree)
    folder = repository.resolve(tree / path)
    if folder is None or not folder.is_dir():
        raise TransferError(f"there is no such folder{_beside(submodules)}")
    below = [name for name in submodules if (tree / name).is_relative_to(folder) or folder.is_relative_to(tree / name)]
    if wanted.kind == "tree" and below:
        raise TransferError(f"{below[0]} is a git submodule, which is not fetched")
    with Workspace(repository) as workspace:
        target = workspace.folder()
        try:
            is_folder = wanted.kind == "tree"
            found = _below(folder, repository) if is_folder else _used(folder, repository, submodules)
            for file in sorted({*found}):
                workspace.copy(file, target / TREE / file.relative_to(repository.root))
        except CopyError as error:
            raise TransferError(f"{repository.shown(error.path)} {error}") from None
        about = {**described(wanted, commit), "folder": folder.relative_to(repository.root).as_posix()}
        return _archived(target, about)


def _archived(folder: Path, about: dict[str, str]) -> bytes:
    (folder / ABOUT).write_text(json.dumps(about, sort_keys=True), encoding="utf-8")
    target = folder.with_suffix(".tgz")
    try:
        archive.pack(folder, target)
        return read_bytes(target, MAX_BYTES)
    except archive.ArchiveError as error:
        raise TransferError(str(error)) from None
    except OSError as error:
        raise TransferError(error.strerror or str(error)) from None


def _used(folder: Path, repository: Repository, submodules: Collection[str]) -> Iterator[Path]:
    """The files of a kustomization and of all that it includes. Raises TransferError for what is missing or outside."""
    reached = graph.follow([folder], repository)
    if folder in reached.bare:
        raise TransferError(f"there is no kustomization{_beside(submodules)}")
    for problem in reached.problems:
        raise TransferError(f"{problem}{_beside(submodules)}")
    for link in reached.links:
        if link.lexical != link.real and link.is_folder:
            shown = repository.shown(link.lexical)
            raise TransferError(f"{shown} is reached through a symbolic link, which is not kept")
        if not link.is_folder:
            yield link.lexical
    yield from _members(reached.nodes, repository)


def _members(nodes: Iterable[kustomization.Kustomization], repository: Repository) -> Iterator[Path]:
    """The kustomization files themselves, and the charts that they render."""
    for node in nodes:
        yield from (node.folder / name for name in KUSTOMIZATION_NAMES if os.path.lexists(node.folder / name))
        for chart in node.chart_folders:
            yield from repository.files_below(chart)


def _below(folder: Path, repository: Repository) -> Iterator[Path]:
    """All files below a folder, what the kustomizations in it use, and the files that say what Flux ignores. Raises
    TransferError."""
    try:
        yield from repository.files_below(folder)
    except SearchError as error:
        raise TransferError(str(error)) from None
    places = [folder] if kustomization.find(folder) else [folder / name for name in overlay.autodetect(folder)]
    reached = graph.follow([place.resolve() for place in places if place.is_dir()], repository)
    yield from (link.lexical for link in reached.links if not link.is_folder)
    yield from _members(reached.nodes, repository)
    above = (parent / _SOURCE_IGNORE for parent in repository.above(folder))
    yield from (path for path in above if path.is_file() and repository.holds(path))


def _beside(submodules: Collection[str]) -> str:
    if not submodules:
        return ""
    names = sorted(submodules)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"; its git submodules are not fetched ({', '.join(names[:_MOST_NAMED])}{more})"
