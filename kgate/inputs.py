"""Computes one digest of everything that a scan's outcome depends on."""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kgate import __version__
from kgate.config.settings import Settings
from kgate.errors import ConfigError
from kgate.rules.load import builtin_folder
from kgate.sources.tracked import Tracked

MAX_ENTRIES = 50_000
"""The most files and folders that are read for a digest; beyond that a cache is not worth it."""

MAX_BYTES = 256 << 20
"""The most bytes of them, likewise."""

_PIECE = 1 << 20


class _UnknownError(Exception):
    """Something that the outcome depends on and that the digest cannot cover."""


def digest(settings: Settings) -> bytes | None:
    """Returns 32 bytes that change with anything that a scan with these settings could read: the repository (names,
    contents, links, what git tracks), rule folders, settings, programs that render, kgate itself and the installed
    libraries.

    Returns None if the scan reads standard input or the network, or if something cannot be read.
    """
    options = settings.rendering.options
    if "-" in settings.paths or options.helm_dependency_build or options.allow_remote:
        return None
    state = _State()
    try:
        state.add(__version__, sys.version, *platform.uname())
        state.add(repr(replace(settings, jobs=None)), os.getcwd())
        state.add(*(os.path.realpath(path) for path in settings.paths))
        state.add(*map(repr, _programs(settings)))
        state.add(*settings.rendering.fetched.present())
        state.add_tree(Path(__file__).parent, without="__pycache__")
        state.add_tree(builtin_folder())
        state.add(*_libraries())
        for folder in settings.rule_folders:
            state.add_tree(folder.path)
        if settings.baseline is not None:
            state.add(settings.baseline.repository.policy_bytes(settings.baseline.path).hex())
        state.add_tree(settings.repository.root)
        state.add(*map(os.fspath, Tracked(settings.repository).paths()))
    except (OSError, ConfigError, _UnknownError):  # a scan that needs a program says what is wrong with it
        return None
    return state.digest()


def _libraries() -> list[str]:
    """Returns the names and versions of all installed packages: each has a folder NAME-VERSION.dist-info."""
    folders = [folder for folder in sys.path if os.path.isdir(folder)]
    return sorted(name for folder in folders for name in os.listdir(folder) if name.endswith("-info"))


def _programs(settings: Settings) -> Iterator[tuple[object, ...]]:
    """Yields for each program that may render its path, and the metadata that change when it is replaced."""
    from kgate.rendering.tools import Toolbox

    for path in Toolbox(settings.repository.root, settings.rendering.programs, map(Path, settings.paths)).programs():
        found = os.stat(path)
        yield os.fspath(path), os.path.realpath(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class _State:
    """A digest to which parts are added, each preceded by its length, so that two parts never look like one."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=32)
        self._entries = 0
        self._bytes = 0

    def digest(self) -> bytes:
        """Returns the digest of everything added so far (32 bytes)."""
        return self._hash.digest()

    def add(self, *texts: str) -> None:
        """Adds texts."""
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            self._hash.update(b"%d:" % len(data) + data)

    def add_tree(self, top: Path, without: str = ".git") -> None:
        """Adds the names, types and contents of everything below a folder; of links, where they lead. Skips entries
        with the name ``without``.

        Raises OSError, and _UnknownError for anything but files, folders and links, and if there is too much.
        """
        pending = [os.fspath(top)]
        while pending:
            folder = pending.pop()
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                if entry.name == without:
                    continue
                self._count()
                found = entry.stat(follow_symlinks=False)
                self.add(os.path.relpath(entry.path, top), str(stat.S_IFMT(found.st_mode)))
                if stat.S_ISLNK(found.st_mode):
                    self.add(os.readlink(entry.path), os.path.realpath(entry.path))
                elif stat.S_ISDIR(found.st_mode):
                    pending.append(entry.path)
                elif stat.S_ISREG(found.st_mode):
                    self._add_file(entry.path, found.st_size)
                else:
                    raise _UnknownError(entry.path)

    def _count(self) -> None:
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise _UnknownError("too many files")

    def _add_file(self, path: str, size: int) -> None:
        self._bytes += size
        if self._bytes > MAX_BYTES:
            raise _UnknownError("too many bytes")
        content = hashlib.blake2b(digest_size=32)
        with open(path, "rb", buffering=0) as stream:
            while piece := stream.read(_PIECE):
                content.update(piece)
        self._hash.update(content.digest())
