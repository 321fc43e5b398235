"""Tells whether a URL means the repository that is scanned, and finds what its objects name in it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kgate.textfile import read_bytes

MAX_ENTRIES = 200_000
"""Files and folders that a repository may have for a search through it."""

MAX_LOOKS = 20_000_000
"""Files and folders that all searches of one scan may look at, counted once for each pattern."""


class SearchError(ValueError):
    """A search that would look at too much."""


class OutsideError(ValueError):
    """A path that leaves the repository, by ``..`` or by a symbolic link."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The scanned repository: its real root folder, and the URLs that it is known by."""

    root: Path
    urls: tuple[str, ...] = ()
    _listings: dict[bool, tuple[tuple[str, bool], ...]] = field(default_factory=dict, compare=False, repr=False)
    _looks: Counter[str] = field(default_factory=Counter, compare=False, repr=False)

    def holds(self, url: str, path: str) -> bool:
        """Whether an object that names this URL and path means this repository.

        It does if the URL is one of ours; or if it ends in the name of ours or of the root folder and the path exists
        here (forks, mirrors); or if no URL of a server is known and the path, more than the root, exists here.
        """
        wanted = normalise_url(url)
        known = {normalise_url(own) for own in self.urls}
        if not wanted or wanted in known:
            return bool(wanted)
        remote = {own for own in known if not own.startswith("/")}
        names = {_last_segment(own) for own in remote} | {self.root.name.lower()}
        if not self._may_mean(path):
            return False
        return _last_segment(wanted) in names or (not remote and not _is_root(path))

    def has(self, path: str) -> bool:
        """Whether a path that is more than the root leads to something here, or out of here."""
        return not _is_root(path) and self._may_mean(path)

    def find(self, path: str, base: Path | None = None) -> Path | None:
        """The real path of what lies at a path, or None if nothing does.

        A relative path starts at ``base`` (the root if there is none), an absolute one at the root.
        Raises OutsideError if it leaves the repository.
        """
        start = self.root if base is None or path.startswith("/") else base
        if not _can_be_a_path(path):
            return None
        plain = Path(os.path.normpath(start / path.lstrip("/")))
        real = Path(os.path.realpath(plain))
        if not plain.is_relative_to(self.root) or not real.is_relative_to(self.root):
            raise OutsideError(f"'{path}' leads out of the repository, and is not followed")
        return real if os.path.exists(real) else None  # unlike Path.exists, False for a name that is too long

    def names(self, folder: Path) -> list[str]:
        """The members of a folder, sorted; none if it cannot be listed."""
        try:
            return sorted(os.listdir(folder))
        except OSError:
            return []

    def shown(self, path: Path) -> str:
        """The path from the root, with forward slashes; ``.`` for the root."""
        return path.relative_to(self.root).as_posix()

    def walk(self, *, hidden: bool = False, patterns: int = 1) -> tuple[tuple[str, bool], ...]:
        """Every path below the root, sorted within its folder, and whether it is a folder; links are not followed.

        Folders whose name starts with a dot count only if ``hidden``; ``patterns`` is how many the caller asks about
        each path. Raises SearchError beyond MAX_ENTRIES and MAX_LOOKS.
        """
        if hidden not in self._listings:
            self._listings[hidden] = tuple(self._listed(hidden=hidden))
        found = self._listings[hidden]
        self._looks["looks"] += len(found) * patterns
        if self._looks["looks"] > MAX_LOOKS:
            raise SearchError(f"patterns and files are too many: more than {MAX_LOOKS:,} comparisons in all")
        return found

    def _listed(self, *, hidden: bool) -> Iterator[tuple[str, bool]]:
        count = 0
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if name != ".git" and (hidden or not name.startswith(".")))
            base, inner = Path(folder), set(folders)
            for name in (*folders, *sorted(files)):
                count += 1
                if count > MAX_ENTRIES:
                    raise SearchError(f"the repository has more than {MAX_ENTRIES:,} files and folders")
                yield self.shown(base / name), name in inner and not (base / name).is_symlink()

    def _may_mean(self, path: str) -> bool:
        """Whether a path exists here, or leaves the repository, which its reader must be told."""
        try:
            return self.find(path) is not None
        except OutsideError:
            return True


def open_repository(root: Path, extra_urls: tuple[str, ...] = ()) -> Repository:
    """The repository at a root folder: the remotes of its git configuration, then the extra URLs."""
    real = Path(os.path.realpath(root))
    config = _config_file(real / ".git")
    text = _text(config) if config else ""
    return Repository(real, tuple(dict.fromkeys((*_remotes(text), *extra_urls))))


def _config_file(git: Path) -> Path | None:
    """The configuration file of a checkout, a worktree or a submodule (git, gitrepository-layout)."""
    if git.is_dir():
        return git / "config"
    link = re.match(r"gitdir:[ \t]*([^\0\n]+)", _text(git))
    if link is None:
        return None
    folder = git.parent / link[1].strip()
    common = _text(folder / "commondir").strip()
    return folder / common / "config" if common and "\0" not in common else folder / "config"


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8", "replace")
    except OSError:
        return ""


_SECTION = re.compile(r'\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_URL = re.compile(r"\s*url\s*=(.*)", re.IGNORECASE | re.DOTALL)


def _remotes(config: str) -> Iterator[str]:
    """The ``url`` of every ``[remote "…"]`` section of a git configuration."""
    in_remote = False
    for line in config.splitlines():
        section = _SECTION.match(line)
        if section:
            in_remote = section[1].lower() == "remote" and section[2] is not None
            line = line[section.end() :]  # noqa: PLW2901 - a field may follow in the line of its section
        url = _URL.fullmatch(line)
        value = url[1].strip().strip('"') if in_remote and url else ""
        if value:
            yield value


_SCP_LIKE = re.compile(r"(?:[^@/:]+@)?([^/:@]+):(?!//)(.+)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^@/]*@)?([^/]*)(.*)", re.DOTALL)


def normalise_url(url: str) -> str:
    """``host/owner/name`` of a URL, however it is spelled; ``/path`` of a local one; empty if it says nothing.

    Scheme, credentials, port, ``.git`` and the case of letters do not tell repositories apart (as Argo CD has it).
    """
    url = url.strip()
    match = _SCHEME.fullmatch(url)
    if match and match[1].lower() != "file":
        host, path = match[2].partition(":")[0], match[3]
    elif match:
        host, path = "", match[3]
    elif (scp := _SCP_LIKE.fullmatch(url)) and not url.startswith(("/", ".")):
        host, path = scp[1], scp[2]
    else:
        host, path = "", url
    path = path.partition("?")[0].strip("/").removesuffix(".git").strip("/")
    return f"{host}/{path}".lower() if path else ""


def shown_url(url: str) -> str:
    """A URL without the credentials that it may carry."""
    return re.sub(r"://[^@/\s]*@", "://", url)


def _last_segment(normal: str) -> str:
    return normal.rpartition("/")[2]


def _can_be_a_path(path: str) -> bool:
    """Whether the system takes a text for a path: no NUL, no lone surrogate, and not too long."""
    return "\0" not in path and not re.search("[\ud800-\udfff]", path) and len(path) <= 1024


def _is_root(path: str) -> bool:
    return os.path.normpath("/" + path).strip("/") == ""
