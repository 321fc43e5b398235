"""Measures what the installed hook adds to a commit of one file: ``python -m bench.hooks``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import measure

ROOT = Path(__file__).parents[1]
GIT = ("git", "-c", "user.name=kgate", "-c", "user.email=kgate@example.com")
IDLE = {"id": "idle", "name": "idle", "language": "system", "entry": "true", "files": "yaml$"}


def main(times: int = 7) -> None:
    """Prints the time of the quickest commit with an idle hook and with kgate's, and their ratio, for both runners."""
    limit = 1.0
    revision = _output("rev-parse", "HEAD", cwd=ROOT)
    kgate = {"repo": os.fspath(ROOT), "rev": revision, "hooks": [{"id": "kgate"}]}
    for runner in ("pre-commit", "prek"):
        with tempfile.TemporaryDirectory() as folder:
            idle = _commit(Path(folder, "idle"), runner, {"repo": "local", "hooks": [IDLE]}, times)
            hook = _commit(Path(folder, "kgate"), runner, kgate, times)
        print(f"{runner:10}  idle {idle * 1000:5.0f} ms  kgate {hook * 1000:5.0f} ms  {hook / idle:4.1f} x", end="")
        print(f"  limit {limit * 1000:.0f} ms")


def _commit(folder: Path, runner: str, repository: object, times: int) -> float:
    """Returns the seconds of the quickest commit of one file in a new repository where this hook is installed."""
    folder.mkdir()
    _output("init", "-q", cwd=folder)
    (folder / ".pre-commit-config.yaml").write_text(json.dumps({"repos": [repository]}), encoding="utf-8")
    program = os.fspath(Path(sys.executable).with_name(runner))
    pod = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")
    (folder / "pod.yaml").write_text(pod, encoding="utf-8")
    _output("add", "--all", cwd=folder)
    subprocess.run((program, "install", "--install-hooks"), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    walls = []
    for number in range(times):
        (folder / "pod.yaml").write_text(f"{pod}# {number}\n", encoding="utf-8")
        _output("add", "--all", cwd=folder)
        run = measure((*GIT, "commit", "-q", "-m", "one"), folder)
        assert run.code == 0, "the commit was refused"
        walls.append(run.wall)
    return min(walls)


def _output(*arguments: str, cwd: Path) -> str:
    return subprocess.run((*GIT, *arguments), cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
