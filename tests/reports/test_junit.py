"""JUnit XML: the Jenkins schema, and what a reader of it counts and sees."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml
from lxml import etree

from kgate.model import Report, ResourceId, Severity
from kgate.reports.formats import junit
from tests.reports import samples

SCHEMA = etree.XMLSchema(etree.parse(str(Path(__file__).parents[1] / "schemas/junit-10.xsd")))
RENDERED = {name: samples.written(junit, report) for name, report in samples.SAMPLES.items()}

every_sample = pytest.mark.parametrize("name", sorted(RENDERED))


def tree_of(text: str) -> Any:
    return etree.fromstring(text.encode("utf-8"), etree.XMLParser(huge_tree=True))


def cases_of(text: str) -> dict[str, Any]:
    """The test cases by name."""
    return {case.get("name"): case for case in tree_of(text).iter("testcase")}


def test_there_are_samples() -> None:
    assert len(RENDERED) == 10
    assert all(cases_of(text) for text in RENDERED.values())


@every_sample
def test_the_jenkins_schema_accepts_it(name: str) -> None:
    assert SCHEMA.validate(tree_of(RENDERED[name])), SCHEMA.error_log


def test_the_jenkins_schema_rejects_a_count_of_skipped_at_the_root() -> None:
    broken = RENDERED["waived"].replace("<testsuites ", '<testsuites skipped="1" ')
    assert not SCHEMA.validate(tree_of(broken))


def expected_counts(report: Report) -> dict[str, int]:
    """What a reader must count, from the report alone."""
    failed = [a.workload for a in report.assessments if not a.score.passed]
    groups: dict[tuple[str, str, ResourceId], list[bool]] = {}
    for finding in report.findings:
        group = groups.setdefault((finding.location.path, finding.rule.id, finding.resource), [])
        group.append(finding.waiver is not None)
    return {
        "failures": len(failed) + sum(not all(waived) and who in failed for (_, _, who), waived in groups.items()),
        "errors": len(report.problems) + len(report.unjudged) or int(report.verdict.incomplete),
        "skipped": sum(all(waived) for waived in groups.values()),
    }


@every_sample
def test_a_reader_counts_what_was_found(name: str) -> None:
    expected = expected_counts(samples.SAMPLES[name])
    xml = JUnitXml.fromstring(RENDERED[name].encode("utf-8"))
    cases = [case for suite in xml for case in suite]
    read = {
        "failures": sum(case.is_failure for case in cases),
        "errors": sum(case.is_error for case in cases),
        "skipped": sum(case.is_skipped for case in cases),
    }
    assert read == expected
    root = tree_of(RENDERED[name])
    suites = list(root)
    for attribute in ("failures", "errors"):
        assert int(root.get(attribute)) == expected[attribute]
    for attribute in ("failures", "errors", "skipped"):
        assert sum(int(suite.get(attribute)) for suite in suites) == expected[attribute]
    assert int(root.get("tests")) == len(cases) == sum(int(suite.get("tests")) for suite in suites)


@every_sample
def test_names_are_unique_in_their_class(name: str) -> None:
    cases = Counter((case.get("classname"), case.get("name")) for case in tree_of(RENDERED[name]).iter("testcase"))
    assert max(cases.values()) == 1


@every_sample
def test_a_suite_for_each_file(name: str) -> None:
    report = samples.SAMPLES[name]
    paths = {finding.location.path for finding in report.findings}
    paths |= {assessment.location.path for assessment in report.assessments}
    paths |= {remark.path for remark in (*report.problems, *report.unjudged)}
    suites = list(tree_of(RENDERED[name]))
    assert len(suites) == (len(paths) or 1)
    assert all(case.get("classname") == suite.get("file") for suite in suites for case in suite)


def test_a_finding_reads_well() -> None:
    case = cases_of(RENDERED["with findings"])["privileged-container: Deployment/shop/web"]
    (failure,) = case
    assert case.get("classname") == "k8s/web.yaml"
    assert failure.get("type") == "privileged-container"
    assert failure.get("message") == (
        "The container runs privileged, which is root on the node (container app of Deployment/shop/web,"
        " spec.template.spec.containers[0].securityContext.privileged). And 1 more."
    )
    assert failure.text.split("\n") == [
        "k8s/web.yaml:12:7 container app",
        "    | privileged: true",
        "k8s/web.yaml:12:7 container app",
        "    | privileged: true",
        (
            "why: The container runs privileged, which is root on the node."
            " A privileged container sees every device of the node."
        ),
        "fix: Remove the field, e.g. set `privileged` to false. Name the capability that it needs instead.",
    ]


def test_a_finding_that_does_not_fail_the_gate_is_no_failure() -> None:
    name = "privileged-container: Deployment/shop/web"
    report = samples.report((samples.finding(),), (samples.assessment(value=97),))
    (output,) = cases_of(samples.written(junit, report))[name]
    assert output.tag == "system-out"
    assert output.text.startswith("k8s/web.yaml:12:7")
    (failure,) = cases_of(samples.written(junit, replace(report, fail_on=Severity.CRITICAL)))[name]
    assert failure.tag == "failure"


def test_a_rule_in_an_object_is_one_test_whose_name_stays_when_lines_move() -> None:
    name = "privileged-container: Deployment/shop/web"
    first, second = samples.finding(), samples.finding(container="side", line=20)
    cases = cases_of(samples.written(junit, samples.report((first, second))))
    assert list(cases) == [name]
    assert list(cases_of(samples.written(junit, samples.report((samples.finding(line=99),))))) == [name]


def test_one_finding_that_is_not_waived_makes_its_test_fail() -> None:
    accepted = replace(samples.finding(), waiver=samples.WAIVER)
    report = samples.report((accepted, samples.finding(container="side", line=20)), (samples.assessment(),))
    (failure,) = cases_of(samples.written(junit, report))["privileged-container: Deployment/shop/web"]
    assert failure.get("message").startswith("The container runs privileged, which is root on the node (container side")
    assert "k8s/web.yaml:12:7 container app waived: reads the node's log files" in failure.text


def test_what_is_rendered_says_by_what_and_from_where() -> None:
    (failure,) = cases_of(RENDERED["rendered"])["privileged-container: Deployment/shop/web"]
    assert failure.text.split("\n")[2:5] == [
        "charts/web/values.yaml:3:7 value privileged",
        "rendered by helm charts/web (default values, values ci/a-values.yaml)",
        "also DaemonSet/shop/log",
    ]
    (failure,) = cases_of(RENDERED["rendered"])["host-path-volume: DaemonSet/shop/log"]
    assert failure.text.startswith("base/web.yaml:2:7 (approximate) container app\n")


def test_equal_names_are_numbered() -> None:
    names = ["Pod/tidy: score 97", "Pod/tidy: score 97 #2", "Pod/tidy: score 97 #3"]
    report = samples.report((), (samples.assessment(samples.TIDY, "a.yaml", 97),) * 3)
    assert list(cases_of(samples.written(junit, report))) == names


def test_a_name_that_looks_numbered_is_not_taken_twice() -> None:
    workloads = [replace(samples.TIDY, name=name) for name in ("a", "a", "a: score 97 #2", "a: score 97 #2")]
    names = [f"Pod/{name}: score 97" for name in ("a", "a", "a: score 97 #2", "a: score 97 #2")]
    report = samples.report((), tuple(samples.assessment(workload, "a.yaml", 97) for workload in workloads))
    assert sorted(cases_of(samples.written(junit, report))) == sorted({*names, f"{names[0]} #2", f"{names[2]} #2"})


def test_a_workload_passes_only_if_nothing_counts_against_it() -> None:
    cases = cases_of(RENDERED["with findings"])
    assert len(cases["Pod/tidy: score 97"]) == 0
    assert len(cases["DaemonSet/shop/log: score 88"]) == 0
    assert not any(name.startswith("Deployment/shop/web: score") for name in cases)


def test_a_workload_under_its_threshold_fails_by_itself() -> None:
    (failure,) = cases_of(RENDERED["with findings"])["score: Deployment/shop/web"]
    assert failure.get("type") == "score"
    assert failure.get("message") == "Score 25 is under the threshold 60 (Deployment/shop/web)."


def test_a_waived_finding_is_skipped_with_its_reason() -> None:
    cases = cases_of(RENDERED["waived"])
    (skipped,) = cases["host-path-volume: DaemonSet/shop/log"]
    assert skipped.tag == "skipped"
    assert skipped.get("message") == "reads the node's log files (team-ops, until 2027-01-31)"
    assert len(cases["DaemonSet/shop/log: score 100"]) == 0


def test_a_problem_is_an_error_in_the_suite_of_its_file() -> None:
    suites = {suite.get("name"): suite for suite in tree_of(RENDERED["with problems"])}
    (case,) = suites["k8s/a b:c#d.yaml"]
    (error,) = case
    assert case.get("name") == "problem (line 3)"
    assert (error.tag, error.get("message")) == ("error", "the mapping has two keys 'spec'")
    assert error.text == "k8s/a b:c#d.yaml:3: the mapping has two keys 'spec'"


def test_nothing_judged_is_an_error() -> None:
    (error,) = cases_of(RENDERED["empty"])["incomplete"]
    assert (error.tag, error.get("message")) == ("error", "no Kubernetes object was found")


def test_hostile_text_starts_no_command() -> None:
    text = RENDERED["hostile"]
    assert "##[" not in text
    assert "##vso[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert not any(ord(character) < 0x20 and character != "\n" for character in text)


def test_no_clock() -> None:
    assert all("timestamp" not in text for text in RENDERED.values())
    assert samples.written(junit, samples.with_findings()) == RENDERED["with findings"]


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_rendered(text: str) -> None:
    place = samples.location(text, 1, f"/{text}", text)
    finding = replace(samples.finding(), container=text, location=place, source=text)
    root = tree_of(samples.written(junit, samples.report((finding,), (samples.assessment(path=text, value=10),))))
    assert SCHEMA.validate(root), SCHEMA.error_log
    assert root.get("failures") == "2"
