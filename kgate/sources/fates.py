"""Lists the files below the scanned paths, and what became of each: made only for those who ask for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path

from kgate.lifetime import Lifetime
from kgate.model import Batch, Fate, FileFate, Note, Rendering
from kgate.rendering import detect
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import Request
from kgate.repository import Repository
from kgate.sources.files import EXTENSIONS, ClaimedFile, SourceFile, read_file
from kgate.sources.ignores import Ignores
from kgate.sources.unrendered import DATA, PATCHES, RESOURCES, Output, Outputs, entry_of, find_link
from kgate.values import dataclass

MAX_LISTED = 100_000
"""Files that are listed; a note says how many there are besides."""

_MOST_REASONS = 20
_PIECE = 1000


@dataclass(frozen=True, slots=True)
class ScannedFiles:
    """What a scan has done with files: ``written`` are those judged as they are written, ``absent`` those of them that
    no rendering puts out, with the reason, ``left_out`` those that a deployer leaves out, likewise."""

    written: Collection[Path]
    outputs: Outputs
    claims: Mapping[Path, ClaimedFile] = field(default_factory=dict)
    absent: Mapping[Path, str] = field(default_factory=dict)
    left_out: Mapping[Path, str] = field(default_factory=dict)


class Fates:
    """Tells the fate of every file below some paths."""

    def __init__(
        self, starts: Sequence[Path], scanned: ScannedFiles, repository: Repository, lifetime: Lifetime
    ) -> None:
        self._starts = starts
        self._scanned = scanned
        self._repository = repository
        self._lifetime = lifetime
        self._ignores = Ignores(repository)

    def list(self, most: int = MAX_LISTED) -> Iterator[Batch]:
        """Yields the fates in the order of the paths, in pieces. Raises DeadlineError."""
        piece: list[FileFate] = []
        more = 0
        for count, found in enumerate(self._all()):
            self._lifetime.check()
            if count >= most:
                more += 1
                continue
            piece.append(found)
            if len(piece) == _PIECE:
                yield Batch(fates=tuple(piece))
                piece = []
        notes = (Note(".", None, f"{more:,} more files are not listed"),) if more else ()
        yield Batch(fates=tuple(piece), notes=notes)

    def _all(self) -> Iterator[FileFate]:
        seen: set[Path] = set()
        for start in sorted(self._starts):
            if any(start.is_relative_to(other) for other in seen):
                continue
            seen.add(start)
            if start.is_dir():
                yield from self._below(start)
            else:
                yield self._file(start)

    def _below(self, start: Path) -> Iterator[FileFate]:
        """Everything below a folder, without recursion."""
        pending = [(start, "")]
        while pending:
            path, why = pending.pop()
            if path.is_symlink():
                yield self._link(path)
            elif not path.is_dir():
                yield self._file(path, why)
            else:
                why = why or (self._ignored_by(path, is_dir=True) if path != start else "")
                if why and not self._is_used_below(path):
                    yield FileFate(f"{self._repository.shown(path)}/", Fate.IGNORED, (why,))
                    continue
                names = (name for name in self._repository.names(path) if name != ".git")
                pending += [(path / name, why) for name in sorted(names, reverse=True)]

    def _ignored_by(self, path: Path, *, is_dir: bool) -> str:
        """The line that leaves a path out; empty if none does."""
        found = self._ignores.line(path, is_dir)
        return f"{self._repository.shown(found.file)}:{found.number}" if found else ""

    def _is_used_below(self, folder: Path) -> bool:
        return folder in self._folders_used

    @cached_property
    def _folders_used(self) -> frozenset[Path]:
        """The folders above all files that are judged in some way."""
        used = (*self._scanned.outputs.by_file, *self._scanned.written)
        return frozenset(parent for parents in {path.parent for path in used} for parent in (parents, *parents.parents))

    def _link(self, path: Path) -> FileFate:
        real = self._repository.resolve(path)
        target = self._repository.shown(real) if real is not None else "a place outside of the repository"
        return FileFate(self._repository.shown(path), Fate.OTHER, (f"a symbolic link to {target}",))

    def _file(self, path: Path, ignored_by: str = "") -> FileFate:
        fate, reasons = self._fate(path, ignored_by)
        more = len(reasons) - _MOST_REASONS
        reasons = (*reasons[:_MOST_REASONS], f"and {more} more") if more > 0 else reasons
        return FileFate(self._repository.shown(path), fate, tuple(reasons))

    def _fate(self, path: Path, ignored_by: str) -> tuple[Fate, Sequence[str]]:
        scanned = self._scanned
        if path in scanned.absent:
            return Fate.WRITTEN, (scanned.absent[path],)
        if path in scanned.written:
            return self._written(path)
        outputs = scanned.outputs.by_file.get(path, ())
        if outputs or path in scanned.claims:
            return self._used(path, outputs)
        if path in scanned.left_out:
            return Fate.LEFT_OUT, (scanned.left_out[path],)
        return self._unused(path, ignored_by or self._ignored_by(path, is_dir=False))

    def _unused(self, path: Path, ignored_by: str) -> tuple[Fate, Sequence[str]]:
        """Why a file has no part in anything."""
        if ignored_by:
            return Fate.IGNORED, (ignored_by,)
        if (chart := self._chart(path)) is not None:
            return Fate.OTHER, (f"a file of the chart {self._repository.shown(chart)} that changes nothing",)
        is_named = path.name.lower().endswith(EXTENSIONS)
        return Fate.OTHER, () if is_named else (f"its name does not end in {', '.join(EXTENSIONS)}",)

    def _written(self, path: Path) -> tuple[Fate, Sequence[str]]:
        """What a file holds that was judged as it is written, which is read once more."""
        objects, problem = 0, ""
        for batch in read_file(SourceFile(path, self._repository.shown(path))):
            self._lifetime.check()
            objects += len(batch.resources) + batch.skipped
            problem = problem or next((one.message for one in batch.problems), "")
        if objects:
            return Fate.WRITTEN, (f"{objects:,} object{'s' if objects > 1 else ''}", *([problem] if problem else []))
        return (Fate.UNJUDGED, (problem,)) if problem else (Fate.OTHER, ("holds no Kubernetes object",))

    def _used(self, path: Path, outputs: Sequence[Output]) -> tuple[Fate, Sequence[str]]:
        """What uses a file that is not judged as it is written, and as what."""
        claim = self._scanned.claims.get(path)
        shown = self._repository.shown(path)
        silent = {True: ", where it puts out nothing with these values", False: ""}
        titles = [self._title(output.request) + silent[shown in output.silent] for output in outputs]
        if not any(output.is_judged for output in outputs):
            return Fate.UNJUDGED, [f"{title}, which is not judged" for title in titles] or ["nothing renders it"]
        if claim is None or find_link(claim, RESOURCES):
            return Fate.RENDERED, titles
        if claim.reader is not None:
            return Fate.DATA, [f"chart {self._repository.shown(claim.reader)}", *titles]
        fates: tuple[tuple[Fate, Sequence[str]], ...] = (
            (Fate.PATCH, PATCHES),
            (Fate.DATA, DATA),
            (Fate.CONFIGURATION, ()),
        )
        for fate, keys in fates:
            if place := entry_of(claim, keys, self._repository):
                return fate, [place, *titles]
        return Fate.RENDERED, titles

    def _title(self, request: Request) -> str:
        """A request as reports call what it renders to."""
        shown = self._repository.shown(request.place.path)
        if isinstance(request, KustomizationRequest):
            return str(Rendering("kustomize", shown, request.variant, request.requested_by))
        if isinstance(request, ChartRequest):
            first = request.releases[0] if request.releases else None
            named = Rendering("helm", shown, first.variant, first.requested_by) if first else Rendering("helm", shown)
            more = f" and {len(request.releases) - 1} more releases" if len(request.releases) > 1 else ""
            return f"{named}{more}"
        return f"{request.place.kind} {shown}"

    def _chart(self, path: Path) -> Path | None:
        """The nearest chart above a file."""
        folders = (folder for folder in reversed(self._repository.above(path)) if (folder / "Chart.yaml").is_file())
        return next((folder for folder in folders if detect.ChartFolder(folder).holds(path)), None)
