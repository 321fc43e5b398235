"""What a GitOps object deploys is judged as it deploys it, and not by itself besides, whenever the object is found."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from kgate.model import Batch
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from kgate.sources.queue import MAX_ROUNDS
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool


def pod(name: str, namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}{where}}}\nspec: {{containers: [{{name: app}}]}}\n"


def flux(name: str, path: str, rest: str = "") -> str:
    """A Flux Kustomization for a folder of this repository; ``rest`` are further lines of its spec."""
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\n"
        f"spec:\n  path: {path}\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{rest}"
    )


def application(name: str, path: str, rest: str = "") -> str:
    """An Argo CD Application for a folder of this repository; ``rest`` are further fields of its source."""
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
        "spec:\n  destination: {namespace: prod}\n"
        f"  source: {{repoURL: https://git.example.com/deploy.git, path: {path}{rest}}}\n"
    )


def listing(*names: str, rest: str = "") -> str:
    return f"resources: [{', '.join(names)}]\n{rest}"


PROD = "  targetNamespace: prod\n"
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: db}
spec: {chart: {spec: {chart: db, sourceRef: {kind: HelmRepository, name: charts}}}}
"""
CHARTS = (
    "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: charts}\nspec: {url: oci://x}\n"
)
APP = {"app/kustomization.yaml": listing("web.yaml"), "app/web.yaml": pod("web")}
TALKING_APP = APP | {"app/kustomization.yaml": listing("web.yaml", "release.yaml"), "app/release.yaml": RELEASE}
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "chart/templates/pod.yaml": pod("{{ .Release.Name }}"),
}
PATCH = """\
patches:
  - target: {kind: Kustomization, name: app}
    patch: '[{"op": "replace", "path": "/spec/FIELD", "value": "VALUE"}]'
"""


def patched(field: str, value: str) -> str:
    return PATCH.replace("FIELD", field).replace("VALUE", value)


DELETION = """\
patches:
  - patch: |
      apiVersion: kustomize.toolkit.fluxcd.io/v1
      kind: Kustomization
      metadata: {name: app, namespace: flux-system}
      $patch: delete
"""


