"""Runs the real command."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Result:
    """What a run of kgate came to."""

    code: int
    out: str
    err: str


@cache
def installed() -> Path:
    """A folder with kgate as a wheel installs it: its rules are parsed and compiled already, so that it starts in 60 %
    of the time that a clone takes. Every process of a run of tests makes its own, from the source as it is then."""
    from kgate.rules.packaging import packaged

    folder = Path(tempfile.mkdtemp(prefix="kgate-installed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    package = shutil.copytree(ROOT / "kgate", folder / "kgate")
    shutil.copytree(ROOT / "rules", package / "builtin_rules")
    (package / "builtin_rules.json").write_text(packaged(), encoding="utf-8")
    return folder


def kgate(
    *arguments: str, cwd: Path = ROOT, stdin: bytes = b"", env: dict[str, str] | None = None, lacks: str = "nothing"
) -> Result:
    """Runs ``python -m kgate`` in a clean environment, on a machine that may lack something (tests.lesser_kernel)."""
    ours = ("KGATE_", "NO_COLOR", "FORCE_", "GITHUB_", "CI_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    machine = () if lacks == "nothing" else (sys.executable, "-m", "tests.lesser_kernel", lacks)
    run = subprocess.run(
        (*machine, sys.executable, "-P", "-m", "kgate", *arguments),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**clean, "PYTHONPATH": f"{installed()}{os.pathsep}{ROOT}", **(env or {})},
        timeout=120,
        check=False,
    )
    return Result(run.returncode, run.stdout.decode("utf-8"), run.stderr.decode("utf-8"))
