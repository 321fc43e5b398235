"""sources/takers: with a named ConfigMap count the objects of other files that take values from it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostPID: VALUE\n  containers: [{name: a, image: x}]\n"
SOURCE = "{kind: GitRepository, name: flux-system}"
RELEASE = f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web, namespace: shop}}
spec:
  chart: {{spec: {{chart: ./chart, sourceRef: {SOURCE}}}}}
  valuesFrom: [{{kind: ConfigMap, name: values}}]
"""
KUSTOMIZATION = f"""\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: web, namespace: shop}}
spec:
  path: ./built
  sourceRef: {SOURCE}
  postBuild: {{substituteFrom: [{{kind: Secret, name: values}}]}}
"""
VALUES = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values, namespace: shop}\ndata: {values.yaml: 'a: true'}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: values, namespace: shop}\nstringData: {A: 'true'}\n"
FILES = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/templates/web.yaml": POD.replace("VALUE", "{{ .Values.a | default false }}"),
    "built/web.yaml": POD.replace("VALUE", "${A:=false}"),
    "apps/web.yaml": RELEASE,
    "values.yaml": VALUES,
}


@pytest.mark.parametrize(
    ("files", "named", "takes"),
    [
        pytest.param({}, ["values.yaml"], True, id="a release"),
        pytest.param(
            {"apps/web.yaml": f"{VALUES.replace('name: v', 'name: w')}---\n{RELEASE}"},
            ["values.yaml"],
            True,
            id="a release behind another object",
        ),
        pytest.param(
            {"apps/kustomization.yaml": "resources: [web.yaml]\n"},
            ["values.yaml"],
            True,
            id="a release of a kustomization",
        ),
        pytest.param(
            {"apps/web.yaml": KUSTOMIZATION, "values.yaml": SECRET}, ["values.yaml"], True, id="a Kustomization"
        ),
        pytest.param(
            {"values.yaml": VALUES.replace(", namespace: shop", "")},
            ["values.yaml"],
            True,
            id="a namespace that is not known",
        ),
        pytest.param({"values.yaml": VALUES.replace("shop", "blog")}, ["values.yaml"], False, id="another namespace"),
        pytest.param({"values.yaml": VALUES.replace("name: v", "name: w")}, ["values.yaml"], False, id="another name"),
        pytest.param({"values.yaml": SECRET}, ["values.yaml"], False, id="another kind"),
        pytest.param({"other.yaml": VALUES.replace("name: v", "name: w")}, ["other.yaml"], False, id="another file"),
    ],
)
def test_takers(tmp_path: Path, files: dict[str, str], named: list[str], takes: bool) -> None:
    write(tmp_path, FILES | files)
    settings = RenderSettings(programs={"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)})
    paths = [tmp_path / name for name in named]
    with closing(collect(paths, Repository.at(tmp_path), settings, batches_of(()))) as everything:
        batches = list(everything)
    pods = [one for batch in batches for one in batch.resources if one.id.kind == "Pod"]
    assert [one.body["spec"]["hostPID"] for one in pods] == ([True] if takes else [])
    notes = [str(note) for batch in batches for note in batch.notes]
    assert any("is judged, too: it takes values from values.yaml" in note for note in notes) is takes
