"""A chart as its copy holds it: its metadata, its sub-charts, and its templates by the names that Helm has for them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from kgate.model import Json, Location, Problem, child_pointer
from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import Token
from kgate.rendering.helm import semver
from kgate.rendering.helm.copy import (
    MAX_NESTING,
    ChartCopy,
    ChartError,
    Mount,
    files_below,
    subchart_folders,
    whole_file,
)
from kgate.textfile import read_bytes
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.text import SourceText, decode, find_span

MAX_NODES = 500
"""Charts and sub-charts of one chart, those with several aliases counted for each."""


class Metadata:
    """Chart.yaml, and requirements.yaml of older charts: what they say, and where."""

    @classmethod
    def of(cls, copy: ChartCopy) -> Metadata:
        """That of the top chart of a copy."""
        return cls(copy.folder, copy.mount(copy.folder))

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
        """True if the chart renders nothing itself, but is used by others."""
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
    """A YAML file of a chart. If it cannot be read or is not a mapping, ``value`` is empty; if it cannot be read,
    ``error`` says why."""

    path: Path
    mount: Mount
    source: SourceText
    root: Node | None
    value: Mapping[str, Json]
    error: str = ""

    @classmethod
    def read(cls, path: Path, mount: Mount) -> YamlFile:
        """Reads the first document of a file."""
        shown = mount.file
        try:
            text = decode(read_bytes(path))
            root = next(compose(text), None)
        except (OSError, UnicodeDecodeError, ManifestError) as error:
            reason = str(error.strerror if isinstance(error, OSError) else error)
            return cls(path, mount, SourceText(shown, ""), None, {}, reason)
        value = root.value if root is not None and isinstance(root.value, dict) else {}
        return cls(path, mount, SourceText(shown, text), root, value)

    def locate(self, pointer: str) -> Location:
        """The place of a field; the archive for one in an archive."""
        if self.mount.archive:
            return self.mount.whole
        if self.root is None:
            return whole_file(self.source.path)
        return self.source.place(find_span(self.root, pointer), pointer)


@dataclass(frozen=True, slots=True)
class ChartNode:
    """A chart or sub-chart: its folder in the copy, the name that Helm prints before ``/templates/``, the keys that
    lead to its values from those of the top chart, and its parent."""

    folder: Path
    name: str
    scope: tuple[str, ...]
    mount: Mount
    parent: ChartNode | None = None

    @classmethod
    def top(cls, copy: ChartCopy) -> ChartNode:
        """The chart itself."""
        return cls(copy.folder, Metadata.of(copy).name, (), copy.mount(copy.folder))

    @property
    def line(self) -> tuple[ChartNode, ...]:
        """The charts from the top one to this."""
        return (*(self.parent.line if self.parent else ()), self)

    @property
    def is_foreign(self) -> bool:
        """True for a chart that was fetched, and is not written where it lies: an archive, and a sub-chart whose
        dependency names a registry, with all below it."""
        if self.mount.archive or (self.parent is not None and self.parent.is_foreign):
            return True
        entries = self.parent.metadata().dependencies if self.parent is not None else ()
        own = [entry for entry in entries if str(entry.get("alias") or entry.get("name")) == self.scope[-1]]
        return any(not str(entry.get("repository") or "file:").startswith("file:") for entry in own)

    def metadata(self) -> Metadata:
        """What its Chart.yaml says now."""
        return Metadata(self.folder, self.mount)


def chart_nodes(copy: ChartCopy) -> tuple[ChartNode, ...]:
    """The chart and all its sub-charts, parents first; a sub-chart with several aliases counts several times. Raises
    ChartError beyond MAX_NODES and MAX_NESTING."""
    nodes = tuple(itertools.islice(_with_children(copy, ChartNode.top(copy)), MAX_NODES + 1))
    is_too_deep = any(len(node.scope) == MAX_NESTING and subchart_folders(node.folder) for node in nodes)
    if len(nodes) > MAX_NODES or is_too_deep:
        place = copy.mount(copy.folder).child("Chart.yaml")
        deep = f"holds sub-charts in more than {MAX_NESTING} layers, not judged"
        text = deep if is_too_deep else f"holds more than {MAX_NODES} sub-charts with their aliases, not judged"
        raise ChartError(Problem(place.file, None, text))
    return nodes


def _with_children(copy: ChartCopy, node: ChartNode) -> Iterator[ChartNode]:
    yield node
    folders = subchart_folders(node.folder) if len(node.scope) < MAX_NESTING else []
    dependencies = node.metadata().dependencies if folders else []
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
            other = f"may have the same name as that of {twin.mount.file}"
            text = f"sub-chart '{name}' {other}, so Helm takes either; remove one"
            raise ChartError(Problem(place.path, None if place.is_approximate else place.start.line, text))
        owners |= dict.fromkeys(names, chart)


def _fits(chart: Metadata, entry: Mapping[str, Json]) -> bool:
    return semver.satisfies(str(chart.chart.value.get("version") or ""), str(entry.get("version") or ""))


def _aliases(chart: Metadata, dependencies: Sequence[Mapping[str, Json]]) -> list[str]:
    """The names that a sub-chart may have among its siblings. It keeps its own if an entry asks for another version of
    it, because Helm then ignores the alias (chartutil/dependencies.go)."""
    entries = [entry for entry in dependencies if entry.get("name") == chart.name]
    fits = all(_fits(chart, entry) for entry in entries)
    return sorted(
        {str(entry.get("alias") or chart.name) for entry in entries} | (set() if entries and fits else {chart.name})
    )


@dataclass(frozen=True, slots=True)
class Template:
    """A file below ``templates/``: its key (the path in the copy), its path, what it is called in the repository, and
    its text, also as tokens; these are None if the text is not a template."""

    key: str
    path: Path
    mount: Mount
    text: str
    tokens: tuple[Token, ...] | None = field(repr=False)

    @property
    def is_partial(self) -> bool:
        """True if Helm renders it only where another template includes it."""
        return self.path.name.startswith("_")


def _read_templates(copy: ChartCopy, nodes: Iterable[ChartNode]) -> Iterator[Template]:
    """The templates of all charts, without NOTES.txt, which is not a manifest. Raises ChartError."""
    for folder in dict.fromkeys(node.folder for node in nodes):
        mount = copy.mount(folder)
        for path in sorted(files_below(folder / "templates")):
            key = path.relative_to(copy.folder).as_posix()
            if path.name.endswith("NOTES.txt"):
                continue
            if "\n" in key:  # Helm prints the names of templates, a line each
                raise ChartError(Problem(mount.file, None, "has a template with a line break in its name"))
            text = path.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff")
            yield Template(key, path, mount.child(path.relative_to(folder).as_posix()), text, _tokens(text))


def _tokens(text: str) -> tuple[Token, ...] | None:
    try:
        return tuple(gotemplate.tokens(text))
    except gotemplate.TemplateError:
        return None


@dataclass(frozen=True, slots=True)
class NamedTemplate:
    """A template, and the chart or sub-chart that Helm renders it for."""

    node: ChartNode
    template: Template


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that is ready to be rendered. ``file`` is where problems of the whole are reported, ``templates`` holds
    its templates by key, and ``names`` by the names that Helm has for them: several for a template of a sub-chart with
    several aliases."""

    file: str
    copy: ChartCopy
    nodes: tuple[ChartNode, ...]
    templates: Mapping[str, Template]
    names: Mapping[str, NamedTemplate]

    @property
    def kubernetes_range(self) -> str:
        """The versions of Kubernetes that it says it takes; empty if it says nothing."""
        return str(self.nodes[0].metadata().chart.value.get("kubeVersion") or "")

    @classmethod
    def read(cls, copy: ChartCopy, file: str) -> Chart:
        """The chart that a copy holds. Raises ChartError."""
        nodes = chart_nodes(copy)
        templates = {template.key: template for template in _read_templates(copy, nodes)}
        return cls(file, copy, nodes, templates, _named(copy, nodes, templates.values()))


def _named(copy: ChartCopy, nodes: Iterable[ChartNode], templates: Iterable[Template]) -> dict[str, NamedTemplate]:
    below: dict[Path, list[Template]] = {}
    for template in templates:
        parts = Path(template.key).parts
        below.setdefault(copy.folder / Path(*parts[: templates_depth(parts)]), []).append(template)
    return {
        f"{node.name}/{template.path.relative_to(node.folder).as_posix()}": NamedTemplate(node, template)
        for node in nodes
        for template in below.get(node.folder, ())
    }


def templates_depth(parts: Sequence[str]) -> int:
    """The index of ``templates`` in the path of a template: it follows the folders of sub-charts."""
    depth = 0
    while parts[depth] == "charts":
        depth += 2
    return depth
