"""The private copies that renderers work on: no link that leaves the repository, gone when the scan ends."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

MAX_COPIED_BYTES = 256 << 20
MAX_COPIED_FILES = 20_000


class CopyError(Exception):
    """Something that must not or cannot be copied; ``path`` is where it lies."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class Workspace:
    """A folder of this scan alone, below the system's temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="kgate-")))
        self._count = itertools.count()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def folder(self) -> Path:
        """A new, empty folder."""
        path = self._folder / str(next(self._count))
        path.mkdir()
        return path

    def copy(self, source: Path, target: Path, *, ignored_names: Collection[str] = (".git",)) -> None:
        """Copies a file or a folder of the repository. What links inside the repository lead to is copied in
        their place. Raises CopyError for links that leave it, for anything else than files and folders,
        and beyond MAX_COPIED_BYTES or MAX_COPIED_FILES."""
        _Copy(self.root, ignored_names).take(source, target)


class _Copy:
    """One copy and what it may still hold."""

    def __init__(self, root: Path, ignored_names: Collection[str]) -> None:
        self._root = root
        self._ignored = ignored_names
        self._bytes = 0
        self._files = 0

    def take(self, source: Path, target: Path) -> None:
        above: tuple[Path, ...] = (Path(os.path.realpath(source)),)
        pending = [(source, target, above)]
        while pending:
            source, target, above = pending.pop()
            real = Path(os.path.realpath(source))
            if not real.is_relative_to(self._root):
                raise CopyError(source, "leads out of the repository by a symbolic link, which is not followed")
            if real.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                for name in sorted(os.listdir(real)):
                    child = Path(os.path.realpath(real / name))
                    if name not in self._ignored:
                        if child.is_dir() and child in above:
                            raise CopyError(real / name, "is a symbolic link to a folder that holds it")
                        pending.append((real / name, target / name, (*above, child)))
            elif real.is_file():
                self._copy_file(source, real, target)
            else:
                raise CopyError(source, "is neither a file nor a folder")

    def _copy_file(self, source: Path, real: Path, target: Path) -> None:
        self._bytes += real.stat().st_size
        self._files += 1
        if self._bytes > MAX_COPIED_BYTES:
            raise CopyError(source, f"belongs to more than {MAX_COPIED_BYTES >> 20} MiB of files to render")
        if self._files > MAX_COPIED_FILES:
            raise CopyError(source, f"belongs to more than {MAX_COPIED_FILES:,} files to render")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(real, target)
