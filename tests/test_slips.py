"""Small trees that once slipped past the gate: each behaves as its ``expect.json`` says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.command import kgate
from tests.real_tools import tools_env

SLIPS = Path(__file__).parent / "data" / "slips"
EXPECTED = {path.parent.name: json.loads(path.read_text("utf-8")) for path in sorted(SLIPS.glob("*/expect.json"))}
NAMES = [name for name, expect in EXPECTED.items() if "set_up" not in expect]
"""Those that need no history of git; each of the others has a test of its own."""


def workload(report: Any, expect: Mapping[str, Any]) -> Any:
    kind, _, name = expect["workload"].partition("/")
    found, *_ = (one for one in report["workloads"] if (one["kind"], one["name"]) == (kind, name))
    return found


def same_findings_and_score_for(report: Any, expect: Mapping[str, Any]) -> Any:
    """The names of all objects if they have the same findings and score."""
    outcomes = {
        (
            one["score"],
            *sorted((f["rule"], f["field"]) for f in report["findings"] if f["resource"]["name"] == one["name"]),
        )
        for one in report["workloads"]
    }
    assert len(outcomes) == 1
    return sorted(one["name"] for one in report["workloads"])


ANSWERS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "problems_at_least": lambda report, expect: min(len(report["problems"]), expect["problems_at_least"]),
    "judged": lambda report, expect: workload(report, expect)["score"] is not None,
    "pss_level": lambda report, expect: workload(report, expect)["pss"]["level"],
    "unjudged_at_least": lambda report, expect: min(len(report["unjudged"]), expect["unjudged_at_least"]),
    "same_findings_and_score_for": same_findings_and_score_for,
}
"""What a report says about a field of ``expect.json``; it must equal what stands there."""

OF_THE_COMMAND = ("passed", "exit", "workload", "why")
"""The fields that are about the exit code, or name what the others are about."""


def test_there_are_slips() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_nothing_slips_by(tmp_path: Path, name: str) -> None:
    repository = shutil.copytree(SLIPS / name, tmp_path / name)
    (repository / ".git").mkdir()
    (repository / "expect.json").unlink()
    expect = EXPECTED[name]
    result = kgate("scan", ".", "-f", "json", cwd=repository, env=tools_env())
    assert (result.code == 0) is expect.get("passed", False)
    assert result.code == expect.get("exit", result.code)
    report = json.loads(result.out)
    asked = expect.keys() - set(OF_THE_COMMAND)
    assert {key: ANSWERS[key](report, expect) for key in asked} == {key: expect[key] for key in asked}
