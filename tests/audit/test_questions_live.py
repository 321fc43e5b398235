"""Each question finds what a real API server wrote, and leaves out a near miss (bench/audit_questions.py)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.audit_questions import OF_GROUPS, WEB, asked, differences, steps, write_log
from kgate.audit.queries.catalogue import QUESTIONS
from kgate.audit.queries.question import AuditAnswer, State
from tests.command import ROOT

RECORDED = ROOT / "tests" / "data" / "audit_questions.log.gz"


def check(found: Mapping[str, AuditAnswer]) -> None:
    """What all questions say of the log of all steps."""
    assert list(differences(found)) == []
    deprecated = {row[0] for row in found["deprecated-apis"].rows}
    assert "componentstatuses v1" in deprecated
    assert deprecated <= {"componentstatuses v1", "endpoints v1"}  # the server itself reads the latter
    assert [row[:3] for row in found["unused-permissions"].rows] == [(WEB, "all namespaces", "list nodes")]
    assert ("alice", "get") in {(row[0], row[1]) for row in found["noise"].rows}
    assert {name for name, one in found.items() if one.state is not State.ANSWERED} == set()


def test_what_a_server_wrote() -> None:
    check(asked(RECORDED))


@pytest.mark.needs_apiserver
def test_what_a_server_writes(tmp_path: Path) -> None:
    write_log(tmp_path)
    check(asked(tmp_path / "audit.log"))


def test_every_question_has_both_in_the_record() -> None:
    lines = gzip.decompress(RECORDED.read_bytes()).splitlines()
    recorded = {json.loads(line)["auditID"] for line in lines}
    assert recorded == {step.about for step in steps()}
    for one in QUESTIONS:
        if one.id not in OF_GROUPS:
            assert {f"found-{one.id}", f"miss-{one.id}"} <= recorded
