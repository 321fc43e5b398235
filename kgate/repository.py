"""What is scanned: the root of a repository, the URLs that it is known by, and the only way to read its files."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol, TypeVar, cast

from kgate import gitconfig, textfile
from kgate.urls import normalise_url
from kgate.values import dataclass

T = TypeVar("T")

MAX_ENTRIES = 200_000
"""Files and folders that a repository may have for a search through it."""

MAX_LOOKS = 20_000_000
"""Files and folders that all searches of one scan may look at, counted once for each pattern."""

CONFIG_NAMES = ("kgate.yaml", "kgate.yml", ".kgate.yaml", ".kgate.yml")
"""What kgate's own configuration may be called."""

PYPROJECT = "pyproject.toml"
"""Where it may be a table."""

BASELINE_NAME = "kgate-baseline.json"
"""What a baseline is called unless the configuration or a flag names another file."""

_GIT = ".git"
_MOST_LINKS = 40
_PATH_MAX = 4096


class SearchError(ValueError):
    """A search that would look at too much."""


class OutsideError(OSError):
    """A path that leaves the repository, through ``..`` or a symbolic link."""

    def __init__(self, path: str, advice: str = "") -> None:
        super().__init__(errno.EXDEV, f"leads out of the repository, and is not followed{advice}", path)

    def __str__(self) -> str:
        return f"'{self.filename}' {self.strerror}"


class TrustedTree(Protocol):
    """The files of a revision that the scanned change cannot have altered, by their paths in the checkout.

    A path is taken as it is written: only the links of the revision itself are followed, and none out of it.
    """

    @property
    def name(self) -> str:
        """The revision as the user calls it."""
        ...

    @property
    def title(self) -> str:
        """The revision as the user calls it, and its commit."""
        ...

    def find(self, path: Path) -> Path | None:
        """The path of what lies at a path, through the links of the revision; None if nothing does."""
        ...

    def read_bytes(self, path: Path) -> bytes:
        """The bytes of a file. Raises OSError."""
        ...

    def names(self, folder: Path) -> list[str]:
        """The members of a folder, sorted; none if there is no such folder."""
        ...

    def paths(self, names: Collection[str]) -> list[Path]:
        """The paths of all files with one of these names."""
        ...

    def changed_lines(self) -> Mapping[str, tuple[tuple[int, int], ...]] | None:
        """The first and the last line of each piece that the checked out commit adds to the revision or rewrites, by
        path; None if that cannot be told."""
        ...


