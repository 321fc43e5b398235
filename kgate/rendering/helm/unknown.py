"""Marks what a chart makes of values that only the cluster knows, and conceals what no report may show."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kgate.model import Batch, Json, Problem, Resource, Unjudged
from kgate.rendering import placeholders
from kgate.rendering.helm.release import InlineValues, Release


def mark(batch: Batch, releases: Sequence[Release]) -> Batch:
    """What releases rendered to, with what is unknown of each object, and each unknown value that no object shows,
    as it may have decided what is rendered."""
    special = {(one.variant, one.requested_by): one for one in releases if one.unknown or one.concealed}
    if not special:
        return batch
    resources = tuple(_marked(one, special) for one in batch.resources)
    switches = tuple(one for release in special.values() for one in _switches(release, resources))
    concealed = [pair for release in special.values() for pair in release.concealed]
    problems = tuple(_concealing(one, concealed) for one in batch.problems)
    return replace(batch, resources=resources, problems=problems, unjudged=(*batch.unjudged, *switches))


def _marked(resource: Resource, releases: Mapping[tuple[str, str], Release]) -> Resource:
    release = _release(resource, releases)
    if release is None:
        return resource
    unknown = placeholders.find(resource.body, release.unknown)
    found = replace(resource, unknown=unknown, concealed=release.concealed)
    return replace(
        found, id=replace(found.id, name=found.shown(found.id.name), namespace=found.shown(found.id.namespace))
    )


def _release(resource: Resource, releases: Mapping[tuple[str, str], Release]) -> Release | None:
    made = resource.rendering
    return releases.get((made.variant, made.requested_by)) if made is not None else None


def _switches(release: Release, resources: Sequence[Resource]) -> Iterator[Unjudged]:
    """The values that are unknown as a whole and that nothing shows."""
    own = {(release.variant, release.requested_by): release}
    texts = [text for one in resources if _release(one, own) is not None for text in _texts(one.body)]
    for values in release.values:
        if not isinstance(values, InlineValues):
            continue
        for pointer, what in placeholders.find(values.body, release.unknown).items():
            encoded = base64.b64encode(what.text.encode()).decode()
            if what.text in _texts(values.body) and not any(what.text in text or encoded in text for text in texts):
                place = values.locate(pointer)
                why = f"{what.text} {what.reason}; no object shows it, so it may decide what the chart renders"
                yield Unjudged(place.path, place.start.line, why, f"all of {release.requested_by or release.title}")


def _texts(value: Json) -> Iterator[str]:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            pending += one.values()
        elif isinstance(one, list):
            pending += one


def _concealing(problem: Problem, concealed: Sequence[tuple[str, str]]) -> Problem:
    for value, shown in concealed:
        problem = replace(problem, message=problem.message.replace(value, shown))
    return problem
