"""Reads packed charts, but only those in which every reader of tar sees the same files; and packs folders."""

from __future__ import annotations

import gzip
import io
import os
import posixpath
import re
import struct
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from kgate.values import dataclass

_BLOCK = 512
_MOST_PADDING = 1 << 20
"""Zero bytes that may follow the last member."""
_LONGEST_EXTENSION = 1 << 20
"""Bytes of an extended header, as many as Go takes (archive/tar, ``maxSpecialFileSize``)."""


MAX_UNPACKED_BYTES = 256 << 20
MAX_UNPACKED_FILES = 20_000


class ArchiveError(ValueError):
    """An archive that is refused, and why."""


@dataclass(slots=True)
class Room:
    """How many files and bytes may still be unpacked."""

    files: int = MAX_UNPACKED_FILES
    bytes: int = MAX_UNPACKED_BYTES

    def admit(self, size: int) -> None:
        """Counts one more member of an archive. Raises ArchiveError beyond the limits."""
        self.files -= 1
        self.bytes -= size
        if self.files < 0:
            raise ArchiveError(f"it holds more than {MAX_UNPACKED_FILES:,} files")
        if self.bytes < 0:
            raise ArchiveError(f"it holds more than {MAX_UNPACKED_BYTES >> 20} MiB")


Naming = Callable[[str], str]
"""The name that a reader has for a member. Raises ArchiveError if it refuses it."""


def chart_name(name: str) -> str:
    """The name that Helm has for a member. Raises ArchiveError if Helm refuses it, or if it is unusual."""
    first, *parts = name.split("\\" if "\\" in name else "/")
    inner = "/".join(parts)
    if not inner or inner != posixpath.normpath(inner) or inner.startswith(("/", "..")) or first == "Chart.yaml":
        raise ArchiveError(f"its member '{name}' lies in no folder of the chart")
    if re.match("[a-zA-Z]:/", inner):
        raise ArchiveError(f"its member '{name}' has the name of a drive")
    return inner


def flat_name(name: str) -> str:
    """The name of a member in an archive of the files of a folder. Raises ArchiveError if it leads out of it."""
    inner = name.removeprefix("./")
    if not inner or inner != posixpath.normpath(inner) or inner.startswith(("/", "..")) or "\\" in inner:
        raise ArchiveError(f"its member '{name}' has no plain name")
    return inner


def read(
    packed: Path | bytes, admit: Callable[[int], None], naming: Naming = chart_name
) -> Iterator[tuple[str, bytes]]:
    """Yields the files of a packed chart, given as a path or its content, with the names that Helm has for them:
    without the first folder (loader/archive.go).

    ``admit`` is called with the size of each member before that is read, and raises ArchiveError if it is too large. So
    does this function for what readers of tar treat differently: links, sparse files, members with the same name,
    unusual headers.
    """
    seen = set()
    try:
        with gzip.open(io.BytesIO(packed) if isinstance(packed, bytes) else packed) as stream:
            for member, data in _members(stream, admit):
                name = naming(member)
                if name in seen:
                    raise ArchiveError(f"it holds '{name}' twice")
                seen.add(name)
                yield name, data
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveError(str(error)) from None


def unpack(packed: Path | bytes, target: Path, room: Room, naming: Naming = chart_name) -> None:
    """Unpacks the folder that a packed chart holds into a new one. Raises ArchiveError and OSError."""
    target.mkdir(parents=True)
    for name, data in read(packed, room.admit, naming):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)


def read_one(packed: bytes, wanted: str) -> bytes | None:
    """One file of a packed chart, all of which is read; None if it holds no such file. Raises ArchiveError."""
    return next((data for name, data in list(read(packed, Room().admit)) if name == wanted), None)


