"""Every example of every rule file, in every workload kind and container list."""

from __future__ import annotations

import re
from functools import cache

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import pss
from kgate.model import Example, Rule
from kgate.rules import fieldpath, load
from tests.manifests import cases, resource

RULES = load.load()
IDS = [rule.id for rule in RULES]


def judge_for(rule: Rule, example: Example) -> Judge:
    minor = pss.NEWEST_MINOR if example.minor is None else example.minor
    if minor not in rule.versions:
        minor = rule.versions.since if rule.versions.until is None else rule.versions.until - 1
    return _judge(rule.id, minor)


@cache
def _judge(name: str, minor: int) -> Judge:
    """One for all examples of a rule at a version: it takes longer to compile its expressions than to ask them."""
    return Judge(RULES, minor, {name})


def test_there_are_rules() -> None:
    assert len(RULES) > 50


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_good_examples_pass(rule: Rule) -> None:
    for example in rule.good:
        judge = judge_for(rule, example)
        for case in cases(rule, example):
            result = judge.judge(resource(case.body))
            assert not result.problems, (case.label, example.text, result.problems)
            assert rule.id not in result.offended, (case.label, example.text)


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_bad_examples_fail_in_their_own_place(rule: Rule) -> None:
    for example in rule.bad:
        judge = judge_for(rule, example)
        for case in cases(rule, example):
            result = judge.judge(resource(case.body))
            assert not result.problems, (case.label, example.text, result.problems)
            assert rule.id in result.offended, (case.label, example.text)
            assert {f.container for f in result.findings} <= {None, *_names(example)}, (case.label, example.text)


def _names(example: Example) -> set[str]:
    """The names of the containers that an example holds itself."""
    return {"example", *re.findall(r"name: ([\w-]+)", example.text)}


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
    assert rule.message[0].isupper(), "a sentence"
    assert rule.message.endswith("."), "a sentence"
    assert len(rule.message) <= 110
    assert rule.references, "name where the reasons can be read up"
    assert any(tag.startswith("cwe-") for tag in rule.tags)
    assert all(reference.url.startswith("https://") for reference in rule.references)
