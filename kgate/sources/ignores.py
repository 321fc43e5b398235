"""Decides which paths .gitignore and .kgateignore files leave out, by the rules of git (dir.c).

As to git, a ``.gitignore`` says nothing about a file that is tracked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from kgate.regexp import Pattern, PatternError, compile_go
from kgate.rendering.goglob import WILD, bytewise, literal, wildmatch
from kgate.repository import Repository
from kgate.sources.tracked import Tracked
from kgate.values import dataclass

GITIGNORE = ".gitignore"
KGATEIGNORE = ".kgateignore"
FILES = (GITIGNORE, KGATEIGNORE)
"""Both have git's syntax and scope; the second takes precedence."""

MAX_BYTES = 64 * 1024
"""Bytes of one ignore file. Matching a path takes time linear in them, at most about 0.2 s."""

MAX_TOTAL = 1024 * 1024
"""Bytes of all ignore files of a repository together; compiled they take up to 160 times as much memory."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A pattern of an ignore file as a regular expression, what it does with what it matches, and its number."""

    source: str
    leaves_out: bool
    needs_folder: bool
    number: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive lines that all leave out what they match, or that all include it again."""

    pattern: Pattern
    leaves_out: bool


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """A compiled ignore file."""

    for_files: tuple[_Run, ...]
    for_folders: tuple[_Run, ...]
    lines: tuple[_Line, ...]

    def opinion(self, path: str, is_dir: bool) -> bool | None:
        """True if the last line that matches a path below the folder of the file leaves it out; None if no line
        matches."""
        name = bytewise(path)
        runs = self.for_folders if is_dir else self.for_files
        return next((run.leaves_out for run in runs if run.pattern.fullmatch(name)), None)

    def line(self, path: str, is_dir: bool) -> int:
        """The number, from 1, of the last line that matches a path that some line matches."""
        name = bytewise(path)
        lines = (line for line in reversed(self.lines) if is_dir or not line.needs_folder)
        return next(line.number for line in lines if _compiled(line.source).fullmatch(name))


@lru_cache(maxsize=256)
def _compiled(source: str) -> Pattern:
    return compile_go(f"(?s:{source})")


@dataclass(frozen=True, slots=True, order=True)
class IgnoreLine:
    """A line, from 1, of an ignore file."""

    file: Path
    number: int


@dataclass(frozen=True, slots=True)
class _Placed:
    """An ignore file and where it is."""

    path: Path
    file: IgnoreFile

    def opinion(self, path: Path, is_dir: bool) -> bool | None:
        """See IgnoreFile.opinion, for a path below its folder."""
        return self.file.opinion(path.relative_to(self.path.parent).as_posix(), is_dir)

    def line(self, path: Path, is_dir: bool) -> IgnoreLine:
        """The line that decides about a path."""
        return IgnoreLine(self.path, self.file.line(path.relative_to(self.path.parent).as_posix(), is_dir))


@dataclass(slots=True)
class Ignores:
    """The ignore files of a repository, each read when the first path below it is checked.

    ``faults`` holds those that are too large, with what is wrong: they leave nothing out.
    """

    repository: Repository
    faults: dict[Path, str] = field(default_factory=dict)
    tracked: Tracked = field(init=False)
    _total: int = 0
    _chains: dict[Path, tuple[_Placed, ...]] = field(default_factory=dict)
    _excluded: dict[Path, IgnoreLine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tracked = Tracked(self.repository)

    def covers(self, path: Path, is_dir: bool) -> bool:
        """True if a path below the root is left out. The nearest ignore file with a matching line decides.

        The caller checks folders before their members, as git does.
        """
        return self.line(path, is_dir) is not None

    def line(self, path: Path, is_dir: bool) -> IgnoreLine | None:
        """The line that leaves a path out; None if it is not left out. See ``covers``."""
        outer = self._excluded.get(path.parent)
        if outer is not None and not self.tracked.holds(path):
            return outer
        for placed in self._above(path.parent):
            if placed.path.name == GITIGNORE and outer is not None:
                continue
            opinion = placed.opinion(path, is_dir)
            if opinion is None:
                continue
            if not opinion:
                break
            found = placed.line(path, is_dir)
            if placed.path.name == KGATEIGNORE or not self.tracked.holds(path):
                return found
            outer = found
        if is_dir and outer is not None:
            self._excluded[path] = outer
        return None

    def _above(self, folder: Path) -> tuple[_Placed, ...]:
        """The ignore files of a folder and of those above it, the nearest first."""
        pending = []
        here = folder
        while here not in self._chains:
            pending.append(here)
            if here in (self.repository.root, here.parent):
                break
            here = here.parent
        chain = self._chains.get(here, ())
        for one in reversed(pending):
            chain = (*self._read(one), *chain)
            self._chains[one] = chain
        return chain

    def _bytes(self, path: Path) -> bytes:
        """What an ignore file says. A ``.gitignore`` that is not tracked, as in virtual environments and caches, is no
        part of a change, and holds beside those of a trusted revision. Raises OSError."""
        if self.repository.trusted is None or path.name != GITIGNORE:
            return self.repository.policy_bytes(path)
        is_own = not self.tracked.holds(path) and not self.tracked.faults
        return self.repository.read_bytes(path) if is_own else self.repository.policy_bytes(path)

    def _read(self, folder: Path) -> Iterator[_Placed]:
        for name in reversed(FILES):
            try:
                data = self._bytes(folder / name)
            except OSError:
                continue
            self._total += len(data)
            if self._total > MAX_TOTAL:
                self.faults[folder / name] = f"larger than {MAX_TOTAL // 1024:,} KiB together with those before it"
                continue
            try:
                yield _Placed(folder / name, parse(data))
            except PatternError as error:
                self.faults[folder / name] = str(error)


def parse(data: bytes) -> IgnoreFile:
    """Parses an ignore file. Raises PatternError if it is too large."""
    if len(data) > MAX_BYTES:
        raise PatternError(f"larger than {MAX_BYTES // 1024} KiB")
    text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    numbered = enumerate(text.split("\n"), 1)
    lines = tuple(found for number, line in numbered if (found := _line(line, number)) is not None)
    return IgnoreFile(tuple(_runs(line for line in lines if not line.needs_folder)), tuple(_runs(lines)), lines)


def _runs(lines: Iterable[_Line]) -> Iterator[_Run]:
    """The lines in runs, the last run first, as that takes precedence."""
    for leaves_out, run in groupby(reversed(list(lines)), key=lambda line: line.leaves_out):
        yield _Run(compile_go("(?s:" + "|".join(line.source for line in run) + ")"), leaves_out)


def _line(text: str, number: int) -> _Line | None:
    """The pattern of a line, whose letters are bytes; None if it has none."""
    text = text.removesuffix("\r").partition("\0")[0]
    if text.startswith("#"):
        return None
    text = _without_blanks(text)
    leaves_out = not text.startswith("!")
    text = text.removeprefix("!")
    needs_folder = text.endswith("/")
    text = text.removesuffix("/")
    if not text:
        return None
    source = _path(text.removeprefix("/")) if "/" in text else "(?:.*/)?" + wildmatch(text)
    return _Line(source, leaves_out, needs_folder, number)


def _path(pattern: str) -> str:
    """The regular expression of a pattern with a slash. Git compares what comes before the first wildcard separately,
    and so takes the rest for a whole pattern: ``a**/b`` matches ``ax/b``."""
    start = len(WILD.split(pattern, maxsplit=1)[0])
    return literal(pattern[:start]) + wildmatch(pattern[start:])


def _without_blanks(line: str) -> str:
    """A line without the blanks at its end, unless there is a backslash before the first of them."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if kept != line and backslashes % 2 else kept