@dataclass(frozen=True, slots=True)
class Repository:
    """The scanned repository: its real root folder, and the URLs that it is known by.

    What git keeps in ``.git`` is not part of it, as the credentials of the checkout are there. What steers the gate
    (configuration, ignore files, rule folders, the lock) is read with ``policy_bytes`` and ``policy_names``: from
    ``trusted`` if there is one, so that the change that is judged decides nothing about its own gate.
    """

    root: Path
    urls: tuple[str, ...] = ()
    trusted: TrustedTree | None = None
    prefix: str = ""
    """What its paths begin with in reports; only those of a private copy do."""
    _listings: dict[bool, tuple[tuple[str, bool], ...]] = field(default_factory=dict, compare=False, repr=False)
    _looks: Counter[str] = field(default_factory=Counter, compare=False, repr=False)
    _shared: dict[type, object] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def at(cls, root: Path) -> Repository:
        """The repository at a root folder, the path of which may contain links; it has no known URL."""
        return cls(Path(os.path.realpath(root)))

    def reopened(self) -> Repository:
        """The same repository for a new scan: nothing is remembered of searches, and none is counted."""
        return Repository(self.root, self.urls, self.trusted, self.prefix)

    def as_changed(self) -> Repository:
        """The same repository without a trusted revision: what steers the gate is as the checkout has it."""
        return Repository(self.root, self.urls)

    def shared(self, kind: type[T], make: Callable[[], T]) -> T:
        """The one object of a class that what reads this repository shares, made when it is first asked for. It may be
        used by several threads, and lasts as long as the scan."""
        found = self._shared.get(kind)
        return cast("T", self._shared.setdefault(kind, make()) if found is None else found)

    def resolve(self, path: Path) -> Path | None:
        """The real path of a path that really lies in the repository, whatever links lead to it; it need not exist.
        None if it does not lie there, or is not a path."""
        if not _can_be_a_path(os.fspath(path), _PATH_MAX):
            return None
        real = path if self._is_real(os.fspath(path)) else Path(os.path.realpath(path))
        return real if real.is_relative_to(self.root) and not _is_of_git(real.relative_to(self.root)) else None

    def _is_real(self, path: str) -> bool:
        """True if a path is written from the root on, which is real, and leads through no link: then ``realpath`` would
        look at each folder above the root as well, and return the path."""
        root = os.path.join(self.root, "")
        parts = path[len(root) :].split("/")
        if sys.platform == "win32" or not path.startswith(root) or not {"", os.curdir, os.pardir}.isdisjoint(parts):
            return False
        here = root[:-1]
        for part in parts:
            here = f"{here}/{part}"
            try:
                if stat.S_ISLNK(os.lstat(here).st_mode):
                    return False
            except OSError:  # nothing is there, and so nothing below
                break
        return True

    def holds(self, path: Path) -> bool:
        """True if a path really lies in the repository."""
        return self.resolve(path) is not None

    def reaches(self, path: Path) -> bool:
        """True if a normal path stays in the repository, as it is written and after its links; it need not exist, nor
        be one that the system takes."""
        return path.is_relative_to(self.root) and (not _can_be_a_path(os.fspath(path), _PATH_MAX) or self.holds(path))

    def read_bytes(self, path: Path, most: int = textfile.MAX_BYTES) -> bytes:
        """The bytes of a regular file that really lies in the repository.

        Raises OutsideError for one that does not, OSError for anything else and for more than ``most``.
        """
        real = self.resolve(path)
        if real is None:
            lexical = Path(os.path.abspath(path))
            raise OutsideError(self.shown(lexical) if lexical.is_relative_to(self.root) else lexical.name)
        return textfile.read_bytes(real, most)

    def policy_bytes(self, path: Path) -> bytes:
        """The bytes of a file that steers the gate. Raises OSError."""
        return self.read_bytes(path) if self.trusted is None else self.trusted.read_bytes(path)

    def policy_names(self, folder: Path) -> list[str]:
        """The members of a folder that steers the gate, sorted; none if there is no such folder."""
        return self.names(folder) if self.trusted is None else self.trusted.names(folder)

    def policy_has(self, path: Path) -> bool:
        """True if something that steers the gate lies at a path."""
        return os.path.lexists(path) if self.trusted is None else self.trusted.find(path) is not None

    def policy_place(self, path: str, base: Path) -> Path | None:
        """The real path of something that steers the gate, as ``find``: None if nothing lies there. Raises
        OutsideError."""
        if self.trusted is None:
            return self.find(path, base)
        plain = Path(os.path.normpath((self.root if path.startswith("/") else base) / path.lstrip("/")))
        if not plain.is_relative_to(self.root):
            raise OutsideError(path)
        return self.trusted.find(plain)

    def bytes_if_any(self, path: Path) -> bytes:
        """The bytes of a regular file of the repository; none if it cannot be read."""
        try:
            return self.read_bytes(path)
        except OSError:
            return b""

    def is_meant(self, url: str, path: str) -> bool:
        """True if an object with this URL and path refers to this repository.

        It does if the URL is a known one. It also does if the path exists here, and the URL ends in the name of a known
        URL or of the root folder (forks, mirrors), or no URL of a server is known and the path is not the root.
        """
        wanted = normalise_url(url)
        known = {normalise_url(own) for own in self.urls}
        if not wanted or self.is_known_as(url):
            return bool(wanted)
        remote = {own for own in known if not own.startswith("/")}
        names = {_last_segment(own) for own in remote} | {self.root.name.lower()}
        if not self._may_mean(path):
            return False
        return _last_segment(wanted) in names or (not remote and not _is_root(path))

    def may_be_meant(self, url: str) -> bool:
        """True if nothing says whether a URL is one of this repository: no URL of a server is known by which it may be
        told from others, or it has variables."""
        return "${" in url or not any(normalise_url(own) for own in self.urls if not normalise_url(own).startswith("/"))

    def is_known_as(self, url: str) -> bool:
        """True if a URL is one of those of this repository, and not only one that may refer to it."""
        return normalise_url(url) in {normalise_url(own) for own in self.urls}

    def has(self, path: str) -> bool:
        """True if a path that is not the root leads to something in the repository, or out of it."""
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
        real = self.resolve(plain)
        if real is None or not plain.is_relative_to(self.root):
            raise OutsideError(path)
        return real if os.path.exists(real) else None  # unlike Path.exists, False for a name that is too long

    def as_written(self, path: Path) -> Path:
        """A path that the user gives, from the real root on but with the links below it as they are written. The real
        path if it does not lead through the root."""
        lexical = Path(os.path.abspath(path))
        for folder in (*reversed(lexical.parents), lexical):
            if os.path.realpath(folder) == os.fspath(self.root):
                return self.root / lexical.relative_to(folder)
        return Path(os.path.realpath(path))

    def above(self, path: Path) -> list[Path]:
        """The folders of the repository that a real path lies in, the root first; none for a path outside."""
        return [folder for folder in reversed(path.parents) if folder.is_relative_to(self.root)]

    def names(self, folder: Path) -> list[str]:
        """The members of a folder, sorted; none if it cannot be listed, or does not really lie in the repository."""
        try:
            return sorted(os.listdir(folder)) if self.holds(folder) else []
        except OSError:
            return []

    def shown(self, path: Path) -> str:
        """A path as reports show it: from the root, with forward slashes; ``.`` for the root.

        A path outside the repository stays as it is. Bytes that are not UTF-8 become escapes.
        """
        if not path.is_relative_to(self.root):
            return shown_bytes(path.as_posix())
        return self.prefix + self.inner(path)

    def inner(self, path: Path) -> str:
        """The path from the root to a path in the repository, which reports begin with ``prefix``."""
        return shown_bytes(path.relative_to(self.root).as_posix())

    def walk(self, *, hidden: bool = False, patterns: int = 1) -> tuple[tuple[str, bool], ...]:
        """Every path below the root, sorted within its folder, and whether it is a folder; links are not followed.

        Folders whose name starts with a dot are left out unless ``hidden``. ``patterns`` is how many the caller matches
        with each path. Raises SearchError beyond MAX_ENTRIES and MAX_LOOKS.
        """
        if hidden not in self._listings:
            self._listings[hidden] = tuple(self._listed(hidden=hidden))
        found = self._listings[hidden]
        self._looks["looks"] += len(found) * patterns
        if self._looks["looks"] > MAX_LOOKS:
            raise SearchError(f"patterns and files are too many: more than {MAX_LOOKS:,} comparisons in all")
        return found

    def files_below(self, folder: Path) -> Iterator[Path]:
        """Every file and link below a folder that really lies in the repository, sorted within its folder. Raises
        SearchError beyond MAX_ENTRIES."""
        return (path for path, is_folder in self._entries(folder, hidden=True) if not is_folder)

    def _listed(self, *, hidden: bool) -> Iterator[tuple[str, bool]]:
        entries = self._entries(self.root, hidden=hidden)
        return ((path.relative_to(self.root).as_posix(), is_folder) for path, is_folder in entries)

    def _entries(self, start: Path, *, hidden: bool) -> Iterator[tuple[Path, bool]]:
        count = 0
        for folder, folders, files in os.walk(start):
            folders[:] = sorted(name for name in folders if name != ".git" and (hidden or not name.startswith(".")))
            base, inner = Path(folder), set(folders)
            for name in (*folders, *sorted(files)):
                count += 1
                if count > MAX_ENTRIES:
                    raise SearchError(f"the repository has more than {MAX_ENTRIES:,} files and folders")
                yield base / name, name in inner and not (base / name).is_symlink()

    def _may_mean(self, path: str) -> bool:
        """True if a path exists here, or leaves the repository, which is then reported by its reader."""
        try:
            return self.find(path) is not None
        except OutsideError:
            return True


