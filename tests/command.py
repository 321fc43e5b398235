"""Runs the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Result:
    """What a run of kgate came to."""

    code: int
    out: str
    err: str


def kgate(
    *arguments: str, cwd: Path = ROOT, stdin: bytes = b"", env: dict[str, str] | None = None, lacks: str = "nothing"
) -> Result:
    """Runs ``python -m kgate`` in a clean environment, on a machine that may lack something (tests.lesser_kernel)."""
    ours = ("KGATE_", "NO_COLOR", "FORCE_", "GITHUB_", "CI_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    machine = () if lacks == "nothing" else (sys.executable, "-m", "tests.lesser_kernel", lacks)
    run = subprocess.run(
        (*machine, sys.executable, "-m", "kgate", *arguments),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**clean, "PYTHONPATH": str(ROOT), **(env or {})},
        timeout=120,
        check=False,
    )
    return Result(run.returncode, run.stdout.decode("utf-8"), run.stderr.decode("utf-8"))
