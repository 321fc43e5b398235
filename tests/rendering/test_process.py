"""process.py against real programs: bounds, isolation, and that nothing is left behind."""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kgate.lifetime import CancelledError, DeadlineError, Lifetime
from kgate.rendering import process, sandbox
from kgate.rendering.process import Limits, Outcome
from kgate.rendering.sandbox import Reach
from tests.loopback import ends, loopback
from tests.waiting import HANG, wait_for

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only the kernel of Linux bounds this")
MIB = 1 << 20
DEFAULT = Limits()


EVERYWHERE = Reach(writes=(Path("/"),), programs=(Path("/"),))
"""For tests about something else than files."""


def python(code: str, folder: Path, limits: Limits = DEFAULT, **environment: str) -> Outcome:
    return process.run([sys.executable, "-c", code], folder, limits, EVERYWHERE, environment=environment)


def sh(code: str, folder: Path, limits: Limits = DEFAULT) -> Outcome:
    return process.run(["/bin/sh", "-c", code], folder, limits, EVERYWHERE)


# ------------------------------------------------------------------------------------------ how it ends

ENDS: dict[str, tuple[str, Outcome]] = {
    "well": ("echo out; echo err >&2", Outcome(0, b"out\n", b"err\n")),
    "with a code": ("exit 7", Outcome(7, b"", b"")),
    "by a signal of its own": ("kill -TERM $$", Outcome(-15, b"", b"")),
    "killed by others": (
        "kill -KILL $$",
        Outcome(-9, b"", b"", "was killed by the system, as happens where the machine runs out of memory", "system"),
    ),
    "silent long before its end": ("exec >&- 2>&-; read -r x < /dev/null; exit 5", Outcome(5, b"", b"")),
    "with bytes that are no text": (r"printf '\377\0'; printf '\376' >&2", Outcome(0, b"\xff\0", b"\xfe")),
    "reads nothing": ("read -r line || echo closed", Outcome(0, b"closed\n", b"")),
}


@pytest.mark.parametrize(("code", "expected"), ENDS.values(), ids=ENDS.keys())
def test_ends(tmp_path: Path, code: str, expected: Outcome) -> None:
    assert sh(code, tmp_path) == expected


def test_error_text_is_text(tmp_path: Path) -> None:
    assert sh(r"printf '  \376bad\n' >&2", tmp_path).error_text == "\ufffdbad"


# --------------------------------------------------------------------------------------------- bounds

SPAWN = "import subprocess as s, sys, os; p = s.Popen([sys.executable, '-c', {child!r}]); print(p.pid, flush=True)\n"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); signal.signal(2, signal.SIG_IGN); time.sleep(600)"

BOUNDS: dict[str, tuple[str, Limits, str]] = {
    "time": ("import time; time.sleep(600)", Limits(seconds=0.5), "ran longer than 0.5 seconds"),
    "time, in a loop": ("while True: pass", Limits(seconds=1), "ran longer than 1 seconds"),
    "time, deaf to signals": (DEAF, Limits(seconds=1), "ran longer than 1 seconds"),
    "time, printing": ("while True: print(1, flush=True)", Limits(seconds=1), "ran longer than 1 seconds"),
    "time, with closed output": (
        "import os, time; os.close(1); os.close(2); time.sleep(600)",
        Limits(seconds=0.5),
        "ran longer than 0.5 seconds",
    ),
    "time, with a child that holds the pipe": (
        SPAWN.format(child=DEAF) + "p.wait()",
        Limits(seconds=1),
        "ran longer than 1 seconds",
    ),
    "output": (
        "while True: print('y' * 9999)",
        Limits(HANG, output=5 * MIB),
        "printed more than 5 MiB",
    ),
    "output at once and then the end": ("print('y' * 3000000)", Limits(HANG, output=MIB), "printed more than 1 MiB"),
    "output of a child": (
        SPAWN.format(child="while True: print('y' * 9999)") + "p.wait()",
        Limits(HANG, output=MIB),
        "printed more than 1 MiB",
    ),
    "errors": (
        "import sys\nwhile True: sys.stderr.write('y' * 9999)",
        Limits(HANG),
        "printed more than 1 MiB of error messages",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "limits", "exceeded"), BOUNDS.values(), ids=BOUNDS.keys())