def shown_bytes(path: str) -> str:
    """The text of a path in which bytes that are not UTF-8 (surrogates to Python) are escapes."""
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return path.encode("utf-8", "backslashreplace").decode("utf-8")


def open_repository(root: Path, extra_urls: tuple[str, ...] = ()) -> Repository:
    """The repository at a root folder: the remotes of its git configuration, then the extra URLs."""
    real = Path(os.path.realpath(root))
    folders = git_folders(real)
    text = _text(folders.common / "config") if folders else ""
    return Repository(real, tuple(dict.fromkeys((*_remotes(text), *extra_urls))))


@dataclass(frozen=True, slots=True)
class GitFolders:
    """Where git keeps what belongs to a checkout: ``own`` has its index, ``common`` what worktrees share, such as
    objects and configuration."""

    own: Path
    common: Path


def git_folders(top: Path) -> GitFolders | None:
    """The folders of git for the checkout, worktree or submodule at a real path (git, gitrepository-layout); None if it
    is none.

    Those of a worktree or submodule lie outside of it. An archive may name any folder as its own, so the folder must
    name the checkout in turn, as git ensures.
    """
    git = top / _GIT
    if git.is_dir():
        is_own = Path(os.path.realpath(git / "config")).is_relative_to(git)
        return GitFolders(git, git) if is_own else None
    link = re.match(r"gitdir:[ \t]*([^\0\n]+)", _text(git))
    if link is None:
        return None
    folder = git.parent / link[1].strip()
    if _leads_to(folder, _text(folder / "gitdir"), git):
        return GitFolders(folder, folder / (_text(folder / "commondir").strip().replace("\0", "") or "."))
    entries = git_entries(folder)
    worktrees = [entry.value for entry in entries if (entry.section, entry.name, entry.key) == ("core", "", "worktree")]
    return GitFolders(folder, folder) if worktrees and _leads_to(folder, worktrees[-1], git.parent) else None


