"""Measures how long kgate takes to start: ``python -m bench.startup [PROGRAM]``.

The limits are for a wheel on a quiet machine: a clone also parses and compiles the rules, and all modules if
PYTHONDONTWRITEBYTECODE is set.
"""

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
    beside = shutil.which("kgate", path=str(Path(sys.executable).parent)) or "kgate"
    kgate = sys.argv[1] if len(sys.argv) > 1 else beside
    with tempfile.TemporaryDirectory() as folder:
        pod = Path(folder, "pod.yaml")
        pod.write_text(POD, encoding="utf-8")
        empty = best((sys.executable, "-c", "pass"), times).wall
        version = best((kgate, "--version"), times).wall
        scan = best((kgate, "scan", str(pod), "-f", "json"), times)
    limit = 3 * empty + 0.060
    print(f"python -c pass     {empty * 1000:6.0f} ms")
    print(f"kgate --version    {version * 1000:6.0f} ms   limit 3 x python + 60 ms = {limit * 1000:.0f} ms")
    print(f"kgate scan pod     {scan.wall * 1000:6.0f} ms   limit 120 ms, with {scan.cpu * 1000:.0f} ms of processors")


if __name__ == "__main__":
    main()
