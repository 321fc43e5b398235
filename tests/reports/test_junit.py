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

from kgate.model import Assessment, Finding, Rendering, Report, ResourceId, Score, Severity
from kgate.reports.formats import junit
from tests.reports import samples

SCHEMA = etree.XMLSchema(etree.parse(str(Path(__file__).parents[1] / "schemas/junit-10.xsd")))
RENDERED = samples.Texts(junit)

every_sample = pytest.mark.parametrize("name", sorted(RENDERED))


def tree_of(text: str) -> Any:
    return etree.fromstring(text.encode("utf-8"), etree.XMLParser(huge_tree=True))


def cases_of(text: str) -> dict[str, Any]:
    """The test cases by name."""
    return {case.get("name"): case for case in tree_of(text).iter("testcase")}


def test_there_are_samples() -> None:
    assert len(RENDERED) == 12
    assert all(cases_of(text) for text in RENDERED.values())


@every_sample
def test_the_jenkins_schema_accepts_it(name: str) -> None:
    assert SCHEMA.validate(tree_of(RENDERED[name])), SCHEMA.error_log


def test_the_jenkins_schema_rejects_a_count_of_skipped_at_the_root() -> None:
    broken = RENDERED["waived"].replace("<testsuites ", '<testsuites skipped="1" ')
    assert not SCHEMA.validate(tree_of(broken))


def decides(finding: Finding, report: Report) -> bool:
    """True if a finding is open and so severe that one of its objects fails for it."""
    return finding.waiver is None and any(
        not a.passed and a.score.decisive is not None and finding.rule.severity >= a.score.decisive
        for a in report.assessments
        if a.workload in finding.resources
        and a.location.path == finding.source
        and (not finding.renderings or set(a.renderings) & set(finding.renderings))
    )