CASES = [
    pytest.param(
        {**TALKING_APP, "cluster/app.yaml": flux("app", "./app", PROD)}, ["prod/web"], id="known from the start"
    ),
    pytest.param(
        {
            **TALKING_APP,
            "cluster/app.yaml": flux("app", "./app", PROD),
            "cluster/kustomization.yaml": listing("app.yaml"),
        },
        ["prod/web"],
        id="known once the cluster is built",
    ),
    pytest.param(
        {
            **APP,
            "app/kustomization.yaml": listing("web.yaml", "charts.yaml"),
            "app/charts.yaml": CHARTS,
            "cluster/app.yaml": flux("app", "./app", PROD),
            "cluster/kustomization.yaml": listing("app.yaml"),
        },
        ["prod/web"],
        id="a HelmRepository inside",
    ),
    pytest.param(
        {
            **CHART,
            **APP,
            "app/kustomization.yaml": listing("web.yaml", "application.yaml"),
            "app/application.yaml": application("shop", "chart"),
            "cluster/app.yaml": flux("app", "./app", PROD),
            "cluster/kustomization.yaml": listing("app.yaml"),
        },
        ["prod/web", "shop"],
        id="an Application inside",
    ),
    pytest.param(
        {
            **APP,
            "cluster/app.yaml": flux("app", "./app", PROD),
            "cluster/kustomization.yaml": listing("system", "app.yaml"),
            "cluster/system/kustomization.yaml": listing("sync.yaml", "pod.yaml"),
            "cluster/system/sync.yaml": flux("flux-system", "./cluster"),
            "cluster/system/pod.yaml": pod("controller", "flux-system"),
        },
        ["flux-system/controller", "prod/web"],
        id="a cluster that deploys itself",
    ),
    pytest.param(
        {
            **TALKING_APP,
            "cluster/app.yaml": flux("app", "./app", PROD),
            "cluster/kustomization.yaml": listing("sync.yaml", "app.yaml", "pod.yaml"),
            "cluster/sync.yaml": flux(
                "cluster", "./cluster", "  " + patched("targetNamespace", "live").replace("\n", "\n  ")
            ),
            "cluster/pod.yaml": pod("controller", "flux-system"),
        },
        ["flux-system/controller", "live/web"],
        id="a cluster that deploys itself and changes what its objects say",
    ),
    pytest.param(
        {
            **TALKING_APP,
            "cluster/app.yaml": flux("app", "./app", PROD),
            "cluster/kustomization.yaml": listing("app.yaml", rest=patched("targetNamespace", "live")),
        },
        ["live/web"],
        id="an object that is patched when it is built",
    ),
    pytest.param(
        {
            **TALKING_APP,
            "other/kustomization.yaml": listing("../shared"),
            "shared/kustomization.yaml": listing("pod.yaml"),
            "shared/pod.yaml": pod("other"),
            "cluster/app.yaml": flux("app", "./nowhere", PROD),
            "cluster/kustomization.yaml": listing("app.yaml", rest=patched("path", "./app")),
        },
        ["other", "prod/web"],
        id="a path that a patch sets",
    ),
    pytest.param(
        {
            **TALKING_APP,
            "cluster/sync.yaml": flux("cluster", "./apps", "  postBuild: {substitute: {APP: app}}\n"),
            "apps/kustomization.yaml": listing("app.yaml"),
            "apps/app.yaml": flux("app", "./${APP}", PROD),
        },
        ["prod/web"],
        id="a path with a variable",
    ),
    pytest.param(
        {
            **APP,
            "stage/kustomization.yaml": listing("app.yaml"),
            "stage/app.yaml": flux("app", "./app", "  targetNamespace: stage\n"),
            "prod/kustomization.yaml": listing("app.yaml"),
            "prod/app.yaml": flux("app", "./app", PROD),
        },
        ["prod/web", "stage/web"],
        id="two clusters that deploy it",
    ),
    pytest.param(
        {
            "a/kustomization.yaml": listing("b.yaml", "pod.yaml"),
            "a/b.yaml": flux("b", "./b", "  targetNamespace: b\n"),
            "a/pod.yaml": pod("a"),
            "b/kustomization.yaml": listing("a.yaml", "pod.yaml"),
            "b/a.yaml": flux("a", "./a", "  targetNamespace: a\n"),
            "b/pod.yaml": pod("b"),
        },
        ["a/a", "b/b"],
        id="two folders that deploy each other",
    ),
    pytest.param(
        {
            "cluster/apps.yaml": flux("apps", "./apps", PROD),
            "cluster/kustomization.yaml": listing("apps.yaml"),
            "apps/web/kustomization.yaml": listing("web.yaml", "release.yaml"),
            "apps/web/web.yaml": pod("web"),
            "apps/web/release.yaml": RELEASE,
            "apps/db/kustomization.yaml": listing("db.yaml"),
            "apps/db/db.yaml": pod("db"),
            "apps/cache.yaml": pod("cache"),
        },
        ["prod/cache", "prod/db", "prod/web"],
        id="kustomizations below a folder without one",
    ),
    pytest.param(
        {
            "cluster/apps.yaml": flux("apps", "./apps", PROD),
            "cluster/kustomization.yaml": listing("apps.yaml"),
            "apps/app.yaml": flux("app", "./web", PROD),
            "apps/cache.yaml": pod("cache"),
            "web/web.yaml": pod("web"),
        },
        ["prod/cache", "prod/web"],
        id="folders of plain manifests",
    ),
    pytest.param(
        {
            "cluster/apps.yaml": flux(
                "apps", "./apps", "  " + patched("targetNamespace", "live").replace("\n", "\n  ")
            ),
            "apps/app.yaml": flux("app", "./web", PROD),
            "apps/cache.yaml": pod("cache"),
            "web/web.yaml": pod("web"),
        },
        ["cache", "live/web"],
        id="a plain manifest whose object is patched",
    ),
    pytest.param(
        {
            **CHART,
            "cluster/app.yaml": application("live", "chart"),
            "cluster/kustomization.yaml": listing("app.yaml"),
        },
        ["live"],
        id="a chart",
    ),
    pytest.param(
        {
            **APP,
            "cluster/app.yaml": flux("app", "./app", "  components: [../part]\n"),
            "cluster/kustomization.yaml": listing("app.yaml"),
            "part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            + listing("pod.yaml"),
            "part/pod.yaml": pod("part"),
        },
        ["part", "web"],
        id="a component that an object adds",
    ),
    pytest.param(
        {
            **TALKING_APP,
            "cluster/app.yaml": flux("app", "./app", PROD),
            "cluster/kustomization.yaml": listing("app.yaml", rest=DELETION),
        },
        ["web"],
        id="an object that is deleted when it is built",
    ),
]


