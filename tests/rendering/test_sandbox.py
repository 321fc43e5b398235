"""sandbox.py on the kernel of this machine: what a confined program can and cannot do."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kgate.rendering import sandbox
from kgate.rendering.sandbox import Reach
from tests.lesser_kernel import LACKS
from tests.waiting import HANG

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are of Linux")

PYTHON = (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable))


def run(code: str, reach: Reach, *, with_network: bool = False) -> str:
    """What a confined Python prints; the last word of its error if it fails."""

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-I", "-c", code]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    reach = Reach((*reach.reads, *PYTHON), reach.writes, (*reach.programs, *PYTHON))
    with sandbox.started_confined(start, reach, with_network=with_network) as process:
        out, err = process.communicate(timeout=HANG)
    return out.strip() if process.returncode == 0 else err.strip().splitlines()[-1].partition(":")[0]


def test_this_machine_can(tmp_path: Path) -> None:
    """The tests below would show nothing on a machine that cannot; those of CI can."""
    assert sandbox.confines_files()
    assert sandbox.cuts_network()


WRITE_AND_RUN = """
import os, subprocess
open("writable/x", "w").write("#!/bin/sh\\n")
os.chmod("writable/x", 0o755)
subprocess.run(["writable/x"])
"""

FILES: dict[str, tuple[str, str]] = {
    "reads what it may read": ("print(open('readable/file').read())", "text"),
    "lists what it may read": ("import os; print(os.listdir('readable'))", "['file']"),
    "does not change what it may read": ("open('readable/file', 'a')", "PermissionError"),
    "does not make files in it": ("open('readable/new', 'w')", "PermissionError"),
    "does not remove from it": ("import os; os.remove('readable/file')", "PermissionError"),
    "changes what it may change": (
        "open('writable/new', 'w').write('a'); print(open('writable/new').read())",
        "a",
    ),
    "makes folders and links there": (
        "import os; os.mkdir('writable/a'); os.symlink('a', 'writable/b'); print(sorted(os.listdir('writable')))",
        "['a', 'b', 'file']",
    ),
    "makes no pipe there": ("import os; os.mkfifo('writable/pipe')", "PermissionError"),
    "does not read beside": ("open('secret/file')", "PermissionError"),
    "does not list beside": ("import os; os.listdir('secret')", "PermissionError"),
    "does not write beside": ("open('new', 'w')", "PermissionError"),
    "does not follow a link out": (
        "import os; os.symlink('../secret/file', 'writable/link'); open('writable/link')",
        "PermissionError",
    ),
    "does not link a file in": ("import os; os.link('secret/file', 'writable/link')", "OSError"),
    "does not read its own environment": ("open('/proc/self/environ')", "PermissionError"),
    "does not read that of kgate": ("import os; open(f'/proc/{os.getppid()}/environ')", "PermissionError"),
    "does not read accounts": ("open('/etc/passwd')", "PermissionError"),
    "runs no program": ("import subprocess; subprocess.run(['/bin/true'])", "PermissionError"),
    "runs no program that it wrote": (WRITE_AND_RUN, "PermissionError"),
    "writes to /dev/null": ("print(open('/dev/null', 'w').write('abc'))", "3"),
    "signals nobody outside": ("import os; os.kill(os.getppid(), 0)", "PermissionError"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("readable", "writable", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("text")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("code", "expected"), FILES.values(), ids=FILES.keys())
def test_files(folder: Path, code: str, expected: str) -> None:
    if "signals" in code and _landlock_version() < 6:
        pytest.skip("signals are confined since version 6 of Landlock")
    assert run(code, Reach((folder / "readable",), (folder / "writable",))) == expected


def _landlock_version() -> int:
    import ctypes

    return int(ctypes.CDLL(None).syscall(444, None, 0, 1))


NETWORK: dict[str, str] = {
    "IPv4": "import socket; socket.socket()",
    "IPv6": "import socket; socket.socket(socket.AF_INET6)",
    "datagrams": "import socket; socket.socket(type=socket.SOCK_DGRAM)",
    "Unix": "import socket; socket.socket(socket.AF_UNIX)",
    "netlink": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
}


@pytest.mark.parametrize("code", NETWORK.values(), ids=NETWORK.keys())
def test_network(folder: Path, code: str) -> None:
    assert run(code, sandbox.NOTHING) == "PermissionError"
    assert run(code, sandbox.NOTHING, with_network=True) == ""


def test_a_socket_through_io_uring(folder: Path) -> None:
    code = "import ctypes; l = ctypes.CDLL(None, use_errno=True); print(l.syscall(425, 1, None), ctypes.get_errno())"
    assert run(code, sandbox.NOTHING) == "-1 13"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 has a second set of numbers")
def test_a_socket_through_the_numbers_of_x32(folder: Path) -> None:
    code = "import ctypes; l = ctypes.CDLL(None, use_errno=True); n = 0x40000000 + 41\n"
    code += "print(l.syscall(n, 2, 1, 0), ctypes.get_errno())"
    assert run(code, sandbox.NOTHING) == "-1 13"


def test_the_thread_alone_is_confined(folder: Path) -> None:
    run("pass", sandbox.NOTHING)
    socket.socket().close()
    assert (folder / "secret/file").read_text() == "text"


def test_what_cannot_be_started_is_told(folder: Path) -> None:
    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([folder / "no-such"])

    with pytest.raises(FileNotFoundError), sandbox.started_confined(start, sandbox.NOTHING, with_network=False):
        pass


@pytest.mark.parametrize("lacks", LACKS)
def test_a_machine_that_lacks_something(lacks: str) -> None:
    """No namespace is needed; without Landlock the network is cut all the same."""
    code = "from kgate.rendering import sandbox; print(sandbox.confines_files(), sandbox.cuts_network())"
    command = [sys.executable, "-m", "tests.lesser_kernel", lacks, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str("Landlock" not in lacks), "True"]
    unshare = [sys.executable, "-m", "tests.lesser_kernel", lacks, "/usr/bin/unshare", "--map-root-user", "--net", "--"]
    refused = subprocess.run([*unshare, "/bin/true"], capture_output=True, check=False).returncode != 0
    assert refused or lacks == "nothing", "the namespaces are really refused"


def test_the_interpreter_of_a_script_is_runnable(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho works\n")
    script.chmod(0o755)

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen([script], stdout=subprocess.PIPE, text=True, env={"PATH": os.defpath})

    with sandbox.started_confined(start, Reach(programs=(script,)), with_network=False) as process:
        assert process.communicate()[0] == "works\n"
