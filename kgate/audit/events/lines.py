"""Reads the lines of a log in constant memory, whatever stands in it: JSON Lines, or one JSON document."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, Any, cast

from kgate.audit.events.census import Census

MAX_LINE = 16 << 20
"""Bytes of one line, that is of one event or envelope; etcd takes no object above 1.5 MiB."""

MAX_DOCUMENT = 64 << 20
"""Bytes of a file that is one JSON document over many lines, which has to be read as a whole."""

TOO_LONG = f"is longer than {MAX_LINE >> 20} MiB"

_BLOCK = 1 << 18
_GZIP = b"\x1f\x8b"
_OPENINGS = (b"{", b"[")
_MARKS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"))

_LONGEST_MARK = 4

Line = tuple[int, bytes]


def numbered_lines(stream: IO[bytes], path: str, census: Census) -> Iterator[Line]:
    """Yields the lines of a log, or the whole document, with the number of the line that each begins at.

    Reads gzip, which it knows by its first bytes, and steps over what is too long. A fault of the whole file is counted
    with line 0.
    """
    pieces = _blocks(stream, path, census)
    first = b""
    for piece in pieces:
        first += piece
        if b"\n" in first or len(first) > _BLOCK:
            break
    encoding = next((name for mark, name in _MARKS if first.startswith(mark)), None)
    if encoding is not None:
        census.add_fault(path, f"is {encoding}, and kgate reads UTF-8 text and gzip; convert it", 0)
        return
    blocks = chain((first.removeprefix(b"\xef\xbb\xbf"),), pieces)
    if not _spans_lines(first):
        yield from split_lines(blocks, path, census)
        return
    document, rest = _document(blocks)
    if document is not None:
        yield 1, document
    else:
        yield from split_lines(rest, path, census)


def _blocks(stream: IO[bytes], path: str, census: Census) -> Iterator[bytes]:
    """Yields what a file holds, unpacked; of a damaged file what stands before the damage."""
    start = stream.read(_LONGEST_MARK)
    whole: IO[bytes] = cast("IO[bytes]", _Rejoined(start, stream))
    if start.startswith(_GZIP):
        whole = cast("IO[bytes]", gzip.GzipFile(fileobj=whole))
    try:
        while block := whole.read1(_BLOCK):  # type: ignore[attr-defined] # whatever a pipe has now
            yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        census.add_fault(path, f"is a damaged gzip file, of which only the beginning is read: {error}", 0)
    except OSError as error:
        census.add_fault(path, f"cannot be read to its end: {error.strerror or error}", 0)


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes were read already."""

    def __init__(self, start: bytes, stream: IO[bytes]) -> None:
        self._start = start
        self._stream: Any = stream

    def readable(self) -> bool:
        """True."""
        return True

    def read1(self, size: int = _BLOCK) -> bytes:
        """Returns what is there now, at most so many bytes."""
        if self._start:
            found, self._start = self._start[:size], self._start[size:]
            return found
        return cast("bytes", self._stream.read1(size))

    def read(self, size: int = -1) -> bytes:
        """Returns at most so many bytes; gzip takes fewer, too."""
        return self.read1(size if size > 0 else _BLOCK)


def split_lines(blocks: Iterable[bytes], path: str, census: Census) -> Iterator[Line]:
    """Yields the lines of blocks that are not empty, and steps over what is too long as it comes."""
    number, begun, size, skips = 1, list[bytes](), 0, False
    for block in blocks:
        *whole, rest = block.split(b"\n")
        if whole:
            whole[0] = b"".join((*begun, whole[0]))
            begun, size = [], 0
        for line in whole:
            if line and not skips:
                yield number, line
            skips = False
            number += 1
        if not skips:
            begun.append(rest)
            size += len(rest)
        if size > MAX_LINE:
            census.add_fault(path, TOO_LONG, number)
            begun, size, skips = [], 0, True
    if last := b"".join(begun):
        yield number, last


def _spans_lines(start: bytes) -> bool:
    """True if the first line opens a document that goes on in the next ones, as a pretty-printed one does."""
    line, end, _ = start.lstrip().partition(b"\n")
    return bool(end) and line.rstrip().endswith((*_OPENINGS, b",")) and line.startswith(_OPENINGS)


def _document(blocks: Iterator[bytes]) -> tuple[bytes | None, Iterator[bytes]]:
    """Returns the whole file if it is one JSON value of bearable size; else None and the blocks again."""
    import orjson

    read: list[bytes] = []
    size = 0
    for block in blocks:
        read.append(block)
        size += len(block)
        if size > MAX_DOCUMENT:
            return None, chain(read, blocks)
    whole = b"".join(read)
    try:
        orjson.loads(whole)
    except orjson.JSONDecodeError:
        return None, iter((whole,))
    return whole, iter(())
