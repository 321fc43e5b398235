"""The releases that a chart is rendered for without a GitOps object: its defaults, and those that kgate.yaml lists."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from kgate.model import Location
from kgate.regexp import PatternError
from kgate.rendering import goglob
from kgate.rendering.detect import ChartFolder
from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.helm.requests import ChartRequest
from kgate.repository import OutsideError, Repository, SearchError
from kgate.values import dataclass
from kgate.yamltree.fields import FileFields

_LONGEST_NAME = 53
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VERSION = re.compile(r"v?\d+\.\d+(\.\d+)?([-+][\w.+-]+)?")

_WILD = re.compile(r"[*?\[{]")

CHART_FIELDS = ("path", "releases")
RELEASE_FIELDS = ("name", "namespace", "values", "set", "set-string", "kubernetes-version", "api-versions")


def default_releases(chart: Path, repository: Repository) -> tuple[Release, ...]:
    """The chart with its own values, and once more with each ``ci/*-values.yaml`` (helm/chart-testing)."""
    name = release_name(chart)
    files = [file for file in repository.names(chart / "ci") if file.endswith("-values.yaml")]
    own = Release(name, is_named=False)
    tried = (replace(own, values=(ValuesFile(chart / "ci" / file),), variant=f"values ci/{file}") for file in files)
    return (own, *tried)


def release_name(chart: Path) -> str:
    """A name that Helm takes for a release, made of the name of the chart's folder or archive."""
    name = re.sub(r"[^a-z0-9.-]+", "-", chart.name.removesuffix(".tgz").lower())
    parts = (part.strip("-") for part in name.split("."))
    return ".".join(part for part in parts if part)[:_LONGEST_NAME].strip("-.") or "release"


def parse_charts(fields: FileFields, folder: Path, repository: Repository) -> Iterator[ChartRequest]:
    """The requests of the field ``charts`` of a kgate.yaml in a folder; a chart that lists no releases gets the
    default ones, and one that several entries fit is that of its own path, else of the first pattern. Raises the error
    of the file, at the line of the field that is wrong or leads out of the repository. In the file of a trusted
    revision an entry may name a chart that the scanned change removes.
    """
    base = _Base(folder, repository)
    entries = [
        entry
        for entry in fields.sections("charts", "charts, each with a path")
        if repository.trusted is None or not is_gone(entry, folder, repository)
    ]
    named = [_chart(entry, base) for entry in entries if not _WILD.search(entry.text("path"))]
    yield from named
    taken = {request.chart for request in named}
    for entry in entries:
        if _WILD.search(entry.text("path")):
            found = _matched(entry, base)
            yield from (request for request in found if request.chart not in taken)
            taken |= {request.chart for request in found}


def is_gone(entry: FileFields, folder: Path, repository: Repository) -> bool:
    """True if an entry of ``charts`` in a kgate.yaml in a folder names a place where there is nothing, or nothing of
    its kind."""
    path = entry.text("path")
    if _WILD.search(path):
        return not _matching_charts(entry, _Base(folder, repository))
    real = repository.resolve(folder / path)
    return real is not None and not os.path.exists(real)


def is_for(entry: FileFields, chart: Path, folder: Path, repository: Repository) -> bool:
    """True if an entry of ``charts`` in a kgate.yaml in a folder is about a chart."""
    if _WILD.search(entry.text("path")):
        return chart in _matching_charts(entry, _Base(folder, repository))
    return repository.resolve(folder / entry.text("path")) == chart


@dataclass(frozen=True, slots=True)
class _Base:
    """The folder that paths start from, and the repository that they must not leave."""

    folder: Path
    repository: Repository

    def find(self, path: str) -> Path:
        """The real path. Raises OutsideError."""
        real = self.repository.resolve(self.folder / path)
        if real is None:
            raise OutsideError(path)
        return real


def _chart(fields: FileFields, base: _Base) -> ChartRequest:
    fields.only(CHART_FIELDS)
    path = fields.needed("path", ": name the folder of the chart, or its .tgz archive")
    chart = _first(fields, path, ("path",), [base], _is_chart)
    if chart is None:
        fields.fault(
            f"{fields.name('path')}: '{path}' is neither a folder with a Chart.yaml nor a .tgz archive", "path"
        )
    releases = tuple(_release(release, base, chart) for release in fields.sections("releases", "releases"))
    return ChartRequest(chart, releases or default_releases(chart, base.repository))


def _matched(fields: FileFields, base: _Base) -> list[ChartRequest]:
    """The requests of an entry whose path is a pattern, for each chart that it matches. A release whose values files
    only some of them have is one of these alone."""
    fields.only(CHART_FIELDS)
    charts = _matching_charts(fields, base)
    if not charts:
        text = f"{fields.name('path')}: there is no chart that matches '{fields.text('path')}'"
        fields.fault(text, "path")
    releases: dict[Path, list[Release]] = {chart: [] for chart in charts}
    for release in fields.sections("releases", "releases"):
        fitting = [chart for chart in charts if _has_values(release, base, chart)] or charts[:1]
        for chart in fitting:  # the first one raises the error if no chart has the files
            releases[chart].append(_release(release, base, chart))
    return [
        ChartRequest(chart, tuple(own) or default_releases(chart, base.repository), is_named=False)
        for chart, own in releases.items()
    ]


def _matching_charts(fields: FileFields, base: _Base) -> list[Path]:
    """The charts of the repository that a pattern matches, but for those that are a part of another one."""
    pattern = fields.text("path").removeprefix("./").rstrip("/")
    root = base.repository.root
    try:
        glob = goglob.doublestar(pattern)
        entries = [root / path for path, is_folder in base.repository.walk() if not is_folder]
    except (PatternError, SearchError) as error:
        fields.fault(f"{fields.name('path')}: {error}", "path")
    folders = {path.parent for path in entries if path.name == "Chart.yaml"}
    parts = {one for one in folders for above in folders & {*one.parents} if ChartFolder(above).holds(one)}
    return [
        chart for chart in sorted(folders - parts) if glob.matches(Path(os.path.relpath(chart, base.folder)).as_posix())
    ]


def _has_values(fields: FileFields, base: _Base, chart: Path) -> bool:
    """True if a chart has all values files of a release, next to kgate.yaml or in its folder."""
    return all(
        any(_is_file(one, path) for one in (base, _Base(chart, base.repository)))
        for _, path in fields.texts("values", "strings")
    )


def _is_file(base: _Base, path: str) -> bool:
    real = base.repository.resolve(base.folder / path) if "\0" not in path else None
    return real is not None and real.is_file()


def _is_chart(path: Path) -> bool:
    return os.path.isfile(path / "Chart.yaml") or (path.suffix == ".tgz" and os.path.isfile(path))


def _first(
    fields: FileFields, text: str, names: tuple[str | int, ...], bases: Iterable[_Base], accepts: Callable[[Path], bool]
) -> Path | None:
    """The first acceptable place that the path in a field may mean; None if there is none."""
    if "\0" in text:
        fields.fault(f"{fields.name(*names)} cannot hold the character NUL", *names)
    outside: OutsideError | None = None
    for base in bases:
        try:
            found = base.find(text)
        except OutsideError as error:
            outside = error
        else:
            if accepts(found):
                return found
    if outside is not None:
        fields.fault(f"{fields.name(*names)}: {outside}", *names)
    return None


def _release(fields: FileFields, base: _Base, chart: Path) -> Release:
    fields.only(RELEASE_FIELDS)
    name = fields.text("name") or release_name(chart)
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        wanted = f"at most {_LONGEST_NAME} small letters, digits and dashes, as Helm wants it"
        fields.fault(f"{fields.name('name')}: '{name}' is not a name of a release: {wanted}", "name")
    version = fields.text("kubernetes-version")
    if version and not _VERSION.fullmatch(version):
        message = f"{fields.name('kubernetes-version')} must be a version in quotes, such as '1.30'"
        fields.fault(message, "kubernetes-version")
    return Release(
        name=name,
        namespace=_argument(fields, fields.text("namespace"), "namespace"),
        values=tuple(_values_files(fields, base, chart)),
        sets=tuple(_sets(fields, "set")),
        string_sets=tuple(_sets(fields, "set-string")),
        kubernetes_version=version or None,
        api_versions=tuple(
            _argument(fields, text, "api-versions", index) for index, text in fields.texts("api-versions", "strings")
        ),
        variant=", ".join((f"release {name}", *(text for _, text in fields.texts("values", "strings")))),
        requested_by="kgate.yaml",
        set_places=dict(_set_places(fields, base.repository)),
        is_named=bool(fields.text("name")),
    )


def _values_files(fields: FileFields, base: _Base, chart: Path) -> Iterator[ValuesFile]:
    bases = [base, _Base(chart, base.repository)] if chart.is_dir() else [base]
    for index, path in fields.texts("values", "strings"):
        found = _first(fields, path, ("values", index), bases, os.path.isfile)
        if found is None:
            message = f"{fields.name('values', index)}: there is no file '{path}' next to kgate.yaml or in the chart"
            fields.fault(message, "values", index)
        yield ValuesFile(found)


def _set_places(fields: FileFields, repository: Repository) -> Iterator[tuple[str, Callable[[], Location]]]:
    """The entries of ``set`` and ``set-string`` with their places."""

    def place(*names: str | int) -> Location:
        found = fields.place(*names)
        path = Path(found.path)
        return replace(found, path=repository.shown(path)) if path.is_relative_to(repository.root) else found

    for name in ("set", "set-string"):
        yield from ((text, partial(place, name, index)) for index, text in fields.texts(name, "strings"))


def _sets(fields: FileFields, name: str) -> Iterator[str]:
    for index, text in fields.texts(name, "strings"):
        if not text.partition("=")[0] or "=" not in text:
            message = f"{fields.name(name, index)} must have the form name=value, such as 'image.tag=1.2'"
            fields.fault(message, name, index)
        yield _argument(fields, text, name, index)


def _argument(fields: FileFields, text: str, *names: str | int) -> str:
    """A text that becomes an argument of helm, which must not look like an option."""
    if text.startswith("-"):
        fields.fault(f"{fields.name(*names)}: '{text}' starts with '-', which helm takes for an option", *names)
    return text
