"""scope.py: of a rendering counts what the named files are a source of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import kgate
from tests.real_tools import tools_env

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: app, image: "a:1", securityContext: {{privileged: true}}}}]}}
"""
_PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
"""
_LABELS = '[{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]\n'
_OVERLAY = """\
resources: [../base]
namePrefix: prod-
patches:
  - path: web.yaml
  - {path: all.json, target: {kind: Deployment}}
"""

FILES = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/values.yaml": "replicas: 1\n",
    "chart/templates/one.yaml": _DEPLOYMENT.format(name="one"),
    "chart/templates/two.yaml": _DEPLOYMENT.format(name="two"),
    "chart/templates/mixed.yaml": '{{ define "x" }}y{{ end }}\n---\n' + _DEPLOYMENT.format(name="three"),
    "base/kustomization.yaml": "resources: [web.yaml, api.yaml]\n",
    "base/web.yaml": _DEPLOYMENT.format(name="web"),
    "base/api.yaml": _DEPLOYMENT.format(name="api"),
    "prod/kustomization.yaml": _OVERLAY,
    "prod/web.yaml": _PATCH,
    "prod/all.json": _LABELS,
    "plain/a.yaml": _DEPLOYMENT.format(name="a"),
    "plain/b.yaml": _DEPLOYMENT.format(name="b"),
}
CHART = {"one", "two", "three"}
OVERLAY = {"prod-web", "prod-api"}

NAMED = {
    "a template": (["chart/templates/one.yaml"], {"one"}),
    "two templates": (["chart/templates/one.yaml", "chart/templates/two.yaml"], {"one", "two"}),
    "a template that others may include": (["chart/templates/mixed.yaml"], CHART),
    "values": (["chart/values.yaml"], CHART),
    "a template and values": (["chart/templates/one.yaml", "chart/values.yaml"], CHART),
    "a base": (["base/web.yaml"], {"prod-web"}),
    "a patch of one object": (["prod/web.yaml"], {"prod-web"}),
    "a patch of many": (["prod/all.json"], OVERLAY),
    "a kustomization": (["prod/kustomization.yaml"], OVERLAY),
    "a plain manifest": (["plain/a.yaml"], {"a"}),
    "several sources": (["plain/a.yaml", "base/api.yaml", "chart/templates/two.yaml"], {"a", "prod-api", "two"}),
    "a file and a folder": (["plain/a.yaml", "chart"], {"a", *CHART}),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scope")
    for name, text in {**FILES, ".git/HEAD": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(("named", "wanted"), NAMED.values(), ids=NAMED.keys())
def test_what_counts_where_files_are_named(repository: Path, named: list[str], wanted: set[str]) -> None:
    result = kgate("scan", *named, "-f", "json", cwd=repository, env=tools_env())
    assert result.code == 1, result
    report = json.loads(result.out)
    assert {workload["name"] for workload in report["workloads"]} == wanted
    assert {finding["resource"]["name"] for finding in report["findings"]} == wanted


def test_what_another_file_of_the_rendering_does_fails_no_commit(repository: Path) -> None:
    good = repository / "chart/templates/good.yaml"
    good.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n", encoding="utf-8")
    result = kgate("scan", str(good), cwd=repository, env=tools_env())
    good.unlink()
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("✓ passed: 0 workloads")
