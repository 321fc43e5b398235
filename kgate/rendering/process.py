"""The only place that starts a subprocess: no shell, no network, few files, limits on time, memory and output."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Literal

from kgate.lifetime import FOREVER, Lifetime
from kgate.rendering import sandbox
from kgate.rendering.sandbox import NOTHING, Reach
from kgate.urls import shown_text
from kgate.values import dataclass

Bound = Literal["", "seconds", "memory", "output", "errors", "file", "system"]

_PIECE = 1 << 16
_WATCH_SECONDS = 0.05
_PS_SECONDS = 0.2
_GRACE_SECONDS = 1.0
_DEAD_PROXY = "http://127.0.0.1:9"
_GARBAGE_PERCENT = "800"
"""How much the heap of a program in Go may grow before it looks for garbage. Most end before they do, which saves helm
a fifth and kubectl a third of its processor time; GOMEMLIMIT keeps the heap of large ones from growing more than it
used to."""
_FILE_BYTES = 64 << 20
_STDERR_BYTES = 1 << 20

# Not the caller's PATH, in which a repository may have a folder of its own.
_SYSTEM_PATH = os.pathsep.join(("/usr/bin", "/bin", "/run/current-system/sw/bin"))


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of wall time, bytes of memory that one process may hold, and bytes that it may print. ``lifetime`` is
    that of the whole scan."""

    seconds: float = 60
    memory: int = 1 << 30
    output: int = 64 << 20
    lifetime: Lifetime = FOREVER


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a process ended.

    ``exceeded`` says in words which limit stopped it ("ran longer than 60 seconds"): the caller adds the program before
    it and the flag after it. ``bound`` is the name of that limit, as in Limits if it can be raised. Both are empty if
    the process ended on its own.
    """

    code: int
    stdout: bytes
    stderr: bytes
    exceeded: str = ""
    bound: Bound = ""

    @property
    def error_text(self) -> str:
        """What it wrote to standard error, without credentials."""
        return shown_text(self.stderr.decode("utf-8", "replace")).strip()


def run(
    command: Sequence[str | os.PathLike[str]],
    folder: Path,
    limits: Limits = Limits(),
    reach: Reach = NOTHING,
    *,
    environment: Mapping[str, str] | None = None,
    with_network: bool = False,
) -> Outcome:
    """Runs a program, named by its path, in a private folder. Raises OSError if it cannot be started.

    It gets none of the caller's environment, an empty home in that folder that is removed afterwards, an empty PATH (so
    neither git nor plugins), and a dead proxy. If the system allows it, it gets no network, reads only the folder,
    itself, the system's libraries and its ``reach``, changes only its home and what ``reach`` allows, and dies with
    kgate. A file that is not a program may end with code 126 or 127 instead of OSError. Raises CancelledError and
    DeadlineError.
    """
    limits.lifetime.check()
    program = Path(os.path.join(folder, command[0]))
    _check(program)
    prefix = death_signal()
    with tempfile.TemporaryDirectory(prefix="home-", dir=folder, ignore_cleanup_errors=True) as home:
        memory = {"GOGC": _GARBAGE_PERCENT, "GOMEMLIMIT": str(limits.memory // 4)}
        variables = {**_environment(home, with_network), **memory, **(environment or {})}
        whole = Reach(
            (Path(folder), *reach.reads),
            (Path(home), *reach.writes),
            (program, *map(Path, prefix[:1]), *reach.programs, *(sandbox.SYSTEM if with_network else ())),
        )
        with (
            _holding(reach.stdin, home) as given,
            sandbox.started_confined(
                lambda: _start([*prefix, *command], folder, variables, given), whole, with_network=with_network
            ) as process,
            _ended(process),
        ):
            pipes = _Pipes(process, limits)
            with limits.lifetime.stopped_by(lambda: _kill_group(process)):
                return _watch(process, pipes, limits)


@contextlib.contextmanager
def _holding(data: bytes, folder: str) -> Iterator[IO[bytes]]:
    """A file that holds some bytes, to be read from its start."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(data)
        file.seek(0)
        yield file


def memory_guard() -> Literal["kernel", "watched", "none"]:
    """Who enforces the memory limit of a process: the kernel, kgate by looking at it now and then, or nobody."""
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(os.getpid(), resource.RLIMIT_DATA)
            return "kernel"
    return "watched" if _resident_bytes(os.getpid()) else "none"


