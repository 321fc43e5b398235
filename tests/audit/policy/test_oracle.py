"""kgate's answers about audit policies equal those of a real API server (``bench/audit_oracle.py``)."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from bench import audit_oracle
from kgate.audit.policy.policy import ApiRequest
from tests.command import ROOT

ANSWERS = ROOT / "tests/data/audit_answers.json.gz"


def recorded() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gzip.decompress(ANSWERS.read_bytes()))
    return found


def requests(record: dict[str, Any]) -> list[ApiRequest]:
    return [ApiRequest(**{**one, "groups": tuple(one["groups"])}) for one in record["requests"]]


def test_recorded_answers() -> None:
    found = recorded()
    theirs = [answer for record in found for answer in record["answers"]]
    assert len(found) * (audit_oracle.TENANTS + 1) >= 200
    assert 1000 < sum(level == "None" for level, _ in theirs) < len(theirs) - 1000
    assert len({level for level, _ in theirs}) == 4
    for record in found:
        asked = requests(record)
        ours = audit_oracle.answers(record["policy"], asked)
        assert audit_oracle.differences(asked, ours, record["answers"]) == []


def test_a_difference_is_noticed() -> None:
    record = recorded()[0]
    asked, theirs = requests(record)[:2], record["answers"][:2]
    (difference,) = audit_oracle.differences(asked, [["Metadata", ["Panic"]], theirs[1]], theirs)
    assert "kgate ['Metadata', ['Panic']], API server" in difference


def test_the_recording_can_be_made_again() -> None:
    generator = audit_oracle.Generator(1)
    first = recorded()[0]
    assert generator.file() == first["policy"]
    assert list(generator.requests(len(first["requests"]))) == requests(first)


@pytest.mark.needs_apiserver
def test_live_answers() -> None:
    generator = audit_oracle.Generator(2)
    file, asked = generator.file(), list(generator.requests(200))
    events = audit_oracle.logged(file, asked)
    theirs = audit_oracle.truth(events)
    assert len({level for level, _ in theirs}) > 2
    assert audit_oracle.differences(asked, audit_oracle.answers(file, asked), theirs) == []
    assert audit_oracle.misplaced(file, asked, events) == []


@pytest.mark.needs_apiserver
def test_managed_fields() -> None:
    file = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitManagedFields": True,
        "rules": [
            {"level": "RequestResponse", "users": ["t0-admin"], "omitManagedFields": False},
            {"level": "RequestResponse", "users": ["t1-admin"]},
        ],
    }
    create = ApiRequest("create", resource="namespaces")  # a server that has just started has no namespace yet
    asked = [replace(create, user=f"t{number}-admin", groups=("system:masters",)) for number in (0, 1)]
    events = audit_oracle.logged(file, asked)
    objects = [event["responseObject"] for own in events for event in own if "responseObject" in event]
    assert [audit_oracle.has_managed_fields(one) for one in objects] == [True, False]
    assert audit_oracle.misplaced(file, asked, events) == []
    assert len(audit_oracle.misplaced(file | {"rules": [{"level": "Request"}]}, asked, events)) == 2 + 1


@pytest.mark.needs_apiserver
@pytest.mark.parametrize("text", audit_oracle.LOADS.values(), ids=audit_oracle.LOADS)
def test_which_policies_a_server_starts_with(text: str) -> None:
    assert bool(audit_oracle.refusal(text)) is audit_oracle.refuses(text)
