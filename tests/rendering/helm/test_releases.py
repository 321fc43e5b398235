"""releases.py: what a chart is rendered for when no GitOps object says it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.helm.releases import default_releases, parse_charts, release_name
from kgate.rendering.helm.requests import ChartRequest
from kgate.repository import Repository
from kgate.yamltree.fields import UserFile
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
    assert default_releases(chart, repository) == (Release("web", is_named=False),)
    shop.touch("charts/web/ci/b-values.yaml", "charts/web/ci/a-values.yaml", "charts/web/ci/other.yaml")
    assert default_releases(chart, repository) == (
        Release("web", is_named=False),
        Release(
            "web", values=(ValuesFile(chart / "ci/a-values.yaml"),), variant="values ci/a-values.yaml", is_named=False
        ),
        Release(
            "web", values=(ValuesFile(chart / "ci/b-values.yaml"),), variant="values ci/b-values.yaml", is_named=False
        ),
    )
    assert default_releases(chart / "web-1.0.0.tgz", repository) == (Release("web-1.0.0", is_named=False),)


def test_values_of_a_folder_outside_are_not_looked_for(shop: Shop, tmp_path: Path) -> None:
    shop.touch("charts/web/Chart.yaml")
    chart = shop.root / "charts/web"
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a-values.yaml").touch()
    (chart / "ci").symlink_to(tmp_path / "outside")
    assert default_releases(chart, Repository(shop.root)) == (Release("web", is_named=False),)


def parsed(text: str, folder: Path) -> tuple[ChartRequest, ...]:
    """The requests of a kgate.yaml whose ``charts`` begin in line 2."""
    whole = f"charts:\n{textwrap.indent(text, ' ')}"
    fields = UserFile.parse(whole.encode(), "kgate.yaml", ValueError).fields()
    return tuple(parse_charts(fields, folder, Repository(folder)))


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
                Release("web", variant="release web", requested_by="kgate.yaml", is_named=False),
            ),
        ),
        ChartRequest(chart, (Release("web", is_named=False),)),
    )


def test_an_archive(shop: Shop) -> None:
    shop.touch("charts/web-1.0.0.tgz")
    assert parsed("[{path: charts/web-1.0.0.tgz}]", shop.root) == (
        ChartRequest(shop.root / "charts/web-1.0.0.tgz", (Release("web-1.0.0", is_named=False),)),
    )


def test_no_charts(shop: Shop) -> None:
    assert parsed("null", shop.root) == ()
    assert parsed("[]", shop.root) == ()


CHARTS = ("apps/a/Chart.yaml", "apps/b/Chart.yaml", "apps/b/charts/sub/Chart.yaml", "apps/c/d/Chart.yaml")


@pytest.mark.parametrize(
    ("pattern", "charts"),
    [
        pytest.param("apps/*", ["a", "b"], id="in a folder"),
        pytest.param("apps/**", ["a", "b", "c/d"], id="below a folder, without sub-charts"),
        pytest.param("./apps/{a,c/d}/", ["a", "c/d"], id="a choice"),
        pytest.param("apps/[bc]", ["b"], id="a class of letters"),
        pytest.param("**/?", ["a", "b", "c/d"], id="by the last name"),
    ],
)
def test_a_pattern_of_charts(shop: Shop, pattern: str, charts: list[str]) -> None:
    shop.touch(*CHARTS, *(f"apps/{chart}/values-prod.yaml" for chart in ("a", "b", "c/d")))
    found = parsed(f"[{{path: '{pattern}', releases: [{{values: [values-prod.yaml]}}]}}]", shop.root)
    assert [request.chart for request in found] == [shop.root / "apps" / chart for chart in charts]
    for request in found:
        assert [release.values for release in request.releases] == [(ValuesFile(request.chart / "values-prod.yaml"),)]
        assert not request.is_named


def test_values_that_only_some_charts_have(shop: Shop) -> None:
    shop.touch(*CHARTS, "apps/a/values-prod.yaml", "apps/a/values-eu.yaml", "apps/b/values-eu.yaml")
    text = "[{path: 'apps/**', releases: [{values: [values-prod.yaml]}, {values: [values-eu.yaml], name: eu}]}]"
    found = {request.chart.name: [one.title for one in request.releases] for request in parsed(text, shop.root)}
    of = "of kgate.yaml"
    assert found == {
        "a": [f"release a, values-prod.yaml {of}", f"release eu, values-eu.yaml {of}"],
        "b": [f"release eu, values-eu.yaml {of}"],
        "d": [""],
    }


def test_an_entry_of_its_own_wins_over_patterns(shop: Shop) -> None:
    shop.touch(*CHARTS)
    text = """
