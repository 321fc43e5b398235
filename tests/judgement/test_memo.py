"""memo.py: what is remembered of equal targets is what the rules would find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kgate.judgement import engine, memo
from kgate.judgement.blame import Blame
from kgate.judgement.engine import Judge
from kgate.judgement.target import Target
from kgate.kubernetes import pss
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.manifest import read
from kgate.model import Resource, Rule
from kgate.rules import load
from kgate.rules.placements import placements
from kgate.rules.reads import Reads
from tests.manifests import resource

RULES = load.load()


def resources() -> list[Resource]:
    """Every example of every rule, as a Pod among containers and as a Deployment among ephemeral ones."""
    found = []
    for rule in RULES:
        for example in (*rule.good, *rule.bad):
            bodies = [case.body for case in placements(rule, example) if case.body["kind"] in ("Deployment", "Pod")]
            found += [resource(body) for body in bodies[:1] + bodies[-1:]]
    return found


@pytest.mark.slow
def test_a_remembered_answer_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resources()
    assert len(asked) > 1000
    remembering = Judge(RULES, pss.NEWEST_MINOR)
    first = [remembering.judge(one) for one in asked]
    again = [remembering.judge(one) for one in asked]
    monkeypatch.setattr(memo, "MAX_BLAMES", 0)
    forgetful = Judge(RULES, pss.NEWEST_MINOR)
    assert first == again == [forgetful.judge(one) for one in asked]


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec:\n  LIST:\n  - {name: app, image: a:IMAGE}\n"


def pod(name: str, container_list: str = "containers", image: int = 1) -> Resource:
    text = POD.replace("NAME", name).replace("LIST", container_list).replace("IMAGE", str(image))
    return read("a.yaml", text.encode()).resources[0]


def test_an_equal_target_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def examine(_rule: Rule, target: Target, _answer: object) -> Iterator[Blame]:
        asked.append(target.kind)
        return iter(())

    monkeypatch.setattr(engine, "examine", examine)
    judge = Judge(RULES, pss.NEWEST_MINOR)
    counts = []
    for resource_ in (pod("a"), pod("b"), pod("c", "initContainers"), pod("d", image=2)):
        judge.judge(resource_)
        counts.append(asked.count("container"))
    first, second, third, fourth = counts
    assert first > 5
    assert second == first, "the containers are equal in all that the rules read"
    assert third > second, "in another list a finding has another name"
    assert fourth > third, "another image"


def test_an_absolute_name_is_read_too() -> None:
    """``.pod`` is the variable ``pod`` (cel-spec, "Name Resolution"): equal containers of two pods are both judged."""
    known = next(rule for rule in RULES if rule.id == "image-pull-policy")
    rule = replace(known, expression="container.image == '' || !has(.pod.hostPID)", fields=("image",), includes=())
    judge = Judge([rule], pss.NEWEST_MINOR)
    harmless, harmful = pod("a"), pod("b")
    harmful.body["spec"]["hostPID"] = True
    assert [len(judge.judge(one).findings) for one in (harmless, harmful, harmless)] == [0, 1, 0]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "MAX_BLAMES", 100)
    kept: list[memo.Memo] = []

    def make(what: Reads) -> memo.Memo:
        kept.append(memo.Memo(what))
        return kept[-1]

    monkeypatch.setattr(engine, "Memo", make)
    judge = Judge(RULES, pss.NEWEST_MINOR)
    for number in range(50):
        judge.judge(pod("a", image=number))
    held = [sum(len(answer) + 1 for answer in one._answers.values()) for one in kept]
    assert max(held) > 90, "the images of 50 pods"
    assert all(count <= 100 for count in held)


def test_facts_decide_too() -> None:
    """Equal pods whose service accounts differ are judged each for itself."""
    judge = Judge(RULES, pss.NEWEST_MINOR, {"service-account-token-mounted"})
    known = Facts({"default": (("", False),)})
    found = [len(judge.judge(pod("a"), facts).findings) for facts in (known, Facts(), known)]
    assert found == [0, 1, 0]
