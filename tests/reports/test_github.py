"""Workflow commands as the runner of GitHub Actions reads them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.model import Problem, Report, Score, Severity, Verdict
from kgate.reports.formats import github
from kgate.reports.presentation import Change
from kgate.reports.wording import shown
from tests.reports import samples

RENDERED = samples.Texts(github)
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
    assert len(RENDERED) == 12
    assert len(read(RENDERED["with findings"])) == 3


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
    known = {shown(path, 1_000) for path in (*paths, *(one.remark.path for one in report.accepted))}
    for annotation in read(RENDERED[name]):
        assert set(annotation.properties) <= {"file", "line", "endLine", "col", "endColumn", "title"}
        assert annotation.properties["file"] in known
        assert "\r" not in annotation.text


def with_threshold(report: Report, threshold: int, decisive: Severity) -> Report:
    """The report on workloads that have to get rid of findings of a severity or above."""
    score = Score(25, threshold, decisive=decisive)
    return replace(report, assessments=tuple(replace(one, score=score) for one in report.assessments))


def test_the_worst_come_first_and_the_rest_is_counted_in_a_line() -> None:
    text = RENDERED["long"]
    assert [annotation.level for annotation in read(text)] == ["error"] * 10
    assert all("critical: " in annotation.properties["title"] for annotation in read(text))
    assert "kgate: not annotated: 2,990 errors\n" in text
    text = samples.written(github, with_threshold(samples.long(), 95, Severity.LOW))
    assert [annotation.level for annotation in read(text)] == ["error"] * 10 + ["warning"] * 10
    assert "kgate: not annotated: 2,990 errors, 1,490 warnings, 1,500 low findings\n" in text


def test_only_what_decides_is_annotated() -> None:
    """Neither a finding that the threshold allows, nor one of a workload that passes."""
    report = samples.with_findings()
    severities = [a.properties["title"].partition(":")[0] for a in read(RENDERED["with findings"])]
    assert severities == ["critical", "critical", "high"]
    assert {f.rule.severity for f in report.findings} > {Severity.MEDIUM, Severity.LOW}
    tidy = replace(report, assessments=(samples.assessment(value=90),), verdict=Verdict(True, False, ()))
    assert read(samples.written(github, tidy)) == []
    gated = samples.weakened()
    tidy = replace(gated, assessments=(samples.assessment(value=90),))
    assert {a.properties["file"] for a in read(samples.written(github, tidy)) if a.level == "error"} == {
        "z/kgate.yaml",
        "z/.kgateignore",
    }


def test_findings_on_lines_of_the_change_come_first() -> None:
    """A hundred that were there before leave room for the one that is new, though it is less severe."""
    report = samples.long()
    new = replace(samples.finding(samples.HOST_PATH, line=7), resource=report.assessments[0].workload)
    path = report.assessments[0].location.path
    new = replace(new, location=samples.location("k8s/new.yaml", 7), source=path)
    report = replace(report, findings=(*report.findings, new))
    change = Change({"k8s/new.yaml": ((1, 2), (6, 8))})
    first, second = read(samples.written(github, report, change=change))[:2]
    assert (first.properties["file"], first.properties["line"]) == ("k8s/new.yaml", "7")
    assert "critical" in second.properties["title"]
    others = read(samples.written(github, report, change=Change({"k8s/new.yaml": ((8, 9),)})))
    assert "k8s/new.yaml" not in {a.properties["file"] for a in others}


def test_what_fails_is_printed_in_a_line_each() -> None:
    assert RENDERED["with findings"].split("\n")[3:] == [
        "✗ Deployment/shop/web  k8s/web.yaml:1:7  score 25 F, needs 60: privileged-container, host-path-volume",
        "✗ failed: 1 workload under the threshold, the lowest with score 25",
        "",
    ]


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


def test_what_is_accepted_is_a_notice() -> None:
    problem, unjudged = read(RENDERED["accepted"])
    assert (problem.level, problem.properties["title"]) == ("notice", "kgate: Accepted")
    said = "accepted: reads the node's log files (team-ops, until 2027-01-31): helm template failed"
    assert (problem.properties["file"], problem.text) == ("charts/web", said)
    assert (unjudged.level, unjudged.properties["line"]) == ("notice", "9")


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
    finding = replace(samples.finding(container=text, resource=samples.TIDY), location=place, message=text, source=text)
    report = samples.report((finding,), (samples.assessment(samples.TIDY, text),), (Problem(text, None, text),))
    found = read(samples.written(github, report))
    assert [annotation.level for annotation in found] == ["error", "error"]
    assert [annotation.properties["file"] for annotation in found] == [shown(text, 1_000)] * 2
    assert "##[" not in samples.written(github, report)
