"""The private copy of a chart: its sub-charts, its templates, and what each of them is called in the repository."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kgate.model import Json, Location, Note, Position, Problem, child_pointer
from kgate.rendering.helm import archive, ignore, semver
from kgate.rendering.workspace import CopyError, Workspace
from kgate.textfile import read_bytes
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.text import SourceText, decode, find_span

MAX_UNPACKED_BYTES = 256 << 20
MAX_UNPACKED_FILES = 20_000
MAX_NESTING = 8
"""How deep sub-charts may lie in sub-charts."""
MAX_NODES = 500


class ChartError(Exception):
    """A chart that cannot be prepared, with the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Mount:
    """What a folder of the copy is called in the repository: a folder, or a place in an archive, which
    stands for everything in it (``archive`` is then its path, ``inside`` where the folder lies in it)."""

    shown: str
    archive: str = ""
    inside: str = ""
    real: Path | None = None

    def child(self, name: str) -> Mount:
        """What a file or folder below is called."""
        if self.archive:
            return Mount(self.shown, self.archive, f"{self.inside}/{name}".lstrip("/"))
        return Mount(f"{self.shown}/{name}" if self.shown != "." else name)


def whole_file(path: str, *, is_approximate: bool = False) -> Location:
    """The place of a file as a whole: its first character."""
    return Location(path, Position(1, 1), Position(1, 1), is_approximate=is_approximate)


@dataclass(frozen=True, slots=True)
class ChartNode:
    """A chart or sub-chart: its folder in the copy, the name Helm prints before ``/templates/``, the keys that
    lead to its values from those of the top chart, and its parent."""

    folder: Path
    name: str
    scope: tuple[str, ...]
    mount: Mount
    parent: ChartNode | None = None


@dataclass(slots=True)
class ChartCopy:
    """A chart in the workspace. ``folder`` holds it, ``mounts`` says where parts of it came from,
    ``incomplete`` names sub-charts taken from the repository that lack dependencies, and ``notes`` tells of those taken
    in place of others."""

    folder: Path
    workspace: Workspace
    mounts: dict[Path, Mount] = field(default_factory=dict)
    incomplete: list[Path] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    files_left: int = MAX_UNPACKED_FILES
    bytes_left: int = MAX_UNPACKED_BYTES

    def admit(self, size: int) -> None:
        """Counts one more member of an archive. Raises ArchiveError beyond the bounds."""
        self.files_left -= 1
        self.bytes_left -= size
        if self.files_left < 0:
            raise archive.ArchiveError(f"it holds more than {MAX_UNPACKED_FILES:,} files")
        if self.bytes_left < 0:
            raise archive.ArchiveError(f"it holds more than {MAX_UNPACKED_BYTES >> 20} MiB")

    def mount(self, path: Path) -> Mount:
        """What a path of the copy is called in the repository."""
        for folder in (path, *path.parents):
            if folder in self.mounts:
                mount = self.mounts[folder]
                return mount if folder == path else mount.child(path.relative_to(folder).as_posix())
        raise KeyError(path)


def copy_chart(chart: Path, workspace: Workspace) -> ChartCopy:
    """The chart, copied or unpacked, with its packed sub-charts unpacked. Raises ChartError."""
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
        message = f"cannot be copied: {error.strerror}; mend its permissions"
        raise ChartError(Problem(shown, None, message)) from None
    if chart.is_dir():
        remove_ignored(copy, copy.folder)
    unpack_below(copy, copy.folder)
    return copy


def remove_ignored(copy: ChartCopy, folder: Path) -> None:
    """Removes what Helm does not load of a chart that is a folder in the repository. Raises ChartError."""
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
        shown = mount.archive or mount.shown
        target = charts / packed.stem
        while target.exists():
            target = target.with_name(target.name + "-packed")
        unpack(packed, target, copy, shown)
        _refuse_provenance(target, shown)
        packed.unlink()
        copy.mounts[target] = Mount(shown, shown, mount.inside)
    if depth < MAX_NESTING:
        for child in subchart_folders(folder):
            unpack_below(copy, child, depth + 1)


def unpack(packed: Path, target: Path, copy: ChartCopy, shown: str) -> None:
    """Unpacks the folder that a packed chart holds, within bounds. Raises ChartError."""
    scratch = target.with_name(target.name + ".unpacking")
    scratch.mkdir(parents=True)
    try:
        for name, data in archive.read(packed, copy.admit):
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
    except (archive.ArchiveError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        advice = "unpack it, or pack it again: helm package"
        raise ChartError(Problem(shown, None, f"cannot be unpacked: {reason}; {advice}")) from None
    if not (scratch / "Chart.yaml").is_file():
        raise ChartError(Problem(shown, None, "holds no chart (no Chart.yaml in a folder); pack it: helm package"))
    scratch.rename(target)


def _refuse_provenance(folder: Path, shown: str) -> None:
    """Raises ChartError for files of an unpacked sub-chart that Helm would take for the parent's (loader/load.go)."""
    found = next((path.relative_to(folder).as_posix() for path in _files(folder) if path.name.endswith(".prov")), None)
    if found is not None:
        text = f"cannot be unpacked: its member '{found}' would be none of the chart; leave it out"
        raise ChartError(Problem(shown, None, text))


def subchart_folders(folder: Path) -> list[Path]:
    """The folders of the sub-charts of a chart, as Helm takes them."""
    charts = folder / "charts"
    if not charts.is_dir():
        return []
    children = sorted(path for path in charts.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))
    return [path for path in children if (path / "Chart.yaml").is_file()]


