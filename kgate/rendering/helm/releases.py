"""The releases that a chart is rendered for without a GitOps object: its defaults, and those that kgate.yaml lists."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.helm.requests import ChartRequest
from kgate.repository import OutsideError, Repository
from kgate.yamltree.fields import FileFields

_LONGEST_NAME = 53
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VERSION = re.compile(r"v?\d+\.\d+(\.\d+)?([-+][\w.+-]+)?")

_CHART_FIELDS = ("path", "releases")
_RELEASE_FIELDS = ("name", "namespace", "values", "set", "set-string", "kubernetes-version", "api-versions")


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
    default ones. Raises the error of the file, at the line of the field that is wrong or leads out of the repository.
    """
    base = _Base(folder, repository)
    for chart in fields.sections("charts", "charts, each with a path"):
        yield _chart(chart, base)


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
    fields.only(_CHART_FIELDS)
    path = fields.needed("path", ": name the folder of the chart, or its .tgz archive")
    chart = _first(fields, path, ("path",), [base], _is_chart)
    if chart is None:
        fields.fault(
            f"{fields.name('path')}: '{path}' is neither a folder with a Chart.yaml nor a .tgz archive", "path"
        )
    releases = tuple(_release(release, base, chart) for release in fields.sections("releases", "releases"))
    return ChartRequest(chart, releases or default_releases(chart, base.repository))


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
    fields.only(_RELEASE_FIELDS)
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