def test_bounds(tmp_path: Path, code: str, limits: Limits, exceeded: str) -> None:
    start = time.monotonic()
    outcome = python(code, tmp_path, limits)
    assert outcome.exceeded == exceeded
    assert outcome.bound == (
        "errors" if exceeded.endswith("messages") else "output" if "MiB" in exceeded else "seconds"
    )
    assert outcome.code
    assert len(outcome.stdout) <= limits.output
    assert time.monotonic() - start < HANG / 2


def test_exactly_the_bound_may_be_printed(tmp_path: Path) -> None:
    outcome = python(f"import os; os.write(1, b'y' * {MIB // 2}); os.write(1, b'y' * {MIB // 2})", tmp_path)
    assert outcome == python(f"print('y' * {MIB}, end='')", tmp_path, Limits(output=MIB))
    assert outcome == Outcome(0, b"y" * MIB, b"")


AS_GO = "\nexcept MemoryError:\n  import os; os.write(2, b'fatal error: runtime: out of memory\\n'); os._exit(2)"

LIMITED = "import resource as r, time\nwhile r.getrlimit(r.RLIMIT_FSIZE)[0] == r.RLIM_INFINITY: time.sleep(0.01)\n"
"""Waits for the limits, which are set after the start; what is taken before, and not used, is not noticed."""

MEMORY: dict[str, str] = {
    "one piece": LIMITED + "try: bytearray(2 << 30)" + AS_GO,
    "many pieces": "x = []\ntry:\n  while True: x.append(bytearray(b'x' * (16 << 20)))" + AS_GO,
    "as Go says it otherwise": "import os; os.write(2, b'runtime: cannot allocate memory\\n'); os._exit(2)",
    "as Go dies of it at times": "import os; os.write(2, b'SIGSEGV: segmentation violation\\nPC=0x4 m=4'); os._exit(2)",
    "as C++ says it": "import os; os.write(2, b'what():  std::bad_alloc\\n'); os.abort()",
    "as Rust says it": "import os; os.write(2, b'memory allocation of 99 bytes failed\\n'); os.abort()",
}


@LINUX
@pytest.mark.parametrize("code", MEMORY.values(), ids=MEMORY.keys())
def test_memory(tmp_path: Path, code: str) -> None:
    start = time.monotonic()
    outcome = python(code, tmp_path, Limits(HANG, memory=256 * MIB))
    assert outcome.exceeded == "needed more than 256 MiB of memory"
    assert outcome.bound == "memory"
    assert time.monotonic() - start < HANG / 2


NO_MEMORY: dict[str, str] = {
    "a message that speaks of it": "import sys; sys.stderr.write('Error: chart is out of memory\\n'); sys.exit(1)",
    "a message that a template chose": "import os; os.write(2, b'Error:\\nfatal error: out of memory\\n'); os._exit(1)",
    "a fault in Go": "import os; os.write(2, b'panic: nil\\n[signal SIGSEGV: segmentation violation]'); os._exit(2)",
    "no fault": "import sys; sys.stderr.write('fatal error: out of memory\\n')",
}


@pytest.mark.parametrize("code", NO_MEMORY.values(), ids=NO_MEMORY.keys())
def test_not_memory(tmp_path: Path, code: str) -> None:
    assert not python(code, tmp_path).exceeded


def test_memory_where_the_kernel_does_not_bound_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_limit", lambda _pid, _limits: False)
    code = "import time; x = bytearray(b'x' * (300 << 20)); time.sleep(600)"
    start = time.monotonic()
    outcome = python(code, tmp_path, Limits(HANG, memory=100 * MIB))
    assert (outcome.exceeded, outcome.bound) == ("needed more than 100 MiB of memory", "memory")
    assert time.monotonic() - start < HANG / 2
    assert python("print(1)", tmp_path, Limits(HANG, memory=100 * MIB)) == Outcome(0, b"1\n", b"")


