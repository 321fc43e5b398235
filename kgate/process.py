"""The only place that starts a subprocess: no shell, no network, bounds on time, memory and output."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

_PIECE = 1 << 16
_WATCH_SECONDS = 0.2
_DEAD_PROXY = "http://127.0.0.1:9"
_FILE_BYTES = 64 << 20
_STDERR_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of wall time, bytes of memory that one process may hold, and bytes that it may print."""

    seconds: float = 60
    memory: int = 1 << 30
    output: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a process ended; ``exceeded`` says which bound stopped it, and is empty if none did."""

    code: int
    stdout: bytes
    stderr: bytes
    exceeded: str = ""

    @property
    def error_text(self) -> str:
        """What it wrote to standard error."""
        return self.stderr.decode("utf-8", "replace").strip()


class CancelledError(Exception):
    """The scan was given up while a process ran."""


_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_cancelled = threading.Event()


def cancel_all() -> None:
    """Kills every process that runs now, with all that it started, and lets no other one start."""
    with _lock:
        _cancelled.set()
        for process in _running:
            _kill_group(process)


def run(
    command: Sequence[str | os.PathLike[str]],
    folder: Path,
    limits: Limits = Limits(),
    *,
    environment: Mapping[str, str] | None = None,
    with_network: bool = False,
) -> Outcome:
    """Runs a program in a folder that also is its home. Raises OSError if it cannot be started.

    It sees an environment without anything of the caller's, an empty PATH (so neither git nor plugins), a
    dead proxy, and where the system allows it no network at all. Raises CancelledError after cancel_all().
    """
    prefix = () if with_network else _isolation()
    with _started(
        [*prefix, *command], folder, {**_environment(folder, with_network), **(environment or {})}
    ) as process:
        _limit(process.pid, limits)
        return _watch(process, limits)


def _environment(folder: Path, with_network: bool) -> dict[str, str]:
    home = os.fspath(folder)
    names = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    helm = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS")
    found = dict.fromkeys((*names, *helm), home)
    found |= {"PATH": os.path.join(home, "no-programs"), "KUBECONFIG": os.devnull, "GIT_ALLOW_PROTOCOL": "none"}
    if os.name == "nt":
        found |= {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    if with_network:
        return found | {name: value for name, value in os.environ.items() if name.upper() in _NETWORK_VARIABLES}
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    return found | dict.fromkeys(proxies, _DEAD_PROXY)


_NETWORK_VARIABLES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}


@cache
def _isolation() -> tuple[str, ...]:
    """The command that takes the network from a process, where the system lets everybody use it."""
    program = shutil.which("unshare") if sys.platform == "linux" else None
    if program is None:
        return ()
    command = (program, "--map-root-user", "--net", "--")
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        true = shutil.which("true") or program
        done = subprocess.run([*command, true], capture_output=True, timeout=5, check=False)
        return command if done.returncode == 0 else ()
    return ()


@contextlib.contextmanager
def _started(
    command: Sequence[str | os.PathLike[str]], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, of which nothing is left afterwards."""
    with _lock:
        if _cancelled.is_set():
            raise CancelledError
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        _running.add(process)
    try:
        yield process
    finally:
        with _lock:
            _running.discard(process)
            _kill_group(process)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()


def _limit(pid: int, limits: Limits) -> None:
    """Sets what the kernel enforces: memory, processor time, size of files, no core dumps."""
    if sys.platform != "linux":
        return
    import resource

    seconds = int(limits.seconds) + 1
    bounds = {
        resource.RLIMIT_DATA: limits.memory,
        resource.RLIMIT_CPU: seconds * (os.cpu_count() or 1),
        resource.RLIMIT_FSIZE: _FILE_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in bounds.items():
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, kind, (bound, bound))


def _watch(process: subprocess.Popen[bytes], limits: Limits) -> Outcome:
    """Reads what the process prints until it ends or meets a bound."""
    end = time.monotonic() + limits.seconds
    assert process.stdout is not None
    assert process.stderr is not None
    output = _Reader(process.stdout, limits.output, process)
    errors = _Reader(process.stderr, _STDERR_BYTES, process)
    exceeded = ""
    while output.thread.is_alive() or errors.thread.is_alive() or process.poll() is None:
        remaining = end - time.monotonic()
        if remaining <= 0:
            exceeded = f"ran longer than {limits.seconds:g} seconds"
        elif not _kernel_bounds_memory() and _resident_bytes(process.pid) > limits.memory:
            exceeded = _memory_sentence(limits)
        if exceeded:
            _kill_group(process)
            break
        _wait(process, output, errors, min(remaining, _WATCH_SECONDS))
    output.thread.join(1)
    errors.thread.join(1)
    code = process.wait()
    if _cancelled.is_set():
        raise CancelledError
    if not exceeded and output.is_full:
        exceeded = f"printed more than {limits.output >> 20} MiB"
    if not exceeded and code and b"out of memory" in errors.data:
        exceeded = _memory_sentence(limits)
    return Outcome(code, bytes(output.data), bytes(errors.data), exceeded)


def _memory_sentence(limits: Limits) -> str:
    return f"needed more than {limits.memory >> 20} MiB of memory"


def _wait(process: subprocess.Popen[bytes], output: _Reader, errors: _Reader, seconds: float) -> None:
    """Waits a while for the pipes to close and the process to end, whichever is outstanding."""
    for reader in (output, errors):
        if reader.thread.is_alive():
            reader.thread.join(seconds)
            return
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


class _Reader:
    """Reads a pipe to its end in a thread; kills the process that fills it beyond its bound."""

    def __init__(self, stream: IO[bytes], limit: int, process: subprocess.Popen[bytes]) -> None:
        self.data = bytearray()
        self.is_full = False
        self._stream = stream
        self._limit = limit
        self._process = process
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(self._stream.fileno(), _PIECE):
                self.data += piece
                if len(self.data) > self._limit:
                    self.is_full = True
                    del self.data[self._limit :]
                    _kill_group(self._process)
                    return


def _kernel_bounds_memory() -> bool:
    return sys.platform == "linux"


def _resident_bytes(pid: int) -> int:
    """The memory that a process holds, as ps tells it; 0 if it does not."""
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        done = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, timeout=2, check=False)
        return int(done.stdout or 0) * 1024
    return 0
