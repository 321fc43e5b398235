"""The values of a Flux HelmRelease: files of the chart's source, ConfigMaps, and single values put at a path."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from kgate.gitops.elsewhere import Pulled
from kgate.gitops.embedded import read_values
from kgate.gitops.fields import ObjectFields
from kgate.gitops.flux.artifact import check_files
from kgate.gitops.flux.secrets import secret_data
from kgate.gitops.flux.sources import Surroundings
from kgate.kubernetes import encryption
from kgate.model import Json, Location, Pointer, Resource
from kgate.rendering.helm import setvalues
from kgate.rendering.helm.release import InlineValues, ValuesFile
from kgate.rendering.helm.setvalues import SetError
from kgate.repository import Repository
from kgate.yamltree.nodes import ManifestError, compose
from kgate.yamltree.text import decode


def chart_values(
    template: ObjectFields, chart: Path | Pulled, surroundings: Surroundings
) -> Iterator[ValuesFile | InlineValues]:
    """The values files that replace the chart's own values.yaml (source-controller, HelmChart ``valuesFiles``).

    Helm always starts with the chart's own: unless it is listed, each of its values is taken away first.
    """
    repository = surroundings.repository
    entries: list[tuple[tuple[str | int, ...], str]] = [
        (("valuesFiles", i), p) for i, p in template.texts("valuesFiles")
    ]
    if template.text("valuesFile"):
        entries.append((("valuesFile",), template.text("valuesFile")))
    if isinstance(chart, Pulled):
        yield from _pulled_values(template, chart, entries, repository)
        return
    root = surroundings.root_of(template.section("sourceRef")) or ""
    entries = [(where, f"{root}/{path}" if root else path) for where, path in entries]
    is_lenient = template.flag("ignoreMissingValuesFiles")
    wanted = [(where, path) for where, path in entries if not is_lenient or repository.has("./" + path)]
    files = [found for where, path in wanted if (found := template.find(repository, "/" + path, *where))]
    check_files(template, template.section("sourceRef"), files, surroundings)
    if entries and chart / "values.yaml" not in files:
        yield from _removal(template, chart, repository)
    yield from (ValuesFile(file) for file in files)


def _pulled_values(
    template: ObjectFields,
    chart: Pulled,
    entries: Sequence[tuple[tuple[str | int, ...], str]],
    repository: Repository,
) -> Iterator[InlineValues]:
    """The same for a chart from elsewhere, which holds these files itself."""
    if chart.locked.wanted.kind == "git":  # whose paths start at its root
        entries = [(where, posixpath.relpath(f"/{path}", f"/{chart.locked.wanted.name}")) for where, path in entries]
    is_lenient = template.flag("ignoreMissingValuesFiles")
    kept = [(where, path) for where, path in entries if not is_lenient or chart.text(path) is not None]
    if entries and all(posixpath.normpath(path) != "values.yaml" for _, path in kept):
        yield from _nulled(template, chart.text("values.yaml") or "")
    for where, path in kept:
        yield from chart.values(template, where, path, repository)


def _removal(template: ObjectFields, chart: Path, repository: Repository) -> Iterator[InlineValues]:
    """A null for every value of the chart's values.yaml, which takes it away (Helm, "Deleting a default key")."""
    if not (chart / "values.yaml").is_file():
        return
    try:
        text = decode(repository.read_bytes(chart / "values.yaml"))
    except (OSError, UnicodeDecodeError):
        return
    yield from _nulled(template, text)


def _nulled(template: ObjectFields, text: str) -> Iterator[InlineValues]:
    try:
        roots = list(compose(text))
    except ManifestError:
        return
    place = template.place("valuesFiles" if template.body.get("valuesFiles") else "valuesFile")
    if roots and isinstance(roots[0].value, dict):
        yield InlineValues(_nulls(roots[0].value), lambda _: place)


def _nulls(value: Json) -> Json:
    return {key: _nulls(member) for key, member in value.items()} if isinstance(value, dict) and value else None


