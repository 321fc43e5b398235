"""The Helm release of an Argo CD source: its values files, values and parameters, in Argo CD's order."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from kgate.gitops.argocd.build_environment import Deployment
from kgate.gitops.assumptions import note_repository, note_revision
from kgate.gitops.elsewhere import Pulled
from kgate.gitops.embedded import held_values, read_values
from kgate.gitops.fields import ObjectFields
from kgate.model import Location, child_pointer
from kgate.regexp import PatternError
from kgate.rendering.goglob import doublestar
from kgate.rendering.helm.release import InlineValues, Release, ValuesFile
from kgate.repository import SearchError
from kgate.urls import shown_url

SetPlace: TypeAlias = Callable[[], Location]
"""Gives the place of an argument."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DECRYPTED = re.compile(r"secrets(?:\+(?:age|gpg)-import(?:-kubernetes)?)?://(?:[^?]*\?)?([^?]+)")
"""A file that helm-secrets decrypts, with the key that it imports before it; the encrypted values stay unknown."""

_MAX_ARGUMENT = 100_000


def helm_release(source: ObjectFields, chart: Path | Pulled, deployment: Deployment) -> Release:
    """The release that a source with a chart of this repository, or from elsewhere, asks for."""
    helm = source.section("helm")
    name = helm.argument("releaseName") or deployment.name
    sets, string_sets = _parameters(helm, source, deployment)
    texts = dict(_file_parameters(helm, source, chart, deployment))
    return Release(
        name=name,
        namespace=helm.argument("namespace") or deployment.namespace,
        values=(*_values_files(helm, source, chart, deployment), *_values(helm, deployment)),
        sets=tuple(sets),
        string_sets=(*string_sets, *texts),
        kubernetes_version=helm.argument("kubeVersion") or None,
        api_versions=helm.arguments("apiVersions"),
        with_crds=not helm.flag("skipCrds"),
        variant=f"release {name}" + (f" of {deployment.name}" if name != deployment.name else ""),
        requested_by=deployment.requested_by,
        set_places=sets | string_sets | texts,
    )


def _values_files(
    helm: ObjectFields, source: ObjectFields, chart: Path | Pulled, deployment: Deployment
) -> list[ValuesFile | InlineValues]:
    """The values files in their order, each once; a pattern leaves out files that are also named. A chart from
    elsewhere holds those of a path of its own."""
    if isinstance(chart, Pulled):
        return list(_values_files_of(chart, helm, source, deployment))
    named: dict[Path, bool] = {}
    matched = [
        (path, is_pattern)
        for index, text in helm.texts("valueFiles")
        for path, is_pattern in _resolve(helm, ("valueFiles", index), text, (source, chart, deployment))
    ]
    explicit = {path for path, is_pattern in matched if not is_pattern}
    for path, is_pattern in matched:
        if not (is_pattern and path in explicit):
            named.setdefault(path, True)
    return [ValuesFile(path) for path in named]


def _values_files_of(
    chart: Pulled, helm: ObjectFields, source: ObjectFields, deployment: Deployment
) -> Iterator[ValuesFile | InlineValues]:
    for index, text in helm.texts("valueFiles"):
        where, root = ("valueFiles", index), deployment.repository.root
        if _is_of_chart(text, deployment):
            path = deployment.expand(_plain_name(text), source)
            if chart.text(path) is not None or not helm.flag("ignoreMissingValueFiles"):
                yield from chart.values(helm, where, path, deployment.repository)
        else:
            yield from (ValuesFile(path) for path, _ in _resolve(helm, where, text, (source, root, deployment)))


def _is_of_chart(text: str, deployment: Deployment) -> bool:
    """True if an entry names a file of the chart: it is neither a URL nor in another source."""
    text = _plain_name(text)
    return text.partition("/")[0] not in deployment.references and not _SCHEME.match(text)


def _plain_name(text: str) -> str:
    """The name of a values file without the scheme of helm-secrets."""
    decrypted = _DECRYPTED.fullmatch(text)
    return text if decrypted is None else decrypted[1]


Scope = tuple[ObjectFields, Path, Deployment]
"""The source, its chart and its Application."""


def _resolve(helm: ObjectFields, where: tuple[str | int, ...], text: str, scope: Scope) -> Iterator[tuple[Path, bool]]:
    """The files that an entry names, each with whether the entry is a pattern; faults are Problems at the entry."""
    source, base, deployment = scope
    text = _plain_name(text)
    reference = deployment.references.get(text.partition("/")[0])
    if reference is not None:
        text = "/" + deployment.expand(text.partition("/")[2], source)
        url = reference.text("repoURL")
        if not deployment.repository.is_meant(url, text):
            message = f"the values of '{text.lstrip('/')}' in {shown_url(url)} are unknown: they are not here"
            helm.fault(f"{helm.name(*where)}: {message}", *where)
            return
        note_repository(reference, "repoURL", deployment.repository)
        note_revision(reference, "targetRevision")
    else:
        text = deployment.expand(text, source)
    if _SCHEME.match(text):
        helm.fault(f"{helm.name(*where)}: {shown_url(text)} is a remote file, whose values are unknown", *where)
    elif re.search(r"[*?\[{]", text):
        yield from ((path, True) for path in _glob(helm, where, text, scope))
    else:
        is_optional = where[0] == "valueFiles" and helm.flag("ignoreMissingValueFiles")
        if is_optional and not _is_there(text, base, deployment):
            return
        path = helm.find(deployment.repository, text, *where, base=base)
        if path is not None:
            yield path, False


