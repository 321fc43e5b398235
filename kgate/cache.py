"""Keeps the texts of reports between scans, by everything that they depend on; a damaged entry is no entry."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 512 << 20
"""Bytes of all entries; beyond it the ones used longest ago go first."""

MAX_ENTRY_BYTES = 64 << 20
"""A longer entry is not kept."""

_MAGIC = b"kgate cache 1\n"
_DIGEST_BYTES = 32
_SUFFIX = ".entry"


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries below a folder that belongs to this user alone.

    An entry is written beside its place and moved there whole, so that several runs may share the folder. It holds
    its own digest and key: what was cut off, changed or mixed up is removed and counts as absent. What cannot be
    read or written, for a full disk or otherwise, is as if there were no cache.
    """

    folder: Path

    def get(self, key: bytes) -> bytes | None:
        """What was kept under a key (32 bytes)."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        content = _opened(data, key)
        with contextlib.suppress(OSError):
            if content is None:
                path.unlink()
            else:
                os.utime(path)
        return content

    def put(self, key: bytes, content: bytes) -> None:
        """Keeps a content under a key, as far as that is possible."""
        if len(content) > MAX_ENTRY_BYTES:
            return
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._write(path, _sealed(content, key))
            self._prune()

    def _path(self, key: bytes) -> Path:
        name = key.hex()
        return self.folder / name[:2] / f"{name[2:]}{_SUFFIX}"

    def _write(self, path: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix="new-")
        try:
            with open(handle, "wb") as stream:
                stream.write(data)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _prune(self) -> None:
        """Removes the entries used longest ago beyond MAX_BYTES, and what a killed run left half written."""
        entries = sorted(self._entries(), reverse=True)
        total = 0
        for _, size, path in entries:
            total += size
            if total > MAX_BYTES:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """Time of last use, size and path of each file of the cache."""
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                found = path.stat()
                yield found.st_mtime, found.st_size, path


def open_cache(folder: Path) -> Cache | None:
    """The cache in a folder, which is made if need be; None if others could write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    if sys.platform != "win32" and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        return None
    return Cache(folder)


def _sealed(content: bytes, key: bytes) -> bytes:
    """An entry: what tells it from other files, the digest of all that follows and the key, and the content."""
    return _MAGIC + _digest(content, key) + content


def _opened(data: bytes, key: bytes) -> bytes | None:
    """The content of an entry; None if it is damaged or of another key."""
    start = len(_MAGIC) + _DIGEST_BYTES
    content = data[start:]
    is_whole = data.startswith(_MAGIC) and data[len(_MAGIC) : start] == _digest(content, key)
    return content if is_whole else None


def _digest(content: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(key + content, digest_size=_DIGEST_BYTES).digest()
