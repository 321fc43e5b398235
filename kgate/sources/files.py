"""Finds the plain manifests of a repository and what must be rendered first, and reads the manifests."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.lifetime import FOREVER, Lifetime
from kgate.model import Batch, Counts, Note, Problem
from kgate.rendering import detect, finders
from kgate.repository import Repository, SearchError, shown_bytes
from kgate.sources.ignores import KGATEIGNORE, IgnoreLine, Ignores
from kgate.sources.progress import Count, Progress
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.kubernetes.clusters import PlacedFiles
    from kgate.rendering.kustomize.kustomization import Kustomization, Link
    from kgate.rendering.requests import Place, Request
    from kgate.sources.clusters import ClusterFolders

    Use: TypeAlias = tuple[Kustomization, Link]

EXTENSIONS = (".yaml", ".yml", ".json")
"""The files that are read in a folder. A file on the command line is read whatever its name is."""

HELMFILES = tuple(f"helmfile.{ending}" for ending in ("yaml", "yml", "yaml.gotmpl", "yml.gotmpl"))
"""The names of a file of Helmfile; in a folder ``helmfile.d`` any name will do."""

_ALWAYS_SKIPPED = (".git",)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read, and its path from the repository root as reports show it."""

    path: Path
    shown: str


@dataclass(slots=True)
class ClaimedFile:
    """A file that would be a plain manifest if kustomizations, or a template of a chart (``reader``), did not use it.
    ``links`` are the entries of kustomizations that name it."""

    file: SourceFile
    links: list[Use] = field(default_factory=list)
    reader: Path | None = None


@dataclass(slots=True)
class Listing:
    """What a walk found: files to read as plain manifests, charts, kustomizations by their folders, requests for
    sources of other kinds, templates of files of Helmfile, and problems. ``starts`` are the real paths that it started
    at, ``touched`` holds folders of kustomizations above them that use files of the walk, ``claims`` the files that are
    not plain for their users, ``left_out`` the files and folders that a line of a ``.kgateignore`` leaves out."""

    starts: list[Path] = field(default_factory=list)
    files: dict[Path, SourceFile] = field(default_factory=dict)
    charts: set[Path] = field(default_factory=set)
    kustomizations: dict[Path, Kustomization] = field(default_factory=dict)
    touched: set[Path] = field(default_factory=set)
    requests: dict[Place, Request] = field(default_factory=dict)
    helmfiles: set[SourceFile] = field(default_factory=set)
    claims: dict[Path, ClaimedFile] = field(default_factory=dict)
    notes: set[Note] = field(default_factory=set)
    problems: set[Problem] = field(default_factory=set)
    left_out: dict[IgnoreLine, list[Path]] = field(default_factory=dict)

    @property
    def named(self) -> Iterator[Path]:
        """The files, and those that make a folder a chart or a kustomization, by their usual names."""
        yield from (*self.files, *self.claims)
        yield from (folder / "kustomization.yaml" for folder in self.kustomizations)
        yield from (folder / "Chart.yaml" for folder in self.charts)

    @property
    def has_sources(self) -> bool:
        """True if something must be rendered."""
        return bool(self.charts or self.kustomizations or self.touched or self.requests)


def list_files(paths: Sequence[Path], repository: Repository, lifetime: Lifetime = FOREVER) -> Listing:
    """Lists every plain manifest at or below the paths, each once, even if several paths lead to it. Raises
    DeadlineError."""
    walk = _Walk(repository, lifetime)
    for path in paths:
        try:
            walk.start(path)
        except OSError as error:
            shown = shown_bytes(os.fspath(path))
            walk.listing.problems.add(
                Problem(shown, None, f"cannot be read: {error.strerror}; fix this path or leave it out")
            )
    return walk.finish()


def find_kustomizations(repository: Repository) -> dict[Path, Kustomization]:
    """Returns every kustomization of a repository by its folder."""
    walk = _Walk(repository)
    walk.start(repository.root)
    return walk.listing.kustomizations


def read_file(file: SourceFile, asked_kinds: Collection[str] = ()) -> Iterator[Batch]:
    """Yields what a file holds, one object at a time; a file that cannot be read is a Problem."""
    try:
        with file.path.open("rb") as stream:
            data = stream.read(manifest.MAX_FILE_BYTES + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror}; fix its permissions, or list it in .kgateignore"
        yield Batch(problems=(Problem(file.shown, None, message),), files=1)
        return
    yield from manifest.stream(file.shown, data, asked_kinds)


