"""kgate's answers about who may do what equal those of a real API server (``bench/rbac_oracle.py``)."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from bench import rbac_oracle
from kgate.kubernetes.pss import NEWEST_MINOR
from tests.command import ROOT
from upstream import apiserver, rbac

ANSWERS = ROOT / "tests/data/rbac_answers.json.gz"


def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(ANSWERS.read_bytes()))
    return found


def test_recorded_answers() -> None:
    found = recorded()
    questions, theirs = found["questions"], [answer == "y" for answer in found["answers"]]
    assert len(questions) >= 4000
    assert 500 < sum(theirs) < len(questions) - 500
    assert not rbac_oracle.differences(questions, rbac_oracle.answers(found["objects"], questions), theirs)


def test_a_difference_is_noticed() -> None:
    questions = recorded()["questions"][:2]
    (difference,) = rbac_oracle.differences(questions, [True, False], [True, True])
    assert difference == f"kgate says no to {json.dumps(questions[1])}"


def test_the_recording_can_be_made_again() -> None:
    generator = rbac_oracle.Generator(1)
    assert list(generator.objects()) == recorded()["objects"]
    assert list(generator.questions(4000)) == recorded()["questions"]


def test_built_in_roles_are_those_of_the_newest_kubernetes() -> None:
    assert apiserver.version().startswith(f"v1.{NEWEST_MINOR}.")


@pytest.mark.needs_apiserver
def test_built_in_roles_equal_those_of_a_server() -> None:
    with apiserver.running() as server:
        assert rbac.text(rbac.bodies(server)) == rbac.FILE.read_text(encoding="utf-8")


@pytest.mark.needs_apiserver
@pytest.mark.parametrize("seed", [2, 3])
def test_live_answers(seed: int) -> None:
    generator = rbac_oracle.Generator(seed)
    objects, questions = list(generator.objects()), list(generator.questions(2000))
    with apiserver.running() as server:
        theirs = rbac_oracle.truth(server, objects, questions)
    assert len(set(theirs)) == 2
    assert not rbac_oracle.differences(questions, rbac_oracle.answers(objects, questions), theirs)
