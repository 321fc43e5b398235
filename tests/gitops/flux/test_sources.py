"""sources.py: where in the repository a path of a source is, whatever folder an artifact was packed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.gitops.plan import plan
from kgate.repository import Repository
from tests.gitops.objects import URL, Shop, make_shop, told


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


def settings(value: str, kind: str = "ConfigMap", namespace: str = "flux-system") -> str:
    text = (
        f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: settings, namespace: {namespace}}}\ndata: {{A: '{value}'}}\n"
    )
    return text.replace(", namespace: }", "}")


TAKING = kustomization("web", "./overlay", "GitRepository").replace(
    "spec: {", "spec: {postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}, "
)


@pytest.mark.parametrize(
    ("texts", "others"),
    [
        pytest.param({"a/a.yaml": settings("1"), "b/b.yaml": settings("2")}, ["b/b.yaml:1"], id="other data elsewhere"),
        pytest.param({"a/a.yaml": settings("1") + "---\n" + settings("2")}, ["a/a.yaml:6"], id="in the same file"),
        pytest.param(
            {"a/a.yaml": settings("1", namespace=""), "b/b.yaml": settings("2")},
            ["b/b.yaml:1"],
            id="in the namespace that is meant, behind one without",
        ),
        pytest.param({"a/a.yaml": settings("1"), "b/b.yaml": settings("1")}, [], id="the same data"),
        pytest.param({"a/a.yaml": settings("1"), "b/b.yaml": settings("2", "Secret")}, [], id="another kind"),
        pytest.param(
            {"a/a.yaml": settings("1"), "b/b.yaml": settings("2", namespace="other")}, [], id="another namespace"
        ),
        pytest.param(
            {"a/a.yaml": settings("1"), "b/b.yaml": settings("2"), "b/flux.yaml": TAKING.replace("web", "other")},
            [],
            id="that of another cluster",
        ),
    ],
)
def test_data_that_may_be_meant_besides_are_named(shop: Shop, texts: dict[str, str], others: list[str]) -> None:
    found = [one for path, text in {"a/flux.yaml": TAKING, **texts}.items() for one in shop.resources(text, path)]
    planned = plan(found, Repository(shop.root, shop.urls))
    assert planned.problems == ()
    places = [one.message.partition(" is also in ")[2].partition(",")[0] for one in planned.unjudged]
    assert places == others


def source(url: str) -> str:
    head = "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: own}\n"
    return f"{head}spec: {{url: '{url}'}}\n"


@pytest.mark.parametrize("urls", [("https://git.example.org/a/other", URL), (URL, "https://git.example.org/a/other")])
def test_of_several_sources_with_one_name_this_repository_counts(shop: Shop, urls: tuple[str, str]) -> None:
    planned = shop.plan(kustomization("web", "./overlay", "GitRepository", "own"), *map(source, urls))
    assert [shop.path(request.place.path) for request in planned.requests] == ["overlay"]
