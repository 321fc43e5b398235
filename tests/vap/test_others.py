"""`kgate test vap` decides by the policies of others as a real API server does (``bench/vap_others.py``)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

from bench import vap_others
from tests.command import ROOT

RECORDED = ROOT / "tests/data/vap_others.json.gz"


@cache
def rows() -> Sequence[vap_others.Row]:
    return tuple(vap_others.rows(vap_others.recorded(RECORDED.read_bytes())))


def test_controls_of_kubescape() -> None:
    found = vap_others.counts(filter(vap_others.is_of_kubescape, rows()))
    assert found["objects"] == found["as expected by the server"] == found["as expected by kgate"] == 628
    assert found["open"] == 0


def test_policies_of_kyverno() -> None:
    found = vap_others.counts(itertools.filterfalse(vap_others.is_of_kubescape, rows()))
    assert found["policies"] > 90
    assert found["objects"] > 1000
    assert found["open"] < 10


def test_no_answer_differs_from_that_of_the_server() -> None:
    answers = [row.theirs for row in rows()]
    assert answers.count("a") > 800
    assert answers.count("d") > 800
    assert vap_others.differences(rows()) == []


def test_a_difference_is_noticed() -> None:
    (suite, letters), *_ = vap_others.recorded(RECORDED.read_bytes())
    swapped = letters.translate(str.maketrans("ad", "da"))
    assert len(vap_others.differences(vap_others.rows([(suite, swapped)]))) == len(letters)
