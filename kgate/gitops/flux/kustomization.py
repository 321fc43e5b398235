"""Translates Flux Kustomizations into render requests (fluxcd/pkg, kustomize/kustomize_generator.go)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kgate.gitops.additions import IMAGE_FIELDS, Additions, patch_entry
from kgate.gitops.elsewhere import find
from kgate.gitops.fields import ObjectFields
from kgate.gitops.flux.artifact import check_build, unseen
from kgate.gitops.flux.secrets import secret_data
from kgate.gitops.flux.sources import Surroundings
from kgate.gitops.pulledtree import PulledTreeRequest
from kgate.model import child_pointer
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.kustomize.substitution import Variables
from kgate.rendering.requests import Request
from kgate.repository import Repository

_OLD_PATCHES = ("patchesStrategicMerge", "patchesJson6902")
"""Fields that v1 does not have: a cluster that stores v1 drops them, whatever version an object is written in."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_SWITCH = "kustomize.toolkit.fluxcd.io/substitute"
"""What keeps an object from substitutions; not if commonMetadata sets it, which comes after them."""


def plan_kustomization(fields: ObjectFields, surroundings: Surroundings, requested_by: str) -> Iterator[Request]:
    """What a Kustomization builds from this repository, or from another one; that is unjudged if it was not
    fetched."""
    spec = fields.section("spec")
    reference, path = spec.section("sourceRef"), spec.text("path") or "./"
    if not reference.needed("kind") or not reference.needed("name"):
        return
    here = surroundings.path_here(reference, path)
    if here is None:
        if surroundings.may_be_here(reference):
            spec.may_deploy(surroundings.repository, path, "path")
        yield from _plan_elsewhere(spec, path, surroundings, requested_by)
    elif here:
        yield from _plan_here(spec, here, surroundings, requested_by)


def _plan_elsewhere(
    spec: ObjectFields, path: str, surroundings: Surroundings, requested_by: str
) -> Iterator[PulledTreeRequest]:
    """What it builds from another repository."""
    reference, field = spec.section("sourceRef"), "path" if spec.text("path") else "sourceRef"
    what = f"{path} of {surroundings.shown(reference)}"
    wanted = surroundings.folder_elsewhere(reference, path)
    if wanted is None:
        spec.unjudged(f"{what} is not in this repository", "sourceRef", command="")
        return
    pulled = find(wanted, what, spec, field, surroundings.fetched)
    if pulled is not None:

        def plan(own: ObjectFields, repository: Repository) -> Iterator[Request]:
            return _plan_here(own, path, surroundings.at(repository), requested_by)

        yield PulledTreeRequest(pulled.locked, spec, pulled.asked, plan, requested_by)


def _plan_here(spec: ObjectFields, here: str, surroundings: Surroundings, requested_by: str) -> Iterator[Request]:
    """What it builds from the repository of its surroundings."""
    reference, path = spec.section("sourceRef"), spec.text("path") or "./"
    folder = spec.find(surroundings.repository, here, "path")
    if folder is not None and not folder.is_dir():
        spec.fault(f"{spec.name('path')}: '{path}' is not a folder; name the folder", "path")
    elif folder is not None:
        check_build(spec, reference, folder, surroundings)
        hidden = unseen(reference, folder, surroundings)
        spec.log.left_out.update((one, why) for one, why in hidden.items() if why)
        without = frozenset(hidden)
        yield from (replace(one, without=without) for one in _plan_folder(spec, folder, surroundings, requested_by))


def _plan_folder(
    spec: ObjectFields, folder: Path, surroundings: Surroundings, requested_by: str
) -> Iterator[KustomizationRequest]:
    name, variables = spec.resource.id.name, _variables(spec, surroundings)
    for old in _variants(spec):
        additions = _additions(spec, folder, surroundings, old)
        yield KustomizationRequest(
            folder,
            additions.body,
            additions.locator(spec.resource),
            variables,
            variant=f"kustomization {name}" + (f" with {', '.join(old)}" if old else ""),
            requested_by=requested_by,
        )


def _variants(spec: ObjectFields) -> list[list[str]]:
    """The patches of old that are applied: none, and where the object is older than v1, also all."""
    old = [name for name in _OLD_PATCHES if spec.items(name)]
    is_v1 = spec.resource.id.api_version.endswith("/v1")
    for name in old:
        effect = "so it is not applied" if is_v1 else "so it is judged with and without it"
        spec.note(f"{spec.name(name)} is not in v1 of Flux' Kustomization, {effect}; write it as patches", name)
    return [[], old] if old and not is_v1 else [[]]


