"""sources/releases.py: what a chart is rendered for when no GitOps object says it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kgate.model import Json
from kgate.rendering.helm.releases import default_releases, parse_charts, release_name
from kgate.rendering.requests import ChartRequest, Release, ValuesFile
from kgate.repository import Repository
from kgate.yamltree.nodes import compose
from tests.gitops.objects import Shop, make_shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


NAMES = {
    "web": "web",
    "Web_App": "web-app",
    "-a-": "a",
    "web-1.2.tgz": "web-1.2",
    "x" * 60: "x" * 53,
    "a" * 52 + "-b": "a" * 52,
    "...": "release",
    "ü": "release",
    "a.-b": "a.b",
}


@pytest.mark.parametrize(("folder", "name"), NAMES.items())
def test_names(folder: str, name: str) -> None:
    assert release_name(Path(folder)) == name


def test_defaults(shop: Shop) -> None:
    chart = shop.root / "charts/web"
    repository = Repository(shop.root)
    assert default_releases(chart, repository) == (Release("web"),)
    shop.touch("charts/web/ci/b-values.yaml", "charts/web/ci/a-values.yaml", "charts/web/ci/other.yaml")
    assert default_releases(chart, repository) == (
        Release("web"),
        Release("web", values=(ValuesFile(chart / "ci/a-values.yaml"),), variant="values ci/a-values.yaml"),
        Release("web", values=(ValuesFile(chart / "ci/b-values.yaml"),), variant="values ci/b-values.yaml"),
    )
    assert default_releases(chart / "web-1.0.0.tgz", repository) == (Release("web-1.0.0"),)


def test_values_of_a_folder_outside_are_not_looked_for(shop: Shop, tmp_path: Path) -> None:
    shop.touch("charts/web/Chart.yaml")
    chart = shop.root / "charts/web"
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a-values.yaml").touch()
    (chart / "ci").symlink_to(tmp_path / "outside")
    assert default_releases(chart, Repository(shop.root)) == (Release("web"),)


def parsed(text: str, folder: Path) -> tuple[ChartRequest, ...]:
    value: Json = next(compose(text)).value
    return parse_charts(value, folder, Repository(folder))


def test_all_fields(shop: Shop) -> None:
    shop.touch("values-prod.yaml")
    text = """
- path: charts/web
  releases:
  - name: web
    namespace: shop
    values: [values-prod.yaml, values-eu.yaml]
    set: ["image.tag=1.2"]
    set-string: [a=b]
    kubernetes-version: "1.30"
    api-versions: [monitoring.coreos.com/v1]
  - {}
- path: charts/web
"""
    chart = shop.root / "charts/web"
    assert parsed(text, shop.root) == (
        ChartRequest(
            chart,
            (
                Release(
                    "web",
                    "shop",
                    (ValuesFile(shop.root / "values-prod.yaml"), ValuesFile(chart / "values-eu.yaml")),
                    ("image.tag=1.2",),
                    ("a=b",),
                    "1.30",
                    ("monitoring.coreos.com/v1",),
                    variant="release web, values-prod.yaml, values-eu.yaml",
                    requested_by="kgate.yaml",
                ),
                Release("web", variant="release web", requested_by="kgate.yaml"),
            ),
        ),
        ChartRequest(chart, (Release("web"),)),
    )


def test_an_archive(shop: Shop) -> None:
    shop.touch("charts/web-1.0.0.tgz")
    assert parsed("[{path: charts/web-1.0.0.tgz}]", shop.root) == (
        ChartRequest(shop.root / "charts/web-1.0.0.tgz", (Release("web-1.0.0"),)),
    )


def test_no_charts(shop: Shop) -> None:
    assert parse_charts(None, shop.root, Repository(shop.root)) == ()
    assert parse_charts([], shop.root, Repository(shop.root)) == ()


WRONG = {
    "no list": ("{}", "charts must be a list of charts, each with a path"),
    "no mapping": ("[a]", "charts[0] must be a mapping with path, releases"),
    "no path": ("[{}]", "charts[0].path is missing: name the folder of the chart, or its .tgz archive"),
    "path is too long for a name": (
        f"[{{path: {'a' * 300}}}]",
        f"charts[0].path: '{'a' * 300}' is neither a folder with a Chart.yaml nor a .tgz archive",
    ),
    "path is no string": ("[{path: 1}]", "charts[0].path must be a string; put it in quotes"),
    "path is no chart": (
        "[{path: plain}]",
        "charts[0].path: 'plain' is neither a folder with a Chart.yaml nor a .tgz archive",
    ),
    "NUL": ('[{path: "a\\0"}]', "a path cannot hold the character NUL"),
    "misspelt": (
        "[{path: charts/web, release: []}]",
        "charts[0] has an unknown field 'release'; did you mean 'releases'?",
    ),
    "unknown": ("[{path: charts/web, x: 1}]", "charts[0] has an unknown field 'x'; known are path, releases"),
    "releases": ("[{path: charts/web, releases: {}}]", "charts[0].releases must be a list of releases"),
    "misspelt in a release": (
        "[{path: charts/web, releases: [{setstring: []}]}]",
        "charts[0].releases[0] has an unknown field 'setstring'; did you mean 'set-string'?",
    ),
    "name": (
        "[{path: charts/web, releases: [{name: Web}]}]",
        (
            "charts[0].releases[0].name: 'Web' is no name of a release: at most 53 small letters, digits and dashes, "
            "as Helm wants it"
        ),
    ),
    "values is no list": (
        "[{path: charts/web, releases: [{values: a.yaml}]}]",
        "charts[0].releases[0].values must be a list of strings",
    ),
    "missing values": (
        "[{path: charts/web, releases: [{values: [a.yaml]}]}]",
        "charts[0].releases[0].values[0]: there is no file 'a.yaml' beside kgate.yaml or in the chart",
    ),
    "set": (
        "[{path: charts/web, releases: [{set: [a]}]}]",
        "charts[0].releases[0].set[0] must have the form name=value, such as 'image.tag=1.2'",
    ),
    "version": (
        "[{path: charts/web, releases: [{kubernetes-version: latest}]}]",
        "charts[0].releases[0].kubernetes-version must be a version in quotes, such as '1.30'",
    ),
    "version is a number": (
        "[{path: charts/web, releases: [{kubernetes-version: 1.3}]}]",
        "charts[0].releases[0].kubernetes-version must be a string; put it in quotes",
    ),
    "API versions": (
        "[{path: charts/web, releases: [{api-versions: [1]}]}]",
        "charts[0].releases[0].api-versions[0] must be a string; put it in quotes",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong(shop: Shop, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parsed(text, shop.root)