def _is_there(text: str, base: Path, deployment: Deployment) -> bool:
    """True if a file exists, or if it is outside of the repository, which must be reported."""
    start = deployment.repository.root if text.startswith("/") else base
    relative = deployment.repository.inner(start) + "/" + text.lstrip("/")
    return deployment.repository.has(relative)


def _glob(helm: ObjectFields, where: tuple[str | int, ...], text: str, scope: Scope) -> list[Path]:
    """The files that match a pattern, in lexical order."""
    _, base, deployment = scope
    repository = deployment.repository
    prefix = "" if text.startswith("/") or base == repository.root else repository.inner(base) + "/"
    try:
        pattern = doublestar(posixpath.normpath(prefix + text.lstrip("/")))
        paths = repository.walk(hidden=True)
    except PatternError as error:
        helm.fault(f"{helm.name(*where)}: '{text:.100}' is not a pattern: {error}", *where)
        return []
    except SearchError as error:
        helm.fault(f"{helm.name(*where)}: {error}", *where)
        return []
    found = [path for path, is_folder in paths if not is_folder and pattern.matches(path)]
    if not found and not helm.flag("ignoreMissingValueFiles"):
        helm.fault(f"{helm.name(*where)}: no file matches '{text}'; fix the pattern", *where)
    files = [helm.find(repository, "/" + path, *where) for path in sorted(found)]
    return [file for file in files if file is not None]


def _values(helm: ObjectFields, deployment: Deployment) -> Iterator[InlineValues]:
    """``valuesObject``, else ``values`` (argo-cd, ApplicationSourceHelm.ValuesYAML: one replaces the other)."""
    if helm.body.get("valuesObject") is not None:
        values = held_values(helm.section("valuesObject"))
        if values is not None:
            yield values
    elif helm.text("values"):
        try:
            values = read_values(helm.text("values"), helm.place("values"), deployment.repository)
            yield replace(values, pointer=child_pointer(helm.pointer, "values"))
        except ValueError as error:
            helm.fault(f"{helm.name('values')}: {error}", "values")


def _parameters(
    helm: ObjectFields, source: ObjectFields, deployment: Deployment
) -> tuple[dict[str, SetPlace], dict[str, SetPlace]]:
    """The arguments of ``--set`` and of ``--set-string``, with their places; the last of several equal ones counts."""
    sets: dict[str, SetPlace] = {}
    string_sets: dict[str, SetPlace] = {}
    for parameter in helm.sections("parameters"):
        value = deployment.expand(parameter.text("value"), source)
        if parameter.needed("name") and (name := parameter.argument("name")):
            found = string_sets if parameter.flag("forceString") else sets
            text = f"{name}={_escape_commas(value)}"
            found.pop(text, None)
            found[text] = partial(parameter.place, "value")
    return sets, string_sets


def _escape_commas(value: str) -> str:
    """A value as Argo CD hands it to ``--set``: commas are text, unless all is a list (cleanSetParameters)."""
    if value.startswith("{") and value.endswith("}"):
        return value
    return re.sub(r"(?<!\\),", r"\\,", value)


def _file_parameters(
    helm: ObjectFields, source: ObjectFields, chart: Path | Pulled, deployment: Deployment
) -> Iterator[tuple[str, SetPlace]]:
    """The arguments of ``--set-string`` with the effect of ``--set-file``: the text of a file as one value, and the
    place of the entry."""
    for index, parameter in enumerate(helm.sections("fileParameters")):
        name, path = parameter.needed("name") and parameter.argument("name"), parameter.needed("path")
        where = ("fileParameters", index, "path")
        if isinstance(chart, Pulled) and _is_of_chart(path, deployment):
            helm.fault(f"{helm.name(*where)}: '{path}' is a file of {chart.locked.file}, which is not put in", *where)
            continue
        base = deployment.repository.root if isinstance(chart, Pulled) else chart
        for file, _ in _resolve(helm, where, path, (source, base, deployment)) if name and path else ():
            try:
                text = deployment.repository.read_bytes(file).decode("utf-8")
            except (OSError, UnicodeDecodeError):
                text = None
            if text is None or len(text) > _MAX_ARGUMENT or "\0" in text:
                helm.fault(f"{helm.name(*where)}: '{path}' is not a text file, or too long for a value", *where)
            else:
                yield f"{name}=" + re.sub(r"([\\,{}])", r"\\\1", text), partial(helm.place, *where)