@LINUX
def test_file_size(tmp_path: Path) -> None:
    outcome = process.run(
        ["/bin/dd", "if=/dev/zero", "of=big", "bs=1048576", "count=70"], tmp_path, DEFAULT, EVERYWHERE
    )
    assert (outcome.exceeded, outcome.bound) == ("wrote a file of more than 64 MiB", "file")
    assert (tmp_path / "big").stat().st_size == 64 * MIB


@LINUX
def test_the_kernel_knows_the_bounds(tmp_path: Path) -> None:
    code = LIMITED + "for k in 'DATA', 'FSIZE', 'CORE': "
    code += "print(r.getrlimit(getattr(r, 'RLIMIT_' + k)))"
    assert process.memory_guard() == "kernel"
    outcome = python(code, tmp_path, Limits(memory=128 * MIB))
    assert outcome.stdout.decode().split("\n")[:3] == [f"({size}, {size})" for size in (128 * MIB, 64 * MIB, 0)]


# ------------------------------------------------------------------------------------ nothing is left

LEFT: dict[str, tuple[str, Limits]] = {
    "after the end": (SPAWN.format(child=DEAF), Limits(HANG)),
    "after the time": (SPAWN.format(child=DEAF) + "p.wait()", Limits(1)),
    "after too much output": (SPAWN.format(child=DEAF) + "while True: print('y' * 9999)", Limits(HANG, output=MIB)),
}


@pytest.mark.parametrize(("code", "limits"), LEFT.values(), ids=LEFT.keys())
def test_nothing_of_the_group_is_left(tmp_path: Path, code: str, limits: Limits) -> None:
    start = time.monotonic()
    outcome = python(code, tmp_path, limits)
    assert time.monotonic() - start < HANG / 2
    assert ends(int(outcome.stdout.split()[0]))


def test_a_child_that_left_the_group_does_not_hold_up(tmp_path: Path) -> None:
    """It keeps the pipe open, in a session of its own."""
    child = "import os, time; os.setsid(); open('left', 'w').close(); time.sleep(600)"
    code = SPAWN.format(child=child) + "import time\nwhile not os.path.exists('left'): time.sleep(0.01)"
    start = time.monotonic()
    outcome = python(code, tmp_path, Limits(HANG))
    assert outcome.code == 0
    assert time.monotonic() - start < HANG / 2
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(outcome.stdout.split()[0]), signal.SIGKILL)


def test_no_descriptor_thread_or_zombie_stays(tmp_path: Path) -> None:
    def census() -> tuple[int, int]:
        return len(os.listdir("/dev/fd")), threading.active_count()

    sh("exit", tmp_path)
    before = census()
    for code in ("exit", "exit 1", "/bin/sleep 600", "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done") * 4:
        sh(code, tmp_path, Limits(0.3, output=MIB))
    with pytest.raises(OSError, match="no-such"):
        process.run([tmp_path / "no-such"], tmp_path)
    assert all(now <= then for now, then in zip(census(), before, strict=True))
    states = subprocess.run(["/bin/ps", "-A", "-o", "ppid=,stat="], capture_output=True, text=True, check=True).stdout
    mine = [stat for ppid, stat in (line.split() for line in states.splitlines()) if int(ppid) == os.getpid()]
    assert not [stat for stat in mine if stat.startswith("Z")]
    assert os.listdir(tmp_path) == []


def test_threads(tmp_path: Path) -> None:
    def one(number: int) -> bool:
        return sh(f"echo {number}; echo {number} >&2; exit {number % 5}", tmp_path) == Outcome(
            number % 5, b"%d\n" % number, b"%d\n" % number
        )

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(160))) == [True] * 160


# ----------------------------------------------------------------------------------------- isolation


