"""Remembers what the texts of files say, by their bytes: several readers of a scan ask the same of a file, and so does
a scan of another state of the repository, in which most files are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar, cast

from kgate.kubernetes import manifest
from kgate.repository import Repository
from kgate.textfile import read_bytes
from kgate.yamltree.text import decode

T = TypeVar("T")

_UNKNOWN = object()


class Texts:
    """Answers to questions about texts; threads may share it.

    A question is a function of a text, and of values that are ``given`` beside it, alone: it reads nothing else. Its
    answer holds for every file with the same bytes, whatever became of the repository, and must not be changed.
    """

    def __init__(self, before: Texts | None = None) -> None:
        """Knows what the Texts of a scan ``before`` this one were asked, and forgets what is not asked again."""
        self._answers: dict[Hashable, object] = {}
        self._before = before._answers if before is not None else {}
        self._digests: dict[Path, bytes] = {}

    @classmethod
    def of(cls, repository: Repository) -> Texts:
        """Those that all readers of this repository share."""
        return repository.shared(cls, cls)

    def ask(self, path: Path, question: Callable[..., T], *given: Hashable) -> T:
        """Returns what a question says of the text of a file; an empty text stands for what ``peek`` cannot read."""
        if (digest := self._digests.get(path)) is not None:  # a file is one and the same for a scan
            answer = self._answers.get((question, digest, given), _UNKNOWN)
            if answer is not _UNKNOWN:
                return cast("T", answer)
        data = _bytes(path)
        digest = self._digests[path] = hashlib.blake2b(data, digest_size=32).digest()
        key = question, digest, given
        answer = self._before.get(key, self._answers.get(key, _UNKNOWN))
        self._answers[key] = question(_decoded(data), *given) if answer is _UNKNOWN else answer
        return cast("T", self._answers[key])


def peek(path: Path) -> str:
    """The text of a file; empty if it is not a regular file, cannot be read, or is too large."""
    return _decoded(_bytes(path))


def _bytes(path: Path) -> bytes:
    try:
        return read_bytes(path, manifest.MAX_FILE_BYTES)
    except OSError:
        return b""


def _decoded(data: bytes) -> str:
    try:
        return decode(data)
    except UnicodeDecodeError:
        return ""
