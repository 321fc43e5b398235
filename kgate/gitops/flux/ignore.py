"""Which files of this repository the artifact of a Flux source does not hold (fluxcd/pkg, sourceignore)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from kgate.regexp import PatternError
from kgate.rendering.goglob import Glob, path_match
from kgate.repository import Repository, SearchError
from kgate.values import dataclass

FILE = ".sourceignore"
_MAX_BYTES = 64 * 1024 - 1
"""Bytes of one file; Flux reads nothing after a line of more."""

_MAX_PATTERNS = 1000
_MAX_LOOKS = 2_000_000
_VCS = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
_DEFAULTS = (
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
    *(".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml"),
    *("cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml"),
    *("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"),
)


class SourceIgnoreError(ValueError):
    """Patterns that cannot be followed."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern for the paths below a folder; ``place`` names the file and line, or the field, that holds it."""

    place: str
    folder: tuple[str, ...]
    segments: tuple[Glob | None, ...]
    texts: tuple[str, ...]
    brings_back: bool
    needs_folder: bool

    def matches(self, path: Sequence[str]) -> bool:
        """True if it matches a file (gitignore/pattern.go, which differs from git)."""
        start = len(self.folder)
        if len(path) <= start or tuple(path[:start]) != self.folder:
            return False
        below = path[start:]
        return self._matches_path(below) if len(self.texts) > 1 else self._matches_name(below)

    def _matches_name(self, path: Sequence[str]) -> bool:
        wanted = self.segments[0]
        index = next((i for i, name in enumerate(path) if wanted and wanted.matches(name)), None)
        return index is not None and not (self.needs_folder and index == len(path) - 1)

    def _matches_path(self, path: Sequence[str]) -> bool:
        """True if it matches the path or a folder above it; ``**`` ends at the first name that fits what follows."""
        matched = skips = False
        at = 0
        for index, (text, wanted) in enumerate(zip(self.texts, self.segments, strict=True)):
            if text == "":
                skips = False
            elif text == "**":
                if index == len(self.texts) - 1:
                    break
                skips = True
            elif wanted is None or at == len(path):
                return False
            elif skips:
                skips = False
                found = next((i for i in range(at, len(path)) if wanted.matches(path[i])), None)
                matched, at = (True, found + 1) if found is not None else (False, len(path))
            elif not wanted.matches(path[at]):
                return False
            else:
                matched, at = True, at + 1
        return matched and not (self.needs_folder and at == len(path))


class Artifact:
    """What the artifact of a source holds of this repository: no links, and nothing that is ignored."""

    def __init__(self, repository: Repository, ignore: str = "", *, is_bucket: bool = False, root: str = "") -> None:
        """``ignore`` is the ``spec.ignore`` of the source, ``root`` the folder that it is packed from. Raises
        SourceIgnoreError."""
        self._root = repository.root / root
        self._looks = 0
        own = [*_patterns_of_files(repository, root, is_bucket=is_bucket)]
        own += _parse(ignore.split("\n"), "spec.ignore of its source", ())
        if len(own) > _MAX_PATTERNS:
            raise SourceIgnoreError(f"{FILE} files and spec.ignore hold more than {_MAX_PATTERNS:,} patterns")
        defaults = () if is_bucket else (*_VCS, *(() if own else _DEFAULTS))
        self.has_defaults = not own and not is_bucket
        """True if Flux' own list of ignored files applies."""
        self._patterns = (*reversed(own), *_parse(defaults, "the defaults of Flux", ()))

    def hides(self, path: Path) -> str:
        """What keeps a file out of the artifact; empty if it is in it. Raises SourceIgnoreError."""
        if path.is_symlink():
            return "being a symbolic link"
        self._looks += len(self._patterns)
        if self._looks > _MAX_LOOKS:
            raise SourceIgnoreError(f"the patterns of {FILE} files and the files are too many")
        if not path.is_relative_to(self._root):
            return "lying outside of the folder that the source is packed from"
        parts = path.relative_to(self._root).parts
        found = next((pattern for pattern in self._patterns if pattern.matches(parts)), None)
        return found.place if found is not None and not found.brings_back else ""


def _patterns_of_files(repository: Repository, root: str, *, is_bucket: bool) -> Iterator[_Pattern]:
    """The patterns of all files below a folder, those of folders before those of the folders below."""
    prefix = f"{root}/" if root else ""
    try:
        paths = [path for path, _ in repository.walk(hidden=True, patterns=0) if path.rpartition("/")[2] == FILE]
    except SearchError as error:
        raise SourceIgnoreError(str(error)) from None
    own = [path for path in paths if path.startswith(prefix)]
    top = prefix + FILE
    for path in sorted([top] if is_bucket and top in own else own, key=lambda one: one.count("/")):
        try:
            text = repository.read_bytes(repository.root / path, _MAX_BYTES).decode("utf-8", "surrogateescape")
        except OSError as error:
            raise SourceIgnoreError(f"{path} cannot be read: {error.strerror}") from None
        yield from _parse(text.split("\n"), path, tuple(path.removeprefix(prefix).split("/")[:-1]))


def _parse(lines: Sequence[str], place: str, folder: tuple[str, ...]) -> Iterator[_Pattern]:
    for number, line in enumerate(lines, 1):
        text = line.removesuffix("\r")
        if text.startswith("#") or not text.strip():
            continue
        brings_back = text.startswith("!")
        text = text.removeprefix("!")
        text = text if text.endswith("\\ ") else text.rstrip(" ")
        needs_folder = text.endswith("/")
        texts = tuple(text.removesuffix("/").split("/"))
        where = f"{place}:{number}" if place.endswith(FILE) else place
        try:
            segments = tuple(None if "**" in one and len(texts) > 1 else path_match(one) for one in texts)
        except PatternError as error:
            raise SourceIgnoreError(f"{where} is not a pattern: {error}") from None
        yield _Pattern(where, folder, segments, texts, brings_back, needs_folder)
