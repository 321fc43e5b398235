"""Parts of pods, which a chart or an operator completes: their findings count, their score is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.command import ROOT
from tests.test_rendering import CHART, findings, place, report, scan, tree

WEB = "{controllers: {main: {securityContext: {privileged: true}}}}"


SCHEMA = json.loads((ROOT / "kgate/schemas/report-2.json").read_text(encoding="utf-8"))


def helm_release(values: str, source: str = "{kind: HelmRepository, name: charts}") -> str:
    return f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web, namespace: shop}}
spec:
  chart: {{spec: {{chart: ./web, sourceRef: {source}}}}}
  values: {values}
"""


def application(helm: str, chart: str = "chart: web", url: str = "https://charts.example.org") -> str:
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web, namespace: argocd}}
spec:
  destination: {{namespace: shop}}
  source:
    repoURL: {url}
    {chart}
    helm:
{helm}"""


VALUES = "controllers:\n{0}  main:\n{0}    securityContext:\n{0}      privileged: true\n"
BELOW = VALUES.format(" " * 8)
STRING = f"      values: |\n        {BELOW}"
OBJECT = f"      valuesObject:\n        {BELOW}"
LEVELS: list[Any] = [
    pytest.param("{a: {securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}}}", 100, True, id="nothing found"),
    pytest.param("{a: {securityContext: {capabilities: {add: [NET_RAW]}}}}", 48, False, id="more than baseline"),
    pytest.param(WEB, 29, False, id="privileged"),
    pytest.param("{a: {hostNetwork: true}}", 59, False, id="a namespace of the host"),
    pytest.param("{podTemplate: {spec: {containers: [{name: a, image: x}]}}}", 99, True, id="a list of containers"),
]


@pytest.mark.parametrize(("values", "at_most", "passed"), LEVELS)
def test_a_fragment_has_no_score_and_fails_by_its_findings(
    tmp_path: Path, values: str, at_most: int, passed: bool
) -> None:
    tree(tmp_path, {"web.yaml": helm_release(values)})
    found = report(tmp_path)
    jsonschema.validate(found, SCHEMA)
    (workload,) = found["workloads"]
    assert (workload["score"], workload["grade"], workload["pss"]["level"]) == (None, None, None)
    assert (workload["score_at_most"], workload["passed"]) == (at_most, passed)
    assert found["summary"]["lowest_score"] is None
    assert [one["what"] for one in found["unjudged"]] == ["HelmRelease/shop/web"]
    accepted = report(tmp_path, ".", "--unjudged", "note")
    assert accepted["verdict"]["passed"] == passed


def test_what_reports_show_of_a_fragment(tmp_path: Path) -> None:
    tree(tmp_path, {"web.yaml": helm_release(WEB)})
    text = scan(tmp_path).out
    assert "web.yaml:1:1  score –, needs 60  part of a pod, at most 29  PSS –" in text
    assert "the lowest with score at most 29" in text
    bar = "░░░░░░░░░░ score –, needs 60 (part of a pod, at most 29), PSS –"
    assert bar in scan(tmp_path, "-f", "markdown", ".").out
    assert ",–,–,60,no,–" in scan(tmp_path, "-f", "csv", ".").out
    junit = scan(tmp_path, "-f", "junit", ".").out
    assert "fails for privileged-container: score –, needs 60\npart of a pod, at most 29" in junit
    assert "kgate: failed" in scan(tmp_path, "-f", "badge", "--unjudged", "note", ".").out
    assert "kgate: incomplete" in scan(tmp_path, "-f", "badge", ".").out


TEMPLATE = "{spec: {containers: [{name: app, image: 'x:1', env: [{name: A, value: b}]}]}}"
COMPLETED: list[Any] = [
    pytest.param(
        "grafana.integreatly.org/v1beta1", "Grafana", f"deployment: {{spec: {{template: {TEMPLATE}}}}}", id="an operand"
    ),
    pytest.param(
        "monitoring.coreos.com/v1",
        "Prometheus",
        "containers: [{name: prometheus, args: [x]}]",
        id="containers to merge",
    ),
    pytest.param(
        "elasticsearch.k8s.elastic.co/v1",
        "Elasticsearch",
        f"nodeSets: [{{podTemplate: {TEMPLATE}}}]",
        id="a template in a list",
    ),
    pytest.param("helm.toolkit.fluxcd.io/v2", "HelmRelease", f"values: {{template: {TEMPLATE}}}", id="values"),
]
WHOLE: list[Any] = [
    pytest.param("argoproj.io/v1alpha1", "Rollout", f"template: {TEMPLATE}", id="a Rollout"),
    pytest.param("serving.knative.dev/v1", "Service", f"template: {TEMPLATE}", id="a Knative Service"),
    pytest.param("apps.openshift.io/v1", "DeploymentConfig", f"template: {TEMPLATE}", id="a DeploymentConfig"),
    pytest.param("apps/v1", "Deployment", f"selector: {{}}, template: {TEMPLATE}", id="a Deployment"),
]


@pytest.mark.parametrize(("api_version", "kind", "spec"), COMPLETED)
def test_what_an_operator_or_chart_completes_lacks_nothing(
    tmp_path: Path, api_version: str, kind: str, spec: str
) -> None:
    body = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a, namespace: b}}\nspec: {{{spec}}}\n"
    found = report(tree(tmp_path, {"a.yaml": body}))
    assert {finding["rule"] for finding in found["findings"]} <= {"image-without-digest", "image-pull-policy"}
    assert found["workloads"][0]["score"] is None


@pytest.mark.parametrize(("api_version", "kind", "spec"), WHOLE)
def test_what_runs_as_written_is_judged_whole(tmp_path: Path, api_version: str, kind: str, spec: str) -> None:
    body = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a, namespace: b}}\nspec: {{{spec}}}\n"
    found = report(tree(tmp_path, {"a.yaml": body}))
    assert {finding["rule"] for finding in found["findings"]} >= {"run-as-root-allowed", "image-without-digest"}
    assert found["workloads"][0]["score"] is not None


SET = "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {name: web}\nspec:\n"
TEXTS: list[Any] = [
    pytest.param(application(STRING), "web.yaml:14:15", id="a string"),
    pytest.param(application(OBJECT), "web.yaml:14:15", id="an object"),
    pytest.param(application(STRING.replace("|", "|-")), "web.yaml:14:15", id="a string without its end"),
    pytest.param(
        application('      values: "{a: {securityContext: {privileged: true}}}"\n'), "web.yaml:10:7", id="in quotes"
    ),
    pytest.param(
        "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: web}\nspec:\n  chart: web\n"
        f"  valuesContent: |-\n    {VALUES.format(' ' * 4)}",
        "web.yaml:10:11",
        id="the values of a chart of k3s",
    ),
    pytest.param(
        "apiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {name: traefik}\nspec:\n"
        f"  valuesContent: |-\n    {VALUES.format(' ' * 4)}",
        "web.yaml:9:11",
        id="the values of a packaged chart of k3s",
    ),
    pytest.param(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: web}\nspec:\n"
        "  generators: [{list: {elements: [{a: b}]}}]\n  template:\n    spec:\n      source:\n"
        "        repoURL: https://charts.example.org\n        chart: web\n        helm:\n          values: |\n"
        "            {{- if .a }}\n            name: {{ .a }}\n            {{- end }}\n            "
        + VALUES.format(" " * 12),
        "web.yaml:19:19",
        id="a template of values",
    ),
    pytest.param(
        f"{SET}  resourcesTemplate: |\n"
        "    <<- range $n := inputs.names >>\n    ---\n    apiVersion: v1\n    kind: Pod\n"
        "    metadata: {name: << $n >>}\n    spec:\n      containers:\n      - name: a\n        image: x\n"
        "        securityContext: {privileged: true}\n    <<- end >>\n",
        "web.yaml:15:27",
        id="a template of objects",
    ),
    pytest.param(
        f"{SET}  resources:\n"
        "  - apiVersion: v1\n    kind: Pod\n    metadata: {name: << inputs.n >>, namespace: shop}\n"
        "    spec: {containers: [{name: a, image: x, securityContext: {privileged: true}}]}\n",
        "web.yaml:9:63",
        id="objects of a set",
    ),
]


@pytest.mark.parametrize(("text", "where"), TEXTS)
def test_text_in_a_field_is_judged_where_it_stands(tmp_path: Path, text: str, where: str) -> None:
    found = report(tree(tmp_path, {"web.yaml": text}))
    (finding,) = findings(found, "privileged-container")
    assert place(finding) == where
    assert found["problems"] == []


def test_a_string_and_an_object_give_the_same_findings(tmp_path: Path) -> None:
    one = report(tree(tmp_path / "a", {"web.yaml": application(STRING)}))["findings"]
    other = report(tree(tmp_path / "b", {"web.yaml": application(OBJECT)}))["findings"]
    assert [(finding["rule"], finding["location"]) for finding in one] == [
        (finding["rule"], finding["location"]) for finding in other
    ]


def test_text_of_a_rendered_object_is_judged_where_it_stands(tmp_path: Path) -> None:
    files = {"kustomization.yaml": "resources: [web.yaml]\nnamespace: apps\n", "web.yaml": application(STRING)}
    (finding,) = findings(report(tree(tmp_path, files)), "privileged-container")
    assert place(finding) == "web.yaml:14:15"


def test_a_template_of_objects_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    found = report(tree(tmp_path, {"web.yaml": f"{SET}  resourcesTemplate: |\n    a: b: c\n"}))
    (problem,) = found["problems"]
    assert problem["line"] == 5
    assert "resourcesTemplate cannot be read as YAML" in problem["message"]


HERE = "https://git.example.org/shop/deploy"
RELEASED = "security: {hostPID: true}, web: {securityContext: {privileged: true}}"
FLUX = f"""\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: deploy, namespace: flux-system}}
spec: {{url: "{HERE}"}}
---
{helm_release(f"{{{RELEASED}}}", "{kind: GitRepository, name: deploy, namespace: flux-system}")}"""
TWO = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web, namespace: argocd}}
spec:
  sources:
  - {{repoURL: "{HERE}", path: web, helm: {{valuesObject: {{{RELEASED}}}}}}}
  - repoURL: https://charts.example.org
    chart: other
    helm: {{valuesObject: {{securityContext: {{privileged: true}}}}}}
"""
RENDERED: list[Any] = [
    pytest.param(FLUX, [], id="a HelmRelease"),
    pytest.param(application(f"      valuesObject: {{{RELEASED}}}\n", "path: web", HERE), [], id="an Application"),
    pytest.param(
        application(f"      values: |\n        {{{RELEASED}}}\n", "path: web", HERE), [], id="values as a string"
    ),
    pytest.param(application(f"      valuesObject: {{{RELEASED}}}\n"), ["Application"], id="a chart from elsewhere"),
    pytest.param(TWO, ["Application"], id="one chart of two from elsewhere"),
]


