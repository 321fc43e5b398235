"""The releases that a chart is rendered for without a GitOps object: its defaults, and those that kgate.yaml lists."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from kgate.model import Json
from kgate.rendering.requests import ChartRequest, Release, ValuesFile
from kgate.repository import OutsideError, Repository

_LONGEST_NAME = 53
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VERSION = re.compile(r"v?\d+\.\d+(\.\d+)?([-+][\w.+-]+)?")

_CHART_FIELDS = ("path", "releases")
_RELEASE_FIELDS = ("name", "namespace", "values", "set", "set-string", "kubernetes-version", "api-versions")


def default_releases(chart: Path, repository: Repository) -> tuple[Release, ...]:
    """The chart with its own values, and once more with each ``ci/*-values.yaml`` (helm/chart-testing)."""
    name = release_name(chart)
    files = [file for file in repository.names(chart / "ci") if file.endswith("-values.yaml")]
    tried = (Release(name, values=(ValuesFile(chart / "ci" / file),), variant=f"values ci/{file}") for file in files)
    return (Release(name), *tried)


def release_name(chart: Path) -> str:
    """A name that Helm takes for a release, made of the name of the chart's folder or archive."""
    name = re.sub(r"[^a-z0-9.-]+", "-", chart.name.removesuffix(".tgz").lower())
    parts = (part.strip("-") for part in name.split("."))
    return ".".join(part for part in parts if part)[:_LONGEST_NAME].strip("-.") or "release"


def parse_charts(value: Json, folder: Path, repository: Repository) -> tuple[ChartRequest, ...]:
    """The requests of the field ``charts`` of a kgate.yaml that lies in a folder; without releases, the defaults.

    Raises ValueError, with the path of the field, for what is wrong, and OutsideError for what is not in the
    repository.
    """
    charts = _list(value, "charts", "a list of charts, each with a path")
    return tuple(_chart(item, f"charts[{index}]", _Base(folder, repository)) for index, item in enumerate(charts))


@dataclass(frozen=True, slots=True)
class _Base:
    """The folder of a kgate.yaml, where its paths start, and the repository that they must not leave."""

    folder: Path
    repository: Repository

    def find(self, path: str) -> Path:
        """The real path of what a path means. Raises OutsideError."""
        if "\0" in path:
            raise ValueError("a path cannot hold the character NUL")
        real = Path(os.path.realpath(self.folder / path))
        if not self.repository.holds(real):
            raise OutsideError(path)
        return real

    def try_to_find(self, path: str) -> Path | None:
        """The same, or None for what lies outside."""
        try:
            return self.find(path)
        except OutsideError:
            return None


def _chart(value: Json, where: str, base: _Base) -> ChartRequest:
    fields = _mapping(value, where, _CHART_FIELDS)
    path = _text(fields, "path", where)
    if not path:
        raise ValueError(f"{where}.path is missing: name the folder of the chart, or its .tgz archive")
    chart = base.find(path)
    if not os.path.isfile(chart / "Chart.yaml") and not (chart.suffix == ".tgz" and os.path.isfile(chart)):
        raise ValueError(f"{where}.path: '{path}' is neither a folder with a Chart.yaml nor a .tgz archive")
    listed = _list(fields.get("releases"), f"{where}.releases", "a list of releases")
    releases = [_release(item, f"{where}.releases[{index}]", base, chart) for index, item in enumerate(listed)]
    return ChartRequest(chart, tuple(releases) or default_releases(chart, base.repository))


def _release(value: Json, where: str, base: _Base, chart: Path) -> Release:
    fields = _mapping(value, where, _RELEASE_FIELDS)
    name = _text(fields, "name", where) or release_name(chart)
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        wanted = f"at most {_LONGEST_NAME} small letters, digits and dashes, as Helm wants it"
        raise ValueError(f"{where}.name: '{name}' is no name of a release: {wanted}")
    version = _text(fields, "kubernetes-version", where)
    if version and not _VERSION.fullmatch(version):
        raise ValueError(f"{where}.kubernetes-version must be a version in quotes, such as '1.30'")
    return Release(
        name=name,
        namespace=_argument(_text(fields, "namespace", where), f"{where}.namespace") or "default",
        values=tuple(_values_files(fields, where, base, chart)),
        sets=tuple(_sets(fields, "set", where)),
        string_sets=tuple(_sets(fields, "set-string", where)),
        kubernetes_version=version or None,
        api_versions=tuple(_argument(text, f"{where}.api-versions") for text in _texts(fields, "api-versions", where)),
        variant=", ".join((f"release {name}", *_texts(fields, "values", where))),
        requested_by="kgate.yaml",
    )


def _values_files(fields: dict[str, Json], where: str, base: _Base, chart: Path) -> Iterator[ValuesFile]:
    bases = [base, _Base(chart, base.repository)] if chart.is_dir() else [base]
    for index, path in enumerate(_texts(fields, "values", where)):
        places = [one.try_to_find(path) for one in bases]
        found = next((place for place in places if place is not None and os.path.isfile(place)), None)
        if found is None and None in places:
            raise OutsideError(path)
        if found is None:
            raise ValueError(f"{where}.values[{index}]: there is no file '{path}' beside kgate.yaml or in the chart")
        yield ValuesFile(found)


def _sets(fields: dict[str, Json], name: str, where: str) -> Iterator[str]:
    for index, text in enumerate(_texts(fields, name, where)):
        if not text.partition("=")[0] or "=" not in text:
            raise ValueError(f"{where}.{name}[{index}] must have the form name=value, such as 'image.tag=1.2'")
        yield _argument(text, f"{where}.{name}[{index}]")


def _argument(text: str, where: str) -> str:
    """A text that becomes an argument of helm. Raises ValueError for what helm might take for an option."""
    if text.startswith("-"):
        raise ValueError(f"{where}: '{text}' starts with '-', which helm takes for an option")
    return text


def _mapping(value: Json, where: str, known: Collection[str]) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be a mapping with {', '.join(known)}")  # noqa: TRY004 - of a file, not of code
    for name in value:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"
            raise ValueError(f"{where} has an unknown field '{name}'{hint}")
    return value


def _list(value: Json, where: str, wanted: str) -> list[Json]:
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{where} must be {wanted}")
    return value or []


def _text(fields: dict[str, Json], name: str, where: str) -> str:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{where}.{name} must be a string; put it in quotes")
    return value or ""


def _texts(fields: dict[str, Json], name: str, where: str) -> list[str]:
    values = _list(fields.get(name), f"{where}.{name}", "a list of strings")
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(f"{where}.{name}[{index}] must be a string; put it in quotes")  # noqa: TRY004 - as above
    return values
