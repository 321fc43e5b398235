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

_SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
_CHART = "apiVersion: v2\nname: chart\nversion: 1.0.0\n"
_RENAMED = """\
resources: [web.yaml, api.yaml]
patches:
  - path: both.yaml
  - {path: all.json, target: {kind: Deployment}}
  - patch: |
      - {op: replace, path: /metadata/name, value: new}
      - {op: replace, path: /kind, value: DaemonSet}
    target: {name: web}
    options: {allowNameChange: true, allowKindChange: true}
"""
_APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: app, namespace: argocd}
spec:
  destination: {namespace: shop}
  source: {repoURL: https://git.example.org/shop/deploy.git, path: deployed, helm: {valuesObject: {image: x}}}
"""

FILES = {
    ".git/config": '[remote "origin"]\n\turl = https://git.example.org/shop/deploy.git\n',
    "sets/Chart.yaml": _CHART,
    "sets/templates/one.yaml": '{{ $_ := set .Values "image" "x" }}\n' + _SETTINGS,
    "sets/templates/two.yaml": _DEPLOYMENT.format(name="two"),
    "evaluates/Chart.yaml": _CHART,
    "evaluates/templates/one.yaml": "{{ tpl .Values.text $ }}\n" + _SETTINGS,
    "evaluates/templates/two.yaml": _DEPLOYMENT.format(name="two"),
    "evaluates/values.yaml": "text: ''\n",
    "includes/Chart.yaml": _CHART,
    "includes/templates/one.yaml": _SETTINGS,
    "includes/templates/two.yaml": '{{ $_ := include (print .Template.BasePath "/one.yaml") . }}\n'
    + _DEPLOYMENT.format(name="two"),
    "helped/Chart.yaml": _CHART,
    "helped/templates/_prepare.tpl": '{{ define "prepare" }}{{ $_ := set $.Values "image" "x" }}{{ end }}',
    "helped/templates/one.yaml": '{{ include "prepare" . }}\n' + _SETTINGS,
    "helped/templates/two.yaml": _DEPLOYMENT.format(name="two"),
    "aliased/Chart.yaml": _CHART,
    "aliased/templates/_prepare.tpl": '{{ define "prepare" }}{{ $v := $.Values }}{{ $_ := set $v "a" "x" }}{{ end }}',
    "aliased/templates/one.yaml": '{{ include "prepare" . }}\n' + _SETTINGS,
    "aliased/templates/two.yaml": _DEPLOYMENT.format(name="two"),
    "indexed/Chart.yaml": _CHART,
    "indexed/templates/_prepare.tpl": '{{ define "prepare" }}{{ $_ := merge (index $.Values "a") dict }}{{ end }}',
    "indexed/templates/one.yaml": '{{ include "prepare" . }}\n' + _SETTINGS,
    "indexed/templates/two.yaml": _DEPLOYMENT.format(name="two"),
    "indexed/values.yaml": "a: {}\n",
    "fresh/Chart.yaml": _CHART,
    "fresh/templates/_prepare.tpl": '{{ define "labels" }}{{ merge (dict "a" "b") .Values.labels | toYaml }}{{ end }}',
    "fresh/templates/one.yaml": _DEPLOYMENT.format(name="one"),
    "fresh/templates/two.yaml": '# {{ include "labels" . | sha256sum }}\n' + _DEPLOYMENT.format(name="two"),
    "fresh/values.yaml": "labels: {}\n",
    "hashes/Chart.yaml": _CHART,
    "hashes/templates/one.yaml": _DEPLOYMENT.format(name="one"),
    "hashes/templates/two.yaml": '# {{ include (print $.Template.BasePath "/one.yaml") . | sha256sum }}\n'
    + _DEPLOYMENT.format(name="two"),
    "linked/Chart.yaml": _CHART,
    "linked/templates/one.yaml": _SETTINGS,
    "linked/templates/two.yaml": _DEPLOYMENT.format(name="two"),
    "deployed/Chart.yaml": _CHART,
    "deployed/templates/one.yaml": _SETTINGS,
    "deployed/templates/two.yaml": _DEPLOYMENT.format(name="two"),
    "app.yaml": _APPLICATION,
    "renamed/kustomization.yaml": _RENAMED,
    "renamed/web.yaml": _DEPLOYMENT.format(name="web"),
    "renamed/api.yaml": _DEPLOYMENT.format(name="api"),
    "renamed/both.yaml": "{}---\n{}".format(_PATCH, _PATCH.replace("web", "api")),
    "renamed/all.json": _LABELS,
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
    "a template that sets values": (["sets/templates/one.yaml"], {"two"}),
    "a template whose helper sets values": (["helped/templates/one.yaml"], {"two"}),
    "a template whose helper sets values under another name": (["aliased/templates/one.yaml"], {"two"}),
    "a template whose helper merges into a part of the values": (["indexed/templates/one.yaml"], {"two"}),
    "a template whose helper merges into a dictionary of its own": (["fresh/templates/one.yaml"], {"one"}),
    "a template that evaluates text": (["evaluates/templates/one.yaml"], {"two"}),
    "a template that another one takes in": (["includes/templates/one.yaml"], {"two"}),
    "a template of which another one prints the checksum": (["hashes/templates/one.yaml"], {"one"}),
    "a template that is the values file, too": (["linked/templates/one.yaml"], {"two"}),
    "a template and the object that deploys its chart": (["app.yaml", "deployed/templates/one.yaml"], {"two"}),
    "a patch of what is renamed": (["renamed/both.yaml"], {"new", "api"}),
    "a patch of what becomes of another kind": (["renamed/all.json"], {"new", "api"}),
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
    (root / "linked/values.yaml").symlink_to("templates/one.yaml")
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
