"""Knows which files git tracks: no ``.gitignore`` leaves these out of what a deployer clones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path

from kgate import gitindex, textfile
from kgate.repository import Repository, git_entries, git_folders
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class _Checkout:
    """What git tracks below a folder, as real paths, most of them in bytes: a checkout has many, and few are asked for.
    ``fault`` says why that is not known."""

    files: frozenset[bytes] = frozenset()
    folders: frozenset[bytes] = frozenset()
    submodules: frozenset[Path] = frozenset()
    fault: str = ""


@dataclass(slots=True)
class Tracked:
    """The tracked files of a repository and of its submodules. An index is read when the first path asks for it.

    ``faults`` says for each checkout whose tracked files are not known why that is so.
    """

    repository: Repository
    faults: dict[Path, str] = field(default_factory=dict)
    _checkouts: dict[Path, _Checkout] = field(default_factory=dict)

    def holds(self, path: Path) -> bool:
        """True if a real path below the root is that of a tracked file, or of a folder with some."""
        found = self._checkout(self.repository.root)
        while top := next((one for one in found.submodules if path != one and path.is_relative_to(one)), None):
            found = self._checkout(top)
        name = os.fsencode(path)
        return name in found.files or name in found.folders

    def paths(self) -> Iterator[Path]:
        """The real paths of all tracked files, sorted in each checkout."""
        pending = [self.repository.root]
        while pending:
            found = self._checkout(pending.pop())
            pending += sorted(found.submodules)
            yield from sorted(Path(os.fsdecode(path)) for path in found.files)

    def _checkout(self, top: Path) -> _Checkout:
        if top not in self._checkouts:
            found = _read(top)
            self._checkouts[top] = found
            if found.fault:
                self.faults[top] = found.fault
        return self._checkouts[top]


def _read(top: Path) -> _Checkout:
    """What the index of the checkout at a folder says."""
    folders = git_folders(top)
    if folders is None:
        return _Checkout(fault="this is not a clone of git")
    formats = (one.value for one in git_entries(folders.common) if (one.section, one.key) == _FORMAT)
    try:
        data = textfile.read_bytes(folders.own / "index", gitindex.MAX_BYTES)
        index = gitindex.parse(data, 32 if "sha256" in formats else 20)
    except FileNotFoundError:
        return _Checkout()
    except OSError as error:
        return _Checkout(fault=f"the index of git cannot be read: {error.strerror}")
    except gitindex.GitIndexError as error:
        return _Checkout(fault=f"the index of git cannot be read: {error}")
    start = os.fsencode(os.path.join(top, ""))
    files, submodules = (frozenset(start + path for path in paths) for paths in (index.files, index.submodules))
    above = submodules.union(_folders((*files, *submodules)))
    return _Checkout(files, above, frozenset(Path(os.fsdecode(path)) for path in submodules))


def _folders(paths: Iterable[bytes]) -> set[bytes]:
    """The folders above some paths."""
    found: set[bytes] = set()
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in found:
            found.add(folder)
            folder = os.path.dirname(folder)
    return found


_FORMAT = "extensions", "objectformat"
