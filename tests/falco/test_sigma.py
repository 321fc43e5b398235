"""Sigma rules about audit events: what their searches and conditions mean, and what is not modelled."""

from __future__ import annotations

from typing import Any

import pytest

from kgate.falco.conditions import Expression
from kgate.falco.evaluating import Happening
from kgate.falco.sigma import SigmaRule, read

EVENT: dict[str, Any] = {
    "auditID": "1",
    "verb": "create",
    "requestURI": "/api/v1/pods",
    "objectRef": {"resource": "pods", "subresource": "exec", "apiGroup": "apps"},
    "responseStatus": {"code": 201},
    "requestObject": {"spec": {"volumes": [{"hostPath": {"path": "/"}}]}},
}


def made(detection: str) -> SigmaRule:
    lines = "".join(f"  {line}\n" for line in detection.splitlines())
    text = f"title: T\nlogsource: {{product: kubernetes, service: audit}}\ndetection:\n{lines}"
    (found,) = read("a.yml", text)
    return found


def holds(expression: Expression | None) -> bool:
    assert expression is not None
    return Happening(EVENT).holds(expression)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        pytest.param("{verb: create}", True, id="a value"),
        pytest.param("{verb: get}", False, id="another value"),
        pytest.param("{verb: [get, create]}", True, id="one of several"),
        pytest.param("{verb: create, objectRef.resource: secrets}", False, id="all fields"),
        pytest.param("[{verb: get}, {objectRef.resource: pods}]", True, id="any mapping"),
        pytest.param("{responseStatus.code: 201}", True, id="a number"),
        pytest.param("{verb: 'cr?at*'}", True, id="a pattern"),
        pytest.param("{requestURI|contains: [pods, secrets]}", True, id="contains one"),
        pytest.param("{requestURI|contains|all: [pods, secrets]}", False, id="contains all"),
        pytest.param("{requestURI|startswith: /api, requestURI|endswith: pods}", True, id="ends"),
        pytest.param("{requestURI|re: '/api/v[0-9]/.*'}", True, id="a regular expression"),
        pytest.param("{user.username: null}", True, id="null"),
        pytest.param("{user.username|exists: true}", False, id="exists"),
        pytest.param("{user.username|exists: false}", True, id="does not exist"),
        pytest.param("{apiGroup: apps}", True, id="another name"),
        pytest.param("{hostPath: '*'}", True, id="what is a list"),
        pytest.param("{hostPath: /etc}", False, id="a value in a list"),
    ],
)
def test_searches(search: str, expected: bool) -> None:
    assert holds(made(f"s: {search}\ncondition: s").condition) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("yes and not no", True),
        ("no or yes and no", False),
        ("(no or yes) and yes", True),
        ("not (yes and no)", True),
        ("1 of sel_*", True),
        ("all of sel_*", False),
        ("all of them", False),
        ("1 of them and not all of them", True),
    ],
)
def test_conditions(condition: str, expected: bool) -> None:
    searches = "'yes': {verb: create}\n'no': {verb: get}\nsel_a: {verb: create}\nsel_b: {verb: get}"
    assert holds(made(f"{searches}\ncondition: {condition}").condition) is expected


@pytest.mark.parametrize(
    ("detection", "fault"),
    [
        pytest.param("s: {verb: get}", "its detection has no condition", id="no condition"),
        pytest.param("s: {verb: get}\ncondition: t", "its condition names 't', which is no search", id="no search"),
        pytest.param("s: {verb: get}\ncondition: 1 of t*", "names 't*', which is no search", id="no searches"),
        pytest.param("s: {verb: get}\ncondition: (s", "lacks a ')'", id="a parenthesis"),
        pytest.param("s: {verb: get}\ncondition: s s", "goes on with 's' where it should end", id="two searches"),
        pytest.param("s: {verb: get}\ncondition: s | count() > 5", "counts or correlates", id="a count"),
        pytest.param("s: [a, b]\ncondition: s", "a search for words in the whole event", id="words"),
        pytest.param("s: {verb|base64: a}\ncondition: s", "the modifier base64 is not modelled", id="a modifier"),
        pytest.param("s: {verbs: a}\ncondition: s", "no field verbs; did you mean 'verb'?", id="no field"),
        pytest.param("s: {verb: 'a[b]*'}\ncondition: s", "brackets and backslashes", id="brackets"),
        pytest.param("s: {verb|re: '(a'}\ncondition: s", "'(a' is not a regular expression", id="a broken pattern"),
        pytest.param("s: {verb: []}\ncondition: s", "field verb has no values", id="no values"),
        pytest.param("s: {verb: {a: b}}\ncondition: s", "a list or a mapping is not modelled", id="a mapping"),
        pytest.param(f"s: {{verb: a}}\ncondition: {'(' * 30}s{')' * 30}", "deeper than 20 levels", id="too deep"),
        pytest.param(f"s: {{verb: a}}\ncondition: {'not ' * 30}s", "deeper than 20 levels", id="too many negations"),
    ],
)
def test_what_is_not_modelled_is_named(detection: str, fault: str) -> None:
    found = made(detection)
    assert found.condition is None
    assert fault in found.fault
