"""Runs kubesec's own bats suite against ``kgate serve``: ``python -m upstream.kubesec_suite CLONE BATS``.

CLONE is one of controlplaneio/kubesec with its submodules (bats-support and bats-assert), BATS the program bats. It
needs curl and jq. kubesec's server was recorded with the schemas of Kubernetes 1.31, which are used here, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def main(clone: Path, bats: str) -> int:
    """Prints what bats does, and returns its exit code."""
    (clone / "test" / ".skip").unlink(missing_ok=True)  # what a run that failed leaves, so that all further tests skip
    command = [sys.executable, "-m", "kgate", "serve", "--port", "0", "--workers", "1", "--kubernetes-version", "1.31"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        url = server.stderr.readline().rpartition(" ")[2].strip()
        try:
            environment = {**os.environ, "REMOTE_URL": f"{url}/scan"}
            files = ("1_cli.bats", "2_regression.bats")
            return subprocess.run([bats, *files], cwd=clone / "test", env=environment, check=False).returncode
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
