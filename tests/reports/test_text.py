"""The short text report: what decides the verdict, whole and last, in the columns of a terminal."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import replace

import pytest

from kgate.model import Assessment, Finding, Location, Position, Problem, Report, Score, Severity
from kgate.reports.causes import causes
from kgate.reports.formats import text
from kgate.reports.presentation import Detail, Folder, Presentation, Show
from kgate.reports.wording import origin
from tests.reports import samples, screens
from tests.test_golden import compare

WIDTHS = (60, 80, 100, 200)
MOST_LINES = {"one": 24, "ten": 60, "pass": 1, "unjudged": 14}
"""Lines of each screen at 100 columns. A screen has 24, so ten failing workloads fit into two of a large one."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    bad = {"one": 1, "ten": 10, "pass": 0}
    found = {name: screens.shop(tmp_path_factory.mktemp(name), number) for name, number in bad.items()}
    return {**found, "unjudged": screens.unjudged()}


# ----------------------------------------------------------------------------------------- screens


@pytest.mark.parametrize(("name", "width"), [*itertools.product(MOST_LINES, (80, 100))])
def test_screen(reports: dict[str, Report], name: str, width: int) -> None:
    compare(f"screen-{name}-{width}.text", screens.screen(reports[name], width))


@pytest.mark.parametrize("name", MOST_LINES)
def test_a_report_fits_its_screen(reports: dict[str, Report], name: str) -> None:
    assert screens.screen(reports[name]).count("\n") <= MOST_LINES[name]


def test_the_verdict_is_the_last_line_and_the_worst_workload_the_last_block(reports: dict[str, Report]) -> None:
    lines = screens.screen(reports["ten"]).splitlines()
    assert lines[-1] == "✗ failed: 10 workloads under the threshold, the lowest with score 5"
    scores = [int(found) for found in re.findall(r"score (\d+) F", "\n".join(lines))]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 10
    assert scores[0] != scores[-1]


def test_reason_and_fix_are_told_once(reports: dict[str, Report]) -> None:
    shown = screens.screen(reports["ten"])
    assert (shown.count("    why  "), shown.count("    fix  "), shown.count(" │ ^")) == (2, 2, 3)


def test_quiet_is_a_line_for_each_that_fails(reports: dict[str, Report]) -> None:
    lines = screens.screen(reports["ten"], 126, detail=Detail.QUIET).splitlines()
    assert len(lines) == 11
    assert lines[-2].endswith("score 5 F, needs 60: privileged-container and 1 more")


def test_a_pass_tells_the_time_where_it_is_known(reports: dict[str, Report]) -> None:
    shown = screens.screen(reports["pass"], seconds=lambda: 1.26)
    assert shown == "✓ passed: 12 workloads, lowest 89 Deployment/shop/adservice; 12 medium; 1.3 s\n"


# ---------------------------------------------------------------------------------------- choosing


def rules_shown(report: Report, **options: object) -> set[str]:
    return set(re.findall(r"^  \S+ +(?:critical|high|medium|low) +(\S+)", screens.screen(report, 200, **options), re.M))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        pytest.param({}, {"privileged-container"}, id="what makes it fail"),
        pytest.param(
            {"min_severity": Severity.MEDIUM},
            {"privileged-container", "privilege-escalation-allowed", "seccomp-not-set"},
            id="failing, from medium on",
        ),
        pytest.param(
            {"show": Show.ALL, "min_severity": Severity.MEDIUM},
            {"privileged-container", "privilege-escalation-allowed", "seccomp-not-set"},
            id="all, from medium on",
        ),
        pytest.param({"min_severity": Severity.CRITICAL}, {"privileged-container"}, id="critical alone"),
    ],
)
def test_findings_shown(reports: dict[str, Report], options: dict[str, object], wanted: set[str]) -> None:
    assert rules_shown(reports["one"], **options) == wanted


def test_all_objects_are_shown_on_request(reports: dict[str, Report]) -> None:
    shown = screens.screen(reports["one"], 200, show=Show.ALL)
    assert len(re.findall(r"^[✓✗] Deployment", shown, re.MULTILINE)) == 12
    assert "not shown" not in shown


def test_a_severity_that_fails_by_itself_is_shown(reports: dict[str, Report]) -> None:
    """Also in a workload that has its score, and without what was waived."""
    report = samples.waived()
    strict = replace(report, fail_on=Severity.HIGH)
    assert "DaemonSet/shop/log" not in screens.screen(strict)
    opened = tuple(replace(finding, waiver=None) for finding in report.findings)
    assert "✗ DaemonSet/shop/log" in screens.screen(replace(strict, findings=opened))


def test_every_workload_that_fails_is_named() -> None:
    """Also one without findings, of which not everything could be judged."""
    shown = screens.screen(samples.with_unjudged(), 200)
    assert "✗ DaemonSet/shop/log" in shown
    assert "not all of it could be judged" in shown


# ------------------------------------------------------------------------------------------ widths

