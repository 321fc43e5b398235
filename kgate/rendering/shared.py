"""What renderings of two states of a repository have in common: what nothing of changed is rendered once."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import posixpath
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from kgate.model import Batch
from kgate.rendering.detect import KUSTOMIZATION_NAMES
from kgate.rendering.helm.requests import ChartRequest, PulledChartRequest
from kgate.rendering.kustomize.graph import Kustomizations
from kgate.rendering.kustomize.kustomization import KustomizationError
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import RenderContext, Request
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository, SearchError
from kgate.values import dataclass

_STEERING = frozenset({".gitattributes", ".gitignore", ".gitmodules", ".kgateignore", ".sops.yaml", ".sourceignore"})
"""Files that may have a part in what lies anywhere below them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The paths from the root at which two states of a repository differ."""

    paths: frozenset[str]

    @property
    def is_far_reaching(self) -> bool:
        """True if a file changed that may have a part in anything."""
        return any(posixpath.basename(path) in _STEERING for path in self.paths)

    def touches(self, regions: Regions) -> bool:
        """True if a path lies at or below one of the trees, or is one of the places, or leads to them."""
        if "" in regions.trees:
            return bool(self.paths)
        if any(not regions.trees.isdisjoint(_upwards(path)) for path in self.paths):
            return True
        return any(not self.paths.isdisjoint(_upwards(place)) for place in regions.trees | regions.places)


@dataclass(frozen=True, slots=True)
class Regions:
    """The paths from the root that something can read: those of ``trees``, and everything below them, and those of
    ``places``, be anything there or not."""

    trees: frozenset[str]
    places: frozenset[str] = frozenset()


def difference_between(one: Repository, other: Repository) -> Difference:
    """Returns where two folders differ in a file, a link or its content. Raises SearchError and OSError."""
    here, there = ({path.relative_to(side.root) for path in side.files_below(side.root)} for side in (one, other))
    same = here & there
    differ = (path for path in same if _content(one.root / path) != _content(other.root / path))
    return Difference(frozenset(path.as_posix() for path in (here ^ there).union(differ)))


def _content(path: Path) -> tuple[str, bytes]:
    if path.is_symlink():
        return "link", os.fsencode(os.readlink(path))
    return "file", path.read_bytes()


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = posixpath.dirname(path)


class SharedRenderings:
    """What was rendered of the first one of two states, kept for the second one, with the private copies in which the
    places of its fields are sought. Close it."""

    def __init__(self, difference: Difference) -> None:
        self._difference = difference
        self._batches: dict[Hashable, tuple[Repository, Request, Batch]] = {}
        self._stack = ExitStack()

    def close(self) -> None:
        """Removes the private copies."""
        self._stack.close()

    def entered(self, workspace: Workspace) -> Workspace:
        """Enters a workspace, which lasts until this is closed."""
        return self._stack.enter_context(workspace)

    def recall(self, request: Request, context: RenderContext) -> Batch | None:
        """What an equal request rendered to before, if nothing changed that it, or this one, can have read."""
        kept = self._batches.get(_key(request, context))
        if kept is None:
            return None
        first, other, batch = kept
        if self._is_untouched(request, context.workspace.repository) and self._is_untouched(other, first):
            return batch
        return None

    def keep(self, request: Request, context: RenderContext, batch: Batch) -> None:
        """Keeps what a request of the first state rendered to; problems of programs may be those of the moment."""
        if isinstance(request, (ChartRequest, PulledChartRequest, KustomizationRequest)) and not batch.problems:
            self._batches.setdefault(_key(request, context), (context.workspace.repository, request, batch))

    def _is_untouched(self, request: Request, repository: Repository) -> bool:
        if self._difference.is_far_reaching:
            return False
        try:
            return not self._difference.touches(_regions(request, repository))
        except (SearchError, OSError):
            return False


def _key(request: Request, context: RenderContext) -> Hashable:
    """The key of a request, wherever the repository lies, with those of its files that are judged as they are."""
    repository = context.workspace.repository
    root = os.fspath(repository.root)
    plain = frozenset(path for path in _files(request, repository) if path in context.plain)
    return type(request).__name__, _moved(request.key, root), _moved(plain, root)


def _files(request: Request, repository: Repository) -> Iterable[Path]:
    try:
        return tuple(request.files(repository))
    except SearchError:
        return ()


def _moved(value: object, root: str) -> Hashable:
    """A value in which every path starts at the root."""
    if isinstance(value, str):
        return value.replace(root, "\0")
    if isinstance(value, Path):
        return "path", os.fspath(value).replace(root, "\0")
    if isinstance(value, Mapping):
        return tuple(sorted(((str(key), _moved(one, root)) for key, one in value.items()), key=repr))
    if isinstance(value, (tuple, list, frozenset, set)):
        members = (_moved(one, root) for one in value)
        return tuple(members) if isinstance(value, (tuple, list)) else frozenset(members)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        own = (getattr(value, one.name) for one in dataclasses.fields(value) if one.compare)
        return type(value).__name__, tuple(_moved(one, root) for one in own)
    hash(value)
    return value if isinstance(value, Hashable) else None


# ---------------------------------------------------------------------------------------- regions


def _regions(request: Request, repository: Repository) -> Regions:
    """What a rendering can read: all that lies below charts, folders without a kustomization and what links in charts
    lead to, and the files that kustomizations and releases name."""
    ways, entered = _Ways.of(repository), dict[Path, _Way]()
    pending = [place.path for place in request.parts(repository)]
    if not isinstance(request, PulledChartRequest):
        pending.append(request.place.path)
    while pending:
        if (path := pending.pop()) not in entered:
            entered[path] = ways.at(path)
            pending += entered[path].onward
    named = {place for path in request.files(repository) for place in (path, Path(os.path.realpath(path)))}
    trees = (way.tree for way in entered.values() if way.tree is not None)
    return Regions(
        _inner(trees, repository), _inner(named.union(*(way.places for way in entered.values())), repository)
    )


def _inner(paths: Iterable[Path], repository: Repository) -> frozenset[str]:
    """The paths in the repository, from its root."""
    inside = (path.relative_to(repository.root).as_posix() for path in paths if path.is_relative_to(repository.root))
    return frozenset("" if path == "." else path for path in inside)


@dataclass(frozen=True, slots=True)
class _Way:
    """What a rendering of a chart or a kustomization can read: all of ``tree``, and ``places``. ``onward`` are the
    folders that it may render with it."""

    tree: Path | None
    places: frozenset[Path]
    onward: tuple[Path, ...]


class _Ways:
    """The ways from the charts and kustomizations of a repository, each looked up once for the scan; threads may share
    it."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._kustomizations = Kustomizations.of(repository)
        self._known: dict[Path, _Way] = {}

    @classmethod
    def of(cls, repository: Repository) -> _Ways:
        """Those that all readers of this repository share."""
        return repository.shared(cls, lambda: cls(repository))

    def at(self, path: Path) -> _Way:
        """The way from a chart, a kustomization or a folder."""
        if path not in self._known:
            self._known[path] = self._found(path)
        return self._known[path]

    def _found(self, path: Path) -> _Way:
        folder, places = Path(os.path.realpath(path)), {path}
        onward = [*_local_dependencies(folder)]
        kustomization = None
        with contextlib.suppress(KustomizationError):
            kustomization = self._kustomizations.read(folder)
        is_tree = kustomization is None or (folder / "Chart.yaml").is_file()
        if is_tree:
            onward += _links_below(folder, self._repository)
        if kustomization is not None:
            places.update(folder / name for name in KUSTOMIZATION_NAMES)
            places.update(place for link in kustomization.links for place in (link.lexical, link.real))
            onward += [link.real for link in kustomization.links if link.is_folder]
            onward += [chart.place for chart in kustomization.charts]
        return _Way(folder if is_tree else None, frozenset(places), tuple(onward))


def _folder_of(path: Path) -> Path:
    real = Path(os.path.realpath(path))
    return real if real.is_dir() else real.parent


def _links_below(folder: Path, repository: Repository) -> Iterator[Path]:
    """The folders that links in a chart lead to."""
    if (folder / "Chart.yaml").is_file():
        yield from (_folder_of(path) for path in repository.files_below(folder) if path.is_symlink())


def _local_dependencies(folder: Path) -> Iterator[Path]:
    """The charts beside this one that its files name with ``file://``; whatever else is wrong with them."""
    for name in ("Chart.yaml", "requirements.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"):
        path = folder / name
        try:
            text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        except OSError:
            continue
        for line in text.splitlines():
            if "file://" in line:
                yield Path(os.path.normpath(folder / line.partition("file://")[2].strip(" \t\"'")))