def git_entries(common: Path) -> Iterator[gitconfig.Entry]:
    """The entries of the configuration in a folder of git, as far as it can be read. No value of it may be shown."""
    return _entries(_text(common / "config"))


def _leads_to(folder: Path, text: str, place: Path) -> bool:
    """True if a path that is written in a file of a folder leads to a place."""
    path = text.strip()
    return bool(path) and "\0" not in path and Path(os.path.realpath(folder / path)) == place


def _text(path: Path) -> str:
    try:
        return textfile.read_bytes(path).decode("utf-8", "replace")
    except OSError:
        return ""


def _remotes(config: str) -> Iterator[str]:
    """The ``url`` of every ``[remote "…"]`` section of a git configuration."""
    for entry in _entries(config):
        if entry.section == "remote" and entry.name and entry.key == "url" and entry.value:
            yield entry.value


def _entries(config: str) -> Iterator[gitconfig.Entry]:
    """The entries of a git configuration, as far as it can be read."""
    with contextlib.suppress(gitconfig.GitConfigError):
        yield from gitconfig.entries(config)


def _last_segment(normal: str) -> str:
    return normal.rpartition("/")[2]


def _can_be_a_path(path: str, longest: int = 1024) -> bool:
    """True if the system takes a text for a path: it has no NUL and no lone surrogate, and is not too long."""
    return "\0" not in path and not re.search("[\ud800-\udfff]", path) and len(path) <= longest


def _is_root(path: str) -> bool:
    return os.path.normpath("/" + path).strip("/") == ""


def _is_of_git(relative: Path) -> bool:
    return any(part.lower() == _GIT for part in relative.parts)


