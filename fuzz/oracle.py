"""Asks kubectl's own reader, a small Go program around k8s.io/apimachinery, how it reads a file."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).parent / "oracle"
PROGRAM = Path(__file__).parent.parent / ".cache" / "fuzz" / "oracle"


class OracleError(Exception):
    """The oracle cannot be built or has ended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The objects that kubectl would apply from a file, and the error at which it stopped, if any."""

    objects: tuple[dict[str, Any], ...]
    error: str


class Oracle:
    """The running program, a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([build()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Oracle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, data: bytes) -> Answer:
        """Returns what kubectl reads from the bytes of a file."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(struct.pack(">I", len(data)) + data)
        pipe_in.flush()
        line = pipe_out.readline()
        if not line:
            raise OracleError("the oracle has ended")
        answer = json.loads(line)
        return Answer(tuple(answer["objects"]), answer["error"])


def build() -> Path:
    """Returns the path of the program, which is rebuilt if its source has changed. Raises OracleError."""
    sources = [HERE / name for name in ("main.go", "go.mod", "go.sum")]
    if PROGRAM.exists() and all(PROGRAM.stat().st_mtime >= source.stat().st_mtime for source in sources):
        return PROGRAM
    go = shutil.which("go")
    if go is None:
        raise OracleError("no go on PATH to build kubectl's reader with; install Go 1.21 or newer")
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([go, "build", "-o", PROGRAM, "."], cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OracleError(f"go build failed: {done.stderr.strip()}")
    return PROGRAM
