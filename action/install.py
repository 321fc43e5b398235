"""Installs the kgate of the action's own commit, with locked dependencies, into an environment of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Writes the output ``python``: the interpreter of the environment. A second use in a job finds it ready."""
    temp = Path(os.environ["RUNNER_TEMP"])
    folder = temp / f"kgate-{hashlib.sha256(os.fspath(ROOT).encode()).hexdigest()[:12]}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "ready").exists():
        _run(sys.executable, "-m", "venv", "--clear", os.fspath(folder))
        _install(python, temp / "kgate-downloads")
        (folder / "ready").touch()
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8", newline="\n") as outputs:
        outputs.write(f"python={python.as_posix()}\n")


def _install(python: Path, downloads: Path) -> None:
    """Dependencies come from the folder that is kept between runs, and are no others than the locked files."""
    locked = ("--require-hashes", "-r", os.fspath(ROOT / "action" / "requirements.txt"))
    if not downloads.exists():
        part = downloads.with_suffix(".part")
        _pip(python, "download", "--only-binary=:all:", "--dest", os.fspath(part), *locked)
        part.rename(downloads)
    _pip(python, "install", "--no-index", "--find-links", os.fspath(downloads), *locked)
    _pip(python, "install", "--no-index", "--no-deps", "--no-build-isolation", os.fspath(ROOT))


def _pip(python: Path, command: str, *arguments: str) -> None:
    _run(os.fspath(python), "-m", "pip", command, "--quiet", "--disable-pip-version-check", *arguments)


def _run(python: str, *arguments: str) -> None:
    """Python with -I: nothing in the scanned repository stands in for a module. Ends the program where that fails."""
    code = subprocess.run((python, "-I", *arguments), check=False).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
