"""A null in the values that an object holds deletes a default of the chart, as in a values file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.model import Json
from kgate.rendering.helm.release import InlineValues
from tests.gitops.argocd.test_application import application
from tests.gitops.objects import Shop, make_shop, release
from tests.test_fragments import helm_release
from tests.test_rendering import CHART, findings, report, tree

FLUX = "{kind: GitRepository, name: flux-system, namespace: flux-system}"
DELETED = "{security: {hostPID: null}}"


def test_a_null_in_a_helm_release_deletes_a_default(tmp_path: Path) -> None:
    """Where the object is a plain manifest, and where kustomize prints it."""
    built = helm_release(DELETED, FLUX).replace("name: web,", "name: built,")
    tree(
        tmp_path,
        {
            **CHART,
            "plain.yaml": helm_release(DELETED, FLUX),
            "apps/kustomization.yaml": "resources: [release.yaml]\nnamespace: other\n",
            "apps/release.yaml": built,
        },
    )
    found = report(tmp_path)
    assert not found["problems"]
    assert not findings(found, "host-pid")
    variants = {one["requested_by"] for work in found["workloads"] for one in work["rendered_by"]["variants"]}
    assert {str(name).partition(" ")[0] for name in variants} == {"HelmRelease/shop/web", "HelmRelease/other/built"}


@pytest.mark.parametrize(
    ("helm", "wanted"),
    [
        pytest.param("valuesObject: {a: null, b: {c: ~, d: 1}}", {"a": None, "b": {"c": None, "d": 1}}, id="an object"),
        pytest.param("values: 'a: null'", {"a": None}, id="a text"),
        pytest.param("valuesObject: {a: null}", {"a": None}, id="nothing but nulls"),
    ],
)
def test_nulls_of_an_application_are_kept(tmp_path: Path, helm: str, wanted: Json) -> None:
    shop: Shop = make_shop(tmp_path)
    (values,) = release(shop.plan(application(f"path: charts/web\nhelm:\n  {helm}\n"))).values
    assert isinstance(values, InlineValues)
    assert values.body == wanted
