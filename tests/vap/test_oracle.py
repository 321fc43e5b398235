"""Exported policies decide in a real API server as a scan and `kgate test vap` do (``bench/vap_oracle.py``)."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from bench import vap_oracle
from tests.command import ROOT
from upstream import apiserver

ANSWERS = ROOT / "tests/data/vap_answers.json.gz"


def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(ANSWERS.read_bytes()))
    return found


@pytest.mark.slow
def test_recorded_answers() -> None:
    found = recorded()
    current = list(vap_oracle.current(found))
    letters = "".join(answers for _, _, answers in current)
    assert len(current) >= 120, "record the answers again: many rules have changed"
    assert letters.count("a") > 2500
    assert letters.count("d") > 4000
    assert not list(vap_oracle.differences(found, every=11))


def test_fixtures_are_answered_as_upstream_expects() -> None:
    rows = [
        (case.label, answer)
        for name, cases, answers in vap_oracle.current(recorded())
        for case, answer in zip(cases, answers, strict=True)
        if vap_oracle.LEVEL.fullmatch(name)
    ]
    assert len(rows) > 400
    assert [label for label, answer in rows if answer != "i" and ("/fail/" in label) != (answer == "d")] == []


def test_a_difference_is_noticed() -> None:
    one = recorded()["privileged-container"]
    swapped = {"privileged-container": {**one, "answers": one["answers"].translate(str.maketrans("ad", "da"))}}
    found = list(vap_oracle.differences(swapped, every=7))
    assert found
    assert {line.rpartition(", ")[2].rpartition(" ")[0] for line in found} == {"a scan", "kgate test vap"}


@pytest.mark.needs_apiserver
def test_live_answers() -> None:
    with apiserver.running() as server:
        found = vap_oracle.answers(server)
    assert not list(vap_oracle.differences(found))
    assert found == recorded(), (
        "write them anew with: python -m bench.vap_oracle --record tests/data/vap_answers.json.gz"
    )
