"""Decides which paths .gitignore and .kgateignore files leave out, by the rules of git (dir.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from kgate.regexp import Pattern, PatternError, compile_go
from kgate.rendering.goglob import WILD, bytewise, literal, wildmatch
from kgate.repository import Repository

FILES = (".gitignore", ".kgateignore")
"""Both have git's syntax and scope; the second takes precedence."""

MAX_BYTES = 64 * 1024
"""Bytes of one ignore file. Matching a path takes time linear in them, at most about 0.2 s."""

MAX_TOTAL = 1024 * 1024
"""Bytes of all ignore files of a repository together; compiled they take up to 160 times as much memory."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A pattern of an ignore file as a regular expression, and what it does with what it matches."""

    source: str
    leaves_out: bool
    needs_folder: bool


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

    def opinion(self, path: str, is_dir: bool) -> bool | None:
        """True if the last line that matches a path below the folder of the file leaves it out; None if no line
        matches."""
        name = bytewise(path)
        runs = self.for_folders if is_dir else self.for_files
        return next((run.leaves_out for run in runs if run.pattern.fullmatch(name)), None)


class Ignores:
    """The ignore files of a repository, each read when the first path below it is checked.

    ``faults`` holds those that are too large, with what is wrong: they leave nothing out.
    """

    def __init__(self, repository: Repository) -> None:
        self.faults: dict[Path, str] = {}
        self._repository = repository
        self._root = repository.root
        self._total = 0
        self._chains: dict[Path, tuple[tuple[Path, IgnoreFile], ...]] = {}

    def covers(self, path: Path, is_dir: bool) -> bool:
        """True if a path below the root is left out. The nearest ignore file with a matching line decides.

        The caller checks folders before their members, as git does.
        """
        for folder, file in self._above(path.parent):
            opinion = file.opinion(path.relative_to(folder).as_posix(), is_dir)
            if opinion is not None:
                return opinion
        return False

    def _above(self, folder: Path) -> tuple[tuple[Path, IgnoreFile], ...]:
        """The ignore files of a folder and of those above it, with their folders, the nearest first."""
        pending = []
        here = folder
        while here not in self._chains:
            pending.append(here)
            if here in (self._root, here.parent):
                break
            here = here.parent
        chain = self._chains.get(here, ())
        for one in reversed(pending):
            chain = (*((one, file) for file in self._read(one)), *chain)
            self._chains[one] = chain
        return chain

    def _read(self, folder: Path) -> Iterator[IgnoreFile]:
        for name in reversed(FILES):
            try:
                data = self._repository.read_bytes(folder / name)
            except OSError:
                continue
            self._total += len(data)
            if self._total > MAX_TOTAL:
                self.faults[folder / name] = f"larger than {MAX_TOTAL // 1024:,} KiB together with those before it"
                continue
            try:
                yield parse(data)
            except PatternError as error:
                self.faults[folder / name] = str(error)


def parse(data: bytes) -> IgnoreFile:
    """Parses an ignore file. Raises PatternError if it is too large."""
    if len(data) > MAX_BYTES:
        raise PatternError(f"larger than {MAX_BYTES // 1024} KiB")
    text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    lines = [found for line in text.split("\n") if (found := _line(line)) is not None]
    return IgnoreFile(tuple(_runs(line for line in lines if not line.needs_folder)), tuple(_runs(lines)))


def _runs(lines: Iterable[_Line]) -> Iterator[_Run]:
    """The lines in runs, the last run first, as that takes precedence."""
    for leaves_out, run in groupby(reversed(list(lines)), key=lambda line: line.leaves_out):
        yield _Run(compile_go("(?s:" + "|".join(line.source for line in run) + ")"), leaves_out)


def _line(text: str) -> _Line | None:
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
    return _Line(source, leaves_out, needs_folder)


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
