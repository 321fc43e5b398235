"""Reads which paths git tracks, from the index of a checkout (git, Documentation/gitformat-index.txt)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from kgate.values import dataclass

MAX_BYTES = 512 << 20
"""Bytes of an index: some five million files."""

_FIXED = 40
"""Bytes of an entry before its hash: times, device, inode, mode, owner and size."""

_MODE = 24
_EXTENDED = 0x4000
_LENGTH = 0x0FFF
_GITLINK = 0o160000
_FOLDER = 0o040000


class GitIndexError(ValueError):
    """An index that cannot be read whole; the message says why."""


@dataclass(frozen=True, slots=True)
class Index:
    """The tracked files, and the folders of submodules, each as bytes from the root of the checkout."""

    files: frozenset[bytes]
    submodules: frozenset[bytes]


def parse(data: bytes, hash_bytes: int) -> Index:
    """Parses an index of version 2, 3 or 4, whose hashes have 20 (SHA-1) or 32 (SHA-256) bytes. Raises GitIndexError.

    A folder of a sparse index stands for files that are not checked out, and is left out.
    """
    files: set[bytes] = set()
    submodules: set[bytes] = set()
    try:
        for mode, path in _entries(data, hash_bytes):
            if path[:1] == b"/" or (b".." in path and b".." in path.split(b"/")):
                raise GitIndexError("it names a path outside of the checkout")
            if mode & 0o170000 == _GITLINK:
                submodules.add(path)
            elif mode & 0o170000 != _FOLDER:
                files.add(path)
    except (struct.error, IndexError):
        raise GitIndexError("it ends too soon") from None
    return Index(frozenset(files), frozenset(submodules))


def _entries(data: bytes, hash_bytes: int) -> Iterator[tuple[int, bytes]]:
    """The mode and path of each entry."""
    signature, version, count = struct.unpack_from(">4sII", data)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise GitIndexError("it is not of version 2, 3 or 4")
    at, path = 12, b""
    for _ in range(count):
        (mode,) = struct.unpack_from(">I", data, at + _MODE)
        (flags,) = struct.unpack_from(">H", data, at + _FIXED + hash_bytes)
        start = at + _FIXED + hash_bytes + (4 if flags & _EXTENDED else 2)
        if version == 4:
            kept, start = _offset(data, start)
            end = _end(data, start)
            path, at = path[: len(path) - kept] + data[start:end], end + 1
        else:
            length = flags & _LENGTH
            end = _end(data, start) if length == _LENGTH else start + length
            path = data[start:end]
            at += (end - at + 8) & ~7  # one to eight NULs follow
        yield mode, path
    _refuse_split(data, at, hash_bytes)


def _end(data: bytes, start: int) -> int:
    """The offset of the NUL that ends a path."""
    end = data.find(b"\0", start)
    if end < 0:
        raise IndexError
    return end


def _offset(data: bytes, at: int) -> tuple[int, int]:
    """A number in git's variable width, and the offset behind it."""
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = ((value + 1) << 7) | (data[at] & 0x7F)
    return value, at + 1


def _refuse_split(data: bytes, at: int, hash_bytes: int) -> None:
    """Raises GitIndexError if another file has further entries (the extension ``link``)."""
    while at + 8 <= len(data) - hash_bytes:
        name, size = struct.unpack_from(">4sI", data, at)
        if name == b"link":
            raise GitIndexError("it is split; join it with: git update-index --no-split-index")
        at += 8 + size


def written(paths: Iterable[bytes]) -> bytes:
    """An index of version 2 that says of these files that they are tracked, and nothing else about them."""
    entries = [_written(path) for path in sorted(set(paths))]
    return struct.pack(">4sII", b"DIRC", 2, len(entries)) + b"".join(entries)


def _written(path: bytes) -> bytes:
    head = bytearray(_FIXED + 20)
    struct.pack_into(">I", head, _MODE, 0o100644)
    entry = bytes(head) + struct.pack(">H", min(len(path), 0xFFF)) + path
    return entry + b"\0" * (8 - len(entry) % 8)
