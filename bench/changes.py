"""Compares scans with ``--diff-base`` with plain ones: ``python -m bench.changes FOLDER --base REV [--helm PROGRAM]``.

FOLDER is a checkout of git, or a folder of one, and REV the revision to compare with. Both ways are run in turn, so
that other load hits both, and the quickest runs count.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from bench.measure import KGATE, Measurement, measure

LIMIT = 1.3
"""What a scan with ``--diff-base`` may cost, in plain scans."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints wall and processor seconds of both ways, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", required=True)
    parser.add_argument("--helm")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args(arguments)
    given = [f"--helm-bin={options.helm}"] if options.helm else []
    plain = (*KGATE, "scan", ".", "--quiet", *given)
    pairs = [_both(plain, options) for _ in range(options.times)]
    for name in ("wall", "cpu"):
        before, after = (min(getattr(run, name) for run in runs) for runs in zip(*pairs, strict=True))
        ratio = f"ratio {after / before:.2f} (limit {LIMIT})"
        print(f"{name:4}  plain {before:6.2f} s  with --diff-base {after:6.2f} s  {ratio}")
    print(f"exit codes {', '.join(str(run.code) for run in pairs[-1])}, load {os.getloadavg()[0]:.1f}")


def _both(plain: Sequence[str], options: argparse.Namespace) -> tuple[Measurement, Measurement]:
    """Measures a plain scan and one with ``--diff-base``."""
    return measure(plain, options.folder), measure((*plain, "--diff-base", options.base), options.folder)


if __name__ == "__main__":
    main()
