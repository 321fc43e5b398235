"""argocd_directory.py: which files of a folder Argo CD applies as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.gitops.plan import Planned
from tests.gitops.objects import URL, Shop, make_shop, told


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def plan(shop: Shop, directory: str) -> Planned:
    shop.touch("all/a.yaml", "all/b.yml", "all/c.json", "all/d.txt", "all/deep/a.yaml", "all/.hidden/a.yaml")
    text = f"spec: {{project: x, source: {{repoURL: '{URL}', path: all, directory: {directory}}}}}\n"
    return shop.plan(f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web}}\n{text}")


FLAT = ["a.yaml", "b.yml", "c.json"]
DEEP = [".hidden/a.yaml", *FLAT, "deep/a.yaml"]
TAKEN = [
    pytest.param("{jsonnet: {}}", FLAT, id="a folder"),
    pytest.param("{recurse: true}", DEEP, id="all below it"),
    pytest.param("{include: '*.yaml'}", ["a.yaml"], id="included"),
    pytest.param("{include: '{a.*,b.*}'}", ["a.yaml", "b.yml"], id="two included"),
    pytest.param("{recurse: true, include: '*a.yaml'}", [".hidden/a.yaml", "a.yaml", "deep/a.yaml"], id="folders, too"),
    pytest.param("{recurse: true, exclude: '{deep/*,.h*}'}", FLAT, id="excluded"),
    pytest.param("{include: '*.yaml', exclude: 'a*'}", [], id="included and excluded"),
    pytest.param("{include: 'a.yaml*a.yaml'}", ["a.yaml"], id="gobwas lets two ends overlap"),
    pytest.param("{exclude: '[a-c].*'}", FLAT, id="not surely excluded, by a class"),
    pytest.param("{exclude: '?.yml'}", FLAT, id="not surely excluded, by a letter"),
    pytest.param("{exclude: '{a*,a}'}", FLAT, id="not surely excluded, by what begins alike"),
    pytest.param("{exclude: '{a.yaml'}", FLAT, id="not a pattern"),
    pytest.param("{include: '[d].yaml'}", FLAT, id="perhaps included"),
    pytest.param(f"{{include: '{'{a,b}' * 10}'}}", FLAT, id="too many alternatives"),
]


@pytest.mark.parametrize(("directory", "names"), TAKEN)
def test_which_files_are_applied(shop: Shop, directory: str, names: list[str]) -> None:
    planned = plan(shop, directory)
    assert told(planned) == []
    assert sorted(shop.path(path).removeprefix("all/") for path in planned.raw) == names


PROBLEMS = [
    pytest.param("{disableExtensionFilter: true}", "disableExtensionFilter takes files of any name", id="any name"),
    pytest.param("{recurse: true, include: '*'}", "kustomization.yaml in 'all' is not rendered", id="a kustomization"),
    pytest.param("{include: '*.jsonnet'}", "e.jsonnet in 'all' is Jsonnet", id="Jsonnet"),
]


@pytest.mark.parametrize(("directory", "message"), PROBLEMS)
def test_what_kgate_makes_something_else_of(shop: Shop, directory: str, message: str) -> None:
    shop.touch("all/deep/kustomization.yaml", "all/e.jsonnet")
    assert any(message in line for line in told(plan(shop, directory)))


def test_what_may_be_left_out_is_not_complained_about(shop: Shop) -> None:
    shop.touch("all/deep/kustomization.yaml")
    for directory in ("{recurse: true, exclude: '{deep/k*,none}'}", "{recurse: true, exclude: '*/kustom??ation.yaml'}"):
        assert told(plan(shop, directory)) == []