class _Walk:
    """One walk over a repository, which visits every real folder and file once."""

    def __init__(self, repository: Repository, lifetime: Lifetime = FOREVER) -> None:
        self.listing = Listing()
        self._lifetime = lifetime
        self._repository = repository
        self._ignores = Ignores(self._repository)
        self._visited: set[Path] = set()
        self._finders = finders()
        self._above: dict[Path, Kustomization] = {}
        self._requests_above: list[Request] = []
        self._faulty: list[Path] = []
        self._beside: dict[Path, detect.ChartFolder] = {}
        self._spare: dict[Path, detect.ChartFolder] = {}
        self._parts: set[Path] = set()

    def start(self, path: Path) -> None:
        """Adds a path of the command line, even if an ignore file leaves it out."""
        if path.is_fifo():
            self.listing.files[path] = SourceFile(path, path.as_posix())
            return
        real = Path(os.path.realpath(path))
        if not real.exists():
            shown = self._repository.shown(Path(os.path.abspath(path)))
            self._problem(shown, "no such file or folder; check the spelling")
            return
        self.listing.starts.append(real)
        inside = self._find_owners(real)
        if real.is_dir():
            self._folder(real, inside)
        elif real.suffix == ".tgz":
            self.listing.charts.add(real if inside is None or not inside.holds(real) else inside.folder)
        elif inside is None or not inside.holds(real):
            self._take(real)
            self._beside |= {real: inside} if inside is not None and real.is_relative_to(inside.folder) else {}

    def finish(self) -> Listing:
        """The listing without the files that are rendered: they mean nothing by themselves."""
        listing = self.listing
        self._tell_faults_of_ignores()
        for path in self._faulty:
            listing.files.pop(path, None)
        for request in self._requests_above:
            if not listing.files.keys().isdisjoint(self._files(request)):
                listing.requests.setdefault(request.place, request)
        for folder, found in (self._above | listing.kustomizations).items():
            if self._claim(found) and folder not in listing.kustomizations:
                listing.touched.add(folder)
        for request in listing.requests.values():
            for file in self._files(request):
                listing.files.pop(file, None)
        if self._beside or self._spare:
            self._decide_beside()
        return listing

    def _tell_faults_of_ignores(self) -> None:
        for path, message in self._ignores.faults.items():
            self._problem(self._repository.shown(path), f"{message}, so it leaves nothing out; shorten it")
        for path, message in self._ignores.tracked.faults.items():
            shown = self._repository.shown(path)
            self.listing.notes.add(Note(shown, None, f"{message}, so a .gitignore also leaves out what git tracks"))

    def _claim(self, kustomization: Kustomization) -> bool:
        """Takes the files that a kustomization uses from the plain ones. Returns True if there was one."""
        listing, has_taken = self.listing, False
        for path, links in {kustomization.path: [], **_uses([kustomization])}.items():
            file = listing.files.pop(path, None)
            has_taken = has_taken or file is not None
            claim = listing.claims.setdefault(path, ClaimedFile(file)) if file is not None else listing.claims.get(path)
            if claim is not None:
                claim.links += links
        return has_taken

    def _decide_beside(self) -> None:
        """Takes what lies in the folder of a chart that does not use it, if it is a manifest: Helm deploys only what it
        renders, but kubectl takes a folder as it is."""
        from kgate.sources.beside import Beside

        beside, listing = Beside(self._repository), self.listing
        uses = _uses((self._above | listing.kustomizations).values())
        used = {file for request in listing.requests.values() for file in self._files(request)}
        for path, chart in self._beside.items():
            if path not in listing.files:
                continue
            if beside.is_read(path, chart.folder):
                listing.claims[path] = ClaimedFile(listing.files.pop(path), reader=chart.folder)
                listing.charts.add(chart.folder)
            elif path not in listing.starts and (note := beside.unused_template(path, chart.folder)):
                del listing.files[path]
                listing.notes.add(note)
        for path, chart in self._spare.items():
            note = beside.unused_workload(path, chart.folder)
            if note is None:
                continue
            if links := uses.get(path):
                listing.claims[path] = ClaimedFile(SourceFile(path, note.path), links)
            elif path not in used:
                self._take(path)
                listing.notes.add(note)

    def _files(self, request: Request) -> tuple[Path, ...]:
        """The files of a request; none if they cannot be found, which is reported when it is to be rendered."""
        try:
            return tuple(request.files(self._repository))
        except SearchError:
            return ()

    def _find_requests(self, folder: Path, names: list[str]) -> Iterator[Request]:
        """The requests for what a folder holds besides charts and kustomizations."""
        for find in self._finders:
            yield from find(folder, names, self._repository)

    def _find_owners(self, path: Path) -> detect.ChartFolder | None:
        """Looks at the folders above a path for the sources that it may belong to. Returns the chart among them."""
        for folder in self._repository.above(path):
            names = _names(folder)
            own = self._kustomization(folder, names)
            if own is not None:
                self._above[folder] = own
            self._requests_above += self._find_requests(folder, names)
        chart = self._chart_above(path)
        if chart is not None and chart.holds(path):
            self.listing.charts.add(chart.folder)
        return chart

    def _chart_above(self, path: Path) -> detect.ChartFolder | None:
        """The nearest chart in the folders above a path that is not a part of another one."""
        chart = None
        for folder in self._repository.above(path):
            if chart is None or not chart.holds(folder):
                chart = detect.find_chart(folder, _names(folder)) or chart
        return chart

    def _folder(self, start: Path, chart: detect.ChartFolder | None) -> None:
        """Walks through everything below a folder, in sorted order, without recursion."""
        pending = [(start, chart)]
        while pending:
            self._lifetime.check()
            folder, chart = pending.pop()
            if folder in self._visited:
                continue
            self._visited.add(folder)
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                self._problem(self._repository.shown(folder), f"cannot be listed: {error.strerror}")
                continue
            chart = self._add_templates(folder, [entry.name for entry in entries], chart)
            below = [self._entry(entry, chart) for entry in entries]
            pending += [(path, chart) for path in reversed(below) if path is not None]

    def _add_templates(
        self, folder: Path, names: list[str], chart: detect.ChartFolder | None
    ) -> detect.ChartFolder | None:
        """Adds what is to be rendered in a folder. Returns the chart that its members belong to."""
        own = detect.find_chart(folder, names)
        if chart is not None and (chart.folder in self._parts or chart.holds(folder)):
            self._parts |= {folder} if own is not None else set()
            return own or chart
        if own is not None:
            chart = own
            self.listing.charts.add(folder)
        found = self._kustomization(folder, names)
        if found is not None:
            self.listing.kustomizations[folder] = found
        for request in self._find_requests(folder, names):
            path = request.place.path
            if path == folder or not self._ignores.covers(path, path.is_dir()):
                self.listing.requests[request.place] = request
        return chart

    def _kustomization(self, folder: Path, names: list[str]) -> Kustomization | None:
        """The kustomization of a folder, or None. A faulty one is a problem; Flux's object of that name does not
        count."""
        if detect.kustomization_name(names) is None:
            return None
        from kgate.rendering.kustomize.graph import Kustomizations
        from kgate.rendering.kustomize.kustomization import KustomizationError

        try:
            found = Kustomizations.of(self._repository).read(folder)
        except KustomizationError as error:
            self.listing.problems.add(Problem(self._repository.shown(error.path), error.line, str(error)))
            self._faulty.append(error.path)
            return None
        is_flux = str(found.root.value.get("apiVersion")).startswith("kustomize.toolkit.fluxcd.io/")
        return None if is_flux else found

    def _entry(self, entry: os.DirEntry[str], chart: detect.ChartFolder | None) -> Path | None:
        """Adds a file. Returns the path if it is a folder to walk through."""
        path = Path(entry.path)
        is_dir = path.is_dir()
        if entry.name.endswith(".gotmpl"):
            self._helmfile(entry, path)
        is_of_interest = is_dir or entry.name.lower().endswith(EXTENSIONS)
        if entry.name in _ALWAYS_SKIPPED or not is_of_interest or self._is_left_out(path, is_dir):
            return None
        if chart is not None and (chart.folder in self._parts or chart.holds(path)):
            return self._part(entry, path, chart, is_dir=is_dir)
        if entry.is_symlink():
            real = self._repository.resolve(path)
            if real is None or not real.exists():
                self._problem(self._repository.shown(Path(entry.path)), _LINK_PROBLEM)
                return None
            path = real
            owner = self._chart_above(path)
            if owner is not None and owner.holds(path) and not (path / "Chart.yaml").exists():
                self.listing.charts.add(owner.folder)
                return None
        if is_dir:
            return path
        self._take(path)
        if chart is not None and path.is_relative_to(chart.folder):
            self._beside[path] = chart
        return None

    def _helmfile(self, entry: os.DirEntry[str], path: Path) -> None:
        """Adds a template of a file of Helmfile."""
        is_one = entry.name in HELMFILES or path.parent.name == "helmfile.d"
        if is_one and entry.is_file(follow_symlinks=False) and not self._is_left_out(path, is_dir=False):
            self.listing.helmfiles.add(SourceFile(path, self._repository.shown(path)))

    def _is_left_out(self, path: Path, is_dir: bool) -> bool:
        line = self._ignores.line(path, is_dir)
        if line is not None and line.file.name == KGATEIGNORE:
            self.listing.left_out.setdefault(line, []).append(path)
        return line is not None

    def _part(self, entry: os.DirEntry[str], path: Path, chart: detect.ChartFolder, *, is_dir: bool) -> Path | None:
        """Remembers a file of a chart that Helm may not use. Returns the path of a folder that may hold some."""
        may_be_left = not chart.holds(path) or chart.may_leave(path)
        if entry.is_symlink() or not may_be_left or entry.name == "crds":
            return None
        if is_dir:
            return path
        self._spare[path] = chart
        return None

    def _take(self, path: Path) -> None:
        shown = self._repository.shown(path)
        if path.is_file():
            self.listing.files[path] = SourceFile(path, shown)
        else:
            self._problem(shown, "is neither a file nor a folder, not read; list it in .kgateignore")

    def _problem(self, shown: str, message: str) -> None:
        self.listing.problems.add(Problem(shown, None, message))


