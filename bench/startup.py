"""Measures how long kgate takes to start: ``python -m bench.startup``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from bench.measure import best

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  containers:
    - {name: app, image: registry.example.org/app:1}
"""


def main(times: int = 15) -> None:
    """Prints the quickest of several cold starts, and that of an empty Python."""
    kgate = shutil.which("kgate", path=str(Path(sys.executable).parent)) or "kgate"
    with tempfile.TemporaryDirectory() as folder:
        pod = Path(folder, "pod.yaml")
        pod.write_text(POD, encoding="utf-8")
        empty = best((sys.executable, "-c", "pass"), times).wall
        version = best((kgate, "--version"), times).wall
        scan = best((kgate, "scan", str(pod)), times).wall
    limit = 3 * empty + 0.060
    print(f"python -c pass     {empty * 1000:6.0f} ms")
    print(f"kgate --version    {version * 1000:6.0f} ms   limit 3 x python + 60 ms = {limit * 1000:.0f} ms")
    print(f"kgate scan pod     {scan * 1000:6.0f} ms   limit 250 ms")


if __name__ == "__main__":
    main()
