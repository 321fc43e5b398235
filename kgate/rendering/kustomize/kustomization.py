"""Reads kustomization files: which folders and files they use, what they would fetch, and which are roots."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TypeAlias

from kgate.elsewhere.wanted import Wanted
from kgate.rendering.detect import KUSTOMIZATION_NAMES
from kgate.rendering.kustomize import names
from kgate.rendering.kustomize.nodes import get, items
from kgate.rendering.kustomize.parsed import compose_first
from kgate.repository import OutsideError, Repository
from kgate.urls import shown_url
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.text import SourceText, decode


class KustomizationError(Exception):
    """A folder whose kustomization cannot be read; ``path`` is the file, or the folder that has none."""

    def __init__(self, path: Path, line: int | None, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.line = line


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to a local file or folder. ``key`` is the field that holds it, ``offset`` its place in the
    kustomization file; ``lexical`` is the path as kustomize joins it, ``real`` the same without links."""

    key: str
    text: str
    offset: int
    lexical: Path
    real: Path
    is_folder: bool

    @property
    def is_configuration(self) -> bool:
        """True if it configures kustomize and adds no resources."""
        return self.key in _CONFIGURATION


@dataclass(frozen=True, slots=True)
class Remote:
    """A reference that kustomize would fetch. ``key`` is the field that holds it, ``offset`` its place in the
    kustomization file."""

    line: int
    text: str
    key: str = field(default="", compare=False)
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class RemoteData:
    """A reference to data of a ConfigMap or Secret that kustomize would fetch; ``offset`` is its place in the
    kustomization file, and ``has_name`` is True if it names the key of the data, as files do."""

    line: int
    text: str
    offset: int
    has_name: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """A reference that kustomize must not be shown: one that leaves the repository, or is not a path."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class HelmChart:
    """An entry of ``helmCharts``. ``place`` is where kustomize looks for the chart, ``folder`` the same if it is there,
    else None; ``pointer`` is the entry, ``pull`` the command that puts the chart there, and ``wanted`` what
    that fetches."""

    name: str
    line: int
    pointer: str
    place: Path
    folder: Path | None
    pull: str = ""
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class OptionLike:
    """A value that helm would take for an option, since it starts with a dash; ``field`` names it."""

    line: int
    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Patch:
    """An entry that patches: a file, or text inside the kustomization (``node`` is its scalar). ``target`` is its
    selector, empty where the patch itself names what it patches."""

    link: Link | None
    node: Node | None = field(compare=False)
    target: Node | None = field(compare=False)


@dataclass(frozen=True, slots=True)
class Kustomization:
    """One kustomization file; every folder and file that it uses, in every role, if it exists."""

    folder: Path
    path: Path
    source: SourceText = field(compare=False)
    root: Node = field(compare=False)
    links: tuple[Link, ...]
    remotes: tuple[Remote, ...]
    charts: tuple[HelmChart, ...]
    option_likes: tuple[OptionLike, ...] = ()
    faults: tuple[Fault, ...] = ()
    remote_data: tuple[RemoteData, ...] = ()

    @property
    def is_component(self) -> bool:
        """True if it is of kind Component, which only a ``components`` field can include."""
        return bool(self.root.value.get("kind") == "Component")

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that it includes, resolved."""
        return tuple(dict.fromkeys(link.real for link in self.links if link.is_folder))

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it uses, resolved, itself left out."""
        return tuple(dict.fromkeys(link.real for link in self.links if not link.is_folder))

    @property
    def chart_folders(self) -> tuple[Path, ...]:
        """The charts that it renders, resolved."""
        return tuple(Path(os.path.realpath(chart.folder)) for chart in self.charts if chart.folder is not None)

    @property
    def patches(self) -> tuple[Patch, ...]:
        """Its patches in the order in which kustomize applies them."""
        return tuple(_patches(self))

    def field(self, name: str) -> Node | None:
        """The node of one of its top-level fields."""
        return get(self.root, name)

    def items(self, name: str) -> Sequence[Node]:
        """The nodes of a top-level list; none where it is absent or not a list."""
        return items(self.root, name)


def find(folder: Path) -> Path | None:
    """The kustomization file of a folder, or None, also where the name is too long for one."""
    return next((folder / name for name in KUSTOMIZATION_NAMES if os.path.isfile(folder / name)), None)


def read(folder: Path, repository: Repository) -> Kustomization:
    """The kustomization of a folder. Raises KustomizationError if there is none or it cannot be read."""
    folder = Path(os.path.realpath(folder))
    path = find(folder)
    if path is None:
        raise KustomizationError(folder, None, "has no kustomization file")
    try:
        text = decode(repository.read_bytes(path))
    except OutsideError as error:
        raise KustomizationError(path, None, f"{error.strerror}, so what it builds is not judged") from None
    except OSError as error:
        raise KustomizationError(path, None, f"cannot be read: {error.strerror}; fix its permissions") from None
    except UnicodeDecodeError:
        raise KustomizationError(path, None, "is not UTF-8 text; re-encode it") from None
    return parse(folder, path, text, repository)


def parse(folder: Path, path: Path, text: str, repository: Repository, own: Path | None = None) -> Kustomization:
    """The kustomization that a text is, in a folder; what it names is looked for in the repository alone, and in
    ``own``, a folder of kgate's files.

    Raises KustomizationError.
    """
    root = _root(path, text)
    place = _Place(folder, repository, own)
    found: list[_Found] = []
    option_likes = list(_option_likes(root))
    for reference in (*_references(root), *_inline_references(root)):
        target = place.resolve(reference)
        found += target
        for link in target:
            if isinstance(link, Link) and link.key in _PLUGINS and not link.is_folder:
                plugin = _text(link.real, repository)
                option_likes += _options_of_plugins(plugin, reference.node)
                for other in _plugin_references(plugin, reference.node):
                    found += place.resolve(other)
    found += place.charts(root)
    return Kustomization(
        folder,
        path,
        SourceText(str(path), text),
        root,
        links=tuple(item for item in found if isinstance(item, Link)),
        remotes=tuple(item for item in found if isinstance(item, Remote)),
        charts=tuple(item for item in found if isinstance(item, HelmChart)),
        option_likes=tuple(option_likes),
        faults=tuple(item for item in found if isinstance(item, Fault)),
        remote_data=tuple(item for item in found if isinstance(item, RemoteData)),
    )


def _root(path: Path, text: str) -> Node:
    try:
        root = compose_first(text)
    except ManifestError as error:
        raise KustomizationError(path, error.line, f"{error}; so what it builds is not judged") from None
    if root is None:
        raise KustomizationError(path, None, "is empty, so what it builds is not judged")
    if not isinstance(root.value, dict):
        raise KustomizationError(path, root.start.line + 1, "must be a mapping, so what it builds is not judged")
    for line, key, name in sorted(names.misspelt(root)):
        message = f"kustomize takes '{key}' for {name}, so what it builds is not judged; write {name}"
        raise KustomizationError(path, line, message)
    return root


# ------------------------------------------------------------------------------------- references

_MIXED = ("resources", "bases", "components", "generators", "transformers", "validators")
_PLUGINS = ("generators", "transformers", "validators")
_FILES = ("crds", "configurations", "patchesStrategicMerge")
_CONFIGURATION = {*_PLUGINS, "crds", "configurations", "openapi", "replacements", "helmCharts", "valuesFile"}
_CONFIGURATION |= {"files", "envs", "env"}
_MAYBE_TEXT = (*_PLUGINS, "patches", "patchesStrategicMerge", "paths")
"""Fields that hold paths or the text itself: kustomize takes for a path what it cannot read as objects."""
_PLUGIN_KEYS = ("path", "paths", "files", "envs", "env", "valuesFile", "additionalValuesFiles", "chartHome")
_PLUGIN_LISTS = ("items", "replacements")
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class _Reference:
    key: str
    node: Node = field(compare=False)
    text: str
    may_be_text: bool = False
    is_data: bool = False
    is_of_plugin: bool = False

    @property
    def line(self) -> int:
        return int(self.node.start.line) + 1

    @property
    def shown(self) -> str:
        """The text in one line, cut off where it is long."""
        text = " ".join(self.text.split())
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _references(root: Node) -> Iterator[_Reference]:
    """Every path or URL that the fields of a kustomization hold (kustomize, api/types)."""
    for key in (*_MIXED, *_FILES):
        yield from _texts(key, get(root, key))
    for key in ("patches", "patchesJson6902", "replacements"):
        for item in items(root, key):
            yield from _texts(key, item) if isinstance(item.value, str) else _paths(key, get(item, "path"))
    yield from _texts("openapi", get(get(root, "openapi"), "path"))
    for generator in (*items(root, "configMapGenerator"), *items(root, "secretGenerator")):
        for key in ("files", "envs", "env"):
            yield from (replace(found, is_data=True) for found in _texts(key, get(generator, key)))
    for chart in (*items(root, "helmCharts"), *items(root, "helmChartInflationGenerator")):
        for key in ("valuesFile", "additionalValuesFiles", "values"):
            yield from _texts("valuesFile", get(chart, key))


def _texts(key: str, node: Node | None) -> Iterator[_Reference]:
    """The strings of a field that is one or a list of them."""
    for reference in _paths(key, node):
        yield replace(reference, may_be_text=key in _MAYBE_TEXT)


def _paths(key: str, node: Node | None) -> Iterator[_Reference]:
    """The same for a field that never holds the text itself."""
    for item in items(node) or ([node] if node is not None else ()):
        if isinstance(item.value, str) and item.value:
            yield _Reference(key, item, item.value)
            _, sign, path = item.value.partition("=")
            if key == "files" and sign:  # the key of the data, and its file
                yield _Reference(key, item, path)


_Found: TypeAlias = Link | Remote | RemoteData | Fault | HelmChart


@dataclass(frozen=True, slots=True)
class _Place:
    """The folder of a kustomization, where its paths start, and what they must not leave."""

    folder: Path
    repository: Repository
    own: Path | None

    def resolve(self, reference: _Reference) -> Iterator[_Found]:
        """What a reference leads to. Only paths in the repository are checked for existence, so that no message reveals
        what exists outside.
        """
        text = reference.text
        lexical = self._join(text)
        is_folder, is_file = False, False
        if lexical is not None:  # a name may be too long to ask for
            is_folder, is_file = os.path.isdir(lexical), os.path.isfile(lexical)
        exists = is_folder or is_file
        if is_remote(text, may_be_folder=reference.key in _MIXED, is_file=is_file, exists=exists):
            yield self._remote(reference)
        elif not is_path(text) and (exists or not reference.may_be_text):
            message = f"{reference.shown} is not a path, so what it builds is not judged; write it in one line"
            yield Fault(reference.line, message)
        elif lexical is None:
            yield Fault(
                reference.line, f"{reference.shown} leads out of the repository, so what it builds is not judged"
            )
        elif is_file or (is_folder and reference.key in _MIXED):
            real = Path(os.path.realpath(lexical))
            yield Link(reference.key, text, reference.node.start.index, lexical, real, is_folder)
        elif not exists and self._must_exist(reference):
            place = self.repository.shown(lexical)
            advice = "add it, remove this, or list the folder in .kgateignore if another step makes the file"
            message = f"{reference.key}: there is no {place}, so what it builds is not judged; {advice}"
            yield Fault(reference.line, message)

    def _must_exist(self, reference: _Reference) -> bool:
        """True if kustomize stops where a path leads nowhere: it is not text, nor the key of data with its file, nor a
        field of a plugin, nor in a kustomization that kgate made. What helm takes for an option is another fault."""
        is_key = reference.key == "files" and "=" in reference.text
        is_option = reference.key == "valuesFile" and reference.text.startswith("-")
        return not (self.own is not None or reference.may_be_text or reference.is_of_plugin or is_key or is_option)

    @staticmethod
    def _remote(reference: _Reference) -> Remote | RemoteData:
        line, text = reference.line, reference.text
        if not reference.is_data or "=" in text:
            return Remote(line, text, reference.key, reference.node.start.index)
        return RemoteData(line, text, reference.node.start.index, has_name=reference.key == "files")

    def charts(self, root: Node) -> Iterator[_Found]:
        """The charts that the fields of a kustomization name."""
        home = get(get(root, "helmGlobals"), "chartHome")
        for index, item in enumerate(items(root, "helmCharts")):
            if isinstance(item.value, dict):
                place = home.value if home is not None and isinstance(home.value, str) else "charts"
                yield self._chart(place, item, f"/helmCharts/{index}")
        for index, item in enumerate(items(root, "helmChartInflationGenerator")):
            if isinstance(item.value, dict):
                place = str(item.value.get("chartHome") or "charts")
                yield self._chart(place, item, f"/helmChartInflationGenerator/{index}")

    def _chart(self, home: str, item: Node, pointer: str) -> HelmChart | Fault:
        """A chart, looked for where kustomize does: below the home, and with a repository and a version below a folder
        that is called by name and version (HelmChartInflationGenerator.go, ``absChartHome``)."""
        name, repository, version = (
            str(item.value.get(key) or item.value.get(older) or "")
            for key, older in (("name", "chartName"), ("repo", "chartRepo"), ("version", "chartVersion"))
        )
        base = os.path.join(home, f"{name}-{version}") if version and repository else home
        place = self._join(os.path.join(base, name))
        line = item.start.line + 1
        if place is None:
            return Fault(line, f"chart {name} leads out of the repository, so it is not judged")
        is_there = name and os.path.isfile(place / "Chart.yaml")
        pull = _pull(name, repository, version, self.repository.shown(place.parent))
        wanted = Wanted.chart(repository, name, version) if repository and name else None
        return HelmChart(name, line, pointer, place, place if is_there else None, pull, wanted)

    def _join(self, text: str) -> Path | None:
        """The path as kustomize joins it; None if it leaves the repository, by its letters or by links."""
        lexical = Path(os.path.normpath(os.path.join(self.folder, text)))
        if self.own is not None and lexical.is_relative_to(self.own):
            return lexical
        return lexical if self.repository.reaches(lexical) else None


def _pull(name: str, repository: str, version: str, folder: str) -> str:
    """The command that fetches a chart into a folder; empty without a repository."""
    if not repository:
        return ""
    url = shown_url(repository)
    chart = f"{url.rstrip('/')}/{name}" if url.startswith("oci://") else f"{name} --repo {url}"
    return f"helm pull {chart}{f' --version {version}' if version else ''} --untar --untardir {folder}"


def is_path(text: str) -> bool:
    """True if a text can be the path of a file: no line breaks, and nothing that file systems refuse."""
    return not re.search("[\0\n\ud800-\udfff]", text)


_URL = re.compile(r"https?:", re.I)
_REPOSITORY = re.compile(r"(?:git::)?(?:(?:ssh|https?|file)://|[a-z][a-z0-9-]*@|github\.com[:/])", re.I)
_LOOKS_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*://|^git::|[?&](?:ref|version)=|_git/", re.I)


def is_remote(text: str, *, may_be_folder: bool, is_file: bool, exists: bool) -> bool:
    """True if kustomize fetches it (api/internal/loader/fileloader.go and api/internal/git/repospec.go).

    A URL is asked for before anything local, a repository before a local folder and after a local file; what
    does not exist and looks like either to older versions counts too.
    """
    if _URL.match(text):
        return True
    if may_be_folder and _REPOSITORY.match(text) and not is_file:
        return True
    return not exists and is_path(text) and bool(_LOOKS_REMOTE.search(text))


def _inline_references(root: Node) -> Iterator[_Reference]:
    """The files that generators and transformers written inside the kustomization name."""
    for key in _PLUGINS:
        for item in items(root, key):
            if isinstance(item.value, str):
                yield from _plugin_references(item.value, item)


def _plugins(text: str) -> list[Node]:
    """The configurations of generators or transformers in a text; none if kustomize cannot read it either."""
    try:
        return list(compose(text))
    except ManifestError:
        return []


def _plugin_references(text: str, node: Node) -> Iterator[_Reference]:
    """The files that the configuration of a generator or transformer names; their place is ``node``."""
    pending = _plugins(text)
    while pending:
        current = pending.pop()
        pending += [item for key in _PLUGIN_LISTS for item in items(current, key)]
        for key in _PLUGIN_KEYS:
            for reference in _texts(key, get(current, key)):
                yield replace(reference, key="files", node=node, is_of_plugin=True)


def _text(path: Path, repository: Repository) -> str:
    """The text of a small file; empty if it cannot be read, which kustomize itself complains about."""
    try:
        return decode(repository.read_bytes(path))
    except (OSError, UnicodeDecodeError):
        return ""


def _patches(kustomization: Kustomization) -> Iterator[Patch]:
    links = {link.offset: link for link in kustomization.links if not link.is_folder}
    for key in ("patchesStrategicMerge", "patches", "patchesJson6902"):
        for item in kustomization.items(key):
            if isinstance(item.value, str):
                yield Patch(links.get(item.start.index), item, None)
                continue
            path, text = get(item, "path"), get(item, "patch")
            link = links.get(path.start.index) if path is not None else None
            if link is not None or text is not None:
                yield Patch(link, text, get(item, "target"))


_VALUES = ("valuesInline", "valuesLocal")
"""Fields of a chart that reach helm in a file."""


def _option_likes(root: Node) -> Iterator[OptionLike]:
    """The values of the fields about charts, and of plugins written inside the kustomization, that start with a dash:
    kustomize hands them to helm as arguments (kustomize, api/types/helmchartargs.go)."""
    for key in ("helmCharts", "helmGlobals", "helmChartInflationGenerator"):
        node = get(root, key)
        yield from _starting_with_dash(node, key) if node is not None else ()
    for key in _PLUGINS:
        for item in items(root, key):
            if isinstance(item.value, str):
                yield from _options_of_plugins(item.value, item)


def _options_of_plugins(text: str, node: Node) -> Iterator[OptionLike]:
    """The same for the configuration of a plugin; the place is that of ``node``, which names it."""
    for root in _plugins(text):
        if isinstance(root.value, dict) and root.value.get("kind") == "HelmChartInflationGenerator":
            for found in _starting_with_dash(root, "HelmChartInflationGenerator"):
                yield replace(found, line=node.start.line + 1)


def _starting_with_dash(node: Node, where: str) -> Iterator[OptionLike]:
    pending = [(node, where)]
    while pending:
        node, where = pending.pop()
        if isinstance(node.value, str) and node.value.startswith("-"):
            yield OptionLike(node.start.line + 1, where, node.value)
        pending += [(item, f"{where}[{index}]") for index, item in enumerate(node.items or ())]
        pending += [(m, f"{where}.{key}") for key, (_, _, m) in (node.fields or {}).items() if key not in _VALUES]
