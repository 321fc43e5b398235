"""certainty.py: how long values are tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kgate.judgement import certainty
from kgate.judgement.engine import Judge
from kgate.kubernetes import pss
from kgate.kubernetes.manifest import read
from kgate.model import Unknown
from kgate.rules import load


def test_values_are_tried_only_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond that nobody knows, so that it is unjudged and not a pass."""
    found = read(
        "a.yaml", b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: app, stdin: '${X}'}]}\n"
    )
    (pod,) = found.resources
    doubtful = replace(pod, unknown={"/spec/containers/0/stdin": Unknown("${X}", "is not known")})
    judge = Judge(load.load(), pss.NEWEST_MINOR)
    assert not judge.judge(doubtful).unjudged
    monkeypatch.setattr(certainty, "MAX_TRIED", 12)
    (unjudged,) = judge.judge(doubtful).unjudged
    assert "${X} is not known" in unjudged.message