# ----------------------------------------------------------------------------- where repositories begin


def find_root(paths: Sequence[Path]) -> Path:
    """The repository that holds the paths: the nearest parent with ``.git``, else with a configuration
    of kgate, else what they share."""
    places = [Path(os.path.realpath(path)) for path in paths] or [Path.cwd()]
    folders = [place if place.is_dir() else place.parent for place in places]
    shared = Path(os.path.commonpath(folders))
    for is_marked in (has_git, _is_configured):
        for folder in (shared, *shared.parents):
            if is_marked(folder):
                return folder
    return shared


def has_git(root: Path) -> bool:
    """True if a root folder is that of a checkout of git."""
    return os.path.lexists(root / _GIT)


def _is_configured(folder: Path) -> bool:
    """True if a folder has a configuration of kgate."""
    return any(os.path.lexists(folder / name) for name in CONFIG_NAMES) or _is_project(folder)


def _is_project(folder: Path) -> bool:
    """True if a folder has a pyproject.toml with settings of kgate."""
    place = folder / PYPROJECT
    if not place.is_file():
        return False
    from kgate.pyproject import has_settings

    try:
        return has_settings(textfile.read_bytes(place))
    except OSError:
        return False


def _is_marked(folder: Path) -> bool:
    return has_git(folder) or _is_configured(folder)


@dataclass(frozen=True, slots=True)
class UntrustedFolders:
    """What a pull request may have filled: the working folder, the scanned paths, and the repositories that hold
    them. The root of the file system is not among them. ``folders`` are real paths."""

    folders: tuple[Path, ...]

    @classmethod
    def around(cls, paths: Iterable[Path]) -> UntrustedFolders:
        """Those of these paths and the working folder, up to the outermost repository."""
        places = (Path(os.path.realpath(path)) for path in (Path.cwd(), *paths))
        known = (folder for place in places for folder in (place, _outermost(place)))
        return cls(tuple(dict.fromkeys(folder for folder in known if folder != folder.parent)))

    def hold(self, place: Path) -> bool:
        """True if a real path lies in one of them."""
        return any(place.is_relative_to(folder) for folder in self.folders)

    def others_of(self, search_path: str) -> tuple[Path, ...]:
        """The absolute folders of a PATH that do not lie in one of them."""
        folders = (Path(os.path.realpath(folder)) for folder in search_path.split(os.pathsep) if os.path.isabs(folder))
        return tuple(dict.fromkeys(folder for folder in folders if not self.hold(folder)))

    def resolve(self, path: Path) -> Path:
        """The real path of what the user names, which need not exist.

        Raises OutsideError where a link of a repository or of one of these folders leads out of it, or to what git
        keeps; links elsewhere are the user's own. Raises OSError for links in a circle.
        """
        pending = [*reversed((path if path.is_absolute() else Path.cwd() / path).parts)]
        here = Path(pending.pop())
        links = 0
        while pending:
            name = pending.pop()
            place = here.parent if name == os.pardir else here / name
            if name == os.pardir or not place.is_symlink():
                here = place
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
            home = self._home(place)
            if home is not None and not Repository(home).holds(place):
                raise OutsideError(os.fspath(path), "; remove the symbolic link, or name the place that it leads to")
            target = Path(os.readlink(place).removeprefix("\\\\?\\"))
            pending += reversed(target.parts)
            if target.is_absolute():
                here = Path(pending.pop())
        return here

    def _home(self, link: Path) -> Path | None:
        """The folder that a link must not lead out of, if somebody else may have made it: its repository, else the
        nearest of these."""
        for folder in link.parents:
            if folder != folder.parent and _is_marked(folder):
                return folder
        around = (folder for folder in self.folders if link.is_relative_to(folder))
        return max(around, key=lambda folder: len(folder.parts), default=None)


def _outermost(place: Path) -> Path:
    """The topmost folder at or above a place that is marked as a repository; else the place itself."""
    marked = [folder for folder in (place, *place.parents) if _is_marked(folder)]
    return marked[-1] if marked else place
