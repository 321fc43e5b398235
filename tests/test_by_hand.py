"""What is judged of whole trees is what helm and kubectl give whoever runs them by hand with the right inputs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from kgate.environment import Environment
from kgate.model import Resource
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool

GIT = {".git/config": '[remote "origin"]\nurl = https://git.example.com/deploy.git\n'}


def pod(name: str, image: str, rest: str = "") -> str:
    head = f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  containers:\n"
    return f"{head}  - name: app\n    image: {image}\n{rest}"


PRIVILEGED = "    securityContext:\n      privileged: true\n"
LISTING = "resources: [web.yaml, release.yaml]\n"
RELEASE = (
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: db}\n"
    "spec: {chart: {spec: {chart: db, sourceRef: {kind: HelmRepository, name: charts}}}}\n"
)
APP = {"app/kustomization.yaml": LISTING, "app/web.yaml": pod("web", "web:1", PRIVILEGED), "app/release.yaml": RELEASE}
PATCH = '[{"op": "replace", "path": "/spec/containers/0/securityContext/privileged", "value": false}]'
PATCHES = f"patches: [{{target: {{kind: Pod}}, patch: '{PATCH}'}}]"


def flux(rest: str, kind: str = "GitRepository", path: str = "./app") -> str:
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        "metadata: {name: app, namespace: flux-system}\n"
        f"spec:\n  path: {path}\n  sourceRef: {{kind: {kind}, name: flux-system}}\n{rest}"
    )


def argo(rest: str, path: str = "app") -> str:
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app}\nspec:\n"
        "  destination: {namespace: prod}\n"
        f"  source: {{repoURL: 'https://git.example.com/deploy.git', path: {path}, {rest}}}\n"
    )


@dataclass(frozen=True)
class Tree:
    """The files of a repository, and how its pods are made by hand: commands, each a kustomization of its own (by its
    text) or the arguments of ``helm template``; ``texts`` are replaced in what they print."""

    files: Mapping[str, str]
    kustomizations: tuple[str, ...] = ()
    helm: tuple[tuple[str, ...], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


def made_by_hand(root: Path, tree: Tree) -> list[Any]:
    """The pods that the commands print."""
    texts = []
    for number, text in enumerate(tree.kustomizations):
        write(root, {f"hand{number}/kustomization.yaml": text})
        command = [os.fspath(kustomize_tool().path), "kustomize", f"hand{number}", "--enable-helm"]
        texts.append(run([*command, "--helm-command", os.fspath(helm_tool().path)], root))
        shutil.rmtree(root / f"hand{number}")
    texts += [run([os.fspath(helm_tool().path), "template", *arguments], root) for arguments in tree.helm]
    printed = "\n---\n".join(texts)
    for old, new in tree.texts.items():
        printed = printed.replace(old, new)
    return ordered(body for body in yaml.safe_load_all(printed) if body and body["kind"] == "Pod")


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ordered(bodies: Any) -> list[Any]:
    return sorted(({"metadata": one["metadata"], "spec": one["spec"]} for one in bodies), key=str)


def judged(root: Path, tree: Tree) -> list[Resource]:
    """The pods that kgate judges, if there is no problem."""
    programs = {"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)}
    settings = RenderSettings(programs=programs, environment=Environment(variables=tree.variables))
    with closing(collect([root], Repository.at(root), settings, batches_of(()))) as everything:
        batches = list(everything)
    assert [problem for batch in batches for problem in batch.problems] == []
    return [one for batch in batches for one in batch.resources if one.id.kind == "Pod"]


SUBSTITUTED = {"app/kustomization.yaml": "resources: [web.yaml]\n", "app/web.yaml": pod("web", "${IMAGE}:1")}
FROM_SECRET = "  postBuild: {substituteFrom: [{kind: Secret, name: vars}]}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: vars, namespace: flux-system}\nstringData: {IMAGE: web}\n"
PACKED = {
    "k8s/apps/kustomization.yaml": "namespace: prod\nresources: [../base]\n",
    "k8s/base/kustomization.yaml": "resources: [web.yaml]\n",
    "k8s/base/web.yaml": pod("web", "web:1"),
}
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/values.yaml": "image: web:1\n",
    "chart/templates/web.yaml": pod("web", "{{ .Values.image }}"),
}
READ = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: |\n{{ .Files.Get %s | indent 4 }}\n"
REQUIRED = CHART | {
    "chart/values.yaml": "{}\n",
    "chart/templates/web.yaml": pod("web", "{{ required `image` .Values.image }}"),
}
HELPER = '{{- define "image" }}{{ if not .Values.image }}{{ fail "set image" }}{{ end }}{{ .Values.image }}{{ end }}'
IN_KUSTOMIZATION = {
    "k/kustomization.yaml": "namespace: prod\nhelmCharts:\n- name: chart\n  releaseName: a\n%s",
    **{path.replace("chart/", "k/charts/chart/", 1): text for path, text in CHART.items()},
}


def in_kustomization(rest: str, more: Mapping[str, str] | None = None) -> Tree:
    files = {**IN_KUSTOMIZATION, **(more or {})}
    files["k/kustomization.yaml"] %= rest
    return Tree(files, kustomizations=("resources: [../k]\n",))


TREES = [
    pytest.param(
        Tree(
            APP | {"cluster/app.yaml": flux(f"  targetNamespace: prod\n  {PATCHES}\n")},
            (f"namespace: prod\nresources: [../app]\n{PATCHES}\n",),
        ),
        id="1: a claim of Flux, beside a release",
    ),
    pytest.param(
        Tree(
            APP | {"cluster/app.yaml": argo(f"kustomize: {{namespace: prod, {PATCHES}}}")},
            (f"namespace: prod\nresources: [../app]\n{PATCHES}\n",),
        ),
        id="1: a claim of Argo CD, beside a release",
    ),
    pytest.param(
        Tree(
            APP
            | {
                "cluster/app.yaml": flux("  targetNamespace: none\n"),
                "cluster/kustomization.yaml": "resources: [app.yaml]\npatches:\n- target: {name: app}\n"
                """  patch: '[{"op": "replace", "path": "/spec/targetNamespace", "value": "prod"}]'\n""",
            },
            ("namespace: prod\nresources: [../app]\n",),
        ),
        id="1: a claim that a build changes",
    ),
    pytest.param(
        Tree(
            SUBSTITUTED | {"flux.yaml": flux("  postBuild: {substitute: {IMAGE: web}}\n")},
            ("resources: [../app]\n",),
            texts={"${IMAGE}": "web"},
        ),
        id="2: a variable of the object",
    ),
    pytest.param(
        Tree(
            SUBSTITUTED | {"flux.yaml": flux(FROM_SECRET), "secret.yaml": SECRET},
            ("resources: [../app]\n",),
            texts={"${IMAGE}": "web"},
        ),
        id="2: a variable of a Secret of the repository",
    ),
    pytest.param(
        Tree(
            SUBSTITUTED | {"flux.yaml": flux(FROM_SECRET)},
            ("resources: [../app]\n",),
            texts={"${IMAGE}": "web"},
            variables={"IMAGE": "web"},
        ),
        id="2: a variable that is given",
    ),
    *(
        pytest.param(
            Tree(PACKED | {"clusters/a.yaml": flux("", kind, path)}, ("resources: [../k8s/apps]\n",)),
            id=f"3: {kind}, {path}",
        )
        for kind, path in (("OCIRepository", "./apps"), ("Bucket", "apps"), ("OCIRepository", "./k8s/apps"))
    ),
    pytest.param(
        Tree(
            CHART | {"chart/files/plain.yaml": pod("no", "no"), "chart/templates/a.yaml": READ % '"files/plain.yaml"'},
            helm=(("chart", "chart"),),
        ),
        id="4: a file that a template reads",
    ),
    pytest.param(
        Tree(
            CHART
            | {"chart/files/inject.yaml": pod("{{ x }}", "no"), "chart/templates/a.yaml": READ % '"files/inject.yaml"'},
            helm=(("chart", "chart"),),
        ),
        id="4: a template that a template reads",
    ),
    pytest.param(
        Tree(
            CHART
            | {
                "chart/Chart.yaml": CHART["chart/Chart.yaml"] + "dependencies: [{name: sub, version: 1.0.0}]\n",
                "chart/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
                "chart/charts/sub/templates/web.yaml": pod("sub", "web:1"),
                "chart/charts/sub/files/plain.yaml": pod("no", "no"),
                "chart/charts/sub/templates/a.yaml": READ % '"files/plain.yaml"',
            },
            helm=(("chart", "chart"),),
        ),
        id="4: a file of a nested chart",
    ),
    pytest.param(
        Tree(
            REQUIRED | {"chart/ci/a-values.yaml": "image: web:2\n"},
            helm=(("chart", "chart", "-f", "chart/ci/a-values.yaml"),),
        ),
        id="5: a value that is required",
    ),
    pytest.param(
        Tree(
            REQUIRED | {"chart/ci/a-values.yaml": "image: web:2\n", "chart/ci/b-values.yaml": "image: web:3\n"},
            helm=tuple(("chart", "chart", "-f", f"chart/ci/{one}-values.yaml") for one in "ab"),
        ),
        id="5: two files of values",
    ),
    pytest.param(
        Tree(
            REQUIRED
            | {
                "chart/templates/_image.tpl": HELPER,
                "chart/templates/web.yaml": pod("web", '{{ include "image" . }}'),
                "chart/ci/a-values.yaml": "image: web:2\n",
            },
            helm=(("chart", "chart", "-f", "chart/ci/a-values.yaml"),),
        ),
        id="5: a helper that fails",
    ),
    pytest.param(in_kustomization("  valuesInline:\n    image: web:2\n"), id="10: values in a kustomization"),
    pytest.param(
        in_kustomization("  valuesFile: my.yaml\n", {"k/my.yaml": "# mine\nimage: web:3\n"}),
        id="10: a file of values beside a kustomization",
    ),
    pytest.param(
        Tree(
            CHART | {"cluster/app.yaml": argo("helm: {parameters: [{name: image, value: 'web:4'}]}", "chart")},
            helm=(("app", "chart", "-n", "prod", "--set", "image=web:4"),),
        ),
        id="10: a parameter of Argo CD",
    ),
]


@pytest.mark.parametrize("tree", TREES)
def test_what_is_judged_is_what_the_tools_print(tmp_path: Path, tree: Tree) -> None:
    write(tmp_path, {**GIT, **tree.files})
    wanted = made_by_hand(tmp_path, tree)
    found = judged(tmp_path, tree)
    assert wanted
    assert ordered(one.body for one in found) == wanted
    for one in found:
        place = one.locate("/spec/containers/0/image")
        places = (place, *(other.location for other in place.related))
        lines = [(tmp_path / at.path).read_text().splitlines()[at.start.line - 1] for at in places]
        assert any(one.body["spec"]["containers"][0]["image"] in line or "${IMAGE}:1" in line for line in lines), lines
