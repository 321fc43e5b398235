"""Which rules of a policy are reached, by requests that stand for all that they match."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bench import audit_oracle
from kgate.audit.policy.asker import PolicyAsker
from kgate.audit.policy.effects import Effects
from kgate.audit.policy.evaluate import decide
from kgate.audit.policy.load import load
from kgate.audit.policy.policy import ApiRequest, AuditPolicy, PolicyRule
from kgate.model import Json


def policy(*rules: dict[str, Json]) -> AuditPolicy:
    found = load({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules)})
    assert not found.faults
    return found.policy


def resources(*words: str, group: str = "") -> dict[str, Json]:
    return {"resources": [{"group": group, "resources": list(words)}]}


NONE: dict[str, Json] = {"level": "None"}
METADATA: dict[str, Json] = {"level": "Metadata"}
LIST: dict[str, Json] = {"verbs": ["list"]}
ALL: dict[str, Json] = {"resources": [{"group": "*"}]}


@pytest.mark.parametrize(
    ("rules", "unreached"),
    [
        pytest.param([METADATA], {}, id="alone"),
        pytest.param([METADATA, NONE], {1: (0,)}, id="behind everything"),
        pytest.param([NONE | {"users": ["a"]}, METADATA | {"users": ["a", "b"]}], {}, id="one user of two"),
        pytest.param([NONE | {"users": ["a", "b"]}, METADATA | {"users": ["a"]}], {1: (0,)}, id="a user of two"),
        pytest.param(
            [NONE | {"users": ["a"]}, NONE | {"users": ["b"]}, METADATA | {"users": ["a", "b"]}],
            {2: (0, 1)},
            id="two rules together",
        ),
        pytest.param(
            [NONE | {"userGroups": ["system:authenticated"]}, METADATA | {"users": ["a"]}],
            {1: (0,)},
            id="a group that every user is in",
        ),
        pytest.param(
            [
                NONE | {"userGroups": ["system:authenticated"]},
                NONE | {"userGroups": ["system:unauthenticated"]},
                METADATA,
            ],
            {},
            id="a request that fails authentication is in no group",
        ),
        pytest.param(
            [
                NONE | {"userGroups": ["system:serviceaccounts"]},
                METADATA | {"users": ["system:serviceaccount:shop:web"]},
                METADATA | {"userGroups": ["system:serviceaccounts:shop"]},
            ],
            {1: (0,), 2: (0,)},
            id="groups of service accounts",
        ),
        pytest.param([NONE | ALL | LIST, METADATA | LIST], {1: (0,)}, id="no URL is listed"),
        pytest.param([NONE | ALL, METADATA], {}, id="URLs are left"),
        pytest.param([NONE | ALL, NONE | {"nonResourceURLs": ["*"]}, METADATA], {2: (0, 1)}, id="nothing is left"),
        pytest.param([NONE | resources("pods/*"), METADATA | resources("pods")], {1: (0,)}, id="pods/* and pods"),
        pytest.param([NONE | resources("pods"), METADATA | resources("pods/*")], {}, id="pods and pods/*"),
        pytest.param([NONE | resources("*/status"), METADATA | resources("pods/status")], {1: (0,)}, id="*/status"),
        pytest.param([NONE | resources("*/*"), METADATA | resources("pods/status")], {}, id="*/* takes nothing"),
        pytest.param([NONE | {"namespaces": ["a"]}, METADATA | {"namespaces": ["a", ""]}], {}, id="no namespace"),
        pytest.param(
            [NONE | {"nonResourceURLs": ["/api*"]}, METADATA | {"nonResourceURLs": ["/apis", "/apis/*"]}],
            {1: (0,)},
            id="a longer prefix",
        ),
        pytest.param(
            [NONE | {"nonResourceURLs": ["/apis/*"]}, METADATA | {"nonResourceURLs": ["/api*"]}],
            {},
            id="a shorter prefix",
        ),
    ],
)  # fmt: skip
def test_reached(rules: list[dict[str, Json]], unreached: dict[int, tuple[int, ...]]) -> None:
    effects = enumerate(Effects(PolicyAsker(policy(*rules))).all())
    assert {index: one.takers for index, one in effects if one.matches and not one.is_reached} == unreached


def test_no_request_at_random_contradicts() -> None:
    """A rule that is said to be unreachable decides about none of many requests, and without one that is said to have
    no effect the same is recorded."""
    dead = redundant = 0
    for seed in range(12):
        generator = audit_oracle.Generator(seed)
        file = load(generator.file()).policy
        chosen = random.Random(seed).sample(file.rules, 14)
        rules = [*(replace(one, users=(), omitted=()) for one in chosen), PolicyRule("Metadata")]
        whole = AuditPolicy(tuple(rules), file.omitted, file.omits_managed_fields)
        asked = list(generator.requests(400))
        deciding = {decide(whole, request).rule for request in asked}
        for index, effect in enumerate(Effects(PolicyAsker(whole)).all()):
            if not effect.is_reached:
                dead += 1
                assert index not in deciding
            elif effect.is_redundant:
                redundant += 1
                rest = replace(whole, rules=tuple(rules[:index] + rules[index + 1 :]))
                assert all(recorded(whole, one) == recorded(rest, one) for one in asked)
    assert min(dead, redundant) > 5


def recorded(policy: AuditPolicy, request: ApiRequest) -> tuple[str, tuple[str, ...]]:
    found = decide(policy, request)
    return found.level, found.stages(request)
