"""Marks what a chart makes of values that only the cluster knows, and conceals what no report may show."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kgate.kubernetes import encryption
from kgate.model import Batch, Json, Pointer, Problem, Resource, Unjudged, field_path
from kgate.rendering import placeholders
from kgate.rendering.helm.release import InlineValues, Release, ValuesFile
from kgate.rendering.helm.values import ValuesText
from kgate.repository import Repository
from kgate.yamltree.text import SourceText, decode


def undecided(batch: Batch, releases: Sequence[Release], repository: Repository) -> Iterator[Unjudged]:
    """For each source of values whose encrypted ones are not all in the objects of its release, that they may have
    decided what is rendered."""
    for release in releases:
        for values in release.values:
            found = dict(encryption.encrypted_fields(_body(values, repository)))
            if not found:
                continue
            own = {(release.variant, release.requested_by): release}
            shown = "\0".join(text for one in batch.resources if _release(one, own) for text in _texts(one.body))
            hidden = [pointer for pointer, parts in found.items() if not all(_is_in(part, shown) for part in parts)]
            if hidden:
                yield _undecided(values, sorted(hidden), release, repository)


def _body(values: ValuesFile | InlineValues, repository: Repository) -> Json:
    if isinstance(values, InlineValues):
        return values.body
    data = repository.bytes_if_any(values.path)
    return _source(values, repository).body() if b"ENC[" in data else {}


def _source(values: ValuesFile, repository: Repository) -> ValuesText:
    try:
        text = decode(repository.bytes_if_any(values.path))
    except UnicodeDecodeError:
        text = ""
    return ValuesText(SourceText(repository.shown(values.path), text))


def _is_in(token: str, shown: str) -> bool:
    return token in shown or base64.b64encode(token.encode()).decode() in shown


def _undecided(
    values: ValuesFile | InlineValues, hidden: Sequence[Pointer], release: Release, repository: Repository
) -> Unjudged:
    locate = values.locate if isinstance(values, InlineValues) else _source(values, repository).locate
    place = locate(hidden[0])
    named = ", ".join(field_path(pointer) for pointer in hidden[:_FEW]) + (", …" if len(hidden) > _FEW else "")
    are_many = len(hidden) > 1
    what = f"values that SOPS encrypts ({named}) are" if are_many else f"{named}, which SOPS encrypts, is"
    why = f"{what} in no object, so {'they' if are_many else 'it'} may decide what the chart renders"
    return Unjudged(place.path, place.start.line, why, f"all of {release.requested_by or release.title}")


_FEW = 3


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
    found = replace(resource, unknown={**resource.unknown, **unknown}, concealed=release.concealed)
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
