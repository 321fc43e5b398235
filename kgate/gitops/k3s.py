"""Translates the HelmCharts of k3s and RKE2 into charts to render (k3s-io/helm-controller)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from kgate.elsewhere.fetched import Fetched
from kgate.elsewhere.wanted import Wanted
from kgate.gitops.elsewhere import find
from kgate.gitops.embedded import read_values
from kgate.gitops.fields import ObjectFields
from kgate.model import Location, Pointer, child_pointer
from kgate.rendering.helm import setvalues
from kgate.rendering.helm.release import InlineValues, Release
from kgate.rendering.helm.setvalues import SetError
from kgate.rendering.requests import Request
from kgate.repository import Repository
from kgate.urls import shown_url

KIND = ("helm.cattle.io", "HelmChart")
_TYPED = ("true", "false", "null")


def plan_chart(fields: ObjectFields, repository: Repository, fetched: Fetched, requested_by: str) -> Iterator[Request]:
    """The chart that a HelmChart installs; one that was not fetched is unjudged. ``chartContent`` is not followed."""
    spec = fields.section("spec")
    chart, repo, version = spec.text("chart"), spec.text("repo"), spec.text("version")
    if not chart:
        return
    if chart.startswith("oci://"):
        repo, _, chart = chart.rpartition("/")
    if not repo:
        spec.unjudged(f"chart {shown_url(chart)} is not in this repository", "chart", command="")
        return
    what = f"chart {chart} of {shown_url(repo)}"
    pulled = find(Wanted.chart(repo, chart, version), what, spec, "chart", fetched)
    if pulled is None:
        return
    if spec.body.get("valuesSecrets"):
        message = "spec.valuesSecrets: these values are not followed, so the release is not judged with all its values"
        spec.fault(message, "valuesSecrets")
    own = fields.section("metadata")
    yield pulled.request(
        Release(
            name=own.argument("name"),
            namespace=spec.argument("targetNamespace") or own.argument("namespace") or "default",
            values=(*_values(spec, repository), *_sets(spec)),
            variant=f"release {own.text('name')}",
            requested_by=requested_by,
        )
    )


def _values(spec: ObjectFields, repository: Repository) -> Iterator[InlineValues]:
    try:
        found = read_values(spec.text("valuesContent"), spec.place("valuesContent"), repository)
    except ValueError as error:
        spec.fault(f"spec.valuesContent: {error}", "valuesContent")
    else:
        yield replace(found, pointer=child_pointer(spec.pointer, "valuesContent"))


def _sets(spec: ObjectFields) -> Iterator[InlineValues]:
    """The entries of ``set``, which k3s gives to ``--set`` or, but for numbers and a few words, ``--set-string``."""
    section = spec.section("set")
    for name, value in section.body.items():
        is_typed = isinstance(value, int) or str(value).lower() in _TYPED
        text = str(value).lower() if isinstance(value, bool) else str(value)
        place = section.place(name)
        try:
            body = setvalues.parse(f"{name}=" + _COMMA.sub(r"\\,", text), as_strings=not is_typed)
        except SetError as error:
            section.fault(f"{section.name(name)} cannot be set: {error}", name)
        else:
            yield InlineValues(body, partial(_at, place), section.pointer)


def _at(place: Location, _: Pointer) -> Location:
    return place


_COMMA = re.compile(r"(?<!\\),")