def test_nothing_of_the_caller_is_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET", "KUBECONFIG", "HELM_PLUGINS", "HTTP_PROXY", "LD_PRELOAD_X", "HELM_DRIVER", "NO_PROXY"):
        monkeypatch.setenv(name, "mine")
    folder = tmp_path / "repository"
    (folder / "no-programs").mkdir(parents=True)
    before = os.listdir(folder)
    found = ast.literal_eval(python("import os; print(dict(os.environ))", folder, ADDED="1").stdout.decode())
    assert "mine" not in found.values()
    home = found["HOME"]
    assert found.pop("ADDED") == "1"
    assert {value for name, value in found.items() if name.upper().endswith("_PROXY")} == {"http://127.0.0.1:9"}
    assert {found[name] for name in found if name.startswith(("XDG_", "HELM_")) or name == "TMPDIR"} == {home}
    assert found["PATH"] == f"{home}/no-programs"
    assert found["KUBECONFIG"] == "/dev/null"
    assert int(found["GOMEMLIMIT"]) < process.Limits().memory
    assert int(found["GOGC"]) > 100
    assert Path(home).parent == folder
    assert home not in (str(folder / name) for name in before), "a repository could hold plugins and .kube/kuberc"
    assert not os.path.lexists(home)


def test_the_home_is_empty_and_writable(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    code = "import os; h = os.environ['HOME']; print(os.listdir(h)); open(h + '/x', 'w'); print(os.listdir(h))"
    assert python(code, tmp_path).stdout == b"[]\n['x']\n"


def test_there_is_no_git(tmp_path: Path) -> None:
    code = "import shutil; print(shutil.which('git'), shutil.which('sh'))"
    assert python(code, tmp_path).stdout == b"None None\n"


def test_the_folder_is_the_working_one(tmp_path: Path) -> None:
    assert python("import os; print(os.getcwd())", tmp_path).stdout.decode().strip() == os.path.realpath(tmp_path)


CONNECT = "import sys, urllib.request as u; u.build_opener(u.ProxyHandler({})).open({url!r}, timeout=60)"
THROUGH_PROXY = "import sys, urllib.request as u; u.urlopen({url!r}, timeout=60)"


def test_no_network(tmp_path: Path) -> None:
    with loopback() as server:
        code = CONNECT.replace("{url!r}", repr(server.url))
        outcome = python(code, tmp_path)
        assert (outcome.code, len(server.seen)) == ((1, 0) if sandbox.cuts_network() else (0, 1))
        server.seen.clear()
        assert process.run([sys.executable, "-c", code], tmp_path, DEFAULT, EVERYWHERE, with_network=True).code == 0
        assert len(server.seen) == 1


def test_a_dead_proxy_where_the_network_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "cuts_network", lambda: False)
    with loopback() as server:
        outcome = python(THROUGH_PROXY.format(url=server.url), tmp_path)
        assert outcome.code == 1
        assert server.seen == []
        urllib.request.urlopen(server.url, timeout=60).close()
        assert len(server.seen) == 1, "the server would have seen it"


def test_with_network_the_caller_names_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("SECRET", "mine")
    code = "import os; print(os.environ.get('https_proxy'), os.environ.get('SECRET'), os.environ.get('http_proxy'))"
    outcome = process.run([sys.executable, "-c", code], tmp_path, DEFAULT, EVERYWHERE, with_network=True)
    assert outcome.stdout.split() == [
        b"http://proxy.example.com:3128",
        b"None",
        os.environb.get(b"http_proxy", b"None"),
    ]


