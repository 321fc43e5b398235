"""Where findings stand in trees of several files: in the file, line and column that an owner would edit."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.test_fragments import HERE
from tests.test_rendering import findings, report, tree

FLUX_SOURCE = f"""\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: deploy, namespace: flux-system}}
spec: {{url: "{HERE}"}}
"""
GIT = {".git/config": f'[remote "origin"]\n\turl = {HERE}\n'}


def flux(path: str, more: str = "") -> str:
    return f"""\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: apps, namespace: flux-system}}
spec:
  path: {path}
  sourceRef: {{kind: GitRepository, name: deploy}}
{textwrap.indent(more, "  ")}"""


def namespace(name: str, more: str = "") -> str:
    return f"---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n{more}"


def places(found: dict[str, Any], rule: str) -> list[str]:
    return [
        f"{finding['location']['path']}:{finding['location']['line']}:{finding['location']['column']}"
        + (" ~" if finding["location"]["approximate"] else "")
        for finding in findings(found, rule)
    ]


NAMED = {"apps/web/kustomization.yaml": "namespace: web\nresources: [ns.yaml]\n", "apps/web/ns.yaml": namespace("_")}
FLUXED = {**GIT, "flux/source.yaml": FLUX_SOURCE}
NAMESPACES: list[Any] = [
    pytest.param(NAMED, ["apps/web/ns.yaml:4:1"], id="that namespace names"),
    pytest.param(
        {**FLUXED, **NAMED, "flux/apps.yaml": flux("./apps")}, ["apps/web/ns.yaml:4:1"], id="below a folder of Flux"
    ),
    pytest.param(
        {**FLUXED, **NAMED, "apps/api/kustomization.yaml": "namespace: api\nresources: [ns.yaml]\n"}
        | {"apps/api/ns.yaml": namespace("_"), "flux/apps.yaml": flux("./apps")},
        ["apps/api/ns.yaml:4:1", "apps/web/ns.yaml:4:1"],
        id="two below a folder of Flux",
    ),
    pytest.param(
        {
            **FLUXED,
            "apps/ns.yaml": namespace("placeholder"),
            "flux/apps.yaml": flux("./apps", "targetNamespace: web\n"),
        },
        ["apps/ns.yaml:4:1"],
        id="that Flux names",
    ),
    pytest.param(
        {"apps/kustomization.yaml": "namespace: web\nresources: [ns.yaml]\n", "apps/ns.yaml": namespace("web")},
        ["apps/ns.yaml:4:1"],
        id="of the same name",
    ),
    pytest.param(
        {
            "apps/kustomization.yaml": "namespace: web\nresources: [ns.yaml]\n",
            "apps/ns.yaml": namespace("_", "  labels:\n    pod-security.kubernetes.io/enforce: privileged\n"),
        },
        ["apps/ns.yaml:6:3"],
        id="with a label",
    ),
    pytest.param(
        {"apps/kustomization.yaml": "commonLabels: {a: b}\nresources: [ns.yaml]\n", "apps/ns.yaml": namespace("web")},
        ["apps/ns.yaml:4:1"],
        id="with labels of all objects",
    ),
    pytest.param(
        {
            "apps/kustomization.yaml": "namespace: web\nlabels: [{pairs: {a: b}}]\nresources: [ns.yaml]\n",
            "apps/ns.yaml": namespace("_"),
        },
        ["apps/ns.yaml:4:1"],
        id="with labels of all objects, and another name",
    ),
    pytest.param(
        {
            "apps/kustomization.yaml": "namespace: web\nresources: [ns.yaml]\npatches:\n- target: {kind: Namespace}\n"
            '  patch: |\n    - op: add\n      path: /metadata/labels\n      value: {a: "b"}\n',
            "apps/ns.yaml": namespace("_"),
        },
        ["apps/kustomization.yaml:8:7"],
        id="whose labels a patch sets",
    ),
]


@pytest.mark.parametrize(("files", "where"), NAMESPACES)
def test_a_namespace_stands_in_its_file(tmp_path: Path, files: dict[str, str], where: list[str]) -> None:
    found = report(tree(tmp_path, files))
    assert found["problems"] == []
    assert places(found, "namespace-without-pod-security") == where


def test_no_place_is_a_folder(tmp_path: Path) -> None:
    files = {**FLUXED, **NAMED, "flux/apps.yaml": flux("./apps", "namePrefix: a-\ntargetNamespace: b\n")}
    found = report(tree(tmp_path, files))
    every = [one for finding in found["findings"] for one in (finding["location"], *finding["related"])]
    assert every
    assert all((tmp_path / one["path"]).is_file() for one in every)
    assert "./apps" not in str(found)


TEMPLATE = """\
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}, namespace: web}
spec:
  hostNetwork: {{ .Values.pod.hostNetwork }}
  containers:
  - name: app
    image: {{ .Values.image.repository }}:{{ .Values.image.tag }}
    securityContext: {{- toYaml .Values.securityContext | nindent 6 }}
"""
CHART = {
    "k/charts/web-1.0.0/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "k/charts/web-1.0.0/web/values.yaml": "pod: {hostNetwork: false}\nimage: {repository: a/b, tag: '1'}\n"
    "securityContext: {privileged: false}\n",
    "k/charts/web-1.0.0/web/templates/pod.yaml": TEMPLATE,
}
REPO = "repo: https://charts.example.org"
VALUES = "pod:\n  hostNetwork: true\nsecurityContext:\n  privileged: true\n"
INLINE = f"""\
helmCharts:
- name: web
  version: 1.0.0
  {REPO}
  releaseName: web
  valuesInline:
{textwrap.indent(VALUES, "    ")}"""
OTHER = """\
- name: web
  version: 1.0.0
  repo: https://charts.example.org
  releaseName: other
  valuesInline: {securityContext: {privileged: true}}
