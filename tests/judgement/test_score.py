"""score.py: score and verdict, to the letter of the design."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.judgement.score import BANDS, decide, decisive_severity, score
from kgate.model import Assessment, Finding, Found, Location, Position, Problem, ResourceId, Rule, Score, Severity

NOWHERE = Location("a.yaml", Position(1, 1), Position(1, 1))
POD = ResourceId("v1", "Pod", "", "a")


def rule(name: str, severity: Severity, points: int = 5) -> Rule:
    return Rule(name, name, severity, points, ("pod",), "true", "m.")


CRITICAL, HIGH, MEDIUM, LOW = (rule(s.label, s) for s in reversed(Severity))


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ([], 100),
        ([LOW], 100),
        ([LOW, rule("l2", Severity.LOW, 1)], 99),
        ([rule(f"l{n}", Severity.LOW, 9) for n in range(9)], 90),
        ([MEDIUM], 89),
        ([MEDIUM, LOW], 84),
        ([HIGH], 59),
        ([HIGH, MEDIUM, LOW], 49),
        ([HIGH, *(rule(f"m{n}", Severity.MEDIUM, 10) for n in range(5))], 30),
        ([CRITICAL], 29),
        ([CRITICAL, HIGH, MEDIUM, LOW], 14),
        ([CRITICAL, *(rule(f"h{n}", Severity.HIGH, 10) for n in range(5))], 0),
        ([LOW, LOW, LOW], 100),
        ([rule("big", Severity.HIGH, 10), rule("small", Severity.HIGH, 1)], 58),
    ],
)
def test_score(rules: list[Rule], wanted: int) -> None:
    assert score(rules) == wanted


@pytest.mark.parametrize(
    ("rules", "explicit", "wanted"),
    [
        ([MEDIUM], {"medium"}, 84),
        ([MEDIUM, LOW], {"low"}, 79),
        ([MEDIUM, LOW], {"medium", "low"}, 74),
        ([MEDIUM, MEDIUM], {"medium"}, 84),
        ([MEDIUM, *(rule(f"m{n}", Severity.MEDIUM, 9) for n in range(4))], {"medium", "m1"}, 60),
        ([HIGH], {"medium"}, 59),
    ],
)
def test_what_somebody_chose_weighs_twice(rules: list[Rule], explicit: set[str], wanted: int) -> None:
    assert score(rules, explicit) == wanted


@pytest.mark.parametrize(
    ("rules", "threshold", "wanted"),
    [
        pytest.param([CRITICAL, HIGH, MEDIUM, LOW], 60, Severity.HIGH, id="baseline"),
        pytest.param([CRITICAL, HIGH, MEDIUM, LOW], 90, Severity.MEDIUM, id="restricted"),
        pytest.param([HIGH, MEDIUM], 50, None, id="above the threshold"),
        pytest.param([HIGH, *(rule(f"m{n}", Severity.MEDIUM, 10) for n in range(5))], 50, Severity.HIGH, id="points"),
        pytest.param([LOW, rule("l2", Severity.LOW, 9)], 96, Severity.LOW, id="low alone"),
        pytest.param([], 100, None, id="nothing"),
    ],
)
def test_the_findings_that_decide(rules: list[Rule], threshold: int, wanted: Severity | None) -> None:
    assert decisive_severity(rules, threshold) == wanted
    left = [one for one in rules if wanted is None or one.severity < wanted]
    assert score(left) >= threshold


RULES = st.lists(st.builds(rule, st.text(), st.sampled_from(Severity), st.integers(1, 10)), unique_by=lambda r: r.id)


@given(RULES, st.integers(0, 20), st.integers(0, 20))
def test_neither_another_rule_nor_a_choice_raises_the_score(rules: list[Rule], some: int, chosen: int) -> None:
    assert score(rules) <= score(rules[:some])
    assert score(rules, {rule.id for rule in rules[:chosen]}) <= score(rules)


@given(RULES)
def test_the_worst_rule_sets_the_band(rules: list[Rule]) -> None:
    floor, ceiling = BANDS[max((r.severity for r in rules), default=Severity.LOW)]
    assert floor <= score(rules) <= ceiling


@pytest.mark.parametrize(("value", "grade"), [(100, "A"), (90, "A"), (89, "B"), (75, "B"), (74, "C"), (60, "C")])
def test_good_grades(value: int, grade: str) -> None:
    assert Score(value, 60).grade == grade


@pytest.mark.parametrize(("value", "grade"), [(59, "D"), (30, "D"), (29, "F"), (0, "F")])
def test_bad_grades(value: int, grade: str) -> None:
    assert Score(value, 60).grade == grade


def assessed(value: int) -> Assessment:
    return Assessment(POD, NOWHERE, Score(value, 60), "baseline")


FOUND = Finding(HIGH, POD, None, NOWHERE, "", "m.")
PROBLEM = Problem("a.yaml", 1, "m")


@pytest.mark.parametrize(
    ("assessments", "findings", "problems", "resources", "fail_on", "allow_empty", "code"),
    [
        ([60], [], [], 1, None, False, 0),
        ([59], [], [], 1, None, False, 1),
        ([100], [FOUND], [], 1, None, False, 0),
        ([100], [FOUND], [], 1, Severity.HIGH, False, 1),
        ([100], [FOUND], [], 1, Severity.CRITICAL, False, 0),
        ([100], [], [PROBLEM], 1, None, False, 3),
        ([0], [], [PROBLEM], 1, None, False, 3),
        ([], [], [], 0, None, False, 3),
        ([], [], [], 0, None, True, 0),
        ([], [], [], 1, None, False, 0),
        ([], [], [PROBLEM], 0, None, True, 3),
    ],
)
def test_verdict(
    assessments: list[int],
    findings: list[Finding],
    problems: list[Problem],
    resources: int,
    fail_on: Severity | None,
    allow_empty: bool,
    code: int,
) -> None:
    verdict = decide(
        Found(tuple(map(assessed, assessments)), tuple(findings), tuple(problems)),
        resources=resources,
        fail_on=fail_on,
        allow_empty=allow_empty,
    )
    assert verdict.exit_code == code
    assert bool(verdict.reasons) == (code != 0)


HELM, TYPO = "the chart is not rendered; install helm, or name it", "no such file or folder; check the spelling"


@pytest.mark.parametrize(
    ("problems", "resources", "wanted"),
    [
        pytest.param([HELM], 3, ["1 problem: not everything could be judged; install helm, or name it"], id="helm"),
        pytest.param(
            [HELM, HELM, TYPO], 3, ["3 problems: not everything could be judged; install helm, or name it"], id="mostly"
        ),
        pytest.param([HELM, TYPO], 3, ["2 problems: not everything could be judged"], id="this and that"),
        pytest.param([TYPO], 3, ["1 problem: not everything could be judged"], id="nothing to install"),
        pytest.param(
            [HELM],
            0,
            [
                "1 problem: not everything could be judged; install helm, or name it",
                "no Kubernetes object was found; fix the problems",
            ],
            id="helm, and no object",
        ),
        pytest.param(
            [],
            0,
            ["no Kubernetes object was found; name other paths, or pass --allow-empty if that is right"],
            id="no object",
        ),
    ],
)
def test_what_is_missing_is_to_be_installed(problems: list[str], resources: int, wanted: list[str]) -> None:
    remarks = tuple(Problem(f"{index}/Chart.yaml", None, text) for index, text in enumerate(problems))
    verdict = decide(Found((), (), remarks), resources=resources, fail_on=None, allow_empty=False)
    assert [*verdict.reasons] == wanted
