"""The private copy of a chart: unpacked, without what Helm ignores; and what its folders are called outside of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import field, replace
from pathlib import Path

from kgate.model import Location, Note, Position, Problem
from kgate.rendering import archive
from kgate.rendering.helm import ignore
from kgate.rendering.workspace import CopyError, Workspace
from kgate.values import dataclass

MAX_NESTING = 8
"""How deep sub-charts may lie in sub-charts."""


class ChartError(Exception):
    """A chart that cannot be rendered, with the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Mount:
    """What a folder of the copy is called in the repository: a folder, or a place in an archive. Locations in an
    archive name the archive: ``archive`` is its path, ``inside`` the path of the folder in it. ``real`` is the folder
    itself, if it is one.

    An archive from elsewhere has no path in the repository: ``asked`` is the place that asks for it, ``archive`` the
    file of that, and ``inside`` begins with its name.
    """

    shown: str
    archive: str = ""
    inside: str = ""
    real: Path | None = None
    asked: Location | None = None

    @property
    def file(self) -> str:
        """The path of a problem in it: of the archive, if it lies in one."""
        return self.archive or self.shown

    @property
    def whole(self) -> Location:
        """The place of all that lies in an archive."""
        if self.asked is not None:
            return replace(self.asked, is_approximate=True)
        return whole_file(self.archive, is_approximate=True)

    def child(self, name: str) -> Mount:
        """What a file or folder below it is called."""
        if self.archive:
            return replace(self, inside=f"{self.inside}/{name}".lstrip("/"))
        return Mount(f"{self.shown}/{name}" if self.shown != "." else name)


def whole_file(path: str, *, is_approximate: bool = False) -> Location:
    """The place of a file as a whole: its first character."""
    return Location(path, Position(1, 1), Position(1, 1), is_approximate=is_approximate)


@dataclass(slots=True)
class ChartCopy:
    """A chart in the workspace. ``folder`` holds it, and ``mounts`` says where parts of it came from. ``incomplete``
    holds the sub-charts taken from the repository that lack dependencies, ``notes`` says which were taken in place of
    others."""

    folder: Path
    workspace: Workspace
    mounts: dict[Path, Mount] = field(default_factory=dict)
    incomplete: list[Path] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    room: archive.Room = field(default_factory=archive.Room)

    def mount(self, path: Path) -> Mount:
        """What a path of the copy is called in the repository."""
        for folder in (path, *path.parents):
            if folder in self.mounts:
                mount = self.mounts[folder]
                return mount if folder == path else mount.child(path.relative_to(folder).as_posix())
        raise KeyError(path)


def copy_chart(chart: Path, workspace: Workspace) -> ChartCopy:
    """Copies or unpacks a chart, and unpacks its packed sub-charts. Raises ChartError."""
    copy = ChartCopy(workspace.folder() / "chart", workspace)
    shown = workspace.repository.shown(chart)
    try:
        if chart.is_dir():
            workspace.copy(chart, copy.folder)
            copy.mounts[copy.folder] = Mount(shown, real=chart)
        else:
            packed = copy.folder.with_suffix(".tgz")
            workspace.copy(chart, packed)
            unpack(packed, copy.folder, copy, shown)
            copy.mounts[copy.folder] = Mount(shown, shown)
    except CopyError as error:
        raise ChartError(Problem(workspace.repository.shown(error.path), None, str(error))) from None
    except OSError as error:
        message = f"cannot be copied: {error.strerror}; fix its permissions"
        raise ChartError(Problem(shown, None, message)) from None
    if chart.is_dir():
        remove_ignored(copy, copy.folder)
    unpack_below(copy, copy.folder)
    return copy


@dataclass(frozen=True, slots=True)
class PulledChart:
    """A packed chart from elsewhere: what its file is called, its content, and the place that asks for it."""

    file: str
    content: bytes = field(repr=False)
    asked: Location


def unpack_pulled(chart: PulledChart, workspace: Workspace) -> ChartCopy:
    """Unpacks a chart from elsewhere, and its packed sub-charts. Raises ChartError."""
    copy = ChartCopy(workspace.folder() / "chart", workspace)
    path = chart.asked.path
    unpack(chart.content, copy.folder, copy, path)
    copy.mounts[copy.folder] = Mount(path, path, chart.file, asked=chart.asked)
    unpack_below(copy, copy.folder)
    return copy


def remove_ignored(copy: ChartCopy, folder: Path) -> None:
    """Removes what Helm does not load from the copy of a folder of the repository. Raises ChartError."""
    try:
        ignore.remove_ignored(folder)
    except ignore.IgnoreError as error:
        text = f"is not certain to hide the same from Helm, so the chart is not judged: {error}"
        raise ChartError(Problem(copy.mount(folder).child(ignore.NAME).shown, error.line, text)) from None


def unpack_below(copy: ChartCopy, folder: Path, depth: int = 0) -> None:
    """Unpacks the archives among the sub-charts of a chart, and those in them. Raises ChartError."""
    charts = folder / "charts"
    if not charts.is_dir():
        return
    for packed in sorted(charts.glob("*.tgz")):
        if not packed.is_file() or packed.name.startswith(("_", ".")):
            continue
        mount = copy.mount(packed)
        shown = mount.file
        target = charts / packed.stem
        while target.exists():
            target = target.with_name(target.name + "-packed")
        unpack(packed, target, copy, shown)
        _refuse_provenance(target, shown)
        packed.unlink()
        copy.mounts[target] = replace(mount, shown=shown, archive=shown)
    if depth < MAX_NESTING:
        for child in subchart_folders(folder):
            unpack_below(copy, child, depth + 1)


def unpack(packed: Path | bytes, target: Path, copy: ChartCopy, shown: str) -> None:
    """Unpacks the folder that a packed chart holds, given as a path or its content, within limits. Raises
    ChartError."""
    scratch = target.with_name(target.name + ".unpacking")
    try:
        archive.unpack(packed, scratch, copy.room)
    except (archive.ArchiveError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        advice = "unpack it, or pack it again: helm package"
        raise ChartError(Problem(shown, None, f"cannot be unpacked: {reason}; {advice}")) from None
    if not (scratch / "Chart.yaml").is_file():
        raise ChartError(Problem(shown, None, "holds no chart (no Chart.yaml in a folder); pack it: helm package"))
    scratch.rename(target)


def _refuse_provenance(folder: Path, shown: str) -> None:
    """Raises ChartError for files of an unpacked sub-chart that Helm would take for the parent's (loader/load.go)."""
    found = next(
        (path.relative_to(folder).as_posix() for path in files_below(folder) if path.name.endswith(".prov")), None
    )
    if found is not None:
        text = f"cannot be unpacked: Helm would take its member '{found}' for a file of the parent chart; leave it out"
        raise ChartError(Problem(shown, None, text))


def subchart_folders(folder: Path) -> list[Path]:
    """The folders of the sub-charts of a chart, as Helm takes them."""
    charts = folder / "charts"
    if not charts.is_dir():
        return []
    children = sorted(path for path in charts.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))
    return [path for path in children if (path / "Chart.yaml").is_file()]


def files_below(folder: Path) -> Iterator[Path]:
    """Every file of a folder of the copy, in no order."""
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)
