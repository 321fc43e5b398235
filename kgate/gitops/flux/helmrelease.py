"""Translates Flux HelmReleases into charts to render (fluxcd/helm-controller, and source-controller for charts)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kgate.gitops.fields import ObjectFields
from kgate.gitops.flux.artifact import check_chart
from kgate.gitops.flux.sources import GROUP, Surroundings
from kgate.gitops.flux.values import chart_values, values_from, values_sources
from kgate.model import Location, Pointer, Resource, Unknown
from kgate.rendering import placeholders
from kgate.rendering.helm.release import InlineValues, Release
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.requests import Request

_LONGEST_NAME = 53
_SOURCES_WITH_FILES = ("GitRepository", "Bucket", "ExternalArtifact")


def plan_release(fields: ObjectFields, surroundings: Surroundings, requested_by: str) -> Iterator[Request]:
    """The chart of this repository that a HelmRelease installs; a chart from elsewhere becomes a note."""
    spec = fields.section("spec")
    template = _chart_template(spec, surroundings)
    chart = _chart(template, surroundings) if template is not None else None
    if template is None or chart is None:
        return
    _report_post_renderers(spec)
    name = release_name(fields)
    sources = [spec.resource, *values_sources(spec, surroundings)]
    release = Release(
        name=name,
        namespace=spec.argument("targetNamespace") or fields.section("metadata").argument("namespace") or "default",
        values=(
            *chart_values(template, chart, surroundings),
            *values_from(spec, surroundings),
            *_inline_values(spec),
        ),
        with_crds=spec.section("install").text("crds") != "Skip",
        variant=f"release {name}",
        requested_by=requested_by,
        unknown={name: what for source in sources for name, what in _unknown(source)},
        concealed=tuple(dict.fromkeys(pair for source in sources for pair in source.concealed)),
    )
    yield ChartRequest(chart, (release,))


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
            spec.note("the HelmRelease has neither spec.chart nor spec.chartRef, so Flux does not accept it")
            return None
        return spec.section("chart").section("spec")
    reference = spec.section("chartRef")
    kind, name = reference.needed("kind"), reference.needed("name")
    found = surroundings.find(reference, (GROUP, "HelmChart")) if kind == "HelmChart" else None
    if found is not None:
        return ObjectFields.of(found, spec.log).section("spec")
    if kind == "ExternalArtifact" and name:
        return replace(spec, body={"chart": ".", "sourceRef": reference.body})
    if kind and name:
        message = f"the chart of {surroundings.shown(reference)} is not in this repository, so it is not judged"
        spec.note(message, "chartRef")
    return None


def _chart(template: ObjectFields, surroundings: Surroundings) -> Path | None:
    """The folder or archive of the chart, or None if it lies elsewhere (a note) or is missing (a Problem)."""
    reference, chart = template.section("sourceRef"), template.needed("chart")
    kind = reference.needed("kind")
    if not chart or not kind or not reference.needed("name"):
        return None
    here = surroundings.path_here(reference, chart) if kind in _SOURCES_WITH_FILES else None
    if here is None:
        shown = surroundings.shown(reference)
        template.note(f"chart {chart} of {shown} is not in this repository, so it is not judged", "chart")
        return None
    found = template.find(surroundings.repository, here, "chart") if here else None
    if found is not None and found.is_dir() and not (found / "Chart.yaml").is_file():
        template.fault(f"{template.name('chart')}: there is no Chart.yaml in '{chart}'; name a chart", "chart")
        return None
    if found is not None:
        check_chart(template, found, surroundings)
    return found


def _inline_values(spec: ObjectFields) -> Iterator[InlineValues]:
    section = spec.section("values")
    if section.body:

        def locate(pointer: Pointer) -> Location:
            return spec.resource.locate(section.pointer + pointer)

        yield InlineValues(section.body, locate, section.pointer)


def _report_post_renderers(spec: ObjectFields) -> None:
    for renderer in spec.sections("postRenderers"):
        kustomize = renderer.section("kustomize")
        if any(value not in (None, [], {}, "") for value in kustomize.body.values()):
            message = f"{renderer.name('kustomize')} changes what the chart renders, which kgate does not do"
            renderer.fault(f"{message}; so what is judged is not what is installed", "kustomize")
