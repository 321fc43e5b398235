"""What a chart makes of values that only the cluster knows, and of those of a Secret of the repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import kgate
from tests.gitops.flux.test_variables import remarks
from tests.hostile import write
from tests.real_tools import tools_env

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  hostNetwork: {{ .Values.hostNetwork | default false }}
  {{- if eq (toString .Values.admin) "true" }}
  hostPID: true
  {{- end }}
  containers:
  - name: app
    image: web:1.0
    env: [{name: HOST, value: {{ .Values.host | quote }}}]
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {x: '{{ .Values.password | b64enc }}'}\n"
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec:
  chart: {spec: {chart: ./chart, sourceRef: {kind: GitRepository, name: flux-system}}}
"""
KUSTOMIZATION = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec:
  sourceRef: {kind: GitRepository, name: flux-system}
  path: ./app
  postBuild: {substituteFrom: [{kind: Secret, name: cluster}]}
"""


def scan(root: Path, release: str, **files: str) -> tuple[list[str], set[str], str]:
    """Problems, the rules of findings, and the whole report."""
    base = {
        ".git/config": "",
        "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "chart/values.yaml": "password: x\n",
        "chart/templates/web.yaml": POD,
        "chart/templates/secret.yaml": SECRET,
        "flux.yaml": KUSTOMIZATION,
        "app/kustomization.yaml": "resources: [release.yaml]\n",
        "app/release.yaml": RELEASE + release,
    }
    write(root, {**base, **{name.replace("_", ".", 1): text for name, text in files.items()}})
    result = kgate("scan", ".", "-f", "json", "--min-score", "0", cwd=root, env=tools_env())
    report = json.loads(result.out)
    return remarks(report), {one["rule"] for one in report["findings"]}, result.out


ADMIN = "app/release.yaml:8 all of HelmRelease/shop/web app/release.yaml:1 is not judged: ${ADMIN} is not known"
UNKNOWN = {
    "not used": ("  values: {host: a}\n", []),
    "a part of a text": ("  values: {host: 'web.${DOMAIN}'}\n", []),
    "in a Secret": ("  values: {password: '${PASSWORD}'}\n", []),
    "a field that a rule reads": (
        "  values:\n    hostNetwork: ${HOSTNET}\n",
        ["app/release.yaml:7 Pod/shop/web: spec.hostNetwork is not judged: ${HOSTNET} is not known"],
    ),
    "a condition": (
        "  values:\n    host: a\n    admin: ${ADMIN}\n",
        [ADMIN],
    ),
}


@pytest.mark.parametrize(("release", "expected"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_values(tmp_path: Path, release: str, expected: list[str]) -> None:
    found, _, _ = scan(tmp_path, release)
    problems = [one for one in found if "HelmRelease/shop/web: " not in one]
    assert len(problems) == len(expected), problems
    assert all(map(str.startswith, problems, expected)), problems


FROM_SECRET = "  valuesFrom: [{kind: Secret, name: own}]\n"
VALUES = "apiVersion: v1\nkind: Secret\nmetadata: {name: own, namespace: shop}\nstringData:\n"
SECRETS = {
    "values": ("  values.yaml: |\n    hostNetwork: true\n    host: hunter-hunter\n", {"host-network"}),
    "a condition": ("  values.yaml: |\n    admin: true\n    host: hunter-hunter\n", {"host-pid"}),
    "what breaks the template": ("  values.yaml: |\n    hostNetwork: 'hunter-hunter: {'\n", set()),
    "what is not YAML": ("  values.yaml: |\n    [hunter-hunter\n", set()),
}


@pytest.mark.parametrize(("data", "rules"), SECRETS.values(), ids=SECRETS)
def test_values_of_a_secret_of_the_repository(tmp_path: Path, data: str, rules: set[str]) -> None:
    problems, found, out = scan(tmp_path, FROM_SECRET, own_yaml=VALUES + data)
    assert bool(problems) != bool(rules)
    assert rules <= found
    assert "hunter-hunter" not in out
