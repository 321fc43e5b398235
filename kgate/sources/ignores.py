"""Which paths .gitignore and .kgateignore files leave out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

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
            lines = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        from pathspec import GitIgnoreSpec

        specs.append(GitIgnoreSpec.from_lines(lines))
    return tuple(specs)