def collected(root: Path, files: Mapping[str, str]) -> list[Batch]:
    write(root, {".git/config": '[remote "origin"]\nurl = https://git.example.com/deploy.git\n', **files})
    settings = RenderSettings(programs={"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)})
    with closing(collect([root], Repository.at(root), settings, batches_of(()))) as everything:
        return list(everything)


def deployed(root: Path, files: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The pods that are judged, and the problems."""
    batches = collected(root, files)
    ids = [one.id for batch in batches for one in batch.resources if one.id.kind == "Pod"]
    problems = [f"{problem.path}: {problem.message}" for batch in batches for problem in batch.problems]
    return sorted(f"{one.namespace or ''}/{one.name}".removeprefix("/") for one in ids), problems


@pytest.mark.parametrize(("files", "expected"), CASES)
def test_it_is_judged_once(tmp_path: Path, files: Mapping[str, str], expected: list[str]) -> None:
    assert deployed(tmp_path, files) == (expected, [])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({**APP, "other/pod.yaml": pod("other")}, [], id="no object of Argo CD or Flux"),
        pytest.param({**APP, **CHART, "app.yaml": flux("app", "./app")}, ["chart"], id="a chart beside an app"),
        pytest.param(
            {
                **APP,
                "cluster/app.yaml": flux("app", "./app"),
                "cluster/kustomization.yaml": listing("app.yaml"),
                "a/kustomization.yaml": listing("pod.yaml"),
                "a/pod.yaml": pod("a"),
                "b/kustomization.yaml": listing("pod.yaml"),
                "b/pod.yaml": pod("b"),
            },
            ["a, b"],
            id="two overlays beside an app, and the cluster itself",
        ),
        pytest.param(
            {
                **APP,
                "cluster/app.yaml": application("app", "app"),
                "cluster/made.yaml": application("made", "a", ", plugin: {name: own}"),
                "cluster/chart.yaml": application("chart", "chart", ", plugin: {}"),
                "a/kustomization.yaml": listing("pod.yaml"),
                "a/pod.yaml": pod("a"),
                "b/kustomization.yaml": listing("pod.yaml"),
                "b/pod.yaml": pod("b"),
                **CHART,
            },
            ["b"],
            id="folders that plugins deploy are not listed",
        ),
    ],
)
def test_what_nothing_deploys_is_listed(tmp_path: Path, files: Mapping[str, str], expected: list[str]) -> None:
    """It is judged all the same, as it may be deployed from elsewhere."""
    start = "no GitOps object of this repository deploys "
    notes = [note.message for batch in collected(tmp_path, files) for note in batch.notes]
    found = [note.removeprefix(start).partition(";")[0] for note in notes if note.startswith(start)]
    assert found == expected


def test_an_application_that_deploys_itself_anew_without_end(tmp_path: Path) -> None:
    """Its chart renders to an Application of the same chart with another value each time."""
    again = application("again", "chart", ", helm: {parameters: [{name: depth, value: 'x{{ .Values.depth }}'}]}")
    files = {**CHART, "chart/templates/again.yaml": again, "app.yaml": application("first", "chart")}
    found, problems = deployed(tmp_path, files)
    assert len(found) == MAX_ROUNDS
    assert problems == [f"chart: is nested in more than {MAX_ROUNDS} layers of GitOps objects, and is not rendered"]
