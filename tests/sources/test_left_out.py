"""What a deployer leaves out of a folder that it deploys: workloads are judged as they are written, as others may apply
them, the rest is not judged, and notes say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import kgate
from tests.hostile import write

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {containers: [{name: a, image: b}]}\n"
FILES = {f"app/{name}.yaml": POD.replace("NAME", name.replace("/", "-")) for name in ("a", "b", "sub/c")}
GIT = '[remote "origin"]\nurl = https://git.example.org/shop/deploy.git\n'
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  destination: {namespace: shop}
  source:
    repoURL: https://git.example.org/shop/deploy.git
    path: app
"""
SOURCE = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: deploy, namespace: flux-system}
spec:
  url: https://git.example.org/shop/deploy.git
"""
KUSTOMIZATION = """\
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec:
  sourceRef: {kind: GitRepository, name: deploy}
  path: ./app
"""


def scan(root: Path, files: dict[str, str], *paths: str) -> tuple[set[str], list[str]]:
    """The names of the pods that are judged, and the notes about what is left out."""
    write(root, {".git/config": GIT, **FILES, **files})
    report = json.loads(kgate("scan", *(paths or (".",)), "-f", "json", cwd=root).out)
    assert not report["problems"]
    kept = ("not judged", "and others may apply it")
    notes = [one["message"] for one in report["notes"] if any(text in one["message"] for text in kept)]
    return {one["name"] for one in report["workloads"]}, notes


def argo(directory: str) -> dict[str, str]:
    return {"web.yaml": f"{APPLICATION}    directory: {directory}\n"}


BY_ARGO = "left out by spec.source.directory of Application/argocd/web"
BY_FLUX = "hidden from Flux by"


def written(name: str, why: str) -> str:
    return f"Pod/{name} is judged as it is written: it is {why}, and others may apply it"


ALL = {"a", "b", "sub-c"}
LEFT_OUT = {
    "exclude": (argo("{exclude: a.yaml}"), ALL, [written("a", BY_ARGO)]),
    "exclude, with recurse": (argo("{recurse: true, exclude: 'sub/*'}"), ALL, [written("sub-c", BY_ARGO)]),
    "include": (argo("{recurse: true, include: '{b.yaml,sub/*}'}"), ALL, [written("a", BY_ARGO)]),
    "no recurse leaves it to others": (argo("{}"), ALL, []),
    "taken by another Application": (
        {
            "web.yaml": f"{APPLICATION}    directory: {{exclude: a.yaml}}\n",
            "all.yaml": APPLICATION.replace("name: web", "name: all") + "    directory: {recurse: true}\n",
        },
        ALL,
        [],
    ),
    ".sourceignore": (
        {"web.yaml": SOURCE + KUSTOMIZATION, ".sourceignore": "/app/sub\n"},
        ALL,
        [written("sub-c", f"{BY_FLUX} .sourceignore:1")],
    ),
    "spec.ignore": (
        {"web.yaml": SOURCE + "  ignore: |\n    /*\n    !/app/a.yaml\n" + KUSTOMIZATION},
        ALL,
        [written(name, f"{BY_FLUX} spec.ignore of its source") for name in ("b", "sub-c")],
    ),
    "in what is built with changes": (
        {"web.yaml": SOURCE + KUSTOMIZATION + "  namePrefix: x-\n", "app/.sourceignore": "a.yaml\n"},
        {"a", "x-b", "x-sub-c"},
        [written("a", f"{BY_FLUX} app/.sourceignore:1")],
    ),
    "what runs nothing": (
        argo("{exclude: '{d.yaml,e.yaml}'}")
        | {f"app/{name}.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n" for name in "de"},
        ALL,
        [f"not judged, as {BY_ARGO}: app/d.yaml, app/e.yaml"],
    ),
    "a template, which is no manifest": (
        argo("{exclude: d.yaml}") | {"app/d.yaml": "{{ if .x }}\n" + POD + "{{ end }}\n"},
        ALL,
        [f"not judged, as {BY_ARGO}: app/d.yaml"],
    ),
}


@pytest.mark.parametrize(("files", "names", "notes"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_a_deployer_leaves_out(tmp_path: Path, files: dict[str, str], names: set[str], notes: list[str]) -> None:
    assert scan(tmp_path, files) == (names, notes)


def test_what_the_user_names_is_judged(tmp_path: Path) -> None:
    assert scan(tmp_path, argo("{exclude: a.yaml}"), "web.yaml", "app/a.yaml") == ({"a", "b"}, [])
