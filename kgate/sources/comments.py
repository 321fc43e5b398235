"""Reads the files whose comments waive findings, and tells whether a scanned change may have written these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.judgement.inline import ANNOTATION, MARK
from kgate.model import ResourceId
from kgate.repository import Repository
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.sources.ignores import Ignores

_COMMENTED = (".yaml", ".yml", ".tpl")
"""The files that may hold comments of YAML or of templates."""

_BOUNDARY = re.compile(r"^---", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RepositoryComments:
    """The comments of a repository's files, and of a trusted revision if there is one (inline.Comments)."""

    repository: Repository
    _trusted: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def paths(self) -> Iterator[str]:
        """See Comments. What an ignore file leaves out is not looked into."""
        from kgate.sources.ignores import Ignores

        repository, ignores = self.repository, Ignores(self.repository)
        for name, is_folder in repository.walk():
            path = repository.root / name
            if is_folder or not name.endswith(_COMMENTED) or path.is_symlink():
                continue
            if MARK.encode() in repository.bytes_if_any(path) and not _is_left_out(ignores, repository, path):
                yield repository.shown(path)

    def lines(self, path: str) -> Sequence[str]:
        """See Comments."""
        text = self._text(path)
        return text.split("\n") if MARK in text or ANNOTATION in text else ()

    def is_trusted(self, path: str, text: str, who: ResourceId) -> bool | None:
        """See Comments. It stands about the object if it stands in a document with its kind and name, as far as the
        file has these: those of what is rendered may stand elsewhere. Where it is written more often than before, any
        may be the new one."""
        if self.repository.trusted is None:
            return True
        now, before = self._text(path), self._trusted_text(path)
        words = [word for word in (who.kind, who.name) if word in now]
        count = _count(now, text, words)
        return count <= _count(before, text, words) if count else None

    def _text(self, path: str) -> str:
        return _decoded(self.repository.bytes_if_any(self.repository.root / path))

    def _trusted_text(self, path: str) -> str:
        assert self.repository.trusted is not None
        if path not in self._trusted:
            try:
                data = self.repository.trusted.read_bytes(self.repository.root / path)
            except OSError:
                data = b""
            self._trusted[path] = _decoded(data)
        return self._trusted[path]


def _is_left_out(ignores: Ignores, repository: Repository, path: Path) -> bool:
    folders = (folder for folder in repository.above(path) if folder != repository.root)
    return ignores.covers(path, is_dir=False) or any(ignores.covers(folder, is_dir=True) for folder in folders)


def _count(file: str, text: str, words: Sequence[str]) -> int:
    """How often a text stands in the documents of a file that have some words."""
    documents = (" ".join(document.split()) for document in _BOUNDARY.split(file))
    return sum(one.count(" ".join(text.split())) for one in documents if all(word in one for word in words))


def _decoded(data: bytes) -> str:
    from kgate.yamltree.text import decode

    try:
        return decode(data)
    except UnicodeDecodeError:
        return ""
