"""Reports what the checkout does not hold as the commit does: submodules, and files in another encoding."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kgate import gitconfig
from kgate.gitops.deployed import Deployed, SoughtPlaces
from kgate.model import Batch, Note, Problem
from kgate.regexp import PatternError
from kgate.repository import Repository
from kgate.sources import ignores
from kgate.values import dataclass

# ---------------------------------------------------------------------------------------------- submodules


def submodules(repository: Repository, starts: Iterable[Path], deployed: Iterable[Deployed | SoughtPlaces]) -> Batch:
    """A Problem for each submodule that is deployed and not checked out, and a note for one that a scan of these places
    would have read."""
    known, places = tuple(deployed), tuple(starts)
    problems: list[Problem] = []
    notes: list[Note] = []
    for path, line, folder in _missing(repository, problems):
        message = f"the submodule '{repository.shown(folder)}' is not checked out, so it is not judged"
        if any(one.misses(folder) for one in known):
            problems.append(Problem(path, line, f"{message}, although it is deployed; check out with submodules"))
        elif any(folder.is_relative_to(start) for start in places):
            notes.append(Note(path, line, message))
    return Batch(problems=tuple(problems), notes=tuple(notes))


def _missing(repository: Repository, problems: list[Problem]) -> Iterator[tuple[str, int, Path]]:
    """The submodules that are not checked out, with the path and line that name them."""
    pending, seen = [repository.root], set[Path]()
    while pending:
        top = pending.pop()
        path = top / ".gitmodules"
        if top in seen or path.is_symlink() or not path.exists():
            continue
        seen.add(top)
        shown = repository.shown(path)
        try:
            entries = list(gitconfig.entries(repository.read_bytes(path).decode("utf-8", "surrogateescape")))
        except (OSError, gitconfig.GitConfigError) as error:
            line = error.line if isinstance(error, gitconfig.GitConfigError) else None
            problems.append(Problem(shown, line, f"cannot be read, so submodules may be missing: {error}"))
            continue
        for entry in entries:
            if entry.section != "submodule" or entry.key != "path":
                continue
            folder = Path(os.path.normpath(top / entry.value))
            if folder == top or not folder.is_relative_to(top) or not repository.holds(folder):
                continue
            if repository.names(folder):
                pending.append(folder)
            elif folder.is_dir() or not os.path.lexists(folder):
                yield shown, entry.line, folder


# ----------------------------------------------------------------------------------------------- encodings

_ATTRIBUTE = "working-tree-encoding="
_HARMLESS = ("utf-8", "utf8")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line of a ``.gitattributes`` file that makes git change the encoding of files: of all without a pattern."""

    path: Path
    line: int
    pattern: ignores.IgnoreFile | None

    def covers(self, file: Path) -> bool:
        """True if it applies to a file below its folder."""
        relative = file.relative_to(self.path.parent).as_posix()
        return self.pattern is None or self.pattern.opinion(relative, is_dir=False) is not None


class Encodings:
    """The encodings of a checkout. Programs that read commits without git (Flux) ignore them."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._rules: dict[Path, tuple[_Rule, ...]] = {}

    def problem(self, file: Path) -> Problem | None:
        """A Problem if git wrote a file in another encoding than that of the commit."""
        found = next((rule for rule in self._above(file.parent) if rule.covers(file)), None)
        if found is None:
            return None
        message = f"git writes {self._repository.shown(file)} in another encoding, so what is committed is not judged"
        return Problem(self._repository.shown(found.path), found.line, f"{message}; remove working-tree-encoding")

    def problems(self, files: Iterable[Path]) -> tuple[Problem, ...]:
        """The problems of several files, one for each line of ``.gitattributes``."""
        found = (problem for file in files if (problem := self.problem(file)) is not None)
        return tuple({(one.path, one.line): one for one in found}.values())

    def _above(self, folder: Path) -> tuple[_Rule, ...]:
        """The rules of a folder and of those above it in the repository."""
        if folder not in self._rules:
            is_inside = folder.is_relative_to(self._repository.root)
            upper = self._above(folder.parent) if is_inside and folder != self._repository.root else ()
            self._rules[folder] = (*upper, *self._read(folder / ".gitattributes")) if is_inside else ()
        return self._rules[folder]

    def _read(self, path: Path) -> Iterator[_Rule]:
        try:
            text = self._repository.read_bytes(path).decode("latin-1")
        except OSError:
            return
        for number, line in enumerate(text.removeprefix("\xef\xbb\xbf").split("\n"), 1):
            first, *attributes = line.split() or [""]
            values = [one.removeprefix(_ATTRIBUTE) for one in attributes if one.startswith(_ATTRIBUTE)]
            if not first.startswith("#") and any(value.lower() not in _HARMLESS for value in values):
                yield _Rule(path, number, _pattern(first))


def _pattern(text: str) -> ignores.IgnoreFile | None:
    """The pattern of a line; None for a macro, for a quoted pattern, and for one that cannot be read."""
    if text.startswith(("[attr]", '"')):
        return None
    try:
        return ignores.parse(text.encode("latin-1"))
    except PatternError:
        return None
