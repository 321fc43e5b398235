"""First step: derives the keys of the caches from the Python that the environment will use, and from kgate.lock."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
from pathlib import Path

LOCK = Path(__file__).with_name("requirements.txt")


def main() -> None:
    """Writes the keys and folders of both caches: of downloads, and of what is fetched. Exits with an error if Python
    is too old for kgate."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it runs on whatever Python the runner has
        sys.exit(
            f"::error::kgate needs Python 3.11 or newer, {sys.executable} is older; run actions/setup-python first"
        )
    python = f"{platform.system()}-{platform.machine()}-{sys.version_info[0]}.{sys.version_info[1]}"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8", newline="\n") as outputs:
        outputs.write(f"key=kgate-{python}-{digest[:20]}\n")
        outputs.write(f"downloads={Path(os.environ['RUNNER_TEMP'], 'kgate-downloads')}\n")
        outputs.write(f"fetched-key=kgate-fetched-{_locked(os.environ.get('INPUT_PATHS', ''))[:20]}\n")
        outputs.write(f"fetched={Path(os.environ['RUNNER_TEMP'], 'kgate-fetched')}\n")


def _locked(paths: str) -> str:
    """The digest of every kgate.lock that may belong to these paths: those in and above them."""
    found = hashlib.sha256()
    workspace = os.environ["GITHUB_WORKSPACE"]
    starts = [Path(workspace, line.strip()) for line in paths.splitlines() if line.strip()]
    for folder in sorted({folder for start in starts for folder in (start, *start.parents)}):
        with contextlib.suppress(OSError):
            found.update((folder / "kgate.lock").read_bytes())
    return found.hexdigest()


if __name__ == "__main__":
    main()
