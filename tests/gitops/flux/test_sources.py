"""sources.py: where in the repository a path of a source is, whatever folder an artifact was packed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitops.objects import Shop, make_shop, told


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def kustomization(name: str, path: str, kind: str = "OCIRepository", source: str = "flux-system") -> str:
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\n"
        f"spec: {{path: '{path}', sourceRef: {{kind: {kind}, name: {source}}}}}\n---\n"
    )


def write(shop: Shop, *folders: str) -> None:
    for folder in folders:
        shop.touch(f"{folder}/kustomization.yaml")


UNCLEAR = "is packed from a folder that is not clear: none holds all paths that are taken from it"
PACKED = {
    "below one folder": (["k8s/apps", "k8s/infra"], ["./apps", "infra"], ["k8s/apps", "k8s/infra"], []),
    "below a deeper folder": (["a/b/apps/x"], ["./apps/x"], ["a/b/apps/x"], []),
    "at the root": (["apps", "k8s/apps"], ["./apps"], ["apps"], []),
    "where all of them are": (["one/apps", "two/apps", "two/infra"], ["apps", "infra"], ["two/apps", "two/infra"], []),
    "the root of the artifact": (["k8s/apps"], ["apps", "./"], ["k8s/apps", "k8s"], []),
    "in two folders": (["one/apps", "two/apps"], ["./apps"], [], ["'./apps' among them"]),
    "in no folder": (["k8s/apps"], ["./apps", "./gone"], [], ["'./apps' among", "'./gone' among"]),
    "nowhere": (["k8s/apps"], ["./gone"], [], ["'./gone' among them"]),
}


@pytest.mark.parametrize("kind", ["OCIRepository", "Bucket"])
@pytest.mark.parametrize(("folders", "paths", "expected", "unjudged"), PACKED.values(), ids=PACKED)
def test_the_folder_that_an_artifact_is_packed_from(
    shop: Shop, folders: list[str], paths: list[str], expected: list[str], unjudged: list[str], kind: str
) -> None:
    write(shop, *folders, "k8s")
    text = "".join(kustomization(f"k{index}", path, kind) for index, path in enumerate(paths))
    planned = shop.plan(text)
    assert planned.problems == ()
    assert sorted(shop.path(request.place.path) for request in planned.requests) == sorted(expected)
    assert len(planned.unjudged) == len(unjudged)
    for one, words in zip(planned.unjudged, unjudged, strict=True):
        assert UNCLEAR in one.message
        assert words in one.message


def test_git_gives_the_whole_repository(shop: Shop) -> None:
    write(shop, "k8s/apps")
    (message,) = told(shop.plan(kustomization("web", "./apps", "GitRepository")))
    assert message == "problem apps.yaml:4: spec.path: there is no './apps' in this repository; fix the path"


def test_each_source_has_a_root_of_its_own(shop: Shop) -> None:
    write(shop, "one/apps", "two/infra")
    first = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: other}\n"
    url = "spec: {url: 'oci://a.example.org/shop/deploy'}\n---\n"
    planned = shop.plan(first + url + kustomization("a", "apps") + kustomization("b", "infra", source="other"))
    assert planned.problems == ()
    assert [shop.path(request.place.path) for request in planned.requests] == ["one/apps", "two/infra"]


IGNORED = {
    "by a file in the folder": ("plain/.sourceignore", "broken.yaml\n", ["plain/deploy.yaml"]),
    "by a file at the root": (".sourceignore", "/plain/b*.yaml\n", ["plain/deploy.yaml"]),
    "all but one": (".sourceignore", "*\n!/plain/deploy.yaml\n", ["plain/deploy.yaml"]),
    "none": (".sourceignore", "/other\n", ["plain/broken.yaml", "plain/deploy.yaml"]),
}


@pytest.mark.parametrize(("file", "text", "expected"), IGNORED.values(), ids=IGNORED)
def test_what_a_source_ignores_is_not_applied(shop: Shop, file: str, text: str, expected: list[str]) -> None:
    shop.touch("plain/broken.yaml")
    (shop.root / file).write_text(text)
    planned = shop.plan(kustomization("web", "./plain", "GitRepository"))
    assert planned.problems == ()
    assert sorted(map(shop.path, planned.raw)) == expected


@pytest.mark.parametrize(("file", "text", "expected"), IGNORED.values(), ids=IGNORED)
def test_what_a_source_ignores_is_not_built(shop: Shop, file: str, text: str, expected: list[str]) -> None:
    shop.touch("plain/broken.yaml")
    (shop.root / file).write_text(text)
    changed = kustomization("web", "./plain", "GitRepository").replace("spec: {", "spec: {targetNamespace: shop, ")
    planned = shop.plan(changed)
    both = {"plain/broken.yaml", "plain/deploy.yaml"}
    assert {shop.path(path) for path in planned.left_out} == both - set(expected)
    assert planned.covered == {shop.root / "plain"}