"""
CHARTS: list[Any] = [
    pytest.param({"k/kustomization.yaml": INLINE}, ["10:7"], ["8:7"], id="values in the entry"),
    pytest.param(
        {"k/kustomization.yaml": INLINE.replace("helmCharts:\n", f"helmCharts:\n{OTHER}")},
        ["6:36", "15:7"],
        ["13:7"],
        id="the entry of the release",
    ),
    pytest.param(
        {
            "k/kustomization.yaml": f"helmCharts:\n- {{name: web, version: 1.0.0, {REPO}, valuesFile: values.yaml}}\n",
            "k/values.yaml": VALUES,
        },
        ["k/values.yaml:4:3"],
        ["k/values.yaml:2:3"],
        id="a file of values",
    ),
    pytest.param(
        {
            "k/kustomization.yaml": f"helmCharts:\n- name: web\n  version: 1.0.0\n  {REPO}\n"
            "  additionalValuesFiles: [values.yaml]\n  valuesInline: {pod: {hostNetwork: true}}\n",
            "k/values.yaml": "securityContext: {privileged: true}\n",
        },
        ["k/values.yaml:1:19"],
        ["6:24"],
        id="further files of values",
    ),
]


@pytest.mark.parametrize(("files", "privileged", "network"), CHARTS)
def test_a_chart_of_a_kustomization_is_located_in_its_values(
    tmp_path: Path, files: dict[str, str], privileged: list[str], network: list[str]
) -> None:
    found = report(tree(tmp_path, {**CHART, **files}))
    assert found["problems"] == []

    def expected(wanted: list[str]) -> list[str]:
        return [f"{one if '/' in one else f'k/kustomization.yaml:{one}'} ~" for one in wanted]

    assert places(found, "privileged-container") == expected(privileged)
    assert places(found, "host-network") == expected(network)


DEPLOYED = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "pod: {hostNetwork: false}\nimage: {repository: a/b, tag: '1'}\n"
    "securityContext: {privileged: false}\n",
    "charts/web/templates/pod.yaml": TEMPLATE,
}
APPLICATION = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web, namespace: argocd}}
spec:
  destination: {{namespace: web}}
  source:
    repoURL: {HERE}
    path: charts/web
    helm:
      parameters:
      - name: image.tag
        value: latest
      - name: pod.hostNetwork
        value: "true"
        PLACEHOLDER
"""
HELM_RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: web}
spec:
  chart: {spec: {chart: ./charts/web, sourceRef: {kind: GitRepository, name: deploy, namespace: flux-system}}}
  valuesFrom: [{kind: ConfigMap, name: web-values}]
"""
GENERATED = {
    **FLUXED,
    "apps/web.yaml": HELM_RELEASE,
    "apps/values.yaml": f"# for the chart\n{VALUES}",
    "apps/kustomization.yaml": "namespace: web\nresources: [web.yaml]\nconfigMapGenerator:\n- name: web-values\n"
    "  files: [values.yaml]\ngeneratorOptions: {disableNameSuffixHash: true}\n",
}
RELATED: list[Any] = [
    pytest.param(
        {**GIT, "apps/web.yaml": APPLICATION.replace("PLACEHOLDER", "")},
        "value pod.hostNetwork apps/web.yaml:14:9",
        id="a parameter",
    ),
    pytest.param(
        {**GIT, "apps/web.yaml": APPLICATION.replace("PLACEHOLDER", "forceString: true")},
        "value pod.hostNetwork apps/web.yaml:14:9",
        id="a parameter as a string",
    ),
    pytest.param(
        {**GIT, "apps/web.yaml": APPLICATION.replace("PLACEHOLDER", "")}
        | {"apps/kustomization.yaml": "resources: [web.yaml]\n"},
        "value pod.hostNetwork apps/web.yaml:14:9",
        id="a parameter of a rendered Application",
    ),
    pytest.param(
        {"kgate.yaml": "charts:\n- path: charts/web\n  releases:\n  - set: [image.tag=2, pod.hostNetwork=true]\n"},
        "value pod.hostNetwork kgate.yaml:4:24",
        id="an entry of set in kgate.yaml",
    ),
    pytest.param(
        {"kgate.yaml": "charts:\n- path: charts/web\n  releases:\n  - set-string:\n    - pod.hostNetwork=true\n"},
        "value pod.hostNetwork kgate.yaml:5:7",
        id="an entry of set-string in kgate.yaml",
    ),
    pytest.param(GENERATED, "value pod.hostNetwork apps/values.yaml:3:3", id="a generator's file"),
    pytest.param(
        GENERATED
        | {"apps/kustomization.yaml": GENERATED["apps/kustomization.yaml"].replace("[values", "[values.yaml=values")},
        "value pod.hostNetwork apps/values.yaml:3:3",
        id="a generator's file under another key",
    ),
    pytest.param(
        {**GENERATED, "flux/apps.yaml": flux("./apps", "postBuild: {substitute: {A: b}}\n")},
        "value pod.hostNetwork apps/values.yaml:3:3",
        id="a generator's file with variables",
    ),
]


@pytest.mark.parametrize(("files", "where"), RELATED)
def test_a_value_is_shown_where_it_is_written(tmp_path: Path, files: dict[str, str], where: str) -> None:
    found = report(tree(tmp_path, {**DEPLOYED, **files}))
    (finding,) = findings(found, "host-network")
    related = [f"{one['message']} {one['path']}:{one['line']}:{one['column']}" for one in finding["related"]]
    assert where in related
