"""Runs the real command."""

from __future__ import annotations

import atexit
import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.forked import SECONDS, Forker

ROOT = Path(__file__).parent.parent

_OF_A_START = ("LANG", "LC_", "PYTHON")
"""Variables that Python reads when it starts."""


@dataclass(frozen=True)
class Result:
    """What a run of kgate came to."""

    code: int
    out: str
    err: str


@cache
def installed() -> Path:
    """A folder with kgate as a wheel installs it: its rules and modules are compiled already, so that it starts in 60 %
    of the time that a clone takes. Every process of a run of tests makes its own, from the source as it is then."""
    from kgate.rules.packaging import packaged

    folder = Path(tempfile.mkdtemp(prefix="kgate-installed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    package = shutil.copytree(ROOT / "kgate", folder / "kgate")
    shutil.copytree(ROOT / "rules", package / "builtin_rules")
    (package / "builtin_rules.json").write_text(packaged(), encoding="utf-8")
    compileall.compile_dir(package, quiet=1)
    return folder


@cache
def _forker() -> Forker:
    forker = Forker(_path())
    atexit.register(forker.end)
    return forker


def _path() -> str:
    return f"{installed()}{os.pathsep}{ROOT}"


def kgate(
    *arguments: str,
    cwd: Path = ROOT,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    lacks: str = "nothing",
    afresh: bool = False,
) -> Result:
    """Runs kgate in a clean environment, on a machine that may lack something (tests.lesser_kernel): in a copy of a
    process that has imported it (tests.forked), or as ``python -m kgate`` where the start matters (``afresh``)."""
    ours = ("KGATE_", "NO_COLOR", "FORCE_", "GITHUB_", "CI_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    variables = {**clean, "PYTHONPATH": _path(), **(env or {})}
    matters = afresh or stdin or lacks != "nothing" or any(name.startswith(_OF_A_START) for name in env or ())
    if sys.platform == "linux" and not matters:
        code, out, err = _forker().run(arguments, cwd, variables)
        return Result(code, out.decode("utf-8"), err.decode("utf-8"))
    machine = () if lacks == "nothing" else (sys.executable, "-m", "tests.lesser_kernel", lacks)
    run = subprocess.run(
        (*machine, sys.executable, "-P", "-m", "kgate", *arguments),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=variables,
        timeout=SECONDS,
        check=False,
    )
    return Result(run.returncode, run.stdout.decode("utf-8"), run.stderr.decode("utf-8"))
