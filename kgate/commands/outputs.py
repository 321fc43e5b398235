"""Writes reports to files: whole or not at all, and never through a link that a pull request may have made."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kgate.errors import OutputError
from kgate.repository import UntrustedFolders


def write(path: Path, text: str, untrusted: UntrustedFolders) -> None:
    """Writes a file whole or not at all, through the user's own symbolic links; to a device or pipe it just writes.

    Raises OutputError, also for a link of the repository that leads out of it.
    """
    data = text.encode("utf-8", "backslashreplace")
    try:
        real = untrusted.resolve(path)
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(real, data)
    except OSError as error:
        message = f"{path}: the report cannot be written: {error.strerror}; choose another place for -o"
        raise OutputError(message) from None


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kgate-")
    try:
        with open(handle, "wb") as stream:
            stream.write(data)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
