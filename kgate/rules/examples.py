"""Runs the examples of rules: the good ones must pass and the bad ones be found, wherever a pod can be."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from kgate.fix.manifests import ManifestFixer
from kgate.judgement.engine import Judge, Judgement
from kgate.judgement.reach import Powers
from kgate.kubernetes import manifest, pss
from kgate.kubernetes.components import auditing
from kgate.kubernetes.facts import Facts
from kgate.model import Example, Json, Resource, Rule, field_path
from kgate.rules.placements import Body, Placement, placements
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class ExampleOutcome:
    """What became of one example, such as ``bad example 2``: in how many objects it was tried, in how many of them not
    as expected, and what happened in the first of those."""

    rule: Rule
    name: str
    line: int
    objects: int
    failures: int
    message: str = ""

    @property
    def passed(self) -> bool:
        """True if all objects were judged as expected."""
        return not self.failures

    def __str__(self) -> str:
        share = f"in {self.failures} of {self.objects} objects" if self.objects > 1 else ""
        return ", ".join(filter(None, (f"{self.rule.path}:{self.line}: {self.name}: {self.message}", share)))


class Examples:
    """The examples of rules, judged by all of the rules together, as in a scan; those about pods in every kind of
    workload, or only in these ``kinds``."""

    def __init__(self, rules: Sequence[Rule], kinds: Collection[str] = ()) -> None:
        self._rules = tuple(rules)
        self._kinds = kinds
        self._judges: dict[tuple[int, str], Judge] = {}
        self._powers = Powers(rules, pss.NEWEST_MINOR)

    def outcomes(self, rule: Rule) -> Iterator[ExampleOutcome]:
        """The outcome of each example of a rule, good ones first."""
        for is_good, examples in ((True, rule.good), (False, rule.bad)):
            for number, example in enumerate(examples, 1):
                name = f"{'good' if is_good else 'bad'} example {number}"
                failures = list(self._failures(rule, example, is_good=is_good))
                unexpected = [failure for failure in failures if failure]
                yield ExampleOutcome(
                    rule, name, example.line, len(failures), len(unexpected), next(iter(unexpected), "")
                )

    def facts_of(self, resources: Collection[Resource]) -> Facts:
        """Returns what is known of the objects of an example, as in a scan."""
        found = self._powers.join(Facts.of(resources))
        return replace(found, audit=auditing.gathered(resources)) if len(resources) > 1 else found

    def judge_for(self, rule: Rule, example: Example) -> Judge:
        """What judges an example: for its own Kubernetes version, or else for the newest that the rule holds for."""
        minor = pss.NEWEST_MINOR if example.minor is None else example.minor
        if minor not in rule.versions:
            minor = rule.versions.since if rule.versions.until is None else rule.versions.until - 1
        if example.params:
            values = dict(example.params)
            own = tuple(replace(one, value=values.get(one.name, one.value)) for one in rule.parameters)
            return Judge([replace(rule, parameters=own, includes=())], minor, {rule.id}, with_remedies=True)
        if (minor, rule.id) not in self._judges:
            self._judges = {(minor, rule.id): Judge(self._rules, minor, {rule.id}, with_remedies=True)}
        return self._judges[minor, rule.id]

    def _failures(self, rule: Rule, example: Example, *, is_good: bool) -> Iterator[str]:
        """For each object that can hold an example what is unexpected there; empty if nothing is."""
        judge = self.judge_for(rule, example)
        for placement in placements(rule, example):
            if self._kinds and placement.list is not None and placement.body["kind"] not in self._kinds:
                continue
            batch = manifest.read("example.yaml", json.dumps(placement.body).encode())
            problems = [problem.message for problem in batch.problems]
            facts = self.facts_of(batch.resources)
            judgements = [judge.judge(resource, facts) for resource in batch.resources]
            problems += [problem.message for judgement in judgements for problem in judgement.problems]
            failure = _failure(rule, example, judgements, is_good=is_good)
            if problems or not judgements:
                failure = f"cannot be judged: {next(iter(problems), 'it is not a Kubernetes object')}"
            elif not failure and not is_good and placement.body["kind"] in ("Pod", example.body.get("kind")):
                failure = _fix_failure(judge, placement, judgements)
            yield failure and f"{failure} ({placement.label})"


def _fix_failure(judge: Judge, placement: Placement, judgements: Sequence[Judgement]) -> str:
    """Says why the fix of a rule does not help for an example that it holds for; empty if it does, or has none."""
    findings = [finding for judgement in judgements for finding in judgement.findings]
    able = [finding for finding in findings if finding.remedy is not None and not finding.remedy.obstacle]
    if not able:
        return ""
    fixer = ManifestFixer.by(judge, with_unsafe=True)
    left = fixer.fix("example.yaml", json.dumps(placement.body), {one.resource for one in able}).left_alone
    reasons = [one.reason for one in left if one.finding.remedy is not None and not one.finding.remedy.obstacle]
    return f"its fix does not help: {reasons[0]}" if reasons else ""


def _failure(rule: Rule, example: Example, judgements: Sequence[Judgement], *, is_good: bool) -> str:
    findings = [finding for judgement in judgements for finding in judgement.findings]
    if is_good:
        fields = [field_path(finding.location.pointer) for finding in findings]
        return f"expected no finding of {rule.id}, found {fields[0]}" if fields else ""
    if not findings:
        return f"expected a finding of {rule.id}, found none"
    own = {None, "example", *rule.components, *_names(example.body)}
    elsewhere = {finding.container for finding in findings} - own
    return f"expected a finding in the example, found one in container {min(map(str, elsewhere))}" if elsewhere else ""


def _names(body: Body) -> Iterator[Json]:
    """Whatever is called ``name`` in an example, containers among it."""
    pending: list[Json] = [body]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(value.get("name"), str):
                yield value["name"]
            pending += value.values()
        elif isinstance(value, list):
            pending += value