class Metadata:
    """Chart.yaml, and requirements.yaml of older charts: what they say, and where."""

    def __init__(self, folder: Path, mount: Mount) -> None:
        self.folder = folder
        self.mount = mount
        self.chart = YamlFile.read(folder / "Chart.yaml", mount.child("Chart.yaml"))
        older = folder / "requirements.yaml"
        self.older = YamlFile.read(older, mount.child("requirements.yaml")) if older.is_file() else None
        own = self.chart.value.get("dependencies")
        self.source = self.older if own is None else None
        listed = (self.source or self.chart).value.get("dependencies")
        self.dependencies = [d if isinstance(d, dict) else {} for d in listed] if isinstance(listed, list) else []

    @property
    def name(self) -> str:
        """The chart's name."""
        return str(self.chart.value.get("name", ""))

    @property
    def is_library(self) -> bool:
        """Whether the chart is there for others alone."""
        return self.chart.value.get("type") == "library"

    @property
    def listing(self) -> YamlFile:
        """The file that lists the dependencies."""
        return self.source or self.chart

    def refuse_unclear(self) -> None:
        """Raises ChartError for what kgate may read differently than Helm, which takes keys of any case and reads
        requirements.yaml into the same object as Chart.yaml (loader/load.go, ``LoadFiles``)."""
        for file in filter(None, (self.chart, self.older)):
            if file.error:
                text = f"cannot be read, so the chart is not judged: {file.error}"
                raise ChartError(Problem(file.source.path, None, text))
            if not _PRINTABLE.fullmatch(self.name):  # Helm removes some letters
                raise _unclear(file, "/name", "has a name with letters beyond ASCII, so the chart is not judged")
            _refuse_other_case(file, "", file.value, _CHART_KEYS)
            for index, entry in enumerate(self.dependencies if file is self.listing else ()):
                _refuse_other_case(file, child_pointer("", "dependencies", index), entry, _DEPENDENCY_KEYS)
        if self.older is None:
            return
        for key in self.older.value:
            own = self.chart.value.get(key)
            is_list_alone = key == "dependencies" and own is None
            if key in _CHART_KEYS and not is_list_alone and own != self.older.value[key]:
                text = f"overwrites '{key}' of Chart.yaml, so the chart is not judged; keep one of them"
                raise _unclear(self.older, child_pointer("", key), text)


_PRINTABLE = re.compile("[ -~]*")
_CHART_KEYS = ("name", "version", "type", "dependencies")
_DEPENDENCY_KEYS = ("name", "version", "repository", "condition", "tags", "alias")


def _refuse_other_case(file: YamlFile, pointer: str, value: Mapping[str, Json], keys: Sequence[str]) -> None:
    for key in value:
        meant = str(key).casefold()
        if key not in keys and meant in keys:
            text = f"key '{key}' is '{meant}' for Helm, so the chart is not judged; write '{meant}'"
            raise _unclear(file, child_pointer(pointer, key), text)


