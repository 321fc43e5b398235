"""Puts the files of another revision beside the scanned ones, to be judged by the same settings."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kgate import gitindex
from kgate.elsewhere import lock
from kgate.policy.gittree import GitTree, RevisionTooLargeError
from kgate.rendering import scratch
from kgate.rendering.shared import Difference
from kgate.repository import OutsideError, Repository
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class SameSettings:
    """A TrustedTree for the private copy of a revision: what steers the gate is that of the scanned repository, but
    what its charts are locked to is its own."""

    root: Path
    scanned: Repository
    name: str
    title: str

    def find(self, path: Path) -> Path | None:
        """See TrustedTree."""
        place = self._scanned(path)
        try:
            found = self.scanned.policy_place(os.fspath(place), place.parent) if self.scanned.trusted else place
        except OutsideError:
            return None
        is_there = found is not None and self.scanned.holds(found) and self.scanned.policy_has(found)
        return self.root / found.relative_to(self.scanned.root) if found is not None and is_there else None

    def read_bytes(self, path: Path) -> bytes:
        """See TrustedTree."""
        if path == self.root / lock.NAME:
            return Repository(self.root).read_bytes(path)
        return self.scanned.policy_bytes(self._scanned(path))

    def names(self, folder: Path) -> list[str]:
        """See TrustedTree."""
        return self.scanned.policy_names(self._scanned(folder))

    def paths(self, names: Collection[str]) -> list[Path]:
        """See TrustedTree."""
        found = (path for path in self.scanned.files_below(self.scanned.root) if path.name in names)
        return [self.root / path.relative_to(self.scanned.root) for path in found]

    def changed_lines(self) -> Mapping[str, tuple[tuple[int, int], ...]] | None:
        """None: the revision is not a change of the scanned files."""
        return None

    def _scanned(self, path: Path) -> Path:
        return self.scanned.root / path.relative_to(self.root)


def trusted_copy(root: Path, scanned: Repository) -> Repository:
    """A copy of the scanned repository, about which the same trusted revision decides."""
    trusted = scanned.trusted
    assert trusted is not None
    return Repository(root, scanned.urls, SameSettings(root, scanned, trusted.name, trusted.title))


@dataclass(frozen=True, slots=True)
class ExportedTree:
    """The files of a revision in a private folder, as a repository; the paths of those of the scanned one (``beside``),
    and of those that this one has with the same bytes."""

    tree: GitTree
    repository: Repository
    beside: frozenset[str]
    same: frozenset[str]

    def difference_from(self, other: ExportedTree | None) -> Difference:
        """Where it differs from another revision; without one, from the scanned repository."""
        if other is not None:
            return Difference(self.tree.differs_from(other.tree))
        return Difference(self.beside.union(map(os.fsdecode, self.tree.files)) - self.same)


@contextmanager
def exported(tree: GitTree, scanned: Repository) -> Iterator[ExportedTree]:
    """The files of a revision in a private folder of the same name as the checkout, as long as the block lasts. Raises
    ConfigError, OSError and SearchError."""
    start = len(os.path.join(scanned.root, ""))
    beside = frozenset(os.fspath(path)[start:] for path in scanned.files_below(scanned.root))
    with ExitStack() as stack:
        root, same = _written(tree, scanned.root.name or "root", beside, stack)
        git = root / ".git"
        git.mkdir()
        (git / "config").touch()
        (git / "index").write_bytes(gitindex.written(tree.files))
        settings = SameSettings(root, scanned, tree.name, tree.title)
        yield ExportedTree(tree, Repository(root, scanned.urls, settings), beside, same)


def _written(tree: GitTree, name: str, beside: frozenset[str], stack: ExitStack) -> tuple[Path, frozenset[str]]:
    """Writes a revision to a private folder, in memory if it is small: returns the folder, and what GitTree.export
    does."""
    left = scratch.MOST_IN_MEMORY - tree.memory_beside(beside)
    if left > 0 and scratch.has_memory():
        with (
            suppress(RevisionTooLargeError, OSError),
            ExitStack() as tried,
        ):  # what cannot be written there may be on a disk
            root = _root(tried.enter_context(scratch.private_folder(in_memory=True)), name)
            same = tree.export(root, beside, left)
            stack.push(tried.pop_all())
            return root, same
    root = _root(stack.enter_context(scratch.private_folder()), name)
    return root, tree.export(root, beside)


def _root(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name
