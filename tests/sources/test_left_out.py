"""What a deployer leaves out of a folder that it deploys is not judged, and a note says so."""

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
    """The names of the pods that are judged, and the notes about what is not."""
    write(root, {".git/config": GIT, **FILES, **files})
    report = json.loads(kgate("scan", *(paths or (".",)), "-f", "json", cwd=root).out)
    assert not report["problems"]
    notes = [one["message"] for one in report["notes"] if one["message"].startswith("not judged")]
    return {one["name"] for one in report["workloads"]}, notes


def argo(directory: str) -> dict[str, str]:
    return {"web.yaml": f"{APPLICATION}    directory: {directory}\n"}


BY_ARGO = "not judged, as left out by spec.source.directory of Application/argocd/web"
BY_FLUX = "not judged, as hidden from Flux by"
LEFT_OUT = {
    "exclude": (argo("{exclude: a.yaml}"), {"b", "sub-c"}, [f"{BY_ARGO}: app/a.yaml"]),
    "exclude, with recurse": (argo("{recurse: true, exclude: 'sub/*'}"), {"a", "b"}, [f"{BY_ARGO}: app/sub/c.yaml"]),
    "include": (argo("{recurse: true, include: '{b.yaml,sub/*}'}"), {"b", "sub-c"}, [f"{BY_ARGO}: app/a.yaml"]),
    "no recurse leaves it to others": (argo("{}"), {"a", "b", "sub-c"}, []),
    "taken by another Application": (
        {
            "web.yaml": f"{APPLICATION}    directory: {{exclude: a.yaml}}\n",
            "all.yaml": APPLICATION.replace("name: web", "name: all") + "    directory: {recurse: true}\n",
        },
        {"a", "b", "sub-c"},
        [],
    ),
    ".sourceignore": (
        {"web.yaml": SOURCE + KUSTOMIZATION, ".sourceignore": "/app/sub\n"},
        {"a", "b"},
        [f"{BY_FLUX} .sourceignore:1: app/sub/c.yaml"],
    ),
    "spec.ignore": (
        {"web.yaml": SOURCE + "  ignore: |\n    /*\n    !/app/a.yaml\n" + KUSTOMIZATION},
        {"a"},
        [f"{BY_FLUX} spec.ignore of its source: app/b.yaml, app/sub/c.yaml"],
    ),
    "in what is built with changes": (
        {"web.yaml": SOURCE + KUSTOMIZATION + "  namePrefix: x-\n", "app/.sourceignore": "a.yaml\n"},
        {"x-b", "x-sub-c"},
        [f"{BY_FLUX} app/.sourceignore:1: app/a.yaml"],
    ),
}


@pytest.mark.parametrize(("files", "names", "notes"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_a_deployer_leaves_out(tmp_path: Path, files: dict[str, str], names: set[str], notes: list[str]) -> None:
    assert scan(tmp_path, files) == (names, notes)


def test_what_the_user_names_is_judged(tmp_path: Path) -> None:
    assert scan(tmp_path, argo("{exclude: a.yaml}"), "web.yaml", "app/a.yaml") == ({"a", "b"}, [])