def test_a_program_of_the_path_does_not_take_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "setpriv"
    fake.write_text(f"#!/bin/sh\n: > {tmp_path}/witness\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    process.death_signal.cache_clear()
    assert sh("echo 1", tmp_path) == Outcome(0, b"1\n", b"")
    assert not (tmp_path / "witness").exists()


# ------------------------------------------------------------------------------------ it cannot start


def make_plain(path: Path) -> None:
    path.write_text("echo\n")


UNSTARTABLE: dict[str, tuple[Callable[[Path], object], type[OSError], str]] = {
    "missing": (lambda _path: None, FileNotFoundError, "No such file"),
    "not executable": (make_plain, PermissionError, "Permission denied"),
    "a folder": (Path.mkdir, FileNotFoundError, "No such file"),
    "a dangling link": (lambda path: path.symlink_to("nowhere"), FileNotFoundError, "No such file"),
}


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize(("make", "kind", "words"), UNSTARTABLE.values(), ids=UNSTARTABLE.keys())
def test_what_cannot_be_started(
    tmp_path: Path, make: Callable[[Path], object], kind: type[OSError], words: str, isolated: bool
) -> None:
    make(tmp_path / "program")
    with pytest.raises(kind, match=words):
        process.run([tmp_path / "program"], tmp_path, with_network=not isolated)


def test_programs_are_not_searched_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        process.run(["sh", "-c", "exit"], tmp_path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sh("exit", tmp_path / "nowhere")


def test_a_nul_in_an_argument(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="null byte"):
        sh("echo \0", tmp_path)


def test_too_long_an_argument(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Argument list too long"):
        sh(" " * (40 * MIB), tmp_path)


# ------------------------------------------------------------------------------------------- given up


def wait_for_files(folder: Path, count: int) -> None:
    """Until as many programs have begun as have left a file."""
    wait_for(lambda: len(list(folder.glob("ready-*"))) >= count)


BEGIN = "import os; open(f'ready-{os.getpid()}', 'w').close(); "


def test_cancel_ends_runs_at_once(tmp_path: Path) -> None:
    limits = Limits(lifetime=Lifetime())
    with ThreadPoolExecutor(4) as pool:
        code = BEGIN + SPAWN.format(child=DEAF) + "p.wait()"
        runs = [pool.submit(python, code, tmp_path, limits) for _ in range(3)]
        wait_for_files(tmp_path, 3)
        start = time.monotonic()
        limits.lifetime.cancel()
        for run in runs:
            with pytest.raises(CancelledError):
                run.result(HANG)
        assert time.monotonic() - start < HANG / 2
    with pytest.raises(CancelledError):
        sh("exit", tmp_path, limits)
    assert sh("exit 7", tmp_path).code == 7, "other scans of this process do not notice"


def test_an_error_in_a_pool_cancels_what_runs(tmp_path: Path) -> None:
    lifetime = Lifetime()
    start = time.monotonic()

    def work() -> None:
        with ThreadPoolExecutor(2) as pool, lifetime.cancelled_on_error():
            pool.submit(sh, ": > ready-0; /bin/sleep 600", tmp_path, Limits(lifetime=lifetime))
            wait_for_files(tmp_path, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert time.monotonic() - start < HANG / 2
    with pytest.raises(CancelledError):
        lifetime.check()


def test_a_run_that_is_cancelled_as_it_starts_leaves_no_pipe_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifetime = Lifetime()
    started: list[subprocess.Popen[bytes]] = []
    start = process._start

    def start_and_cancel(*arguments: Any) -> subprocess.Popen[bytes]:
        started.append(start(*arguments))
        lifetime.cancel()
        return started[0]

    monkeypatch.setattr(process, "_start", start_and_cancel)
    with pytest.raises(CancelledError):
        sh("/bin/sleep 600", tmp_path, Limits(lifetime=lifetime))
    (child,) = started
    wait_for(lambda: all(pipe and pipe.closed for pipe in (child.stdout, child.stderr)))


def test_a_block_that_ends_well_cancels_nothing() -> None:
    lifetime = Lifetime()
    with lifetime.cancelled_on_error():
        pass
    lifetime.check()


def test_the_time_of_the_whole_scan_bounds_each_run(tmp_path: Path) -> None:
    limits = Limits(HANG, lifetime=Lifetime(0.5))
    start = time.monotonic()
    with pytest.raises(DeadlineError):
        sh("/bin/sleep 600", tmp_path, limits)
    with pytest.raises(DeadlineError):
        sh("exit", tmp_path, limits)
    assert time.monotonic() - start < HANG / 2
