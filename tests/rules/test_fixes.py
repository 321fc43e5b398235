"""The field ``fix`` of rule files: what it may say, and that ours help."""

from __future__ import annotations

import re

import pytest

from kgate.errors import RuleError
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import assess
from kgate.kubernetes import pss
from kgate.model import Rule
from kgate.rules import load, rulefile
from kgate.rules.examples import Examples
from kgate.rules.placements import placements
from tests.manifests import resource

RULES = load.load()
FIXING = [rule for rule in RULES if rule.fix is not None]

RULE = """\
id: app
title: Standard input kept open
severity: low
points: 1
target: container
expression: container.?stdin.orValue(false) == false
message: The container keeps its standard input open.
rationale: x
remediation: z
fix:
  set: {stdin: false}
  safety: safe
  when:
    - {expression: "!has(container.tty)", otherwise: it has a terminal}
examples:
  good: [{name: app}]
  bad: [{name: app, stdin: true}]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("  safety: safe\n", "", "10: fix.safety is missing", id="no safety"),
        pytest.param(
            "safety: safe", "safety: maybe", "12: fix.safety must be one of safe, unsafe", id="a wrong safety"
        ),
        pytest.param("  set: {stdin: false}\n", "", "10: fix must say what to set, correct or remove", id="nothing"),
        pytest.param("{stdin:", "{pod.x:", "", id="a path of the pod"),
        pytest.param("{stdin: false}", "{'a[*]': 1}", "11: 'a[*]' is not a field path such as", id="a wildcard"),
        pytest.param("{stdin: false}", "{a: {b: c}}", "11: a: a fix sets a text, a number,", id="a mapping"),
        pytest.param("set:", "sett:", "11: unknown field 'sett' in fix; did you mean 'set'?", id="a misspelt field"),
        pytest.param(
            "!has(container.tty)", "has(", "14: the condition is not valid CEL: 1:5: Syntax error", id="a syntax error"
        ),
        pytest.param(
            "!has(container.tty)", "variables.a", "14: there is no variable 'a' before", id="an unknown variable"
        ),
        pytest.param(
            ", otherwise: it has a terminal",
            "",
            "14: fix.when[0].otherwise is missing",
            id="a condition without reason",
        ),
    ],
)
def test_what_is_refused(old: str, new: str, message: str) -> None:
    text = RULE.replace(old, new)
    assert text != RULE
    if not message:
        assert rulefile.read(text.encode(), "app", "rules/app.yaml").fix is not None
        return
    with pytest.raises(RuleError, match=f"^{re.escape(f'rules/app.yaml:{message}')}"):
        rulefile.read(text.encode(), "app", "rules/app.yaml")


def test_a_path_of_the_pod_is_for_rules_about_containers() -> None:
    text = (
        RULE.replace("target: container", "target: pod").replace("container.", "pod.").replace("{stdin", "{pod.stdin")
    )
    with pytest.raises(RuleError, match="10: a path that starts with pod is for rules about containers"):
        rulefile.read(text.encode(), "app", "rules/app.yaml")


def test_a_fix_that_does_not_help_fails_its_examples() -> None:
    rule = rulefile.read(RULE.replace("{stdin: false}", "{stdin: true, tty: true}").encode(), "app", "rules/app.yaml")
    failed = [str(one) for one in Examples([rule]).outcomes(rule) if not one.passed]
    assert failed
    assert "bad example 1: its fix does not help: the rule still finds it after the fix (Pod of v1" in failed[0]


def test_there_are_fixes() -> None:
    assert len(FIXING) > 15


@pytest.mark.parametrize("rule", FIXING, ids=[rule.id for rule in FIXING])
def test_each_holds_for_an_example(rule: Rule) -> None:
    """That it helps there is a part of what is tested of each example (test_rule_examples.py)."""
    judge = Judge(RULES, pss.NEWEST_MINOR, {rule.id}, with_remedies=True)
    bodies = [next(placements(rule, example)).body for example in rule.bad]
    findings = [finding for body in bodies for finding in assess(judge, resource(body), 0)[0]]
    assert any(finding.remedy is not None and finding.remedy.changes for finding in findings)
