"""Every example of every rule file, in every workload kind and container list."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kgate.model import Rule
from kgate.rules import fieldpath, load, rulefile
from kgate.rules.examples import Examples

RULES = load.load()
IDS = [rule.id for rule in RULES]


EVERYWHERE, IN_SOME = Examples(RULES), Examples(RULES, ("Pod", "CronJob"))


def test_there_are_rules() -> None:
    assert len(RULES) > 50


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_examples_are_judged_as_expected(rule: Rule) -> None:
    """In each list of containers of the kinds whose pods lie at the least and the greatest depth."""
    assert_as_expected(rule, IN_SOME, (1, 3 * 4))


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_examples_are_judged_as_expected_everywhere(rule: Rule) -> None:
    assert_as_expected(rule, EVERYWHERE, (1, 3 * 27))


def assert_as_expected(rule: Rule, examples: Examples, objects: Sequence[int]) -> None:
    outcomes = list(examples.outcomes(rule))
    assert len(outcomes) == len(rule.good) + len(rule.bad)
    assert all(outcome.objects in objects for outcome in outcomes)
    assert not [str(outcome) for outcome in outcomes if not outcome.passed]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_of_our_own_passes_the_checks_of_users_rules(rule: Rule) -> None:
    path = load.builtin_folder() / f"{rule.id}.yaml"
    assert rulefile.read(path.read_bytes(), rule.id, rule.path) == rule


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_the_field_is_absent_in_an_example(rule: Rule) -> None:
    assert rule.fields or rule.each, "a rule must name the fields that it points at"
    paths = [_names_of_path(path) for path in (*rule.fields, *rule.each)]
    for names in paths:
        assert any(names[-1] not in example.text for example in (*rule.good, *rule.bad)), names


def _names_of_path(path: str) -> list[str]:
    return [str(token) for token in fieldpath.tokens(path.replace("[*]", "").replace(".*", ""))]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_documentation_is_complete(rule: Rule) -> None:
    assert len(rule.rationale) > 150, "say what an attacker gains, in a few sentences"
    assert len(rule.remediation) > 80, "say what to write instead"
    assert rule.instead, "say in a line what to write instead"
    assert not rule.instead.endswith("."), "what to write, and no sentence"
    assert rule.message[0].isupper(), "a sentence"
    assert rule.message.endswith("."), "a sentence"
    assert len(rule.message) <= 110
    assert rule.references, "name where the reasons can be read up"
    assert any(tag.startswith("cwe-") for tag in rule.tags)
    assert all(reference.url.startswith("https://") for reference in rule.references)
