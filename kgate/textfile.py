"""Reads the small files that steer kgate: regular files only, and never more than they may hold."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file. Raises OSError for anything else, and for more than ``most``."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "not a regular file", os.fspath(path))
    with path.open("rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(0, f"larger than {most // 2**20} MiB", os.fspath(path))
    return data
