"""The private copies that renderers work on: no link that leaves the repository, gone when the scan ends."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from kgate.rendering import scratch
from kgate.repository import Repository

MAX_COPIED_BYTES = 256 << 20
MAX_COPIED_FILES = 20_000
MAX_COPIED_FOLDERS = 4_000


class CopyError(Exception):
    """Something that must not or cannot be copied. ``path`` is its path, and the text says what is wrong with it."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class Workspace:
    """A folder of one scan, below the system's temporary folder. It exists inside the ``with`` block."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.root = repository.root
        self._stack = ExitStack()
        self._count = itertools.count()

    def __enter__(self) -> Workspace:
        scratch.remove_stale()
        self._folder = self._stack.enter_context(scratch.private_folder())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def of(self, repository: Repository) -> Workspace:
        """The workspace of another repository, whose folders exist as long as those of this one do."""
        other = Workspace(repository)
        other._folder, other._count = self._folder, self._count
        return other

    def folder(self) -> Path:
        """Makes a new, empty folder."""
        path = self._folder / str(next(self._count))
        path.mkdir()
        return path

    def copy(self, source: Path, target: Path) -> None:
        """Copies a file or a folder of the repository, without ``.git``; the copies are writable.

        A link inside the repository is replaced by a copy of its target. Raises CopyError for what leads out of the
        repository, is neither a file nor a folder, or cannot be read, and beyond the MAX_COPIED_ numbers.
        """
        _Copy(self.repository).take(source, target)


class _Copy:
    """One copy, and how much was copied."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._bytes = 0
        self._files = 0
        self._folders = 0

    def take(self, source: Path, target: Path) -> None:
        pending: list[tuple[Path, Path, tuple[Path, ...]]] = [(source, target, ())]
        while pending:
            source, target, above = pending.pop()
            try:
                real = self._resolve(source, above)
                if real.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    names = sorted(set(os.listdir(real)) - {".git"}, reverse=True)
                    pending += ((real / name, target / name, (*above, real)) for name in names)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(real, target)
            except OSError as error:
                raise CopyError(source, f"cannot be copied: {error.strerror or error}") from None

    def _resolve(self, source: Path, above: tuple[Path, ...]) -> Path:
        """The file or folder that a path leads to, if it may be copied. Raises CopyError and OSError."""
        real = self._repository.resolve(source)
        if real is None:
            raise CopyError(source, self._departure(source))
        if real in above:
            raise CopyError(source, _circle(source))
        try:
            found = os.stat(real)
        except OSError as error:
            if os.path.islink(source) and error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
                raise CopyError(source, "is a symbolic link that leads nowhere") from None
            raise
        if stat.S_ISDIR(found.st_mode):
            self._folders += 1
        elif stat.S_ISREG(found.st_mode):
            self._files += 1
            self._bytes += found.st_size
        else:
            raise CopyError(source, "is neither a file nor a folder")
        self._refuse_too_much(source)
        return real

    def _departure(self, source: Path) -> str:
        lies = Path(os.path.realpath(source.parent)) / source.name
        if os.path.islink(source) and lies.is_relative_to(self._repository.root):
            return "leads out of the repository through a symbolic link, which is not followed"
        return "lies outside the repository"

    def _refuse_too_much(self, source: Path) -> None:
        """Raises CopyError beyond a limit. Folders are limited too, as links can multiply them without end."""
        for held, bound, words in (
            (self._bytes, MAX_COPIED_BYTES, f"{MAX_COPIED_BYTES >> 20} MiB of files"),
            (self._files, MAX_COPIED_FILES, f"{MAX_COPIED_FILES:,} files"),
            (self._folders, MAX_COPIED_FOLDERS, f"{MAX_COPIED_FOLDERS:,} folders"),
        ):
            if held > bound:
                raise CopyError(source, f"belongs to more than {words} to render")


def _circle(source: Path) -> str:
    if os.path.islink(source):
        return "is a symbolic link to a folder that contains it"
    return "is reached again through a symbolic link in it"