def values_from(spec: ObjectFields, surroundings: Surroundings) -> Iterator[InlineValues]:
    """The values that references give, in their order; what cannot be known is unjudged, or a note if optional."""
    for reference in spec.sections("valuesFrom"):
        kind, name = reference.needed("kind"), reference.needed("name")
        if not kind or not name:
            continue
        key = reference.text("valuesKey") or "values.yaml"
        text, place = _referred(reference, kind, key, surroundings)
        if text is None or place is None:
            _report_unknown(reference, f"key '{key}' of {kind} '{name}'", surroundings.whereabouts(reference, kind))
        elif reference.text("targetPath"):
            yield from _at_path(reference, text, place)
        else:
            try:
                found = read_values(text, place, surroundings.repository)
            except ValueError as error:
                reason = "it holds no values" if kind == "Secret" else str(error)
                reference.fault(f"key '{key}' of {kind} '{name}': {reason}", "name")
            else:
                yield found if kind == "ConfigMap" else InlineValues(found.body, partial(_at, place))


def _at(place: Location, _: Pointer) -> Location:
    return place


def _referred(
    reference: ObjectFields, kind: str, key: str, surroundings: Surroundings
) -> tuple[str | None, Location | None]:
    """The text below a key of a ConfigMap or a plain Secret, and its place; None if it is not among the objects."""
    found = _source(reference, kind, surroundings)
    if found is None:
        return None, None
    if kind == "Secret":
        fields = ObjectFields.of(found, reference.log)
        name = "stringData" if key in (found.body.get("stringData") or {}) else "data"
        return (secret_data(found) or {}).get(key), replace(fields.section(name).place(key), snippet="")
    data = ObjectFields.of(found, reference.log).section("data")
    is_known = key in data.body and not encryption.is_one(data.body[key])
    return (data.text(key), data.place(key)) if is_known else (None, None)


def values_sources(spec: ObjectFields, surroundings: Surroundings) -> Iterator[Resource]:
    """The objects of this repository that values come from; of a Secret, no report may show the texts."""
    for reference in spec.sections("valuesFrom"):
        found = _source(reference, reference.text("kind"), surroundings)
        data = secret_data(found) if found is not None and found.id.kind == "Secret" else None
        if found is not None:
            texts = {text for value in (data or {}).values() for text in _texts(value)}
            yield replace(found, concealed=(*found.concealed, *((text, "***") for text in sorted(texts))))


def _texts(value: str) -> Iterator[str]:
    """The scalars of a YAML text that are long enough to be secret, and the lines of other texts."""
    try:
        pending = [root.value for root in compose(value)]
    except ManifestError:
        pending = list(value.splitlines())
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, list):
            pending += one
        elif len(str(one)) >= _LEAST_SECRET and not isinstance(one, bool):
            yield str(one)


_LEAST_SECRET = 4


def _source(reference: ObjectFields, kind: str, surroundings: Surroundings) -> Resource | None:
    return surroundings.find(reference, ("", kind)) if kind in ("ConfigMap", "Secret") else None


def _report_unknown(reference: ObjectFields, source: str, where: str) -> None:
    if reference.flag("optional"):
        message = f"the values in {source}, {where}, are not known; they are optional, and taken as absent"
        reference.note(message, "name")
    else:
        why = f"those in {source}, {where}, are not known"
        reference.unjudged(why, "name", part="with all its values", command="")


_PATH = re.compile(r"(?:[^.,\[\]={}\\]|\\.)+(?:\.(?:[^.,\[\]={}\\]|\\.)+)*")


def _at_path(reference: ObjectFields, text: str, place: Location) -> Iterator[InlineValues]:
    """One value put at a path, read as ``helm --set`` reads it (fluxcd/pkg, chartutil.ReplacePathValue)."""
    path = reference.text("targetPath")
    text = text.rstrip("\n")
    if not _PATH.fullmatch(path) or text.startswith("{") or "\n" in text or re.search(r"(?<!\\),", text):
        reference.fault(f"{reference.name('targetPath')}: a list or index in '{path}' is not put in", "targetPath")
        return
    is_quoted = text[:1] == text[-1:] and text[:1] in ("'", '"')
    value = text.strip("'\"") if is_quoted else text
    try:
        body = setvalues.parse(f"{path}={value}", as_strings=is_quoted)
    except SetError as error:
        reference.fault(f"{reference.name('targetPath')}: '{path}' cannot be set: {error}", "targetPath")
    else:
        yield InlineValues(body, lambda _: place)
