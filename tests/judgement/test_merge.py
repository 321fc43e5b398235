"""merge.py: the same finding in several renderings is one, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kgate.judgement.merge import merged_assessments, merged_findings
from kgate.model import Assessment, Finding, Related, Rendering, ResourceId, Waiver
from tests.reports.samples import WEB, assessment, finding

STAGING, PRODUCTION = (Rendering("kustomize", f"overlays/{name}") for name in ("staging", "production"))
DEFAULTS, CI = (Rendering("helm", "charts/web", variant) for variant in ("", "values ci/a-values.yaml"))
OTHER = ResourceId(WEB.api_version, WEB.kind, "shop", "prod-web")


def by(rendering: Rendering, resource: ResourceId = WEB, line: int = 12) -> Finding:
    return replace(finding(resource=resource, line=line), renderings=(rendering,))


def test_one_place_in_two_overlays_is_one_finding() -> None:
    (one,) = merged_findings([by(STAGING), by(PRODUCTION)])
    assert one.renderings == (PRODUCTION, STAGING)
    assert one.resources == (WEB,)


def test_the_value_of_each_release_is_related() -> None:
    """Each place once, the common ones first."""
    template, mine, theirs = (
        Related(replace(finding().location, path=path), "value privileged")
        for path in ("a.tpl", "mine.yaml", "theirs.yaml")
    )
    own, other = by(DEFAULTS), by(CI)
    found = merged_findings(
        [
            replace(own, location=replace(own.location, related=(template, mine))),
            replace(other, location=replace(other.location, related=(template, theirs))),
        ]
    )
    assert [one.location.related for one in found] == [(template, mine, theirs)]


def test_a_name_that_an_overlay_changes_is_told() -> None:
    (one,) = merged_findings([by(STAGING), by(PRODUCTION, OTHER)])
    assert one.renderings == (PRODUCTION, STAGING)
    assert one.resources == (OTHER, WEB)


def test_two_places_stay_two_findings() -> None:
    assert len(merged_findings([by(STAGING), by(PRODUCTION, line=13)])) == 2


def test_a_template_in_a_loop_makes_several_findings() -> None:
    found = merged_findings([by(r, who) for r in (DEFAULTS, CI) for who in (WEB, OTHER)])
    assert {(f.resource, f.renderings) for f in found} == {(WEB, (DEFAULTS, CI)), (OTHER, (DEFAULTS, CI))}


def test_plain_manifests_are_left_as_they_are() -> None:
    assert merged_findings([finding(), finding()]) == [finding(), finding()]


WAIVED = Waiver("tried out", "us", "2030-01-01")


@pytest.mark.parametrize(
    ("waivers", "expected"),
    [
        pytest.param((WAIVED, None), None, id="in one"),
        pytest.param((None, WAIVED), None, id="in the other"),
        pytest.param((WAIVED, WAIVED), WAIVED, id="in both"),
    ],
)
def test_a_finding_is_waived_if_it_is_in_all_renderings(
    waivers: tuple[Waiver | None, Waiver | None], expected: Waiver | None
) -> None:
    renderings = zip((STAGING, PRODUCTION), waivers, strict=True)
    (merged,) = merged_findings([replace(by(rendering), waiver=waiver) for rendering, waiver in renderings])
    assert (merged.waiver, merged.renderings) == (expected, (PRODUCTION, STAGING))


def test_the_order_of_renderings_does_not_matter() -> None:
    both = [by(STAGING), by(PRODUCTION, OTHER)]
    assert merged_findings(both) == merged_findings(both[::-1])


def rendered(rendering: Rendering, value: int = 25) -> Assessment:
    return replace(assessment(value=value), renderings=(rendering,))


def test_releases_of_a_chart_that_come_to_the_same_are_one() -> None:
    assert merged_assessments([rendered(DEFAULTS), rendered(CI)]) == [replace(assessment(), renderings=(DEFAULTS, CI))]


def test_other_scores_and_overlays_stay_apart() -> None:
    assert len(merged_assessments([rendered(DEFAULTS), rendered(CI, 30)])) == 2
    assert len(merged_assessments([rendered(STAGING), rendered(PRODUCTION)])) == 2
    assert len(merged_assessments([assessment(), assessment()])) == 2