def _unclear(file: YamlFile, pointer: str, text: str) -> ChartError:
    place = file.locate(pointer)
    return ChartError(Problem(place.path, None if place.is_approximate else place.start.line, text))


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A YAML file of a chart; of one that cannot be read or is no mapping, ``value`` is empty and
    ``error`` says why."""

    path: Path
    mount: Mount
    source: SourceText
    root: Node | None
    value: Mapping[str, Json]
    error: str = ""

    @classmethod
    def read(cls, path: Path, mount: Mount) -> YamlFile:
        """The first document of a file."""
        shown = mount.archive or mount.shown
        try:
            text = decode(read_bytes(path))
            root = next(compose(text), None)
        except (OSError, UnicodeDecodeError, ManifestError) as error:
            reason = str(error.strerror if isinstance(error, OSError) else error)
            return cls(path, mount, SourceText(shown, ""), None, {}, reason)
        value = root.value if root is not None and isinstance(root.value, dict) else {}
        return cls(path, mount, SourceText(shown, text), root, value)

    def locate(self, pointer: str) -> Location:
        """The place of a field; in an archive, the archive."""
        if self.root is None or self.mount.archive:
            return whole_file(self.source.path, is_approximate=bool(self.mount.archive))
        return self.source.place(find_span(self.root, pointer), pointer)


def chart_nodes(copy: ChartCopy) -> list[ChartNode]:
    """The chart and all its sub-charts, parents first; a sub-chart with several aliases counts several times. Raises
    ChartError beyond MAX_NODES."""
    top = ChartNode(copy.folder, Metadata(copy.folder, copy.mount(copy.folder)).name, (), copy.mount(copy.folder))
    nodes = list(itertools.islice(_with_children(copy, top), MAX_NODES + 1))
    is_too_deep = any(len(node.scope) == MAX_NESTING and subchart_folders(node.folder) for node in nodes)
    if len(nodes) > MAX_NODES or is_too_deep:
        place = copy.mount(copy.folder).child("Chart.yaml")
        deep = f"holds sub-charts in more than {MAX_NESTING} layers, not judged"
        text = deep if is_too_deep else f"holds more than {MAX_NODES} sub-charts with their aliases, not judged"
        raise ChartError(Problem(place.archive or place.shown, None, text))
    return nodes


def _with_children(copy: ChartCopy, node: ChartNode) -> Iterator[ChartNode]:
    yield node
    folders = subchart_folders(node.folder) if len(node.scope) < MAX_NESTING else []
    dependencies = Metadata(node.folder, node.mount).dependencies if folders else []
    charts = [Metadata(folder, copy.mount(folder)) for folder in folders]
    for chart in charts:
        chart.refuse_unclear()
    _refuse_twins(charts, dependencies)
    for chart in charts:
        for alias in _aliases(chart, dependencies):
            name = f"{node.name}/charts/{alias}"
            yield from _with_children(copy, ChartNode(chart.folder, name, (*node.scope, alias), chart.mount, node))


def _refuse_twins(charts: Sequence[Metadata], dependencies: Sequence[Mapping[str, Json]]) -> None:
    """Raises ChartError for sub-charts that Helm calls by one name: which of their templates it takes is chance."""
    owners: dict[str, Metadata] = {}
    shared = {name for name, count in Counter(chart.name for chart in charts).items() if count > 1}
    for chart in charts:
        entries = [entry for entry in dependencies if entry.get("name") == chart.name]
        names = {str(entry.get("alias") or chart.name) for entry in entries if _fits(chart, entry)} or {chart.name}
        if chart.name in shared and not all(semver.is_simple(str(entry.get("version"))) for entry in entries):
            names.add(chart.name)
        twin = next((owners[name] for name in sorted(names) if name in owners), None)
        if twin is not None:
            place, name = chart.chart.locate("/name"), chart.name
            other = twin.mount.archive or twin.mount.shown
            text = f"sub-chart '{name}' may have the same name as that of {other}, so Helm takes either; remove one"
            raise ChartError(Problem(place.path, None if place.is_approximate else place.start.line, text))
        owners |= dict.fromkeys(names, chart)


def _fits(chart: Metadata, entry: Mapping[str, Json]) -> bool:
    return semver.satisfies(str(chart.chart.value.get("version") or ""), str(entry.get("version") or ""))


def _aliases(chart: Metadata, dependencies: Sequence[Mapping[str, Json]]) -> list[str]:
    """The names that a sub-chart may have among its siblings. It keeps its own where an entry asks for another
    version of it, for then Helm takes no notice of the alias (chartutil/dependencies.go)."""
    entries = [entry for entry in dependencies if entry.get("name") == chart.name]
    fits = all(_fits(chart, entry) for entry in entries)
    return sorted(
        {str(entry.get("alias") or chart.name) for entry in entries} | (set() if entries and fits else {chart.name})
    )


@dataclass(frozen=True, slots=True)
class Template:
    """A file below ``templates/``: its key (the path in the copy), place, names in the repository, and text."""

    key: str
    path: Path
    mount: Mount
    text: str

    @property
    def is_partial(self) -> bool:
        """Whether Helm takes it for helper templates only."""
        return self.path.name.startswith("_")


def read_templates(copy: ChartCopy, nodes: list[ChartNode]) -> dict[str, Template]:
    """The templates of all charts by key, without NOTES.txt, which is no manifest. Raises ChartError."""
    found: dict[str, Template] = {}
    for folder in dict.fromkeys(node.folder for node in nodes):
        mount = copy.mount(folder)
        for path in sorted(_files(folder / "templates")):
            key = path.relative_to(copy.folder).as_posix()
            relative = path.relative_to(folder).as_posix()
            if path.name.endswith("NOTES.txt"):
                continue
            if "\n" in key:  # Helm prints the names of templates, a line each
                raise ChartError(
                    Problem(mount.archive or mount.shown, None, "has a template with a line break in its name")
                )
            text = path.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff")
            found[key] = Template(key, path, mount.child(relative), text)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)
