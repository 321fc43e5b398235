"""Writes reports to files: whole or not at all, and never through a link that a pull request may have made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from kgate import wholefile
from kgate.errors import OutputError
from kgate.repository import UntrustedFolders


def check(path: Path, untrusted: UntrustedFolders) -> None:
    """Raises OutputError if it is certain before a scan that its report cannot be written."""
    try:
        real = untrusted.resolve(path)
        if real.is_dir():
            raise OutputError(f"{path}: the report cannot be written: this is a folder; name a file in it")
        if path.exists() and not path.is_file():  # a device or a pipe
            return
        folder = real.parent
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise OutputError(f"{path}: the report cannot be written: the folder {folder} {what}; make it first")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{path}: the report cannot be written: the folder {folder} is read-only; choose another")
    except OSError as error:
        raise _failed(path, error) from None


def write(path: Path, pieces: Iterable[str], untrusted: UntrustedFolders) -> None:
    """Writes a file whole or not at all, through the user's own symbolic links; a device or pipe is written directly.

    Raises OutputError, also for a link of the repository that leads out of it.
    """
    try:
        real = untrusted.resolve(path)
        if path.exists() and not path.is_file():
            _write(path, pieces)
        else:
            wholefile.replace(real, lambda handle: _write(handle, pieces), new_mode())
    except OSError as error:
        raise _failed(path, error) from None


def write_all(files: Mapping[Path, Iterable[str]], untrusted: UntrustedFolders) -> None:
    """Writes files, and makes the folders that they lie in.

    Raises OutputError, and for a link of the repository that leads out of it before anything is made.
    """
    for path in files:
        try:
            untrusted.resolve(path)
        except OSError as error:
            raise _failed(path, error) from None
    for path, pieces in files.items():
        folder = path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: the folder cannot be made: {error.strerror}; choose another for -o") from None
        write(path, pieces, untrusted)


def _failed(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: the report cannot be written: {error.strerror}; choose another place for -o")


def _write(target: Path | int, pieces: Iterable[str]) -> None:
    with open(target, "w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        stream.writelines(pieces)


def new_mode() -> int:
    """Returns the mode of a new file."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
