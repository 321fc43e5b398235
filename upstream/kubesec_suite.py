"""Runs kubesec's own bats suite against ``kgate serve``: ``python -m upstream.kubesec_suite CLONE BATS``.

CLONE is one of controlplaneio/kubesec with its submodules (bats-support and bats-assert), BATS the program bats. It
needs curl and jq. kubesec's server was recorded with the schemas of Kubernetes 1.31, which are used here, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OPTIONS = ("--workers", "1", "--kubernetes-version", "1.31")
"""The options of ``kgate serve``."""


def suite(folder: Path, bats: str, url: str) -> subprocess.CompletedProcess[str]:
    """Asks a server what the suite in a folder asks kubesec, and returns what bats says of each test."""
    (folder / ".skip").unlink(missing_ok=True)  # what a run that failed leaves, so that all further tests skip
    command = [bats, "--formatter", "tap", "1_cli.bats", "2_regression.bats"]
    environment = {**os.environ, "REMOTE_URL": f"{url}/scan"}
    return subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)


def main(clone: Path, bats: str) -> int:
    """Prints what bats does, and returns its exit code."""
    command = [sys.executable, "-m", "kgate", "serve", "--port", "0", *OPTIONS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        url = server.stderr.readline().rpartition(" ")[2].strip()
        try:
            done = suite(clone / "test", bats, url)
        finally:
            server.terminate()
    print(done.stdout, end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
