"""Private folders below the system's temporary folder, or in memory. The next run removes what a killed one left."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "kgate-run-"
_NEW = "kgate-new-"
_NEW_SECONDS = 3600


MOST_IN_MEMORY = 32 << 20
"""Bytes that files and folders may take in memory instead of on a disk, where making as many takes several times as
long."""

_MEMORY = "/dev/shm"  # noqa: S108 - folders there are made by mkdtemp
"""Where Linux has files in memory, for every user."""


_PAGE, _ENTRY = 4096, 1024


def memory_of(size: int = 0) -> int:
    """The bytes of memory that a file of so many bytes takes, or a folder or link: whole pages, and an entry."""
    return _ENTRY + -(-size // _PAGE) * _PAGE


def has_memory() -> bool:
    """True if there is room for MOST_IN_MEMORY in memory, and nobody says where temporary files are to be."""
    if sys.platform != "linux" or any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")):
        return False
    try:
        found, mode = os.statvfs(_MEMORY), os.stat(_MEMORY).st_mode
    except OSError:
        return False
    is_safe = bool(mode & stat.S_ISVTX) and os.access(_MEMORY, os.W_OK | os.X_OK)
    return is_safe and found.f_bavail * found.f_frsize >= 2 * MOST_IN_MEMORY


def _disk() -> str:
    return os.path.realpath(tempfile.gettempdir())


@contextlib.contextmanager
def private_folder(*, in_memory: bool = False) -> Iterator[Path]:
    """Yields a new, empty folder that only this user can enter, and removes it after the block.

    It is locked as long as this process lives, which tells remove_stale() that it is in use.
    """
    top = Path(_MEMORY if in_memory else _disk())
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=top))
    lock = _lock(new)
    folder = top / f"{_PREFIX}{secrets.token_hex(6)}"
    try:
        new.rename(folder)  # locked before it gets the name that others look for
        yield folder
    finally:
        _remove(folder)
        if lock is not None:
            os.close(lock)


def remove_stale() -> None:
    """Removes the folders of runs of this user that were killed. Does nothing if the system has no such locks."""
    for top in dict.fromkeys((_disk(), _MEMORY)):
        with contextlib.suppress(OSError), os.scandir(top) as entries:
            for entry in entries:
                if entry.name.startswith((_PREFIX, _NEW)) and _is_own_folder(entry):
                    _remove_if_unlocked(Path(entry.path))


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    """True for a folder of this user that nobody else can write to; a new one has no lock yet."""
    if sys.platform == "win32":
        return False
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:  # another run has just removed it
        return False
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return is_ours and (entry.name.startswith(_PREFIX) or time.time() - found.st_mtime > _NEW_SECONDS)


def _remove_if_unlocked(folder: Path) -> None:
    lock = _lock(folder)
    if lock is not None:
        _remove(folder)
        os.close(lock)


def _lock(folder: Path) -> int | None:
    """Locks a folder and returns the descriptor that holds the lock; None if another process has it, or there are no
    such locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _make_writable(folder: Path) -> None:
    """Makes folders writable again that a renderer made read-only."""
    os.chmod(folder, stat.S_IRWXU)
    for path, names, _ in os.walk(folder):
        for name in names:
            inner = os.path.join(path, name)
            if not os.path.islink(inner):
                os.chmod(inner, stat.S_IRWXU)
