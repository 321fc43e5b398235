"""Decides which files, and folders of charts and kustomizations, are meant by lines as in .kgateignore."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kgate.regexp import PatternError

if TYPE_CHECKING:
    from kgate.sources.ignores import IgnoreFile


class PathLines:
    """Lines that are compiled when the first path is asked about."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._known: dict[tuple[str, bool], bool] = {}

    def cover(self, path: str, *, is_dir: bool = False) -> bool:
        """True if a line matches a path from the root of the repository, or a folder above."""
        known = self._known.get((path, is_dir))
        if known is None:
            known = self._known[path, is_dir] = self._do_cover(path, is_dir=is_dir)
        return known

    def _do_cover(self, path: str, *, is_dir: bool) -> bool:
        here = PurePosixPath(path)
        folders = [str(folder) for folder in reversed(here.parents) if folder.name]
        return any(self._file.opinion(folder, is_dir=True) for folder in folders) or bool(
            self._file.opinion(path, is_dir=is_dir)
        )

    @cached_property
    def _file(self) -> IgnoreFile:
        from kgate.sources.ignores import parse

        return parse("\n".join(self._lines).encode("utf-8", "surrogatepass"))


def check(text: str) -> None:
    """Raises PatternError for what is not one such line."""
    from kgate.sources.ignores import parse

    if ".." in text.split("/"):
        raise PatternError(f"'{text}' leads out of the repository; write a path from its root")
    if len(parse(text.encode("utf-8", "surrogatepass")).lines) != 1 or "\n" in text:
        raise PatternError(f"'{text}' is not a pattern such as clusters/prod/ or apps/*/prod")
