"""Charts on a common library, in whose templates the way of a value is lost: places in the user's own files."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kgate.model import Json
from kgate.rendering.structure import Sought, find
from tests.test_rendering import findings, report, tree

CONTAINERS = """\
{{- define "common.containers" -}}
{{- range $name, $container := .containers }}
- name: {{ $name }}
  {{- with $container.image }}
  image: {{ .repository }}:{{ .tag }}
  {{- end }}
  {{- with $container.securityContext }}
  securityContext: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}
{{- define "common.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  namespace: apps
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      {{- with .controller.pod }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      containers: {{- CALL | nindent 6 }}
{{- end -}}
{{- define "common.all" -}}
{{- range $name, $controller := .Values.controllers }}
{{ printf "---" }}
{{ include "common.deployment" (dict "name" $name "controller" $controller "root" $) | PIPE }}
{{- end }}
{{- end -}}
"""
LOADER = '{{- include "common.all" . }}\n'
CALL = 'include "common.containers" .controller'


def library(
    call: str = CALL, pipe: str = "fromYaml | toYaml", repository: str = "https://charts.example.org"
) -> dict[str, str]:
    """A chart on a common library, as bjw-s/app-template is."""
    dependency = f"dependencies: [{{name: common, version: 1.0.0, repository: '{repository}'}}]\n"
    return {
        "charts/app/Chart.yaml": f"apiVersion: v2\nname: app\nversion: 1.0.0\n{dependency}",
        "charts/app/templates/common.yaml": LOADER,
        "charts/app/charts/common/Chart.yaml": "apiVersion: v2\nname: common\nversion: 1.0.0\ntype: library\n",
        "charts/app/charts/common/templates/_all.tpl": CONTAINERS.replace("CALL", call).replace("PIPE", pipe),
    }


SOURCE = "https://git.example.org/shop/deploy"
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: apps}
spec:
  chart:
    spec:
      chart: ./charts/app
      sourceRef: {kind: GitRepository, name: deploy, namespace: flux-system}
  values:
    controllers:
      web:
        pod:
          hostNetwork: true
        containers:
          app:
            image: {repository: registry.example.com/app, tag: latest}
            securityContext:
              privileged: true
          sidecar:
            image: {repository: registry.example.com/sidecar, tag: "1"}
            securityContext:
              readOnlyRootFilesystem: true
              privileged: true
"""
REPOSITORY = {
    ".git/config": f'[remote "origin"]\n\turl = {SOURCE}\n',
    "flux/source.yaml": "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
    f"metadata: {{name: deploy, namespace: flux-system}}\nspec: {{url: '{SOURCE}'}}\n",
}
LOST = [
    pytest.param(CALL, "fromYaml | toYaml", id="fromYaml"),
    pytest.param(f"{CALL} | fromYamlArray | toYaml", "fromYaml | toYaml", id="fromYamlArray"),
    pytest.param(CALL, "fromYaml | toYaml | toString", id="a string"),
    pytest.param(f"tpl ({CALL}) .root", 'trimSuffix "x"', id="tpl"),
]


def places(found: dict[str, Json], rule: str) -> list[str]:
    return [
        f"{finding['container'] or 'pod'} {finding['location']['path']}:{finding['location']['line']}:"
        f"{finding['location']['column']}{' ~' if finding['location']['approximate'] else ''}"
        for finding in findings(found, rule)
    ]


@pytest.mark.parametrize(("call", "pipe"), LOST)
def test_fields_stand_in_the_release(tmp_path: Path, call: str, pipe: str) -> None:
    found = report(tree(tmp_path, {**library(call, pipe), **REPOSITORY, "flux/web.yaml": RELEASE}))
    assert found["problems"] == []
    assert places(found, "privileged-container") == ["app flux/web.yaml:18:15 ~", "sidecar flux/web.yaml:23:15 ~"]
    assert places(found, "host-network") == ["pod flux/web.yaml:13:11 ~"]
    assert places(found, "writable-root-filesystem") == ["app flux/web.yaml:17:13 ~"]
    assert places(found, "service-account-token-mounted") == ["pod flux/web.yaml:9:3 ~"]
    assert places(found, "mutable-image-tag") == ["app flux/web.yaml:16:13 ~"]


VOLUMES = """\
      volumes:
      {{- range $name, $one := .root.Values.persistence }}
      - name: {{ $name }}
        {{ $one.type }}: {server: {{ $one.server }}, path: {{ $one.path }}}
      {{- end }}
"""


def test_a_field_that_the_values_do_not_have_stands_at_the_item_around_it(tmp_path: Path) -> None:
    files = library()
    name = "charts/app/charts/common/templates/_all.tpl"
    files[name] = files[name].replace("      containers:", f"{VOLUMES}      containers:")
    release = RELEASE + "    persistence:\n      media:\n        type: nfs\n        server: a\n        path: /a\n"
    found = report(tree(tmp_path, {**files, **REPOSITORY, "flux/web.yaml": release}))
    assert found["problems"] == []
    assert places(found, "restricted-volume-type") == ["pod flux/web.yaml:25:7 ~"]


VALUES = RELEASE.partition("  values:\n")[2].replace("\n    ", "\n").removeprefix("    ")
"""The values by themselves; ``privileged`` of the app is in line 9."""

APPLICATION = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web, namespace: argocd}}
spec:
  destination: {{namespace: apps}}
  source:
    repoURL: {SOURCE}
    path: charts/app
    helm:
      valuesObject:
{textwrap.indent(VALUES, " " * 8)}"""
UMBRELLA = {
    **{name.replace("charts/app", "deploy/charts/app"): text for name, text in library().items()},
    "deploy/Chart.yaml": "apiVersion: v2\nname: deploy\nversion: 1.0.0\n"
    "dependencies: [{name: app, version: 1.0.0, repository: 'oci://charts.example.org', alias: web}]\n",
    "deploy/values.yaml": f"web:\n{textwrap.indent(VALUES, '  ')}",
}
OWNERS = [
    pytest.param({**library(), **REPOSITORY, "apps/web.yaml": APPLICATION}, "apps/web.yaml:19:19 ~", id="Argo CD"),
    pytest.param(
        {**library(), **REPOSITORY, "apps/web.yaml": APPLICATION.replace("valuesObject:", "values: |")},
        "apps/web.yaml:19:19 ~",
        id="Argo CD with a string",
    ),
    pytest.param(UMBRELLA, "deploy/values.yaml:10:13 ~", id="a chart around it"),
    pytest.param({**library(), "charts/app/values.yaml": VALUES}, "charts/app/values.yaml:9:11 ~", id="its own values"),
    pytest.param(
        {
            **library(),
            "charts/app/prod.yaml": VALUES,
            "kgate.yaml": "charts: [{path: charts/app, releases: [{values: [prod.yaml]}]}]\n",
        },
        "charts/app/prod.yaml:9:11 ~",
        id="a values file",
    ),
]


@pytest.mark.parametrize(("files", "where"), OWNERS)
def test_the_users_file_is_the_place(tmp_path: Path, files: dict[str, str], where: str) -> None:
    found = report(tree(tmp_path, files))
    assert found["problems"] == []
    assert f"app {where}" in places(found, "privileged-container")


TEMPLATE = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: a}\nspec:\n  hostNetwork: {{ .Values.net }}\n"
    "  containers: [{name: app, image: x, securityContext: {privileged: true}}]\n"
)
SUB = "charts/app/charts/sub/"


@pytest.mark.parametrize(
    ("repository", "values", "where"),
    [
        pytest.param("https://charts.example.org", "sub:\n  net: true\n", "charts/app/values.yaml:2:3", id="fetched"),
        pytest.param("oci://charts.example.org", "sub: {net: true}\n", "charts/app/values.yaml:1:7", id="by OCI"),
        pytest.param("file://../sub", "sub:\n  net: true\n", f"{SUB}templates/pod.yaml:5:3", id="of the repository"),
        pytest.param("https://charts.example.org", "a: 1\n", f"{SUB}templates/pod.yaml:5:3", id="its own default"),
    ],
)
def test_a_value_for_a_fetched_chart_stands_where_it_is_set(
    tmp_path: Path, repository: str, values: str, where: str
) -> None:
    files = {
        "charts/app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n"
        f"dependencies: [{{name: sub, version: 1.0.0, repository: '{repository}'}}]\n",
        "charts/app/values.yaml": values,
        f"{SUB}Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        f"{SUB}values.yaml": "net: true\n",
        f"{SUB}templates/pod.yaml": TEMPLATE,
    }
    assert places(report(tree(tmp_path, files)), "host-network") == [f"pod {where}"]


BODY = {
    "metadata": {"name": "rel-worker"},
    "spec": {
        "hostPID": True,
        "volumes": [{"name": "data", "hostPath": {"path": "/data"}}],
        "containers": [
            {"name": "app", "securityContext": {"privileged": True}, "env": [{"name": "KEY", "value": "secret"}]},
            {"name": "log", "securityContext": {"privileged": True}, "image": "example.com/log:1.2"},
        ],
    },
}
APP = ["spec", "containers", "0", "securityContext", "privileged"]
LOG = ["spec", "containers", "1", "securityContext", "privileged"]
VOLUME = ["spec", "volumes", "0", "hostPath", "path"]
ENV = ["spec", "containers", "0", "env", "0", "value"]
IMAGE = ["spec", "containers", "1", "image"]
CONTEXT = {"securityContext": {"privileged": True}}
PARTS = {"repository": "example.com/log", "tag": 1.2, "pullPolicy": None}
END = ("securityContext", "privileged")
KEYS = [
    pytest.param({"app": CONTEXT}, APP, ("app", *END), id="below the name"),
    pytest.param({"list": [{"name": "app", **CONTEXT}]}, APP, ("list", 0, *END), id="in a list"),
    pytest.param(CONTEXT, APP, END, id="for all containers"),
    pytest.param({**CONTEXT, "app": CONTEXT}, APP, ("app", *END), id="the nearest"),
    pytest.param({"log": CONTEXT}, APP, None, id="of another container"),
    pytest.param({"app": {"securityContext": {"privileged": False}}}, APP, None, id="another value"),
    pytest.param(
        {"main": {"app": CONTEXT}, "worker": {"app": CONTEXT}},
        APP,
        ("worker", "app", "securityContext", "privileged"),
        id="of the object's own name",
    ),
    pytest.param({"pod": {"hostPID": "true"}}, ["spec", "hostPID"], ("pod", "hostPID"), id="of the pod"),
    pytest.param(
        {"data": {"hostPath": "/data"}},
        ["spec", "volumes", "0", "hostPath", "path"],
        ("data", "hostPath"),
        id="of a volume, spelled otherwise",
    ),
    pytest.param({"env": {"KEY": "secret"}}, ENV, ("env", "KEY"), id="a variable"),
    pytest.param(
        {"log": {"image": PARTS}},
        ["spec", "containers", "1", "image"],
        ("log", "image"),
        id="an image in parts",
    ),
    pytest.param({"app": CONTEXT}, LOG, None, id="of the other one"),
    pytest.param({"log": {"hostPID": True}}, ["spec", "hostPID"], None, id="of a container, not of the pod"),
]


NAMESAKE = {"metadata": {"name": "rel-web"}, "spec": {"hostPID": True, "containers": [{"name": "web"}]}}


@pytest.mark.parametrize(
    ("values", "key"),
    [
        pytest.param({"web": {"pod": {"hostPID": True}}}, ("web", "pod", "hostPID"), id="of the pod"),
        pytest.param({"web": {"containers": {"web": {"hostPID": True}}}}, None, id="of the container"),
    ],
)
def test_keys_of_a_pod_whose_container_has_its_name(values: Json, key: Json) -> None:
    assert find(values, Sought.of(NAMESAKE, ["spec", "hostPID"], is_absent=False)) == key


@pytest.mark.parametrize(("values", "tokens", "key"), KEYS)
def test_keys(values: Json, tokens: list[str], key: Json) -> None:
    assert find(values, Sought.of(BODY, tokens, is_absent=False)) == key


@pytest.mark.parametrize(
    ("values", "tokens", "key"),
    [
        pytest.param({"a": {"app": {"image": "x"}}}, ["spec", "containers", "0"], ("a", "app"), id="a container"),
        pytest.param({"app": CONTEXT}, APP[:-1], ("app", "securityContext"), id="a context"),
        pytest.param({"app": "x"}, ["spec", "containers", "0"], None, id="a text of that name"),
        pytest.param({"a": 1}, ["spec"], None, id="the pod"),
    ],
)
def test_keys_from_which_something_is_absent(values: Json, tokens: list[str], key: Json) -> None:
    assert find(values, Sought.of(BODY, tokens, is_absent=True)) == key
