"""Reads the bytes of rule files from the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from kgate.textfile import read_bytes

MAX_BYTES = 32 << 20
_SUFFIXES = (".yaml", ".yml")


def read(names: Iterable[str]) -> Iterator[tuple[str, bytes | str]]:
    """Yields each file with its bytes, or with why it cannot be read; of a folder the files with rules, sorted, as
    Falco reads ``rules.d``."""
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES)
            yield from ((one.as_posix(), _bytes(one)) for one in inside)
            if not inside:
                yield name, "the folder has no file with the ending .yaml or .yml"
        else:
            yield name, _bytes(path)


def _bytes(path: Path) -> bytes | str:
    try:
        return read_bytes(path, MAX_BYTES)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