@pytest.mark.parametrize(("text", "kinds"), RENDERED)
def test_values_of_a_rendered_chart_are_judged_in_what_it_renders_to(
    tmp_path: Path, text: str, kinds: list[str]
) -> None:
    config = {".git/config": f'[remote "origin"]\n\turl = {HERE}\n'}
    found = report(tree(tmp_path, {**CHART, "web.yaml": text, **config}))
    assert sorted(w["kind"] for w in found["workloads"]) == sorted(["Deployment", *kinds])
    assert {f["resource"]["kind"] for f in findings(found, "privileged-container")} == set(kinds)


OTHERS: list[Any] = [
    pytest.param(
        "helmfile.yaml",
        "releases:\n- {name: a, chart: b/a, values: [{hostNetwork: true}]}\n",
        "helmfile template | kgate scan -",
        id="Helmfile",
    ),
    pytest.param(
        "helmfile.d/10-a.yaml",
        "releases:\n- {name: a, chart: b/a}\n",
        "helmfile template | kgate scan -",
        id="a folder of Helmfile",
    ),
    pytest.param(
        "apps/helmfile.yaml.gotmpl",
        "releases:\n{{ range .Values.apps }}\n- {name: {{ . }}}\n{{ end }}\n",
        "helmfile template | kgate scan -",
        id="a template of Helmfile",
    ),
    pytest.param(
        "helmfile.d/a.yaml.gotmpl", "helmfiles: [a]\n", "helmfile template | kgate scan -", id="one in its folder"
    ),
    pytest.param(
        "bootstrap/helmfile/apps.yaml",
        "releases:\n  - name: a\n    chart: oci://b/a\n",
        "helmfile template | kgate scan -",
        id="one under another name",
    ),
    pytest.param(
        "helmfile/crds.yaml",
        "bases: [default.yaml]\nreleases:\n  - name: a\n",
        "helmfile template | kgate scan -",
        id="one that inherits its charts",
    ),
    pytest.param(
        "apps/a/fleet.yaml",
        "defaultNamespace: a\nhelm: {chart: a, values: {hostNetwork: true}}\n",
        None,
        id="Fleet",
    ),
    pytest.param("apps/a/fleet.yaml", "yaml:\n  overlays: [production]\n", None, id="overlays of Fleet"),
    pytest.param("apps/a/fleet.yml", "{'helm': {chart: a}}\n", None, id="Fleet in one line"),
]


