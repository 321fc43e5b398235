"""Dependencies that a chart does not hold: found in the repository, switched off by the values, or reported."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from kgate.elsewhere.fetched import Fetched
from kgate.elsewhere.wanted import Asked, Wanted
from kgate.model import PULL, Json, Location, Note, Problem, Unjudged, child_pointer
from kgate.rendering import process
from kgate.rendering.helm import semver
from kgate.rendering.helm.chart import ChartNode, Metadata, YamlFile
from kgate.rendering.helm.copy import (
    MAX_NESTING,
    ChartCopy,
    ChartError,
    Mount,
    remove_ignored,
    subchart_folders,
    unpack,
    unpack_below,
)
from kgate.rendering.helm.release import Release
from kgate.rendering.helm.values import ValuesReader
from kgate.rendering.jsontext import json_text
from kgate.rendering.sandbox import Reach
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import CopyError
from kgate.repository import Repository
from kgate.urls import shown_url
from kgate.values import dataclass

Dependency = Mapping[str, Json]
_LOCAL = "file://"


@dataclass(frozen=True, slots=True)
class Missing:
    """A dependency that is not in ``charts/``, and the place that asks for it."""

    index: int
    entry: Dependency
    location: Location

    @property
    def label(self) -> str:
        """Its name and version, as Chart.yaml has them."""
        return f"{self.entry.get('name', '')} {self.entry.get('version', '')}".strip()


def vendor(copy: ChartCopy, fetched: Fetched) -> list[Missing]:
    """Copies dependencies into the chart: those of ``file://``, folders of the repository next to the chart with the
    name and a fitting version, and what was fetched. Returns those that are still missing. Raises ChartError."""
    real = copy.mount(copy.folder).real
    return _vendor(copy, copy.folder, real, fetched, 0)


def _vendor(copy: ChartCopy, folder: Path, real: Path | None, fetched: Fetched, depth: int) -> list[Missing]:
    metadata = Metadata(folder, copy.mount(folder))
    missing = find_missing(metadata)
    if depth > MAX_NESTING:
        return missing
    for item in missing:
        source = _in_repository(copy, real, item.entry) if real is not None else None
        if source is None:
            target = _put_fetched(copy, metadata, item, fetched)
            if target is not None and _vendor(copy, target, None, fetched, depth + 1):
                copy.incomplete.append(target)
            continue
        target = folder / "charts" / str(item.entry["name"])
        if target.exists():
            continue
        try:
            copy.workspace.copy(source, target)
        except CopyError as error:
            raise ChartError(Problem(copy.workspace.repository.shown(error.path), None, str(error))) from None
        copy.mounts[target] = Mount(copy.workspace.repository.shown(source), real=source)
        remove_ignored(copy, target)
        copy.notes += _replacement(item, copy.mounts[target].shown)
        unpack_below(copy, target, depth + 1)
        if _vendor(copy, target, source, fetched, depth + 1):
            copy.incomplete.append(target)
    return find_missing(metadata)


def local_dependencies(folder: Path, real: Path) -> Iterator[tuple[str, Path]]:
    """The name of each dependency of ``file://``, and where its chart would be; ``real`` is where the chart in a folder
    comes from."""
    for entry in Metadata(folder, Mount("")).dependencies:
        name, url = entry.get("name"), str(entry.get("repository") or "")
        if url.startswith(_LOCAL) and isinstance(name, str) and _NAME.fullmatch(name) and "\0" not in url:
            yield name, Path(os.path.normpath(real / url.removeprefix(_LOCAL)))


def _put_fetched(copy: ChartCopy, metadata: Metadata, item: Missing, fetched: Fetched) -> Path | None:
    """Puts a dependency into the copy if it was fetched from its repository. Returns its folder. Raises ChartError."""
    wanted = _wanted(metadata, item.entry)
    if wanted is None:
        return None
    by = f"Chart {metadata.name}"
    fetched.ask([Asked(wanted, item.location.path, item.location.start.line, by)])
    locked = fetched.find(wanted)
    content = fetched.read(locked) if locked is not None else None
    if locked is None or content is None:
        return None
    target = metadata.folder / "charts" / locked.file.removesuffix(".tgz")
    if target.exists():
        return None
    path = item.location.path
    unpack(content, target, copy, path)
    copy.mounts[target] = Mount(path, path, locked.file, asked=item.location)
    unpack_below(copy, target)
    return target


def _wanted(metadata: Metadata, entry: Dependency) -> Wanted | None:
    """What a dependency asks for: the version of the lock file if that is up to date, as ``helm dependency build``
    does; None without a URL."""
    name, repository = entry.get("name"), str(entry.get("repository") or "")
    if not isinstance(name, str) or not re.match("(?:https?|oci)://", repository):
        return None
    locked = None if _is_out_of_date(metadata) else (_locked(metadata) or {}).get(name)
    return Wanted.chart(repository, name, locked.version if locked is not None else str(entry.get("version") or ""))


def _replacement(item: Missing, shown: str) -> list[Note]:
    """A note if a chart of the repository is judged although another place is named."""
    if str(item.entry.get("repository") or "").startswith(_LOCAL):
        return []
    text = f"dependency {item.label}{_from(item)} is not in charts/; {shown} is judged in its place"
    return [Note(item.location.path, item.location.start.line, text)]


def _from(item: Missing) -> str:
    """Where a dependency is fetched from, in words; empty if its entry does not say so."""
    repository = str(item.entry.get("repository") or "")
    return f" from {shown_url(repository)}" if repository and not repository.startswith(_LOCAL) else ""


def find_missing(metadata: Metadata) -> list[Missing]:
    """The dependencies of which no sub-chart in the copy has the name, as Helm checks it."""
    present = {Metadata(folder, metadata.mount.child(f"charts/{folder.name}")).name for folder in _children(metadata)}
    listing = metadata.listing
    return [
        Missing(index, entry, listing.locate(child_pointer("", "dependencies", index)))
        for index, entry in enumerate(metadata.dependencies)
        if entry.get("name") not in present
    ]


def _children(metadata: Metadata) -> list[Path]:
    return subchart_folders(metadata.folder)


def _in_repository(copy: ChartCopy, real: Path, entry: Dependency) -> Path | None:
    """The folder in the repository that a dependency refers to, or None."""
    name, url, repository = entry.get("name"), str(entry.get("repository") or ""), copy.workspace.repository
    here = repository.resolve(real)
    if here is None or not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    if url.startswith(_LOCAL):
        path = repository.resolve(real / url.removeprefix(_LOCAL))
        return path if path is not None and is_chart(path, name, repository) else None
    path = here.parent / name
    if path == real or not is_chart(path, name, repository):
        return None
    version = str(YamlFile.read(path / "Chart.yaml", Mount("")).value.get("version", ""))
    return path if semver.satisfies(version, str(entry.get("version") or "")) else None


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_chart(path: Path, name: str, repository: Repository) -> bool:
    """True if a folder of the repository is the chart of that name."""
    chart = path / "Chart.yaml"
    inside = repository.holds(chart)
    return inside and chart.is_file() and YamlFile.read(chart, Mount("")).value.get("name") == name


def is_switched_off(metadata: Metadata, entry: Dependency, values: Json, *, is_top: bool) -> bool:
    """True if the values of a chart, without those of its sub-charts, certainly switch off a dependency.

    The first path of ``condition`` that leads to a boolean decides. If none does, one tag that is true is enough to
    switch it on (chartutil/dependencies.go). A path may also lead into values of a sub-chart, which are not known here.
    Below the top chart, Helm merges the tags of the top chart with the chart's own, so they prove nothing.
    """
    condition, tags = str(entry.get("condition") or ""), entry.get("tags")
    if not _PLAIN.fullmatch(condition):  # Helm removes letters that cannot be printed
        return False
    subcharts = {item.get("alias") or item.get("name") for item in metadata.dependencies}
    for path in filter(None, condition.strip(" ").split(",")):
        value = values
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, bool):
            return not value
        if path.partition(".")[0] in subcharts:
            return False
    given = values.get("tags") if is_top and isinstance(values, dict) else None
    if not isinstance(given, dict) or not isinstance(tags, list) or not all(map(_is_plain, tags)):
        return False
    states = [given.get(tag) for tag in tags]
    return False in states and True not in states


_PLAIN = re.compile(r"[ -~]*")


def _is_plain(value: Json) -> bool:
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None


def stand_in(folder: Path, missing: Missing) -> Path | None:
    """Writes a chart in place of a dependency that is switched off, so that Helm proves it: if it is not, a template
    of the chart is rendered. Returns its folder, or None for a name that no folder can have."""
    name, ranges = missing.entry.get("name"), str(missing.entry.get("version") or "")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    target = folder / "charts" / name
    while target.exists():
        target = target.with_name(target.name + "-absent")
    (target / "templates").mkdir(parents=True)
    chart = {"apiVersion": "v2", "name": name, "version": semver.lowest(ranges)}
    (target / "Chart.yaml").write_text(json_text(chart), encoding="utf-8")
    (target / "templates/on.yaml").write_text("is: rendered\n", encoding="utf-8")
    return target


class Switches:
    """Which dependencies and sub-charts the values of a release switch off."""

    def __init__(self, values: ValuesReader) -> None:
        self._values = values

    def is_off(self, node: ChartNode, release: Release, entries: Iterable[Dependency]) -> bool:
        """True if values certainly switch off a dependency of a chart, in whichever of these entries it is listed."""
        values, metadata = self._values.of(release, node).body(), node.metadata()
        return all(is_switched_off(metadata, entry, values, is_top=node.parent is None) for entry in entries)

    def is_on(self, node: ChartNode, release: Release) -> bool:
        """True unless values certainly switch off a sub-chart."""
        if node.parent is None:
            return True
        alias = node.scope[-1]
        entries = node.parent.metadata().dependencies
        own = [entry for entry in entries if alias == (entry.get("alias") or entry.get("name"))]
        is_off = bool(own) and self.is_off(node.parent, release, own)
        return not is_off and self.is_on(node.parent, release)


class StandIns:
    """The dependencies that a chart lacks, and the charts that stand in for those that a release switches off."""

    def __init__(self, copy: ChartCopy, missing: Sequence[Missing], switches: Switches) -> None:
        self._missing = missing
        self._switches = switches
        self._top = ChartNode.top(copy)
        self._metadata = Metadata.of(copy)
        self._written: list[Path] = []

    def write(self, release: Release, *, without_others: bool) -> tuple[Unjudged, ...]:
        """Prepares the copy for a release. Returns the others, which it does not switch off; the list of the copy no
        longer names them if the chart is to be rendered without them."""
        if not self._missing:
            return ()
        for folder in self._written:
            shutil.rmtree(folder)
        off = [item for item in self._missing if self._switches.is_off(self._top, release, [item.entry])]
        self._written = [path for item in off if (path := stand_in(self._top.folder, item))]
        others = [item for item in self._missing if item not in off]
        if not without_others:
            return tuple(unjudged_chart(item, self._metadata) for item in others)
        write_without(self._metadata, others)
        return tuple(unjudged_dependency(item) for item in others)


def nested(copy: ChartCopy, nodes: Iterable[ChartNode], release: Release, switches: Switches) -> Iterator[Unjudged]:
    """What sub-charts lack that were taken from the repository; Helm renders without asking for it."""
    for node in nodes if copy.incomplete else ():
        if node.folder in copy.incomplete and switches.is_on(node, release):
            for item in find_missing(node.metadata()):
                if not switches.is_off(node, release, [item.entry]):
                    yield unjudged_dependency(item)


def unjudged_chart(missing: Missing, metadata: Metadata) -> Unjudged:
    """A chart that is not judged, as a dependency is missing, and what to run."""
    shown = metadata.mount.shown
    verb = "update" if _is_out_of_date(metadata) or _asks_for_repositories(metadata) else "build"
    origin = _from(missing)
    why = f'its dependency {missing.label}{origin} is not in charts/, where "helm dependency {verb} {shown}" puts it'
    return Unjudged(missing.location.path, missing.location.start.line, why, f"chart {shown}", PULL)


def unjudged_dependency(missing: Missing) -> Unjudged:
    """A dependency that --helm-degraded left out."""
    place, what = missing.location, f"dependency {missing.label}"
    return Unjudged(place.path, place.start.line, "it is not in charts/, and is left out", what, PULL)


def _is_out_of_date(metadata: Metadata) -> bool:
    """True if there is a lock file that does not match what is listed."""
    locked = _locked(metadata)
    if locked is None:
        return False
    pinned = {name: entry.version for name, entry in locked.items()}
    return any(
        not semver.satisfies(pinned.get(str(entry.get("name")), ""), str(entry.get("version") or ""))
        for entry in metadata.dependencies
    )


@dataclass(frozen=True, slots=True)
class _Locked:
    """What a lock file says of a dependency."""

    version: str
    repository: str


def _locked(metadata: Metadata) -> dict[str, _Locked] | None:
    """The dependencies of the lock file by name; None if there is none."""
    name = "requirements.lock" if metadata.source else "Chart.lock"
    path = metadata.folder / name
    if not path.is_file():
        return None
    entries = YamlFile.read(path, metadata.mount.child(name)).value.get("dependencies")
    entries = entries if isinstance(entries, list) else []
    return {
        str(e.get("name")): _Locked(str(e.get("version")), str(e.get("repository") or ""))
        for e in entries
        if isinstance(e, dict)
    }


def _asks_for_repositories(metadata: Metadata) -> bool:
    """True if ``helm dependency build`` refuses a lock file unless the user has added its repositories with ``helm repo
    add``; ``update`` asks for none (downloader/manager.go, ``Build``)."""
    return any(re.match("https?:", entry.repository) for entry in (_locked(metadata) or {}).values())


def write_without(metadata: Metadata, dropped: Sequence[Missing]) -> None:
    """Writes the list of dependencies of the copy without some of them."""
    listing = metadata.listing
    gone = {item.index for item in dropped}
    kept = [entry for index, entry in enumerate(metadata.dependencies) if index not in gone]
    listing.path.write_text(json_text({**listing.value, "dependencies": kept}), encoding="utf-8")


def build(copy: ChartCopy, missing: Sequence[Missing], helm: Tool, limits: process.Limits) -> str:
    """Has Helm fetch dependencies into the copy, with the network. Returns its message if that fails, else "".

    Helm gets a chart that lists only these, in the versions of the lock file, and none of ``file://``.
    """
    metadata = Metadata.of(copy)
    locked = {} if _is_out_of_date(metadata) else _locked(metadata) or {}
    wanted = []
    for item in missing:
        if str(item.entry.get("repository") or "").startswith("file:"):
            return f"{item.entry.get('repository')} is not a chart in the repository"
        name = str(item.entry.get("name"))
        wanted.append({"name": name, "repository": item.entry.get("repository"), "version": item.entry.get("version")})
        wanted[-1] |= {"version": locked[name].version} if name in locked else {}
    home, folder = copy.workspace.folder(), copy.workspace.folder()
    chart = {"apiVersion": "v2", "name": "dependencies", "version": "0.0.1", "dependencies": wanted}
    (folder / "Chart.yaml").write_text(json_text(chart), encoding="utf-8")
    command = (helm.path, "dependency", "build", folder)
    outcome = process.run(command, home, limits, Reach(writes=(folder,)), with_network=True)
    if outcome.exceeded:
        return f"helm dependency build {outcome.exceeded}"
    if outcome.code:
        last = (outcome.error_text.splitlines() or ["helm dependency build failed"])[-1]
        return last.removeprefix("Error: ").replace(str(folder), copy.mount(copy.folder).shown)
    _take(copy, folder, metadata)
    return ""


def _take(copy: ChartCopy, folder: Path, metadata: Metadata) -> None:
    """Moves what Helm fetched into the copy; its place in the repository is the line that asks for it."""
    charts = copy.folder / "charts"
    charts.mkdir(exist_ok=True)
    for archive in sorted((folder / "charts").glob("*.tgz")):
        shutil.move(archive, charts / archive.name)
        shown = metadata.listing.source.path
        copy.mounts[charts / archive.name] = Mount(shown, shown, archive.stem)
    unpack_below(copy, copy.folder)
