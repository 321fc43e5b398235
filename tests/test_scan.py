"""scan.py: resources are judged without any source."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from kgate.judgement.bar import Bar
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import Ledger
from kgate.kubernetes import manifest, pss
from kgate.lifetime import Lifetime
from kgate.model import Batch, Note
from kgate.rules import load
from kgate.rules.gate import GATE_WEAKENED
from kgate.scan import Gate, assess
from tests.command import ROOT

RULES = load.load()
POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostPID: true, containers: [{name: a, image: b}]}\n"

ASSESS = """
import sys
from kgate.judgement.bar import Bar
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import Ledger
from kgate.kubernetes import manifest
from kgate.lifetime import Lifetime
from kgate.rules import load
from kgate.rules.gate import GATE_WEAKENED
from kgate.scan import Gate, assess

gate = Gate(load.load())
ledger = Ledger(Judge(gate.rules, gate.minor), Bar(60))
report = assess([manifest.read("request", sys.stdin.buffer.read())], ledger, gate, Lifetime())
print(report.verdict.passed, len(report.assessments))
print("\\n".join(sys.modules))
"""


def test_no_source_is_imported() -> None:
    done = subprocess.run((sys.executable, "-c", ASSESS), cwd=ROOT, input=POD, capture_output=True, check=True)
    answer, *modules = done.stdout.decode().split("\n")
    assert answer == "False 1"
    assert "kgate.scan" in modules
    unwanted = ("kgate.config", "kgate.gitops", "kgate.rendering", "kgate.reports", "kgate.sources")
    assert [name for name in modules if name.startswith(unwanted)] == []


def ledger() -> Ledger:
    return Ledger(Judge(RULES, pss.NEWEST_MINOR), Bar(60))


@pytest.mark.parametrize(
    ("batches", "gate", "passed", "incomplete"),
    [
        pytest.param([manifest.read("a.yaml", POD)], Gate(RULES), False, False, id="a score under the threshold"),
        pytest.param([], Gate(RULES), True, True, id="nothing"),
        pytest.param([], Gate(RULES, allow_empty=True), True, False, id="nothing, which is right"),
    ],
)
def test_the_gate_decides(batches: list[Batch], gate: Gate, passed: bool, incomplete: bool) -> None:
    report = assess(batches, ledger(), gate, Lifetime())
    assert (report.verdict.passed, report.verdict.incomplete) == (passed, incomplete)
    assert report.rules == (*RULES, GATE_WEAKENED)


def test_what_comes_too_late_is_a_problem() -> None:
    report = assess([manifest.read("a.yaml", POD)], ledger(), Gate(RULES), Lifetime(-math.inf))
    assert report.assessments == ()
    (problem,) = report.problems
    assert problem.message.startswith("the scan was stopped after")


def test_remarks_are_listed_once_and_show_no_password() -> None:
    note = Note("a.yaml", 1, "https://user:secret@git.example/x is not here")
    report = assess([Batch(notes=(note, note))], ledger(), Gate(RULES), Lifetime(), [note])
    (shown,) = report.notes
    assert "secret" not in shown.message