_PATHS = ("a.yaml", "k8s/with a blank.yaml", "deploy/" + "very-long-folder-name/" * 5 + "web.yaml", "päth/ünï.yaml")
_SNIPPETS = ("privileged: true", "image: " + "r" * 90, "command: " + "word " * 40, "名前: 値の例です", "x")


def generated(seed: int) -> Report:
    """A report with findings of any rule at any place of odd names and sources."""
    choose = random.Random(seed)
    found, assessed = [], []
    for number in range(12):
        who = replace(samples.WEB, name=f"web-{number}" * choose.randint(1, 6))
        path, snippet = choose.choice(_PATHS), choose.choice(_SNIPPETS)
        column = choose.randint(1, len(snippet))
        start, end = Position(choose.randint(1, 9999), column), Position(1, len(snippet) + 1)
        place = Location(path, start, replace(end, line=start.line), "/spec", snippet)
        rule = choose.choice(samples.RULES)
        found.append(Finding(rule, who, choose.choice([None, "app"]), place, "spec", rule.message, source=path))
        score = Score(choose.randint(0, 59), 60, decisive=Severity.LOW)
        assessed.append(Assessment(who, place, score, "privileged"))
    problems = tuple(Problem(choose.choice(_PATHS), number, "cannot be read: " + "word " * 30) for number in range(3))
    return samples.report(tuple(found), tuple(assessed), problems)


REPORTS = {**{f"generated {seed}": generated(seed) for seed in range(6)}, "samples": samples.rendered()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("detail", Detail)
def test_no_word_and_no_path_is_broken(width: int, detail: Detail) -> None:
    """What is broken for a terminal has the same words as what is not, and a line is too long only for one word."""
    for name, report in REPORTS.items():
        asked = Presentation(width=width, detail=detail)
        whole = "".join(text.render(report, asked))
        broken = "".join(text.render(report, replace(asked, breaks=True)))
        if detail is not Detail.QUIET:
            assert broken.split() == whole.split(), name
        for path in {finding.location.path for finding in report.findings if finding.location.path in whole}:
            assert path in broken, (name, path)
        for line in broken.splitlines():
            assert len(line) <= width or is_one(line), (name, line)


def is_one(line: str) -> bool:
    """True for a line that could not be broken: one word, one path, or a line of a source."""
    rest = line.strip()
    for path in _PATHS:
        rest = rest.replace(path, "path")
    return " " not in rest or " │ " in line


def test_the_property_sees_a_broken_word() -> None:
    report = generated(0)
    shown = "".join(text.render(report, Presentation(width=60)))
    assert any(len(line) > 60 and not is_one(line) for line in shown.splitlines())


def test_colour_changes_no_text() -> None:
    report = samples.with_findings()
    coloured = screens.screen(report, 60, color=True, linked_folder="/repo")
    assert "\x1b[" in coloured
    assert "\x1b]8;" in coloured
    assert re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", coloured) == screens.screen(report, 60)


# ------------------------------------------------------------------------------------------ places


@pytest.mark.parametrize(
    ("folder", "path", "wanted"),
    [
        pytest.param(Folder(), "k8s/web.yaml", "k8s/web.yaml", id="at the root"),
        pytest.param(Folder("k8s"), "web.yaml", "k8s/web.yaml", id="a folder"),
        pytest.param(Folder("k8s"), ".", "k8s", id="the folder itself"),
        pytest.param(Folder("/"), "srv/web.yaml", "/srv/web.yaml", id="the root of the system"),
        pytest.param(Folder("..", "here"), "here/web.yaml", "web.yaml", id="below where the reader is"),
        pytest.param(Folder("..", "here"), "there/web.yaml", "../there/web.yaml", id="beside where the reader is"),
        pytest.param(Folder("k8s"), "<stdin>", "<stdin>", id="no file"),
    ],
)
def test_paths_start_where_the_reader_is(folder: Folder, path: str, wanted: str) -> None:
    assert folder.path(path) == wanted


@pytest.mark.parametrize("detail", Detail)
def test_every_place_starts_where_the_reader_is(detail: Detail) -> None:
    report = samples.with_problems()
    shown = screens.screen(report, 200, detail=detail, folder=Folder("../other"))
    places = re.findall(r"(\S*)(?:k8s/web|charts/web|k8s/a b)", shown)
    assert len(places) >= 4
    assert set(places) == {"../other/"}


# ------------------------------------------------------------------------------------------- words


def test_what_is_said_of_several_files_is_said_once() -> None:
    said = [
        Problem("a.yaml", 1, "chart web of oci://one is not here; run helm pull"),
        Problem("b.yaml", 1, "chart api of oci://two is not here; run helm pull"),
        Problem("c.yaml", 1, "the mapping has two keys 'spec'"),
    ]
    found = causes(said)
    assert [cause.text for cause in found] == [
        "chart … of … is not here; run helm pull",
        "the mapping has two keys 'spec'",
    ]
    assert [len(cause.remarks) for cause in found] == [2, 1]


def test_the_root_folder_reads_as_a_path() -> None:
    rendering = replace(samples.rendered().findings[0].renderings[0], tool="kustomize", path=".")
    assert origin([rendering]) == "kustomize ./"
