"""Translates Flux HelmReleases into charts to render (fluxcd/helm-controller, and source-controller for charts)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kgate.elsewhere.wanted import Wanted
from kgate.gitops.additions import IMAGE_FIELDS, Additions, patch_entry
from kgate.gitops.elsewhere import Pulled, find
from kgate.gitops.embedded import held_values
from kgate.gitops.fields import ObjectFields
from kgate.gitops.flux.artifact import check_chart
from kgate.gitops.flux.sources import GROUP, Surroundings
from kgate.gitops.flux.values import chart_values, values_from, values_sources
from kgate.model import Resource, Unknown
from kgate.rendering import placeholders
from kgate.rendering.helm.release import InlineValues, PostRenderer, Release
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.requests import Request

_LONGEST_NAME = 53
_OLD_PATCHES = ("patchesStrategicMerge", "patchesJson6902")
_SOURCES_WITH_FILES = ("GitRepository", "Bucket", "ExternalArtifact")


def plan_release(fields: ObjectFields, surroundings: Surroundings, requested_by: str) -> Iterator[Request]:
    """The chart that a HelmRelease installs; one from elsewhere that was not fetched is unjudged."""
    spec = fields.section("spec")
    template = _chart_template(spec, surroundings)
    chart = _chart(template, surroundings) if template is not None else _of_registry(spec, surroundings)
    if chart is None:
        return
    name = release_name(fields)
    sources = [spec.resource, *values_sources(spec, surroundings)]
    release = Release(
        name=name,
        namespace=spec.argument("targetNamespace") or fields.section("metadata").argument("namespace"),
        values=(
            *(chart_values(template, chart, surroundings) if template is not None else ()),
            *values_from(spec, surroundings),
            *_inline_values(spec),
        ),
        with_crds=spec.section("install").text("crds") != "Skip",
        variant=f"release {name}",
        requested_by=requested_by,
        post_renderers=tuple(_post_renderers(spec)),
        unknown={name: what for source in sources for name, what in _unknown(source)},
        concealed=tuple(dict.fromkeys(pair for source in sources for pair in source.concealed)),
    )
    yield chart.request(release) if isinstance(chart, Pulled) else ChartRequest(chart, (release,))


def _unknown(resource: Resource) -> Iterator[tuple[str, Unknown]]:
    """The variables in an object that only the cluster knows, each with its place."""
    for pointer, what in resource.unknown.items():
        for name in placeholders.names(what.text):
            yield name, replace(what, place=resource.locate(pointer))


def release_name(fields: ObjectFields) -> str:
    """The name of the Helm release (helm-controller, HelmRelease.GetReleaseName and release.ShortenName)."""
    spec, own = fields.section("spec"), fields.section("metadata").argument("name")
    target = spec.argument("targetNamespace")
    name = spec.argument("releaseName") or (f"{target}-{own}" if target else own)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:40]}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:12]}"


def _chart_template(spec: ObjectFields, surroundings: Surroundings) -> ObjectFields | None:
    """The mapping that names the chart: in the release itself, or in the HelmChart that it refers to."""
    if spec.body.get("chartRef") is None:
        if spec.body.get("chart") is None:
            spec.note(
                "the HelmRelease has neither spec.chart nor spec.chartRef, so Flux takes it only as a patch of another"
            )
            return None
        return spec.section("chart").section("spec")
    reference = spec.section("chartRef")
    kind, name = reference.needed("kind"), reference.needed("name")
    found = surroundings.find(reference, (GROUP, "HelmChart")) if kind == "HelmChart" else None
    if found is not None:
        return ObjectFields.of(found, spec.log).section("spec")
    if kind == "ExternalArtifact" and name:
        return replace(spec, body={"chart": ".", "sourceRef": reference.body})
    return None


def _of_registry(spec: ObjectFields, surroundings: Surroundings) -> Pulled | None:
    """The chart that an OCIRepository is; None (unjudged) if that is not known or was not fetched."""
    reference = spec.section("chartRef")
    what = f"the chart of {surroundings.shown(reference)}"
    wanted = surroundings.chart_of_registry(reference)
    if wanted is not None:
        return find(wanted, what, spec, "chartRef", surroundings.fetched)
    if reference.text("kind") and reference.text("name"):
        spec.unjudged(f"{what} is not in this repository", "chartRef", command="")
    return None


def _chart(template: ObjectFields, surroundings: Surroundings) -> Path | Pulled | None:
    """The chart: its folder or archive, or what was fetched; None if it was not fetched (unjudged) or is missing (a
    Problem)."""
    reference, chart = template.section("sourceRef"), template.needed("chart")
    kind = reference.needed("kind")
    if not chart or not kind or not reference.needed("name"):
        return None
    here = surroundings.path_here(reference, chart) if kind in _SOURCES_WITH_FILES else None
    if here is None:
        what = f"chart {chart} of {surroundings.shown(reference)}"
        url = surroundings.url_of(reference) if kind == "HelmRepository" else ""
        wanted = surroundings.chart_of_git(reference, chart)
        if url:
            wanted = Wanted.chart(url, chart, template.text("version"))
        if wanted is not None:
            return find(wanted, what, template, "chart", surroundings.fetched)
        template.unjudged(f"{what} is not in this repository", "chart", command="")
        return None
    found = template.find(surroundings.repository, here, "chart") if here else None
    if found is not None and found.is_dir() and not (found / "Chart.yaml").is_file():
        template.fault(f"{template.name('chart')}: there is no Chart.yaml in '{chart}'; name a chart", "chart")
        return None
    if found is not None:
        check_chart(template, found, surroundings)
    return found


def _inline_values(spec: ObjectFields) -> Iterator[InlineValues]:
    values = held_values(spec.section("values"))
    if values is not None:
        yield values


def _post_renderers(spec: ObjectFields) -> Iterator[PostRenderer]:
    """The patches and images of each post-renderer; fields that v2 does not have are Problems."""
    for renderer in spec.sections("postRenderers"):
        kustomize = renderer.section("kustomize")
        for name in _OLD_PATCHES:
            if kustomize.body.get(name):
                message = f"{kustomize.name(name)} is not in v2 of HelmRelease, and is not put on what is judged"
                kustomize.fault(f"{message}; write it as patches", name)
        additions = Additions()
        for patch in kustomize.sections("patches"):
            additions.append("patches", patch_entry(patch.body, ("patch", "target")), patch.pointer)
        for image in kustomize.sections("images"):
            entry = {name: text for name in IMAGE_FIELDS if (text := image.text(name))}
            additions.append("images", entry, image.pointer)
        if additions.body:
            yield PostRenderer(additions.body, additions.locator(spec.resource))