def _additions(spec: ObjectFields, folder: Path, surroundings: Surroundings, old: Sequence[str]) -> Additions:
    additions = Additions()
    additions.put("namespace", spec.text("targetNamespace"), child_pointer(spec.pointer, "targetNamespace"))
    for name in ("namePrefix", "nameSuffix"):
        additions.put(name, spec.text(name), child_pointer(spec.pointer, name))
    for image in spec.sections("images"):
        entry = {name: text for name in IMAGE_FIELDS if (text := image.text(name))}
        additions.append("images", entry, image.pointer)
    for name in old:
        additions.put(name, spec.items(name), child_pointer(spec.pointer, name))
    for patch in spec.sections("patches"):
        additions.append("patches", patch_entry(patch.body, ("patch", "target")), patch.pointer)
    for index, path in spec.texts("components"):
        _add_component(spec, additions, (index, path), folder, surroundings)
    _add_metadata(spec.section("commonMetadata"), additions)
    return additions


def _add_component(
    spec: ObjectFields, additions: Additions, item: tuple[int, str], folder: Path, surroundings: Surroundings
) -> None:
    """A component, unless it is missing and may be."""
    repository, (index, path) = surroundings.repository, item
    is_missing = not repository.has(f"{repository.inner(folder)}/{path}")
    if is_missing and spec.flag("ignoreMissingComponents"):
        return
    if spec.find(repository, path, "components", index, base=folder):
        additions.append("components", path, child_pointer(spec.pointer, "components", index))


def _add_metadata(common: ObjectFields, additions: Additions) -> None:
    """Labels and annotations of every object's own metadata, set after the build: not of selectors and not of pods,
    so as a patch."""
    metadata = {name: value for name in ("labels", "annotations") if (value := _without_switch(common.strings(name)))}
    if metadata:
        patch = {"apiVersion": "any/v1", "kind": "Any", "metadata": {"name": "any", **metadata}}
        additions.put("commonMetadata", {"target": {"kind": ".*"}, "patch": patch}, common.pointer)


def _without_switch(pairs: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in pairs.items() if key != _SWITCH}


def _variables(spec: ObjectFields, surroundings: Surroundings) -> Variables | None:
    """The variables that Flux puts in after the build, those that are written out over those of ConfigMaps and Secrets;
    None if it puts in none, which is so where there is no variable, unless the strategy is Always."""
    if spec.body.get("postBuild") is None:
        return None
    post_build = spec.section("postBuild")
    found = Variables()
    for reference in post_build.sections("substituteFrom"):
        found = _with(found, _variables_of(reference, surroundings))
    found = _with(found, Variables(post_build.strings("substitute")))
    _report_names(post_build, found)
    if not found.values and not found.sources and post_build.text("substituteStrategy") != "Always":
        return None
    environment = surroundings.environment
    return _with(Variables(environment.variables, secret=environment.secret), found)


def _with(variables: Variables, others: Variables) -> Variables:
    """Variables with others on top."""
    secret = (variables.secret - others.values.keys()) | others.secret
    sources = tuple(dict.fromkeys((*variables.sources, *others.sources)))
    return Variables({**variables.values, **others.values}, sources, secret)


def _report_names(post_build: ObjectFields, variables: Variables) -> None:
    """A Problem for a name that keeps Flux from applying anything (fluxcd/pkg, varSubstitution)."""
    wrong = next((name for name in sorted(variables.values) if not _VARIABLE.fullmatch(name)), None)
    if wrong is not None:
        message = f"'{wrong}' is not the name of a variable, so Flux applies nothing; use letters and digits"
        post_build.fault(message)


def _variables_of(reference: ObjectFields, surroundings: Surroundings) -> Variables:
    """The variables of a ConfigMap or Secret of the repository; else the source that is not known."""
    kind, name = reference.needed("kind"), reference.needed("name")
    if not kind or not name:
        return Variables()
    found = surroundings.find(reference, ("", kind)) if kind in ("ConfigMap", "Secret") else None
    if found is not None and kind == "ConfigMap":
        return Variables(ObjectFields.of(found, reference.log).strings("data"))
    data = secret_data(found) if found is not None else None
    if data is None:
        return Variables(sources=(f"{kind} '{name}', {surroundings.whereabouts(reference, kind)}",))
    return Variables(data, secret=frozenset(data))