def _check(program: Path) -> None:
    """Raises OSError for what is not an executable file. With setpriv before it, that would only be an exit code."""
    if not program.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(program))
    if not os.access(program, os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(program))


def _environment(home: str, with_network: bool) -> dict[str, str]:
    """The home is an empty folder and never the one that is rendered: helm would load plugins from there, and kubectl
    the defaults of its flags (.kube/kuberc)."""
    names = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    helm = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS")
    windows = ("USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP") if os.name == "nt" else ()
    found = dict.fromkeys((*names, *helm, *windows), home)
    found |= {"PATH": os.path.join(home, "no-programs"), "KUBECONFIG": os.devnull, "GIT_ALLOW_PROTOCOL": "none"}
    if os.name == "nt":
        found |= {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    if with_network:
        return found | {name: value for name, value in os.environ.items() if name.upper() in _NETWORK_VARIABLES}
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    return found | dict.fromkeys(proxies, _DEAD_PROXY)


_NETWORK_VARIABLES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}


@cache
def death_signal() -> tuple[str, ...]:
    """The command to put before a program, so that it is killed together with what started it; empty if there is
    none."""
    program = shutil.which("setpriv", path=_SYSTEM_PATH) if sys.platform == "linux" else None
    true = shutil.which("true", path=_SYSTEM_PATH)
    if program is None or true is None:
        return ()
    command = (program, "--pdeathsig", "KILL", "--")
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([*command, true], capture_output=True, timeout=5, check=False, env={})
        return command if done.returncode == 0 else ()
    return ()