_LINK_PROBLEM = (
    "the symbolic link leads nowhere or out of the repository, and is not followed; "
    "remove it, or list it in .kgateignore"
)


def _uses(kustomizations: Iterable[Kustomization]) -> dict[Path, list[Use]]:
    """The files that kustomizations use, each with the entries that name it."""
    found: dict[Path, list[Use]] = {}
    for kustomization in kustomizations:
        for link in kustomization.links:
            if not link.is_folder:
                found.setdefault(link.real, []).append((kustomization, link))
    return found


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def in_order(files: Iterable[SourceFile]) -> list[SourceFile]:
    """Files in the order of the paths that reports show."""
    return sorted(files, key=lambda file: file.shown)


def read_all(files: Iterable[SourceFile], asked_kinds: Collection[str] = ()) -> Iterator[Batch]:
    """The contents of files, one object at a time; see manifest.stream."""
    for file in files:
        yield from read_file(file, asked_kinds)


class HasCounts(Protocol):
    """What knows how many files it was read from."""

    @property
    def counts(self) -> Counts:
        """How much was read."""


Read = TypeVar("Read", bound=HasCounts)


@dataclass(frozen=True, slots=True)
class Intake(Generic[Read]):
    """What becomes of what is found: ``read`` takes plain manifests and the facts
    of all of them, and gives what it made of them, part by part;
    ``kinds`` are those that rules ask about (manifest.stream); ``progress`` learns how much is done; ``lists_files``
    asks what became of every file, ``clusters`` are those of which somebody says what is deployed to them. Plain
    manifests of which it is known to which cluster they go are read once everything is rendered, and ``share`` learns
    before what there is in them."""

    read: Callable[[Sequence[SourceFile], Facts], Iterator[Read]]
    kinds: frozenset[str] = frozenset()
    progress: Progress = lambda _done, _total: None
    lists_files: bool = False
    clusters: Sequence[ClusterFolders] = ()
    share: Callable[[PlacedFiles], None] = lambda _placed: None

    def read_counted(self, files: Sequence[SourceFile], facts: Facts, count: Count) -> Iterator[Read]:
        """What is made of files, each counted once its part has been dealt with."""
        for part in self.read(files, facts):
            yield part
            count.add(part.counts.files)


def batches_of(kinds: Collection[str]) -> Intake[Batch]:
    """An intake that gives the contents of plain manifests as they are."""
    return Intake(lambda files, _facts: read_all(files, kinds), frozenset(kinds))
