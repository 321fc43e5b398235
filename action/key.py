"""First step: derives the key of the cache from the Python that the environment will use."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

LOCK = Path(__file__).with_name("requirements.txt")


def main() -> None:
    """Writes the outputs ``key`` and ``downloads``. Exits with an error if Python is too old for kgate."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it runs on whatever Python the runner has
        sys.exit(
            f"::error::kgate needs Python 3.11 or newer, {sys.executable} is older; run actions/setup-python first"
        )
    python = f"{platform.system()}-{platform.machine()}-{sys.version_info[0]}.{sys.version_info[1]}"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8", newline="\n") as outputs:
        outputs.write(f"key=kgate-{python}-{digest[:20]}\n")
        outputs.write(f"downloads={Path(os.environ['RUNNER_TEMP'], 'kgate-downloads')}\n")


if __name__ == "__main__":
    main()
