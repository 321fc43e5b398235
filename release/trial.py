"""Runs what was built: the README's first command, and what needs the files that the wheel brings."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from release.errors import ReleaseError
from release.version import source_version

_COMMAND = re.compile(r"^python3 -m venv .*&& \.venv/bin/(kgate scan .+)$", re.MULTILINE)
_FORMATS = ("sarif", "markdown", "html", "junit")
"""Formats that need another library, or a file of the wheel."""


def run(root: Path, python: Path) -> str:
    """Returns the end of the report. Raises ReleaseError if the program is another one, or does not what it should."""
    program = python.parent / "kgate"
    shown = _output(0, root, program, "--version")
    if source_version(root) not in shown.split():
        raise ReleaseError(f"{program} is not version {source_version(root)}: {shown}")
    listed = _output(0, root, program, "rules", "list").split()
    lacking = sorted(path.stem for path in root.glob("rules/*.yaml") if path.stem not in listed)
    if lacking:
        raise ReleaseError(f"{program} lacks rules: {', '.join(lacking)}")
    with tempfile.TemporaryDirectory() as folder:
        reports = [f"{name}={folder}/report.{name}" for name in _FORMATS]
        options = (word for report in reports for word in ("-o", report))
        _output(0, root, program, "scan", "examples/shop/catalogue.yaml", "--min-score", "100", "-q", *options)
    found = _COMMAND.search((root / "README.md").read_text(encoding="utf-8"))
    if found is None:
        raise ReleaseError("README.md has no command that installs kgate and scans")
    return _output(1, root, program, *shlex.split(found[1])[1:]).splitlines()[-1]


def _output(code: int, root: Path, *command: str | Path) -> str:
    """Returns what a command prints, if it exits with the code."""
    words = tuple(map(str, command))
    done = subprocess.run(words, cwd=root, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False)
    if done.returncode != code:
        raise ReleaseError(f"{shlex.join(words)} exits {done.returncode} instead of {code}:\n{done.stdout}")
    return done.stdout.strip()
