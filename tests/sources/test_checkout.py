"""checkout.py: what a checkout holds in another form than the commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.kubernetes import manifest
from tests.test_rendering import report, tree

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
FILES = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/templates/a.yaml": CONFIG_MAP,
    "built/kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: b, envs: [b.env]}]\n",
    "built/a.yaml": CONFIG_MAP,
    "built/b.env": "a=b\n",
    "kgate.yaml": "charts: [{path: web, releases: [{name: web, values: [values/web.yaml]}]}]\n",
    "values/web.yaml": "",
}


def problems(root: Path, files: dict[str, str], *paths: str) -> list[str]:
    found = report(tree(root, {**FILES, **files}), *paths)
    return [f"{one['path']}:{one['line']} {one['message']}" for one in found["problems"]]


OF_CHARTS = ["templates/b.yaml", "templates/_b.tpl", "crds/b.yaml", "values.yaml", "data.bin", "charts/b.tgz"]
OTHERS = ["plain.yaml", "values/web.yaml", "built/a.yaml", "built/b.env"]


@pytest.mark.parametrize("name", [*(f"web/{name}" for name in OF_CHARTS), *OTHERS])
def test_a_pointer_of_git_lfs_is_a_problem(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, {name: POINTER}) == [f"{name}:None {manifest.LFS_PROBLEM}"]


def test_a_picture_of_a_chart_may_be_one(tmp_path: Path) -> None:
    assert problems(tmp_path, {"web/icon.png": POINTER, "web/templates/NOTES.txt": POINTER}) == []


@pytest.mark.parametrize(
    ("data", "is_one"),
    [
        pytest.param(POINTER.encode(), True, id="a pointer"),
        pytest.param(b"\n \n" + POINTER.encode(), True, id="behind blanks"),
        pytest.param(POINTER.replace("git-lfs", "hawser").encode(), True, id="of the first version"),
        pytest.param(POINTER.encode() + b"#" * 1024, False, id="too long for one"),
        pytest.param(b"# " + POINTER.encode(), False, id="a comment"),
    ],
)
def test_what_is_a_pointer(data: bytes, is_one: bool) -> None:
    assert manifest.is_lfs_pointer(data) == is_one


# ---------------------------------------------------------------------------------------------- submodules

HERE = "repositories: [https://git.example.com/us/here]\n"
MODULES = '[submodule "theme"]\n\tpath = all/theme\n\turl = https://git.example.com/us/theme\n'
MISSING = ".gitmodules:2 the submodule 'all/theme' is not checked out, so it is not judged"
DEPLOYED = f"{MISSING}, although it is deployed; check out with submodules"


def application(source: str) -> str:
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a, namespace: argocd}\nspec:\n"
        f"  source: {{repoURL: 'https://git.example.com/us/here', {source}}}\n"
    )


def flux(path: str) -> str:
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a, namespace: flux-system}\n"
        f"spec: {{path: {path}, sourceRef: {{kind: GitRepository, name: flux-system}}}}\n"
    )


def sought(kind: str, pattern: str) -> str:
    url = "repoURL: 'https://git.example.com/us/here'"
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: a, namespace: argocd}\nspec:\n"
        f"  generators: [{{git: {{{url}, {kind}: [{{path: '{pattern}'}}]}}}}]\n"
        f"  template: {{spec: {{source: {{{url}, path: '{{{{path}}}}'}}}}}}\n"
    )


SUBMODULES = [
    pytest.param({"all/a.yaml": CONFIG_MAP}, [], [MISSING], id="a scan"),
    pytest.param({"app.yaml": application("path: all")}, [], [MISSING], id="beside what is deployed"),
    pytest.param({"app.yaml": application("path: all, directory: {recurse: true}")}, [DEPLOYED], [], id="below it"),
    pytest.param({"app.yaml": application("path: all/theme")}, [DEPLOYED], [], id="deployed by itself"),
    pytest.param({"flux.yaml": flux("./all")}, [DEPLOYED], [], id="below a folder that Flux lists"),
    pytest.param(
        {"flux.yaml": flux("./all"), "all/kustomization.yaml": "resources: [a.yaml]\n"},
        [],
        [MISSING],
        id="below a kustomization",
    ),
    pytest.param({"all/Chart.yaml": "name: all\nversion: 1.0.0\napiVersion: v2\n"}, [DEPLOYED], [], id="in a chart"),
    pytest.param(
        {"set.yaml": sought("directories", "all/theme/*")}, [DEPLOYED], [], id="below where folders are sought"
    ),
    pytest.param({"set.yaml": sought("directories", "*/t*/*")}, [DEPLOYED], [], id="where any folder is sought"),
    pytest.param({"set.yaml": sought("directories", "*/b*/*")}, [], [MISSING], id="where other folders are sought"),
    pytest.param({"set.yaml": sought("files", "all/*/a.json")}, [DEPLOYED], [], id="where files are sought"),
    pytest.param({"set.yaml": sought("files", "all/theme/a.json")}, [DEPLOYED], [], id="where a file is sought"),
    pytest.param({"set.yaml": sought("files", "all/a/*")}, [], [MISSING], id="where other files are sought"),
    pytest.param({"all/theme/x.yaml": ""}, [], [], id="checked out"),
    pytest.param(
        {".gitmodules": "[submodule"},
        [".gitmodules:1 cannot be read, so submodules may be missing: line 1 is not in the syntax of git"],
        [],
        id="not in the syntax of git",
    ),
]


@pytest.mark.parametrize(("files", "faults", "remarks"), SUBMODULES)
def test_submodules(tmp_path: Path, files: dict[str, str], faults: list[str], remarks: list[str]) -> None:
    (tmp_path / "all/theme").mkdir(parents=True)
    found = report(tree(tmp_path, {".gitmodules": MODULES, "all/a.yaml": CONFIG_MAP, "kgate.yaml": HERE, **files}))
    for name, wanted in (("problems", faults), ("notes", remarks)):
        told = [f"{one['path']}:{one['line']} {one['message']}" for one in found[name]]
        assert [line for line in told if line.startswith(".gitmodules")] == wanted


# ----------------------------------------------------------------------------------------------- encodings

ENCODINGS = [
    pytest.param({".gitattributes": "*.yaml working-tree-encoding=UTF-7"}, ".gitattributes:1", "", id="all"),
    pytest.param(
        {".gitattributes": "# x\n *.tpl text working-tree-encoding=utf-16\n", "web/templates/_b.tpl": ""},
        ".gitattributes:2",
        "web/templates/_b.tpl",
        id="a file of a chart",
    ),
    pytest.param(
        {"built/.gitattributes": "/b.env working-tree-encoding=UTF-7"},
        "built/.gitattributes:1",
        "built/b.env",
        id="a file of a kustomization",
    ),
    pytest.param({".gitattributes": "[attr]x working-tree-encoding=UTF-7"}, ".gitattributes:1", "", id="a macro"),
    pytest.param({".gitattributes": "*.ps1 working-tree-encoding=UTF-16"}, None, "", id="what kgate does not read"),
    pytest.param({".gitattributes": "* working-tree-encoding=UTF-8"}, None, "", id="UTF-8"),
    pytest.param({"docs/.gitattributes": "* working-tree-encoding=UTF-7"}, None, "", id="another folder"),
]


@pytest.mark.parametrize(("files", "place", "name"), ENCODINGS)
def test_encodings(tmp_path: Path, files: dict[str, str], place: str | None, name: str) -> None:
    told = problems(tmp_path, {"plain.yaml": CONFIG_MAP, **files})
    assert any(line.startswith(f"{place} git writes {name}") for line in told) if place else told == []