def expected_counts(report: Report) -> dict[str, int]:
    """What a reader must count, from the report alone."""
    groups: dict[tuple[str, str, ResourceId], list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault((finding.location.path, finding.rule.id, finding.resource), []).append(finding)
    causes = [finding for finding in report.findings if decides(finding, report)]
    blamed = {(finding.source, resource) for finding in causes for resource in finding.resources}
    failed = [(a.location.path, a.workload) for a in report.assessments if not a.passed]
    of_rules = sum(any(decides(one, report) for one in group) for group in groups.values())
    waived = sum(all(one.waiver is not None for one in group) for group in groups.values())
    return {
        "failures": of_rules + sum(who not in blamed for who in failed),
        "errors": len(report.problems) + len(report.unjudged) or int(report.verdict.incomplete),
        "skipped": waived + len(report.accepted) + sum(who in blamed for who in failed),
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
    paths |= {one.remark.path for one in report.accepted}
    suites = list(tree_of(RENDERED[name]))
    assert len(suites) == (len(paths) or 1)
    assert all(case.get("classname") == suite.get("file") for suite in suites for case in suite.iter("testcase"))


def test_a_finding_reads_well() -> None:
    case = cases_of(RENDERED["with findings"])["privileged-container: Deployment/shop/web"]
    (failure,) = case
    assert case.get("classname") == "k8s/web.yaml"
    assert failure.get("type") == "privileged-container"
    assert failure.get("message") == (
        "privileged-container: The container runs privileged, which is root on the node."
        " Fix: Remove the field, e.g. set `privileged` to false."
        " In container app of Deployment/shop/web, spec.template.spec.containers[0].securityContext.privileged."
        " And 1 more."
    )
    assert failure.text.split("\n") == [
        "privileged-container (critical): The container runs privileged, which is root on the node.",
        "Fix: Remove the field, e.g. set `privileged` to false.",
        "k8s/web.yaml:12:7 container app",
        "    | privileged: true",
        "k8s/web.yaml:12:7 container app",
        "    | privileged: true",
        "why: A privileged container sees every device of the node.",
        "how: Remove the field, e.g. set `privileged` to false. Name the capability that it needs instead.",
    ]


def test_a_finding_that_does_not_fail_the_gate_is_no_failure() -> None:
    name = "privileged-container: Deployment/shop/web"
    report = samples.report((samples.finding(),), (samples.assessment(value=97),))
    (output,) = cases_of(samples.written(junit, report))[name]
    assert output.tag == "system-out"
    assert output.text.startswith("privileged-container (critical): ")
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
    assert " In container side of Deployment/shop/web" in failure.get("message")
    assert "k8s/web.yaml:12:7 container app waived: reads the node's log files" in failure.text


def test_what_is_rendered_says_by_what_and_from_where() -> None:
    (failure,) = cases_of(RENDERED["rendered"])["privileged-container: Deployment/shop/web"]
    assert failure.text.split("\n")[4:7] == [
        "charts/web/values.yaml:3:7 value privileged",
        "rendered by helm charts/web (default values, values ci/a-values.yaml)",
        "also DaemonSet/shop/log",
    ]
    (failure,) = cases_of(RENDERED["rendered"])["host-path-volume: DaemonSet/shop/log"]
    assert "\nbase/web.yaml:2:7 (approximate) container app\n" in failure.text


def test_equal_names_are_numbered() -> None:
    names = ["score: Pod/tidy", "score: Pod/tidy #2", "score: Pod/tidy #3"]
    report = samples.report((), (samples.assessment(samples.TIDY, "a.yaml", 97),) * 3)
    assert list(cases_of(samples.written(junit, report))) == names


def test_a_name_that_looks_numbered_is_not_taken_twice() -> None:
    workloads = [replace(samples.TIDY, name=name) for name in ("a", "a", "a #2", "a #2")]
    names = [f"score: Pod/{name}" for name in ("a", "a #2", "a #2 #2", "a #2 #3")]
    report = samples.report((), tuple(samples.assessment(workload, "a.yaml", 97) for workload in workloads))
    assert sorted(cases_of(samples.written(junit, report))) == names


def test_a_workload_passes_only_if_nothing_counts_against_it() -> None:
    cases = cases_of(RENDERED["with findings"])
    tags = {name: [one.tag for one in case] for name, case in cases.items() if name.startswith("score: ")}
    assert tags == {
        "score: Pod/tidy": ["system-out"],
        "score: DaemonSet/shop/log": ["system-out"],
        "score: Deployment/shop/web": ["skipped"],
    }


def test_a_score_under_the_threshold_names_the_rules_that_fail() -> None:
    (skipped,) = cases_of(RENDERED["with findings"])["score: Deployment/shop/web"]
    assert (skipped.tag, skipped.get("type")) == ("skipped", "score")
    assert skipped.get("message") == (
        "fails for privileged-container, host-path-volume: score 25 F, needs 60 (Deployment/shop/web)"
    )


@pytest.mark.parametrize(
    ("score", "message"),
    [
        pytest.param(Score(25, 60), "score 25 F, needs 60", id="nothing is listed"),
        pytest.param(
            Score(100, 60, is_bound=True, is_judged=False),
            "not all of it could be judged: score –, needs 60",
            id="not judged",
        ),
        pytest.param(Score(40, 60, is_bound=True), "part of a pod, at most 40: score –, needs 60", id="a part"),
    ],
)
def test_a_score_that_no_rule_is_listed_for_fails_by_itself(score: Score, message: str) -> None:
    report = samples.report((), (replace(samples.assessment(), score=score),))
    (failure,) = cases_of(samples.written(junit, report))["score: Deployment/shop/web"]
    assert (failure.tag, failure.get("message")) == ("failure", f"{message} (Deployment/shop/web)")


def test_a_waived_finding_is_skipped_with_its_reason() -> None:
    cases = cases_of(RENDERED["waived"])
    (skipped,) = cases["host-path-volume: DaemonSet/shop/log"]
    assert skipped.tag == "skipped"
    assert skipped.get("message") == "reads the node's log files (team-ops, until 2027-01-31)"
    assert [one.tag for one in cases["score: DaemonSet/shop/log"]] == ["system-out"]


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
    assert root.get("failures") == "1"


# -------------------------------------------------------------------------------- names and causes


RELEASES = tuple(Rendering("helm", "charts/web", f"values ci/{letter}.yaml") for letter in "abcdef")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(samples.assessment(value=97), samples.assessment(value=12), id="another score"),
        pytest.param(
            replace(samples.assessment(), score=Score(100, 60, is_bound=True)),
            samples.assessment(value=100),
            id="known at last",
        ),
        pytest.param(
            replace(samples.assessment(), renderings=RELEASES[:1]),
            replace(samples.assessment(), renderings=RELEASES),
            id="more releases",
        ),
        pytest.param(
            replace(samples.assessment(), renderings=(replace(RELEASES[0], requested_by="Application/a/b c.yaml:1"),)),
            replace(samples.assessment(), renderings=(replace(RELEASES[0], requested_by="Application/a/b c.yaml:7"),)),
            id="another line of who asks",
        ),
    ],
)
def test_a_name_never_changes_with_score_counts_or_lines(before: Assessment, after: Assessment) -> None:
    findings = (samples.finding(), samples.finding(container="side", line=99))
    texts = [
        samples.written(junit, samples.report(findings[:number], (one,)))
        for number, one in enumerate((before, after), 1)
    ]
    names, others = (list(cases_of(text)) for text in texts)
    assert names == others
    assert len(names) == 2


@pytest.mark.parametrize(
    ("findings", "failures"),
    [
        pytest.param((samples.finding(),), 1, id="one container"),
        pytest.param(tuple(samples.finding(container=name) for name in "abc"), 1, id="a rule in three containers"),
        pytest.param((samples.finding(), samples.finding(samples.HOST_PATH)), 2, id="two rules"),
        pytest.param((samples.finding(), samples.finding(samples.NO_LIMITS)), 1, id="one that decides nothing"),
        pytest.param((samples.finding(), replace(samples.finding(), source="b.yaml")), 1, id="another source passes"),
    ],
)
def test_a_cause_fails_once(findings: tuple[Finding, ...], failures: int) -> None:
    root = tree_of(samples.written(junit, samples.report(findings, (samples.assessment(),))))
    assert root.get("failures") == str(failures)
