"""Installs kgate from the parent folder, with locked dependencies, into an environment of its own.

Without an argument it is a step of the action; ``install.py FOLDER`` creates the environment FOLDER for other systems.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Installs into the folder in the argument. Without one, installs where a second use of the action in a job finds
    it, and writes the output ``python``: the interpreter of the environment."""
    if sys.argv[1:]:
        folder = Path(sys.argv[1]).absolute()
        _make(folder, folder.with_name(f"{folder.name}-downloads"))
        return
    temp = Path(os.environ["RUNNER_TEMP"])
    folder = temp / f"kgate-{hashlib.sha256(os.fspath(ROOT).encode()).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        _make(folder, temp / "kgate-downloads")
        (folder / "ready").touch()
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8", newline="\n") as outputs:
        outputs.write(f"python={_python(folder).as_posix()}\n")


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _make(folder: Path, downloads: Path) -> None:
    _run(sys.executable, "-m", "venv", "--clear", os.fspath(folder))
    _install(_python(folder), downloads)


def _install(python: Path, downloads: Path) -> None:
    """Installs dependencies from the folder that is cached between runs; the lock file's hashes admit no others."""
    locked = ("--require-hashes", "-r", os.fspath(ROOT / "action" / "requirements.txt"))
    if not downloads.exists():
        part = downloads.with_suffix(".part")
        _pip(python, "download", "--only-binary=:all:", "--dest", os.fspath(part), *locked)
        part.rename(downloads)
    _pip(python, "install", "--no-index", "--find-links", os.fspath(downloads), *locked)
    _pip(python, "install", "--no-index", "--no-deps", "--no-build-isolation", os.fspath(ROOT))


def _pip(python: Path, command: str, *arguments: str) -> None:
    """Runs pip without its cache: a variable may point that into the checkout, where a pull request could fill it."""
    flags = ("--quiet", "--no-cache-dir", "--disable-pip-version-check")
    _run(os.fspath(python), "-m", "pip", command, *flags, *arguments)


def _run(python: str, *arguments: str) -> None:
    """Runs Python with -I, outside the checkout, so that no file there shadows a module. Exits if it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}  # for pip's children
    code = subprocess.run((python, "-I", *arguments), cwd=ROOT, env=clean, check=False).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
