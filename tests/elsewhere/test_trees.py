"""What is packed of a checkout: what a kustomization uses or a folder holds, and nothing that leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from kgate.elsewhere import trees
from kgate.elsewhere.transfer import TransferError
from kgate.elsewhere.wanted import Wanted
from kgate.rendering import archive
from tests.hostile import write

FILES = {
    "app/kustomization.yaml": "resources: [pod.yaml, ../base]\nconfigMapGenerator: [{name: a, files: [data.txt]}]\n",
    "app/pod.yaml": "kind: Pod\n",
    "app/data.txt": "x",
    "app/unused.txt": "x",
    "base/kustomization.yaml": "helmCharts: [{name: web}]\n",
    "base/charts/web/Chart.yaml": "name: web\n",
    "base/charts/web/templates/a.yaml": "a: 1\n",
    "base/charts/other/Chart.yaml": "name: other\n",
    ".sourceignore": "x\n",
    "elsewhere/pod.yaml": "kind: Pod\n",
}
USED = ["app/data.txt", "app/kustomization.yaml", "app/pod.yaml", "base/charts/web/Chart.yaml"]
USED += ["base/charts/web/templates/a.yaml", "base/kustomization.yaml"]


def packed(tree: Path, kind: Literal["base", "tree"], path: str = "app", submodules: tuple[str, ...] = ()) -> list[str]:
    """The files of what is packed."""
    wanted = Wanted.files(kind, "https://git.example.com/a", path, "v1")
    data = trees.packed(tree, wanted, "a" * 40, submodules, path)
    assert data == trees.packed(tree, wanted, "a" * 40, submodules, path), "the same bytes"
    names = sorted(name for name, _ in archive.read(data, archive.Room().admit))
    assert names[0] == "about.json"
    return [name.removeprefix("tree/") for name in names[1:]]


def test_what_is_packed(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assert packed(tmp_path, "base") == USED
    assert packed(tmp_path, "tree") == sorted([*USED, "app/unused.txt", ".sourceignore"])
    assert packed(tmp_path, "tree", "elsewhere") == [".sourceignore", "elsewhere/pod.yaml"]
    assert packed(tmp_path, "base", submodules=("vendored",)) == USED, "one that it does not use"
    (tmp_path / "app/data.txt").unlink()
    (tmp_path / "app/data.txt").symlink_to("../elsewhere/pod.yaml")
    assert packed(tmp_path, "base") == USED, "a link is replaced by what it leads to"


LINKS: dict[str, tuple[dict[str, str], Literal["base", "tree"], str, str]] = {
    "a file outside": ({"app/pod.yaml": "/etc/hosts"}, "base", "app", "leads out of the repository"),
    "a file outside of a folder": ({"app/more.yaml": "/etc/hosts"}, "tree", "app", "leads out of the repository"),
    "a folder outside": ({"base": "/etc"}, "base", "app", "../base leads out of the repository"),
    "the kustomization": ({"app/kustomization.yaml": "../../x/kustomization.yaml"}, "base", "app", "leads out of"),
    "git's own folder": ({"app/pod.yaml": "../.git/config"}, "base", "app", "leads out of the repository"),
    "a folder inside": ({"base": "elsewhere"}, "base", "app", "base is reached through a symbolic link"),
    "the folder itself": ({"gone": "/etc"}, "base", "gone", "there is no such folder"),
    "a circle": ({"app/again": "../app"}, "tree", "app", "is a symbolic link to a folder that contains it"),
    "nothing": ({}, "base", "gone/deep", "there is no such folder; its git submodules are not fetched (vendored)"),
    "no kustomization": ({}, "base", "elsewhere", "there is no kustomization; its git submodules"),
    "a submodule": ({}, "tree", "vendored/x", "there is no such folder; its git submodules are not fetched"),
}


@pytest.mark.parametrize("name", LINKS)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    links, kind, path, reason = LINKS[name]
    tree = tmp_path / "tree"
    write(tree, {**FILES, ".git/config": "secret", "elsewhere/kustomization.yml": "resources: [pod.yaml]\n"})
    write(tmp_path, {"x/kustomization.yaml": "resources: []\n"})
    if name == "no kustomization":
        (tree / "elsewhere/kustomization.yml").unlink()
    for place, target in links.items():
        found = tree / place
        if found.is_dir():
            found.rename(tree / "moved")
        else:
            found.unlink(missing_ok=True)
        found.symlink_to(target)
    with pytest.raises(TransferError) as error:
        packed(tree, kind, path, ("vendored",))
    assert reason in str(error.value)
    assert str(tmp_path) not in str(error.value)


def test_a_folder_with_a_submodule_is_not_whole(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    (tmp_path / "app/vendored").mkdir()
    with pytest.raises(TransferError, match="app/vendored is a git submodule, which is not fetched"):
        packed(tmp_path, "tree", submodules=("app/vendored",))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", True),
        (b"<html><body>not: yaml</body></html>\n", False),
        (b"a: 1\n", False),
        (b"", False),
        (b"\xff\xfe\x00", False),
        (b"a: [\n", False),
    ],
)
def test_what_is_a_file_of_resources(data: bytes, expected: bool) -> None:
    assert trees.holds_objects(data) == expected