def _members(stream: gzip.GzipFile, admit: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
    """The regular files; folders are skipped."""
    given: bytes | None = None
    while any(block := stream.read(_BLOCK)):
        header = _Header.parse(block)
        admit(header.size)
        if header.kind in b"gxL":
            if given is not None or header.size > _LONGEST_EXTENSION:
                raise ArchiveError(f"the header of '{_shown(header.name)}' is not a plain one")
            given = _extension(header.kind, _data(stream, header.size))
            continue
        data = _data(stream, header.size)
        if header.kind in b"0\0":
            yield _text(given or header.name), data
        given = None
    if given is not None or any(stream.read(_MOST_PADDING)) or stream.read(1):
        raise ArchiveError("there is more behind its end")


def _data(stream: gzip.GzipFile, size: int) -> bytes:
    """The bytes of a member, without the padding of its last block."""
    whole = stream.read(size + -size % _BLOCK)
    if len(whole) != size + -size % _BLOCK:
        raise ArchiveError("it ends within a file")
    return whole[:size]


@dataclass(frozen=True, slots=True)
class _Header:
    """The header of a member; ``kind`` is its type flag (pax(1), "ustar Interchange Format")."""

    name: bytes
    size: int
    kind: bytes

    @classmethod
    def parse(cls, block: bytes) -> _Header:
        """Parses a header block. Raises ArchiveError for what GNU tar, bsdtar and Helm do not write for files and
        folders."""
        if len(block) != _BLOCK:
            raise ArchiveError("it ends within a header")
        name, mode, size, checksum, kind, magic, prefix, rest = _FIELDS.unpack(block)
        name, prefix = name.rstrip(b"\0"), prefix.rstrip(b"\0")
        shown = _shown(name)
        if _octal(checksum) != sum(block) - sum(checksum) + 8 * 32:
            raise ArchiveError(f"the checksum of '{shown}' is wrong")
        if magic == b"ustar\x0000" and not rest.endswith(b"tar\0"):
            name = prefix + b"/" + name if prefix else name
        elif magic != b"ustar  \0" or prefix or any(rest):
            raise ArchiveError(f"the header of '{shown}' is not a plain one")
        if kind not in (b"0", b"\0", b"5", b"g", b"x", b"L"):
            raise ArchiveError(f"'{shown}' is neither a file nor a folder")
        kinds_of_mode = (0, 0o100000) if kind in b"0\0" else range(1 << 21)
        if _octal(mode) & ~0o7777 not in kinds_of_mode or (kind == b"5" and _octal(size)):
            raise ArchiveError(f"'{shown}' is a file and a folder at once")
        return cls(name, _octal(size), kind)


_FIELDS = struct.Struct("100s8s16x12s12x8sc100x8s80x155s12s")


def _octal(field: bytes) -> int:
    found = _OCTAL.fullmatch(field.lstrip(b" "))
    if found is None:
        raise ArchiveError("a header holds a number in an unusual form")
    return int(found[1] or b"0", 8)


_OCTAL = re.compile(rb"([0-7]*)[ \0]*")


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _text(data: bytes) -> str:
    """The text of a field. Raises ArchiveError if it is not text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ArchiveError("it holds a name that is not UTF-8") from None
    if "\0" in text:
        raise ArchiveError("it holds a name with a null byte")
    return text


def _extension(kind: bytes, data: bytes) -> bytes | None:
    """The name that an extended header gives to the next member; empty if it gives none, None if it applies to all
    members."""
    if kind == b"L":
        return data.rstrip(b"\0")
    records = _records(data)
    if kind == b"g":
        if set(records) - {"comment"}:
            raise ArchiveError("it holds a header for all of its members")
        return None
    odd = next((key for key in records if key not in _PLAIN_KEYS and not key.startswith(_PLAIN_PREFIXES)), None)
    if odd is not None:
        raise ArchiveError(f"it holds a header with {odd}")
    return records.get("path", b"")


_PLAIN_KEYS = ("path", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment")
_PLAIN_PREFIXES = ("SCHILY.", "LIBARCHIVE.")


def _records(data: bytes) -> dict[str, bytes]:
    """The records of an extended header: ``25 path=web/Chart.yaml\\n``."""
    records: dict[str, bytes] = {}
    while data:
        length = _LENGTH.match(data)
        size = int(length[1]) if length else 0
        key, sign, value = data[length.end() if length else 0 : size - 1].partition(b"=")
        if not sign or _text(key) in records or data[size - 1 : size] != b"\n":
            raise ArchiveError("it holds an extended header that is not a plain one")
        records[_text(key)] = value
        data = data[size:]
    return records


_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")


def pack(folder: Path, target: Path, without: Collection[Path] = ()) -> None:
    """Packs a chart for Helm without some of its files. Helm loads every file of an archive, whatever .helmignore says.

    The same files give the same bytes. Raises ArchiveError for names that mean something else in an archive.
    """
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", 0, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for place, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = Path(place, name)
                if path in without:
                    continue
                inner = path.relative_to(folder).as_posix()
                if "\\" in inner:
                    raise ArchiveError(f"the name of '{inner}' holds a backslash")
                member = tarfile.TarInfo(f"chart/{inner}")
                member.size = path.stat().st_size
                with path.open("rb") as file:
                    tar.addfile(member, file)
