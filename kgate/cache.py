"""Keeps texts of reports between scans, under a digest of everything that they depend on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from kgate import wholefile
from kgate.values import dataclass

MAX_BYTES = 512 << 20
"""The most bytes of all entries of a cache, unless it says otherwise."""

MAX_ENTRY_BYTES = 64 << 20
"""The most bytes of one entry; a longer one is not kept."""

_MAGIC = b"kgate cache 1\n"
_DIGEST_BYTES = 32
_SUFFIX = ".entry"


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries below a folder, up to so many bytes in all: beyond that, those used longest ago are removed first.

    An entry is written to a temporary file and moved into place whole, so that several runs may share the folder. Its
    digest covers its key and content: an entry that was cut off, changed or swapped is removed and counts as absent.
    If the cache cannot be read or written, because of a full disk or otherwise, the scan goes on as without one.
    """

    folder: Path
    most: int = MAX_BYTES

    def get(self, key: bytes) -> bytes | None:
        """Returns the content that was kept under a key (32 bytes), or None."""
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
        """Keeps content under a key, if possible."""
        self.put_all([(key, content)])

    def put_all(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Keeps contents under their keys, as far as possible, and looks once whether that is too much."""
        for key, content in entries:
            self._write(key, content)
        with contextlib.suppress(OSError):
            self._prune()

    def _write(self, key: bytes, content: bytes) -> None:
        if len(content) > MAX_ENTRY_BYTES:
            return
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.parent.is_symlink():
                return
            wholefile.replace(path, lambda handle: _write(handle, _sealed(content, key)), 0o600)

    def _path(self, key: bytes) -> Path:
        name = key.hex()
        return self.folder / name[:2] / f"{name[2:]}{_SUFFIX}"

    def _prune(self) -> None:
        """Removes the files used longest ago beyond the limit, those that a killed run left half written included."""
        entries = sorted(self._entries(), reverse=True)
        total = 0
        for _, size, path in entries:
            total += size
            if total > self.most:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """Yields time of last use, size and path of each file in the cache."""
        for path in self.folder.glob("*/*"):
            if path.parent.is_symlink():
                continue
            with contextlib.suppress(OSError):
                found = path.stat()
                yield found.st_mtime, found.st_size, path


def open_cache(folder: Path) -> Cache | None:
    """Returns the cache in a folder, which is created if needed; None if others could write to it."""
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


def _write(handle: int, data: bytes) -> None:
    with open(handle, "wb") as stream:
        stream.write(data)


def _sealed(content: bytes, key: bytes) -> bytes:
    """Returns an entry: the magic number, the digest of key and content, and the content."""
    return _MAGIC + _digest(content, key) + content


def _opened(data: bytes, key: bytes) -> bytes | None:
    """Returns the content of an entry; None if it is damaged or belongs to another key."""
    start = len(_MAGIC) + _DIGEST_BYTES
    content = data[start:]
    is_whole = data.startswith(_MAGIC) and data[len(_MAGIC) : start] == _digest(content, key)
    return content if is_whole else None


def _digest(content: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(key + content, digest_size=_DIGEST_BYTES).digest()
