"""Same input, same bytes: whatever the folder, the hash seed and the way to the path."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate import reports
from tests.command import ROOT, kgate


@pytest.mark.parametrize("name", reports.names())
def test_same_bytes(name: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ROOT / "examples")
    runs = [
        kgate("scan", "examples", "-f", name, env={"PYTHONHASHSEED": "0"}),
        kgate("scan", "examples", "-f", name, env={"PYTHONHASHSEED": "4711"}),
        kgate("scan", ".", "-f", name, cwd=ROOT / "examples"),
        kgate("scan", "../examples", "-f", name, cwd=ROOT / "tests"),
        kgate("scan", str(ROOT / "examples"), "-f", name, cwd=tmp_path),
        kgate("scan", "link", "-f", name, cwd=tmp_path),
    ]
    assert {run.code for run in runs} == {1}
    assert len({run.out for run in runs}) == 1
    assert str(ROOT) not in runs[0].out
