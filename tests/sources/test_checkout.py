"""checkout.py: what a checkout holds in another form than the commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate import manifest
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
