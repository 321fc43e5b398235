"""Runs a command and measures it: wall time, processor time and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KGATE = (sys.executable, "-m", "kgate")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: wall seconds, processor seconds, peak megabytes, exit code."""

    wall: float
    cpu: float
    megabytes: float
    code: int


def measure(command: Sequence[str], folder: Path | None = None) -> Measurement:
    """Runs a command, discards its output and measures it with its children (Linux, macOS)."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return Measurement(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20, process.returncode)


def best(command: Sequence[str], times: int, folder: Path | None = None) -> Measurement:
    """Returns the quickest of several runs."""
    return min((measure(command, folder) for _ in range(times)), key=lambda run: run.wall)