def _start(
    command: Sequence[str | os.PathLike[str]], folder: Path, environment: Mapping[str, str], stdin: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Starts a process in a group of its own. Raises OSError."""
    try:
        return subprocess.Popen(
            command,
            bufsize=0,
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except ValueError as error:  # a NUL in an argument
        raise OSError(errno.EINVAL, str(error), os.fspath(command[0])) from None


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leaves nothing of the process's group behind.

    Only what starts a session of its own escapes; helm and kubectl cannot, as they find no program to start.
    """
    try:
        yield
    finally:
        _kill_group(process)
        process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and what it started, unless it has been waited for: its number may belong to another one then."""
    if process.returncode is not None:
        return
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            process.kill()
    else:  # Popen.kill() would wait for it
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """True if a process has ended. On Linux it stays a zombie, so that its group can still be named and killed."""
    if sys.platform == "linux":
        state = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        has_ended = state is not None
    else:
        has_ended = process.poll() is not None
        if has_ended and sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
    return has_ended


def _limit(pid: int, limits: Limits) -> bool:
    """Sets what the kernel enforces: memory, processor time, size of files, no core dumps. True if it limits memory.

    This is done from outside after the start, as a preexec_fn may deadlock if there are threads. What a program
    allocates in the microseconds before counts as well; only a child that is started in them would escape. RLIMIT_AS
    would kill Go at its start. RLIMIT_NPROC counts all threads of the user, so renderings would fail because of other
    programs. Wall time ends before RLIMIT_CPU, which only matters if kgate itself is killed.
    """
    if sys.platform != "linux":
        return False
    import resource

    seconds = (int(limits.seconds) + 1) * (os.cpu_count() or 1)
    bounds = {
        resource.RLIMIT_DATA: (limits.memory, limits.memory),
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: (_FILE_BYTES, _FILE_BYTES),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, bound in bounds.items():
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, kind, bound)
    with contextlib.suppress(OSError, ValueError):
        return 0 <= resource.prlimit(pid, resource.RLIMIT_DATA)[0] <= limits.memory
    return False


class _Pipes:
    """The readers of what a process prints. They close its pipes however the run ends."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.output = _Reader(process.stdout, limits.output, process)
        self.errors = _Reader(process.stderr, _STDERR_BYTES, process)


def _watch(process: subprocess.Popen[bytes], pipes: _Pipes, limits: Limits) -> Outcome:
    """Waits until the process ends or exceeds a limit, and kills what is left of its group."""
    end = min(time.monotonic() + limits.seconds, limits.lifetime.end)
    output, errors = pipes.output, pipes.errors
    watchdog = None if _limit(process.pid, limits) else _Watchdog(process.pid, limits.memory)
    bound: Bound = ""
    pause = 0.0001
    while not bound and not _has_ended(process):
        remaining = end - time.monotonic()
        if remaining <= 0:
            bound = "seconds"
        elif watchdog and watchdog.is_exceeded():
            bound = "memory"
        elif reader := next((reader for reader in (output, errors) if reader.is_alive()), None):
            reader.join(min(remaining, _WATCH_SECONDS))
        else:  # it has closed its output and is about to end, mostly within microseconds
            time.sleep(pause)
            pause = min(2 * pause, remaining, _WATCH_SECONDS)
    _kill_group(process)
    for reader in (output, errors):
        reader.join(_GRACE_SECONDS)
    code = process.wait()
    limits.lifetime.check()
    bound = bound or _bound_met(code, output, errors)
    return Outcome(code, bytes(output.data), bytes(errors.data), _sentence(bound, limits), bound)


_OUT_OF_MEMORY = re.compile(
    rb"^(?:(?:fatal error|runtime): .*(?:out of memory|cannot allocate)|memory allocation of \d+ bytes"
    rb"|.*std::bad_alloc|SIGSEGV: segmentation violation\nPC=)",
    re.MULTILINE,
)
"""What Go (which then exits with 2), Rust and C++ (which abort) print if they get no more memory. Go's runtime itself
may read from where it got none in another thread before it says so: a fault of the program would be a panic."""


def _bound_met(code: int, output: _Reader, errors: _Reader) -> Bound:
    """The limit that the process hit on its own, if any."""
    if output.is_full:
        return "output"
    if code not in (0, 1) and _OUT_OF_MEMORY.search(errors.data):  # with 1 it is a message that a template chose
        return "memory"
    if errors.is_full:
        return "errors"
    if sys.platform != "win32":
        if code == -signal.SIGKILL:
            return "system"
        # Go turns the signal into exit code 2 and its name.
        if code == -signal.SIGXFSZ or (code == 2 and errors.data.startswith(b"SIGXFSZ: ")):
            return "file"
    return ""


def _sentence(bound: Bound, limits: Limits) -> str:
    """How a message describes an exceeded limit, after the name of the program."""
    return {
        "": "",
        "seconds": f"ran longer than {limits.seconds:g} seconds",
        "memory": f"needed more than {_size(limits.memory)} of memory",
        "output": f"printed more than {_size(limits.output)}",
        "errors": f"printed more than {_size(_STDERR_BYTES)} of error messages",
        "file": f"wrote a file of more than {_size(_FILE_BYTES)}",
        "system": "was killed by the system, as happens where the machine runs out of memory",
    }[bound]


def _size(count: int) -> str:
    return f"{count / (1 << 20):g} MiB"


class _Reader(threading.Thread):
    """Reads a pipe to its end and closes it. Kills the process if that prints more than allowed.

    No other thread closes the pipe: if one did during a read, the file descriptor might belong to another file by then.
    """

    def __init__(self, stream: IO[bytes], limit: int, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.data = bytearray()
        self.is_full = False
        self._stream = stream
        self._limit = limit
        self._process = process
        self.start()

    def run(self) -> None:
        """Reads until nobody can write any more, or the limit is reached."""
        with self._stream, contextlib.suppress(OSError):
            while piece := os.read(self._stream.fileno(), _PIECE):
                self.data += piece
                if len(self.data) > self._limit:
                    self.is_full = True
                    del self.data[self._limit :]
                    _kill_group(self._process)
                    return


class _Watchdog:
    """Looks now and then how much memory a process holds, if the kernel does not limit it."""

    def __init__(self, pid: int, limit: int) -> None:
        self._pid = pid
        self._limit = limit
        self._next = 0.0

    def is_exceeded(self) -> bool:
        """True if the process held too much when it was last looked at."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _PS_SECONDS
        return _resident_bytes(self._pid) > self._limit


def _resident_bytes(pid: int) -> int:
    """The memory that a process holds according to ps, in bytes; 0 if that is unknown."""
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        command = ["/bin/ps", "-o", "rss=", "-p", str(pid)]
        done = subprocess.run(command, capture_output=True, timeout=2, check=False, env={})
        return int(done.stdout or 0) * 1024
    return 0