- path: apps/*
  releases: [{namespace: one}]
- path: "**"
  releases: [{namespace: two}]
- path: apps/b
  releases: [{namespace: three}]
"""
    found = {shop.path(one.chart): one.releases[0].namespace for one in parsed(text, shop.root)}
    assert found == {"apps/a": "one", "apps/b": "three", "apps/c/d": "two", "charts/web": "two"}


RELEASE = "- path: charts/web\n  releases:\n  - namespace: shop\n    "
WRONG = [
    pytest.param("{}", 1, "charts must be a list of charts, each with a path", id="no list"),
    pytest.param("[a]", 2, "charts[0] must be a mapping", id="no mapping"),
    pytest.param(
        "[{}]", 2, "charts[0].path is missing: name the folder of the chart, or its .tgz archive", id="no path"
    ),
    pytest.param(
        f"[{{path: {'a' * 300}}}]",
        2,
        f"charts[0].path: '{'a' * 300}' is neither a folder with a Chart.yaml nor a .tgz archive",
        id="path is too long for a name",
    ),
    pytest.param("[{path: 1}]", 2, "charts[0].path must be a string; put it in quotes", id="path is no string"),
    pytest.param(
        "- path: charts/web\n- releases: []\n  path: plain",
        4,
        "charts[1].path: 'plain' is neither a folder with a Chart.yaml nor a .tgz archive",
        id="path is no chart",
    ),
    pytest.param("[{path: none/*}]", 2, "charts[0].path: there is no chart that matches 'none/*'", id="no match"),
    pytest.param("[{path: 'charts/[a'}]", 2, "charts[0].path: syntax error in pattern", id="no pattern"),
    pytest.param(
        "- path: charts/*\n  releases:\n  - values: [none.yaml]",
        4,
        "charts[0].releases[0].values[0]: there is no file 'none.yaml' next to kgate.yaml or in the chart",
        id="values that no chart has",
    ),
    pytest.param('[{path: "a\\0"}]', 2, "charts[0].path cannot hold the character NUL", id="NUL"),
    pytest.param(
        "- path: charts/web\n  release: []",
        3,
        "unknown field 'release' in charts[0]; did you mean 'releases'?",
        id="misspelt",
    ),
    pytest.param(
        "- path: charts/web\n  x:\n",
        3,
        "unknown field 'x' in charts[0]; known are path, releases",
        id="unknown, and null",
    ),
    pytest.param(
        "- path: charts/web\n  releases: {}", 3, "charts[0].releases must be a list of releases", id="releases"
    ),
    pytest.param(
        f"{RELEASE}setstring: []",
        5,
        "unknown field 'setstring' in charts[0].releases[0]; did you mean 'set-string'?",
        id="misspelt in a release",
    ),
    pytest.param(
        f"{RELEASE}name: Web",
        5,
        "charts[0].releases[0].name: 'Web' is not a name of a release: at most 53 small letters, digits and dashes, "
        "as Helm wants it",
        id="name",
    ),
    pytest.param(
        f"{RELEASE}values: a.yaml", 5, "charts[0].releases[0].values must be a list of strings", id="values is no list"
    ),
    pytest.param(
        f"{RELEASE}values:\n    - values-eu.yaml\n    - a.yaml",
        7,
        "charts[0].releases[0].values[1]: there is no file 'a.yaml' next to kgate.yaml or in the chart",
        id="missing values",
    ),
    pytest.param(
        f"{RELEASE}values: [../a.yaml, ../../../a.yaml]",
        5,
        "charts[0].releases[0].values[0]: '../a.yaml' leads out of the repository, and is not followed",
        id="values outside",
    ),
    pytest.param(
        f"{RELEASE}set: [a]",
        5,
        "charts[0].releases[0].set[0] must have the form name=value, such as 'image.tag=1.2'",
        id="set",
    ),
    pytest.param(
        f"{RELEASE}set-string: [-f=a]",
        5,
        "charts[0].releases[0].set-string[0]: '-f=a' starts with '-', which helm takes for an option",
        id="an option",
    ),
    pytest.param(
        f"{RELEASE}kubernetes-version: latest",
        5,
        "charts[0].releases[0].kubernetes-version must be a version in quotes, such as '1.30'",
        id="version",
    ),
    pytest.param(
        f"{RELEASE}kubernetes-version: 1.3",
        5,
        "charts[0].releases[0].kubernetes-version must be a string; put it in quotes",
        id="version is a number",
    ),
    pytest.param(
        f"{RELEASE}api-versions: [1]",
        5,
        "charts[0].releases[0].api-versions[0] must be a string; put it in quotes",
        id="API versions",
    ),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG)
def test_what_is_wrong(shop: Shop, text: str, line: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'kgate.yaml:{line}: {message}')}$"):
        parsed(text, shop.root)
