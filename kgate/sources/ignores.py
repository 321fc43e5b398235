"""Which paths .gitignore and .kgateignore files leave out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgate.textfile import read_bytes

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

FILES = (".gitignore", ".kgateignore")
"""Both have git's syntax and reach; the second is asked first."""


class Ignores:
    """The ignore files of a repository, each read when a path below it is first asked about."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._specs = cache(_read_specs)

    def covers(self, path: Path, is_dir: bool) -> bool:
        """Whether a path below the root is left out; the nearest ignore file with an opinion decides.

        The caller asks about folders before their members, as git does.
        """
        folder = path.parent
        while True:
            for spec in self._specs(folder):
                name = path.relative_to(folder).as_posix() + ("/" if is_dir else "")
                opinion = spec.check_file(name).include
                if opinion is not None:
                    return bool(opinion)
            if folder in (self._root, folder.parent):
                return False
            folder = folder.parent


def _read_specs(folder: Path) -> tuple[GitIgnoreSpec, ...]:
    specs = []
    for name in reversed(FILES):
        try:
            text = read_bytes(folder / name).decode("utf-8", "replace")
        except OSError:
            continue
        specs.append(_spec(line.removesuffix("\r") for line in text.split("\n")))
    return tuple(specs)


def _spec(lines: Iterable[str]) -> GitIgnoreSpec:
    """The patterns that git would take too; one of many stars, slow to match, leaves nothing out,
    nor does what stands before it if it takes something back."""
    import re

    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore import GitIgnorePatternError

    patterns: list[Any] = []
    for line in lines:
        if line.count("*") > _MOST_STARS:
            patterns = [] if line.startswith("!") else patterns
            continue
        with contextlib.suppress(GitIgnorePatternError, re.error):
            patterns += GitIgnoreSpec.from_lines([line]).patterns
    return GitIgnoreSpec(patterns)


_MOST_STARS = 6
