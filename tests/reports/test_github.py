"""Workflow commands as the runner of GitHub Actions reads them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.model import Problem
from kgate.reports.formats import github
from kgate.reports.wording import shown
from tests.reports import samples

RENDERED = {name: samples.written(github, report) for name, report in samples.SAMPLES.items()}
every_sample = pytest.mark.parametrize("name", sorted(RENDERED))

COMMAND = re.compile(r"::(?P<level>\w+) (?P<properties>[^:]*)::(?P<data>.*)")


@dataclass(frozen=True)
class Annotation:
    """A command after the runner has unescaped it."""

    level: str
    properties: dict[str, str]
    text: str


def unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def read(text: str) -> list[Annotation]:
    """What the runner makes of a log: a command begins a line."""
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        if line.lstrip().startswith("::"):
            match = COMMAND.fullmatch(line)
            assert match, line
            pairs = (pair.partition("=") for pair in match["properties"].split(","))
            properties = {name: unescaped(value) for name, _, value in pairs}
            found.append(Annotation(match["level"], properties, unescaped(match["data"])))
    return found


def test_there_are_samples() -> None:
    assert len(RENDERED) == 10
    assert len(read(RENDERED["with findings"])) == 5


@every_sample
def test_at_most_ten_of_a_level(name: str) -> None:
    counts = Counter(annotation.level for annotation in read(RENDERED[name]))
    assert set(counts) <= {"error", "warning", "notice"}
    assert max(counts.values(), default=0) <= 10


@every_sample
def test_every_command_is_ours_and_names_a_place(name: str) -> None:
    report = samples.SAMPLES[name]
    paths = {finding.location.path for finding in report.findings}
    paths |= {problem.path for problem in report.problems} | {
        remark.path for remark in (*report.unjudged, *report.notes)
    }
    known = {shown(path, 1_000) for path in paths}
    for annotation in read(RENDERED[name]):
        assert set(annotation.properties) <= {"file", "line", "endLine", "col", "endColumn", "title"}
        assert annotation.properties["file"] in known
        assert "\r" not in annotation.text


def test_the_worst_come_first_and_the_rest_is_counted() -> None:
    text = RENDERED["long"]
    assert [annotation.level for annotation in read(text)] == ["error"] * 10 + ["warning"] * 10 + ["notice"] * 10
    assert all("critical: " in annotation.properties["title"] for annotation in read(text)[:10])
    assert "kgate: 2,990 more of level error are not annotated\n" in text
    assert text.endswith("kgate: failed\nkgate: 1 workload under the threshold, the lowest with score 25\n")


def test_a_finding_reads_well() -> None:
    annotation = read(RENDERED["rendered"])[0]
    assert annotation.properties == {
        "file": "charts/web/templates/deployment.yaml",
        "line": "12",
        "endLine": "12",
        "col": "7",
        "endColumn": "23",
        "title": "critical: Privileged container (privileged-container)",
    }
    assert annotation.text.split("\n") == [
        "The container runs privileged, which is root on the node (container app of Deployment/shop/web, spec).",
        "Why: A privileged container sees every device of the node.",
        "Fix: Remove the field, e.g. set `privileged` to false.",
        "← charts/web/values.yaml:3:7 value privileged",
        "Rendered by helm charts/web (default values, values ci/a-values.yaml)",
        "Also DaemonSet/shop/log",
    ]


def test_a_waived_finding_is_not_annotated() -> None:
    assert [a.properties["file"] for a in read(RENDERED["waived"])] == ["k8s/web.yaml"]


def test_problems_come_first_and_leave_room_for_findings() -> None:
    problems = tuple(Problem(f"{number}.yaml", None, "broken") for number in range(20))
    text = samples.written(github, replace(samples.long(), problems=problems))
    titles = [a.properties["title"] for a in read(text) if a.level == "error"]
    assert titles[:5] == ["kgate: Problem"] * 5
    assert all("critical" in title for title in titles[5:])
    alone = samples.written(github, samples.report(problems=problems))
    assert len(read(alone)) == 10


@given(st.text(st.one_of(st.characters(), st.sampled_from("%:,\r\n#[]")), max_size=60))
def test_any_text_starts_no_command(text: str) -> None:
    place = samples.location(text, 1, f"/{text}", text)
    finding = replace(samples.finding(container=text, resource=samples.TIDY), location=place, message=text)
    report = samples.report((finding,), problems=(Problem(text, None, text),))
    found = read(samples.written(github, report))
    assert [annotation.level for annotation in found] == ["error", "error"]
    assert [annotation.properties["file"] for annotation in found] == [shown(text, 1_000)] * 2
    assert "##[" not in samples.written(github, report)
