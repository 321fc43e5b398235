"""The post-renderers of a HelmRelease change what is judged, as the real kustomize does it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from tests.command import kgate
from tests.hostile import write
from tests.real_tools import tools_env

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "chart/templates/web.yaml": """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  hostPID: true
  containers:
  - name: app
    image: web:1.0
    securityContext:
      privileged: {{ .Values.privileged }}
""",
    "chart/templates/other.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n",
    "chart/values.yaml": "privileged: true\n",
}
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec:
  chart: {spec: {chart: ./chart, sourceRef: {kind: GitRepository, name: flux-system}}}
  postRenderers:
"""


def scan(root: Path, renderers: str) -> tuple[dict[str, str], list[str]]:
    """The place of each finding that matters, by its rule, and the problems."""
    write(root, {".git/config": "", **CHART, "web.yaml": RELEASE + textwrap.indent(textwrap.dedent(renderers), "  ")})
    report = json.loads(kgate("scan", ".", "-f", "json", "--persona", "audit", cwd=root, env=tools_env()).out)
    wanted = ("privileged-container", "host-pid", "host-network", "mutable-image-tag", "node-takeover-capability")
    found = {one["rule"]: one["location"] for one in report["findings"] if one["rule"] in wanted}
    places = {rule: f"{place['path']}:{place['line']}" for rule, place in found.items()}
    return places, [f"{one['path']}:{one['line']} {one['message']}" for one in report["problems"]]


MERGE = """\
- kustomize:
    patches:
    - patch: |
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: shop}
        spec: {containers: [{name: app, securityContext: {privileged: false}}]}
"""
HOST_PID = {"host-pid": "chart/templates/web.yaml:5"}
PRIVILEGED = {"privileged-container": "chart/templates/web.yaml:10"}
IMAGE = "- kustomize: {images: [{name: web, newTag: latest}]}\n"
NO_HOST_PID = """\
- kustomize:
    patches:
    - {target: {kind: Pod}, patch: "- {op: remove, path: /spec/hostPID}"}
"""
DELETION = """\
- kustomize:
    patches:
    - patch: |
        $patch: delete
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: shop}
"""
RENAME = """\
- kustomize:
    patches:
    - {target: {kind: Pod}, patch: "- {op: replace, path: /metadata/name, value: other}"}
"""
ROWS = {
    "nothing": ("- kustomize: {}\n", {**HOST_PID, **PRIVILEGED}),
    "a strategic merge": (MERGE, HOST_PID),
    "a JSON patch": (
        """\
        - kustomize:
            patches:
            - target: {kind: Pod, name: web}
              patch: |
                - {op: remove, path: /spec/hostPID}
                - {op: replace, path: /spec/containers/0/securityContext/privileged, value: false}
        """,
        {},
    ),
    "an image": (IMAGE, {**HOST_PID, **PRIVILEGED, "mutable-image-tag": "web.yaml:7"}),
    "a patch that grants": (
        """\
        - kustomize:
            patches:
            - {target: {kind: Service}, patch: "- {op: add, path: /metadata/labels, value: {a: b}}"}
            - target: {kind: Pod}
              patch: '[{"op": "add", "path": "/spec/hostNetwork", "value": true}]'
        """,
        {**HOST_PID, **PRIVILEGED, "host-network": "web.yaml:11"},
    ),
    "two, one after the other": (MERGE + NO_HOST_PID, {}),
    "a deletion": (DELETION, {}),
    "another name": (RENAME, {**HOST_PID, **PRIVILEGED}),
    "another namespace": (RENAME.replace("metadata/name,", "metadata/namespace,"), {**HOST_PID, **PRIVILEGED}),
    "a pod made of a Service": (
        """\
        - kustomize:
            patches:
            - target: {kind: Service}
              patch: |
                - {op: replace, path: /kind, value: Pod}
                - {op: replace, path: /metadata/name, value: other}
                - {op: add, path: /spec, value: {hostNetwork: true, containers: [{name: a, image: "a:1"}]}}
        """,
        {**HOST_PID, **PRIVILEGED, "host-network": "web.yaml:10"},
    ),
    "a list made of a Service": (
        """\
        - kustomize:
            patches:
            - target: {kind: Service}
              patch: |
                - {op: replace, path: /kind, value: List}
                - op: add
                  path: /items
                  value:
                  - apiVersion: v1
                    kind: Pod
                    metadata: {name: a}
                    spec: {hostNetwork: true, containers: [{name: a, image: "a:1"}]}
        """,
        {**HOST_PID, **PRIVILEGED, "host-network": "web.yaml:10"},
    ),
}


@pytest.mark.parametrize(("renderers", "expected"), ROWS.values(), ids=ROWS)
def test_post_renderers(tmp_path: Path, renderers: str, expected: dict[str, str]) -> None:
    assert scan(tmp_path, renderers) == (expected, [])


FAILING = {
    "a patch that fits nothing": MERGE.replace("name: web", "name: gone"),
    "not a patch": "- kustomize: {patches: [{patch: 'a'}]}\n",
    "a path that is not there": NO_HOST_PID.replace("hostPID", "gone"),
}


@pytest.mark.parametrize("renderers", FAILING.values(), ids=FAILING)
def test_what_cannot_be_put_on_top_is_a_problem(tmp_path: Path, renderers: str) -> None:
    places, (problem,) = scan(tmp_path, renderers)
    assert problem.startswith("web.yaml:")
    assert "cannot put it on what the chart renders to, so what is judged is not what is installed" in problem
    assert "/tmp" not in problem
    assert places == {**HOST_PID, **PRIVILEGED}
