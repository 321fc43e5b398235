"""flux_artifact.py: what Flux does not see of a repository, and so renders in another way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitops.objects import URL, Shop, make_shop, told


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


FOLDER = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def kustomization(path: str, more: str = "") -> str:
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a, namespace: flux}\n"
        f"spec:\n  sourceRef: {{kind: GitRepository, name: deploy}}\n  path: {path}\n{more}"
    )


def release(more: str = "") -> str:
    return (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a, namespace: flux}\nspec:\n"
        f"  chart:\n    spec:\n      sourceRef: {{kind: GitRepository, name: deploy}}\n      chart: charts/web\n{more}"
    )


def source(more: str = "") -> str:
    return (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: deploy, namespace: flux}\n"
        f"spec:\n  url: {URL}\n{more}"
    )


DEPENDENCY = "name: web\nversion: 1.0.0\ndependencies: [{name: lib, version: 1.0.0, repository: 'file://../lib'}]\n"
DIFFERENT = "so that it renders something else than is judged: let Flux see it"
HIDDEN = [
    pytest.param(
        {".sourceignore": "overlay/kustomization.yaml\n"},
        (kustomization("./overlay"), source()),
        f"6: overlay/kustomization.yaml is hidden from Flux by .sourceignore:1, {DIFFERENT}",
        id="a kustomization",
    ),
    pytest.param(
        {},
        (kustomization("./overlay"), source("  ignore: |\n    kustomization.yaml\n")),
        f"6: overlay/kustomization.yaml is hidden from Flux by spec.ignore of its source, {DIFFERENT}",
        id="a kustomization, by the source",
    ),
    pytest.param(
        {".sourceignore": "kustomization.yml\n", "plain/sub/kustomization.yml": ""},
        (kustomization("./plain"), source()),
        None,
        id="a folder of which Flux sees nothing",
    ),
    pytest.param(
        {".sourceignore": "kustomization.yml\n", "plain/sub/kustomization.yml": "", "plain/sub/a.yaml": FOLDER},
        (kustomization("./plain"), source()),
        f"6: plain/sub/kustomization.yml is hidden from Flux by .sourceignore:1, {DIFFERENT}",
        id="a kustomization below",
    ),
    pytest.param(
        {".sourceignore": "/component\n"},
        (kustomization("./overlay", "  components: [../component]\n  ignoreMissingComponents: true\n"), source()),
        f"6: component/kustomization.yaml is hidden from Flux by .sourceignore:1, {DIFFERENT}",
        id="a component",
    ),
    pytest.param(
        {".sourceignore": "/*\n!/overlay\n"},
        (kustomization("./overlay"), source()),
        None,
        id="all but what is deployed",
    ),
    pytest.param(
        {".sourceignore": "x\n", "plain/cloudbuild.yaml": FOLDER},
        (kustomization("./plain"), source()),
        (
            "6: plain/cloudbuild.yaml is not ignored by Flux, as the patterns of the repository take the place of its "
            "own, but by kgate: add it to .sourceignore, or rename it"
        ),
        id="what Flux ignores by default",
    ),
    pytest.param(
        {".sourceignore": "values.yaml\n"},
        (release(), source()),
        f"8: charts/web/values.yaml is hidden from Flux by .sourceignore:1, {DIFFERENT}",
        id="values of a chart",
    ),
    pytest.param(
        {".sourceignore": "*.md\n", "charts/web/README.md": "", "charts/web/icon.png": ""},
        (release(), source()),
        None,
        id="what no template reads",
    ),
    pytest.param(
        {".sourceignore": "*.md\n", "charts/web/a.md": "", "charts/web/templates/a.yaml": '{{ .Files.Get "a.md" }}'},
        (release(), source()),
        f"8: charts/web/a.md is hidden from Flux by .sourceignore:1, {DIFFERENT}",
        id="what a template may read",
    ),
    pytest.param(
        {".sourceignore": "/charts/lib/values.yaml", "charts/lib/values.yaml": "", "charts/web/Chart.yaml": DEPENDENCY},
        (release(), source()),
        f"8: charts/lib/values.yaml is hidden from Flux by .sourceignore:1, {DIFFERENT}",
        id="values of a dependency",
    ),
    pytest.param(
        {".sourceignore": "/common/values.yaml"},
        (release("      valuesFiles: [common/values.yaml]\n      ignoreMissingValuesFiles: true\n"), source()),
        f"8: common/values.yaml is hidden from Flux by .sourceignore:1, {DIFFERENT}",
        id="a values file that may be missing",
    ),
    pytest.param(
        {".sourceignore": "[\n"},
        (kustomization("./overlay"), source()),
        (
            "6: what Flux sees of this repository is not clear: .sourceignore:1 is not a pattern: "
            "syntax error in pattern"
        ),
        id="not a pattern",
    ),
    pytest.param(
        {},
        (kustomization("./overlay"), source("  sparseCheckout: [overlay/p]\n")),
        (
            "6: spec.sparseCheckout of the source does not hold all of 'overlay', "
            "so that Flux renders something else than is judged: add it there"
        ),
        id="a part of a folder",
    ),
    pytest.param(
        {}, (kustomization("./overlay"), source("  sparseCheckout: [./overlay/]\n")), None, id="a folder, checked out"
    ),
    pytest.param(
        {},
        (kustomization("./overlay"), source("  include: [{repository: {name: b}, toPath: overlay/b}]\n")),
        (
            "6: spec.include[0] of the source puts files of another one into 'overlay/b', "
            "so that Flux renders something else than is judged: name a folder of its own"
        ),
        id="files of another source",
    ),
]


@pytest.mark.parametrize(("files", "texts", "message"), HIDDEN)
def test_what_flux_does_not_see(shop: Shop, files: dict[str, str], texts: tuple[str, ...], message: str | None) -> None:
    for name, text in files.items():
        shop.touch(name)
        (shop.root / name).write_text(text)
    assert told(shop.plan(*texts)) == ([] if message is None else [f"problem apps.yaml:{message}"])


def test_a_kustomization_that_is_a_link(shop: Shop) -> None:
    (shop.root / "overlay/kustomization.yaml").rename(shop.root / "k.yaml")
    (shop.root / "overlay/kustomization.yaml").symlink_to("../k.yaml")
    (message,) = told(shop.plan(kustomization("./overlay"), source()))
    assert "overlay/kustomization.yaml is hidden from Flux by being a symbolic link" in message