@pytest.mark.parametrize(("name", "text", "command"), OTHERS)
def test_files_of_other_deployers_are_not_judged(tmp_path: Path, name: str, text: str, command: str | None) -> None:
    (one,) = report(tree(tmp_path, {name: text, "b.yaml": "a: b\n"}), "--allow-empty", ".")["unjudged"]
    assert (one["path"], one["command"] or None) == (name, command)


def test_a_file_that_only_has_such_a_name_deploys_nothing(tmp_path: Path) -> None:
    files = {"fleet.yaml": "cars: 3\n", "a.gotmpl": "releases:\n", "helmfile.yaml.gotmpl": "a: b\n"}
    files["helmfile/values.yaml"] = "releases: [1.0, 1.1]\n"
    assert report(tree(tmp_path, files), "--allow-empty", ".")["unjudged"] == []


def kro(field: str) -> str:
    return (
        "apiVersion: kro.run/v1alpha1\nkind: ResourceGraphDefinition\nmetadata: {name: web}\nspec:\n  resources:\n"
        "  - template:\n      apiVersion: v1\n      kind: Pod\n      metadata: {name: a}\n      spec:\n"
        f"        {field}\n"
    )


GOOD = "containers: [{name: a, image: 'x:1'}]"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param(kro(f"hostPID: '${{schema.a}}'\n        {GOOD}"), "web.yaml:11", id="kro: a field"),
        pytest.param(kro("containers: '${schema.a}'"), "web.yaml:11", id="kro: all containers"),
        pytest.param(kro("containers: ['${schema.a}']"), "web.yaml:11", id="kro: a container"),
        pytest.param(kro(f"volumes: '${{schema.a}}'\n        {GOOD}"), "web.yaml:11", id="kro: a list that rules read"),
        pytest.param(kro(f"hostname: '${{schema.a}}'\n        {GOOD}"), None, id="kro: a field that decides nothing"),
        pytest.param(
            f"{SET}  resourcesTemplate: |\n    apiVersion: v1\n    kind: Pod\n    metadata: {{name: a}}\n"
            f"    spec:\n      hostIPC: << inputs.a >>\n      {GOOD}\n",
            "web.yaml:10",
            id="Flux: a field",
        ),
    ],
)
def test_what_a_controller_fills_in_is_not_judged(tmp_path: Path, text: str, where: str | None) -> None:
    found = report(tree(tmp_path, {"web.yaml": text}))
    assert found["problems"] == []
    assert [f"{one['path']}:{one['line']}" for one in found["unjudged"]] == ([where] if where else [])
    assert (found["workloads"][0]["score"] is None) is (where is not None)
