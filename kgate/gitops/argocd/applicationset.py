"""Turns an ApplicationSet into the Applications that its controller would make of it."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from kgate.environment import Environment
from kgate.gitops.argocd.application import sources_of
from kgate.gitops.argocd.clusters import CLUSTER_FIELDS
from kgate.gitops.argocd.generators import NAMES, Generators, TooManyError
from kgate.gitops.argocd.templating import Filler, FillError, Parameters
from kgate.gitops.fields import Log, ObjectFields
from kgate.model import Json, child_pointer
from kgate.repository import Repository
from kgate.yamltree.merge import deep_merge

_DECIDING = ("source", "sources", "sourceHydrator")
"""Fields of an Application's spec that decide what its manifests are."""

MAX_LENGTH = 32 * 1024 * 1024
"""Characters that all Applications of one ApplicationSet may have, as JSON."""


def generate(applicationset: ObjectFields, repository: Repository, environment: Environment) -> Iterator[ObjectFields]:
    """The Applications, each with its fields where the template has them.

    What cannot be filled in is a note; and a Problem if what it would deploy is in this repository.
    """
    spec = applicationset.section("spec")
    filler = Filler(spec.flag("goTemplate"))
    if spec.text("templatePatch"):
        spec.fault("spec.templatePatch changes the Applications, which kgate does not do", "templatePatch")
    generators = Generators(repository, filler, environment)
    seen: set[str] = set()
    length = 0
    for generator in spec.sections("generators"):
        template = _template(spec, generator)
        try:
            found = generators.resolve(generator)
        except TooManyError as error:
            generator.fault(f"{generator.name()} {error}")
            return
        for parameters in found:
            application = _application(template, filler, parameters, repository)
            key = json.dumps(application.body, sort_keys=True, default=str) if application is not None else ""
            length += len(key)
            if length > MAX_LENGTH:
                generator.fault(f"{generator.name()} makes more than {MAX_LENGTH:,} characters of Applications")
                return
            if application is not None and key not in seen:
                seen.add(key)
                yield application


def _template(spec: ObjectFields, generator: ObjectFields) -> ObjectFields:
    """The template, overridden by the generator's own template."""
    template = spec.section("template")
    for name in NAMES:
        section = generator.section(name)
        if section.body.get("template") is not None:
            template = replace(template, body=deep_merge(template.body, section.section("template").body))
    return template


def _application(
    template: ObjectFields, filler: Filler, parameters: Parameters, repository: Repository
) -> ObjectFields | None:
    """The Application for a set of parameters; only what decides about its manifests is filled in."""
    metadata, spec = template.section("metadata"), template.section("spec")
    destination = spec.section("destination")
    kept: Json = {name: _judged(name, spec.body[name]) for name in _DECIDING if name in spec.body}
    try:
        filled = filler.fill(kept, parameters)
    except FillError as error:
        _report(spec, str(error), repository, parameters.unknown)
        return None
    filled["destination"] = {
        "namespace": filler.name(destination.text("namespace"), parameters),
        **{name: _filled_if_known(destination.text(name), filler, parameters) for name in CLUSTER_FIELDS},
    }
    filled["project"] = filler.name(spec.text("project"), parameters)
    name = filler.name(metadata.text("name"), parameters)
    return replace(template, body={"metadata": {"name": name}, "spec": filled})


def _filled_if_known(text: str, filler: Filler, parameters: Parameters) -> str:
    """A text filled in; as it is if that cannot be."""
    try:
        return filler.fill_text(text, parameters)
    except FillError:
        return text


def _judged(name: str, value: Json) -> Json:
    """A source, or several, without the revision, which may stay unfilled: it does not change what is judged."""
    if name == "sources" and isinstance(value, list):
        return [_judged("source", item) for item in value]
    if name == "sourceHydrator" and isinstance(value, dict):
        return {"drySource": _judged("source", value.get("drySource"))}
    return {key: field for key, field in value.items() if key != "targetRevision"} if isinstance(value, dict) else value


def _report(spec: ObjectFields, expression: str, repository: Repository, unknown: str) -> None:
    """Reports an expression that is not filled in: a Problem if a source may be in this repository and all parameters
    are known. ``unknown`` says why some are not."""
    quiet = spec.logging_to(Log())
    inside = [source for source in sources_of(quiet) if _may_be_here(source, repository)]
    message = f"{expression} cannot be resolved from the repository"
    if inside and unknown:
        for source in inside:
            spec.may_deploy(repository, _folder_before(source.text("path")), "source")
        spec.unjudged(f"{expression} is not known: {unknown}", "source", command="")
    elif inside:
        place = inside[0].pointer.removeprefix(child_pointer(spec.pointer)).strip("/").split("/")
        spec.fault(f"{message}, so the Applications of this template are not judged", *place)
    else:
        spec.unjudged(f"{message}, and its sources are not in this repository", "source", command="")


def _may_be_here(source: ObjectFields, repository: Repository) -> bool:
    """True if the source of an unfilled template may be here, by the text before its first expression."""
    url, path = source.text("repoURL"), source.text("path")
    if source.text("chart"):
        return False
    folder = _folder_before(path)
    if "{{" in url:
        return not folder or repository.has(folder)
    return repository.is_meant(url, folder) or (not folder and not repository.urls)


def _folder_before(path: str) -> str:
    """The folder that a path leads to before its first expression; empty for the root."""
    before = re.split(r"\{\{", path, maxsplit=1)[0]
    folder = posixpath.normpath(path if before == path else before.rpartition("/")[0])
    return "" if folder == "." else folder
