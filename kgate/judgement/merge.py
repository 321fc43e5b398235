"""Merges findings that several renderings share, and equal assessments."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace

from kgate.model import Assessment, Finding, Rendering

_MOST_RELATED = 20
"""Related places of one finding: each release may have a value of its own."""


def merged_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Merges findings: one for each offence at one place of the sources, whatever it is rendered for. It is waived if
    it is in all renderings.

    Resources that one rendering makes from one place (a template in a loop) stay apart, by their names.
    """
    plain: list[Finding] = []
    places: dict[Hashable, list[Finding]] = {}
    for finding in findings:
        if finding.renderings:
            places.setdefault(place(finding), []).append(finding)
        else:
            plain.append(finding)
    for here in places.values():
        plain += _merged_here(here)
    return plain


def place(finding: Finding) -> Hashable:
    """Returns what an offence has in common in all renderings."""
    location = finding.location
    what = (finding.rule.id, finding.resource.kind, finding.container, finding.anchor, finding.includes)
    return (*what, location.path, location.start, location.end)


def _merged_here(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yields one finding for a place if each rendering has one there; else one for each resource, which only its name
    distinguishes."""
    renderings = [finding.renderings for finding in findings]
    if len(set(renderings)) == len(renderings):
        yield _one(findings)
        return
    by_resource: dict[Hashable, list[Finding]] = {}
    for finding in findings:
        by_resource.setdefault(finding.resource, []).append(finding)
    for same in by_resource.values():
        yield replace(_one(same), known_as="")


def _one(findings: Sequence[Finding]) -> Finding:
    ranked = sorted(findings, key=lambda finding: (finding.renderings, finding.resource))
    first = ranked[0]
    also = sorted({finding.resource for finding in ranked} - {first.resource})
    renderings = sorted({rendering for finding in ranked for rendering in finding.renderings})
    others = (one for finding in ranked for one in finding.location.related if not one.is_context)
    related = tuple(dict.fromkeys((*first.location.related, *others)))[:_MOST_RELATED]
    location = replace(first.location, related=related)
    own = [finding.fail_on for finding in ranked if finding.fail_on is not None]
    fail_on = min(own, key=lambda one: one.order, default=None)
    waiver = first.waiver if all(finding.waiver is not None for finding in ranked) else None
    rest = replace(first, renderings=tuple(renderings), also=tuple(also))
    return replace(rest, location=location, fail_on=fail_on, waiver=waiver)


def merged_assessments(assessments: Iterable[Assessment]) -> list[Assessment]:
    """Merges the assessments of one chart or kustomization that have the same result for one workload."""
    groups: dict[Hashable, list[Assessment]] = {}
    for number, assessment in enumerate(assessments):
        same = replace(assessment, renderings=()), _sources(assessment.renderings)
        groups.setdefault(same if assessment.renderings else number, []).append(assessment)
    return [replace(same[0], renderings=_all_renderings(same)) for same in groups.values()]


def _sources(renderings: Iterable[Rendering]) -> Hashable:
    return tuple((rendering.tool, rendering.path) for rendering in renderings)


def _all_renderings(assessments: Iterable[Assessment]) -> tuple[Rendering, ...]:
    return tuple(sorted({rendering for assessment in assessments for rendering in assessment.renderings}))
