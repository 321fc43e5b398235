"""What reports of several formats say alike: settings, omissions, ignored rules, and scores with their bars."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from kgate import reports
from kgate.model import DEFAULT, Compared, HiddenManifests, Provenance, Report, Score, Setting, Severity
from kgate.reports.blocks import decisive
from kgate.reports.presentation import Detail
from kgate.reports.wording import BAR_CELLS, bar
from tests.reports import samples

SETTINGS = (
    Setting("min-score", 70, "kgate.yaml:2"),
    Setting("fail-on", None, DEFAULT),
    Setting("ignore", ["privileged-container"], "kgate.yaml:4"),
    Setting("persona", "audit", "KGATE_SCAN_PERSONA"),
)
IGNORING = Score(80, 70, without_ignoring=29, ignored=("privileged-container",))
HIDDEN = HiddenManifests("x/.kgateignore", 3, "this line hides 2 manifests", 2)
SAID = (
    "min-score 70 (kgate.yaml:2)",
    "ignore privileged-container (kgate.yaml:4)",
    "persona audit (KGATE_SCAN_PERSONA)",
    "configuration: kgate.yaml, as of main (0a1b2c3d4e5f)",
    "2 manifests hidden by x/.kgateignore:3",
)
WITHOUT = "29 F without ignore: privileged-container"
RESTS = "1 workload passes only by ignore: privileged-container (29 F without)"


def made_with(*scores: Score) -> Report:
    """A report on workloads with these scores, made with settings of a trusted revision."""
    found = tuple(
        replace(samples.assessment(replace(samples.TIDY, name=f"web-{number}"), f"k8s/{number}.yaml"), score=score)
        for number, score in enumerate(scores)
    )
    trusted = Provenance("kgate.yaml", "main (0a1b2c3d4e5f)")
    return replace(samples.report((), found), settings=SETTINGS, configuration=trusted, notes=(HIDDEN,))


def written(name: str, report: Report, **options: Any) -> str:
    """The report as a reader sees it: without the markup of its format."""
    text = "".join(reports.renderer(name)(report, replace(samples.LINKED, **options)))
    return html.unescape(re.sub(r"<!--.*?-->|</?code>", "", text)).replace("\\u003a", ":")


@pytest.mark.parametrize("name", ["text", "text, whole", "markdown", "html", "junit", "gitlab-sast", "csv", "github"])
def test_what_is_not_the_default_is_said(name: str) -> None:
    name, _, whole = name.partition(", ")
    detail = Detail.VERBOSE if whole else Detail.NORMAL
    for score in (IGNORING, Score(20, 70, decisive=Severity.HIGH)):
        text = written(name, made_with(score), detail=detail)
        assert [said for said in SAID if said not in text] == []
        assert "fail-on" not in text


@pytest.mark.parametrize("name", ["text", "markdown", "html", "junit", "gitlab-sast", "csv", "github"])
def test_nothing_is_said_of_defaults(name: str) -> None:
    text = written(name, replace(samples.without_findings(), settings=(Setting("min-score", 60, DEFAULT),)))
    assert not re.search(r"min-score|Settings:|hidden by|ignore:", text)


@pytest.mark.parametrize("name", ["text, whole", "markdown", "html", "junit", "csv"])
def test_a_workload_says_what_it_would_be_without_ignored_rules(name: str) -> None:
    name, _, whole = name.partition(", ")
    text = written(name, made_with(IGNORING), detail=Detail.VERBOSE if whole else Detail.NORMAL)
    assert WITHOUT in text


def test_so_does_a_workload_that_fails_in_the_text() -> None:
    failing = Score(40, 70, without_ignoring=12, ignored=("host-pid", "tiller"), decisive=Severity.HIGH)
    assert "score 40 D (12 F without ignore: host-pid, tiller), needs 70" in written("text", made_with(failing))


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        pytest.param((IGNORING,), RESTS, id="one"),
        pytest.param(
            (IGNORING, IGNORING, replace(IGNORING, without_ignoring=12, ignored=("host-pid",))),
            "3 workloads pass only by ignore: host-pid, privileged-container (the lowest 12 F without)",
            id="several",
        ),
        pytest.param((replace(IGNORING, without_ignoring=75),), "", id="one that would pass all the same"),
        pytest.param((replace(IGNORING, value=40),), "", id="one that fails all the same"),
        pytest.param((Score(80, 70),), "", id="nothing ignored"),
    ],
)
@pytest.mark.parametrize(
    "name", ["text", "text, quiet", "text, whole", "markdown", "html", "junit", "gitlab-sast", "csv", "github"]
)
def test_a_pass_that_rests_on_ignored_rules_says_so(name: str, scores: tuple[Score, ...], said: str) -> None:
    name, _, how = name.partition(", ")
    detail = {"quiet": Detail.QUIET, "whole": Detail.VERBOSE}.get(how, Detail.NORMAL)
    text = written(name, made_with(*scores), detail=detail)
    assert ("only by ignore" in text) is bool(said)
    assert said in text
    if name == "text" and said:
        (line,) = (line for line in text.splitlines() if said in line)
        assert line.startswith("✓ passed: ")


# ------------------------------------------------------------------------------------------- bars


ALL = made_with(*(Score(value, 0) for value in range(101)))


def shown(name: str) -> list[str]:
    """Each score with its grade as a format shows it: ``100 A``."""
    if name == "html":
        data = json.loads(re.search(r'id="data">(.*?)</script>', written(name, ALL), re.DOTALL)[1])  # type: ignore[index]
        cells = {one["score"]: one["filled"] * BAR_CELLS // 100 for one in data["workloads"]}
        bars = {value: "█" * cells[value] + "░" * (BAR_CELLS - cells[value]) for value in cells}
        return [f"{one['score']} {one['grade']} {bars[one['score']]}" for one in data["workloads"]]
    if name == "markdown":
        rows = re.findall(r"^- ([█░]+) score (\d+ [A-F]),", written(name, ALL), re.MULTILINE)
        return [f"{score} {cells}" for cells, score in rows]
    lines = written(name, ALL, detail=Detail.VERBOSE).splitlines()
    return [" ".join(match.groups()) for line in lines if (match := re.match(r" +(\d+) ([A-F]) ([█░]+) ", line))]


EXPECTED = [f"{value} {Score(value, 0).grade} {bar(Score(value, 0))}" for value in range(101)]


@pytest.mark.parametrize("name", ["text", "markdown", "html"])
def test_all_scores_have_the_same_bar(name: str) -> None:
    assert sorted(shown(name)) == sorted(EXPECTED)


def test_all_scores_have_the_same_grade_where_there_is_no_bar() -> None:
    expected = {one.rpartition(" ")[0] for one in EXPECTED}
    tests = ElementTree.fromstring(written("junit", ALL)).iter("system-out")
    junit = {str(match[1]) for test in tests if (match := re.match(r"score (\d+ [A-F]), needs 0", test.text or ""))}
    table = {
        f"{row['score']} {row['grade']}" for row in csv.DictReader(io.StringIO(written("csv", ALL))) if row["score"]
    }
    data = {f"{one['score']} {one['grade']}" for one in json.loads(written("json", ALL))["workloads"]}
    badges = (written("badge", made_with(Score(value, 0))) for value in range(101))
    badge = {" ".join(reversed(re.search(r"<title>kgate: ([A-F]) (\d+)<", text).groups())) for text in badges}  # type: ignore[union-attr]
    assert junit == table == data == badge == expected
    assert len(expected) == 101


@pytest.mark.parametrize(("value", "filled"), [(0, 0), (9, 0), (10, 1), (59, 5), (60, 6), (99, 9), (100, 10)])
def test_only_whole_tens_fill_a_cell(value: int, filled: int) -> None:
    assert bar(Score(value, 0)) == "█" * filled + "░" * (10 - filled)
    assert bar(Score(value, 0, is_bound=True)) == "░" * 10


@pytest.mark.parametrize("name", ["text", "text, whole", "markdown", "html", "junit", "gitlab-sast", "csv", "sarif"])
def test_what_a_baseline_accepts_is_said(name: str) -> None:
    name, _, whole = name.partition(", ")
    text = written(name, samples.compared(), detail=Detail.VERBOSE if whole else Detail.NORMAL)
    assert "1 known finding accepted by kgate-baseline.json" in text
    assert "2 known findings gone: kgate baseline shrink" in text


@pytest.mark.parametrize("name", ["text", "text, whole", "markdown", "html", "junit", "gitlab-sast", "csv", "sarif"])
def test_a_baseline_that_accepts_nothing_is_not_said_to_accept_findings(name: str) -> None:
    name, _, whole = name.partition(", ")
    report = replace(samples.compared(), compared=Compared("kgate-baseline.json", 1, 0, 0, 2))
    text = written(name, report, detail=Detail.VERBOSE if whole else Detail.NORMAL)
    assert "accepted by kgate-baseline.json" not in text
    assert "2 known findings gone: kgate baseline shrink" in text


def test_what_fails_is_what_is_new() -> None:
    report = samples.compared()
    assert [one.is_new for one in decisive(report)] == [True]
    assert "DaemonSet" not in written("github", report)
    text = written("text", report)
    assert "score 25 F, needs 60, was 50" in text
    assert "(new)" in text
    assert "DaemonSet/shop/log" in written("text", report, detail=Detail.VERBOSE)


def test_each_format_says_what_is_new() -> None:
    report = samples.compared()
    sarif = json.loads(written("sarif", report))["runs"][0]["results"]
    assert [one["baselineState"] for one in sarif] == ["unchanged", "new"]
    rows = list(csv.DictReader(io.StringIO(written("csv", report))))
    assert [row["new"] for row in rows if row["type"] == "finding"] == ["no", "yes"]
    assert [row["before"] for row in rows if row["type"] == "workload"] == ["35", "50"]
    found = json.loads(written("json", report))
    assert [one["new"] for one in found["findings"]] == [False, True]
    assert [(one["score_before"], one["known"], one["passed"]) for one in found["workloads"]] == [
        (35, True, True),
        (50, False, False),
    ]
    cases = ElementTree.fromstring(written("junit", report)).iter("testcase")
    assert {case.get("name"): case.find("failure") is not None for case in cases} == {
        "score: DaemonSet/shop/log": False,
        "host-path-volume: DaemonSet/shop/log": False,
        "score: Deployment/shop/web": False,
        "privileged-container: Deployment/shop/web": True,
    }
    markdown = written("markdown", report)
    assert "**new**" in markdown
    assert "(known)" in markdown
