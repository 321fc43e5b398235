"""Takes files and network from what a thread starts: Landlock and seccomp of Linux, which need no privilege.

Neither needs a namespace, so both also hold in containers and where user namespaces are forbidden. Both act on one
thread and on all that it starts, and are never lifted again. Sources: Linux, Documentation/userspace-api/landlock.rst
and Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import stat
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import TypeVar

from kgate.values import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reach:
    """The files that a program may touch, each path with all that lies below it: those it may read, those it may
    also change, and those it may execute besides itself. The libraries of the system are always readable. ``stdin`` is
    what it finds on its standard input."""

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()
    stdin: bytes = b""


NOTHING = Reach()

SYSTEM = tuple(
    Path(path)
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt", "/nix/store", "/run/systemd/resolve")
)
"""What programs need if the user allows them the network: git, its helpers, certificates, the name service."""


@contextlib.contextmanager
def started_confined(start: Callable[[], T], reach: Reach, *, with_network: bool) -> Iterator[T]:
    """Calls ``start`` in a confined thread, which lives until the block ends. Raises what ``start`` raises.

    The thread is a new one because it stays confined, and lives on because the system tells a child of the death of
    the thread that started it, not of the process (prctl(2), PR_SET_PDEATHSIG).
    """
    result: Future[T] = Future()
    is_over = threading.Event()

    def work() -> None:
        try:
            confine_thread(reach, with_network=with_network)
            result.set_result(start())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            result.set_exception(error)
        is_over.wait()

    thread = threading.Thread(target=work, name="confined", daemon=True)
    thread.start()
    try:
        yield result.result()
    finally:
        is_over.set()
        thread.join()


def confine_thread(reach: Reach, *, with_network: bool) -> None:
    """Confines this thread, and all that it starts from now on, as far as the system can. Raises OSError."""
    must_cut = not with_network and cuts_network()  # asked first, as a confined thread cannot import
    if confines_files():
        _restrict_files(reach)
    if must_cut:
        _refuse_sockets()


@cache
def confines_files() -> bool:
    """True if the kernel keeps a program to its Reach (Landlock, Linux 5.13)."""
    return _is_linux() and _holds(lambda: _restrict_files(NOTHING), lambda: os.close(os.open("/", os.O_RDONLY)))


@cache
def cuts_network() -> bool:
    """True if the kernel refuses sockets to a program (seccomp)."""
    import socket

    return _is_linux() and _holds(_refuse_sockets, lambda: socket.socket(socket.AF_INET).close())


def _is_linux() -> bool:
    return sys.platform == "linux" and platform.machine() in _MACHINES


def _holds(restrict: Callable[[], None], attempt: Callable[[], None]) -> bool:
    """True if a thread that is restricted is refused the attempt."""
    refused: list[bool] = []

    def work() -> None:
        try:
            restrict()
        except (OSError, AttributeError):
            return
        try:
            attempt()
        except PermissionError:
            refused.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return bool(refused)


# -------------------------------------------------------------------------------------------- system calls


@dataclass(frozen=True, slots=True)
class _Machine:
    """An architecture: its name for the kernel (AUDIT_ARCH_…), and its number of socket(2)."""

    audit: int
    socket: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 41), "aarch64": _Machine(0xC00000B7, 198)}
_IO_URING_SETUP = 425
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def _syscall(number: int, *arguments: object) -> int:
    """The result of a system call. Raises OSError."""
    return _checked(int(_libc().syscall(ctypes.c_long(number), *arguments)))


def _prctl(option: int, *arguments: object) -> None:
    """Sets an attribute of this thread. Raises OSError."""
    padded = (*arguments, *[ctypes.c_ulong(0)] * (4 - len(arguments)))
    _checked(int(_libc().prctl(ctypes.c_int(option), *padded)))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


# ------------------------------------------------------------------------------------------------- files

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE, _IOCTL_DEV = (1 << bit for bit in (0, 1, 2, 3, 14, 15))
_MAKE_DEVICES = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _READ_FILE | _READ_DIR
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
"""The rights that each version of Landlock can take away. Later versions are treated as the newest known one."""

_SCOPES = 0b11
"""Abstract Unix sockets and signals to processes outside (version 6)."""

_RULE_PATH_BENEATH = 1
_LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/nix/store")
_FILES_OF_THE_SYSTEM = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/dev/urandom", "/dev/random")
_LOADERS = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/nix/store",
)


def _restrict_files(reach: Reach) -> None:
    version = _syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    handled = _RIGHTS[min(version, max(_RIGHTS))]
    attributes = struct.pack("=QQQ", handled, 0, _SCOPES if version >= 6 else 0)
    ruleset = _syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for path, rights in _rules(reach):
            _allow(ruleset, path, rights & handled)
        _prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
        _syscall(_LANDLOCK_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _rules(reach: Reach) -> Iterator[tuple[str | Path, int]]:
    """Paths, and the rights that apply to them and to all below them."""
    yield from ((path, _READ) for path in (*_LIBRARIES, *_FILES_OF_THE_SYSTEM))
    yield from ((path, _READ | _EXECUTE) for path in _LOADERS)
    yield os.devnull, _READ_FILE | _WRITE_FILE
    yield from ((path, _READ) for path in reach.reads)
    yield from ((path, _RIGHTS[max(_RIGHTS)] & ~_EXECUTE & ~_MAKE_DEVICES) for path in reach.writes)
    yield from ((path, _READ | _EXECUTE) for path in reach.programs)
    yield from ((path, _READ | _EXECUTE) for program in reach.programs if (path := _interpreter(program)))


def _interpreter(program: Path) -> str:
    """The program that runs a script, as its first line names it; empty if it is not a script."""
    try:
        with program.open("rb") as stream:
            line = stream.readline(256)
    except OSError:
        return ""
    words = line[2:].split() if line.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words else ""


def _allow(ruleset: int, path: str | Path, rights: int) -> None:
    """Adds a rule for a path that exists; a missing one cannot be touched anyway."""
    if sys.platform != "linux":
        return
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            return
        raise
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        _syscall(_LANDLOCK_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------------ network

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_X32_BIT = 0x40000000
"""Numbers from here on are those of another interface of x86-64 to the same calls."""


def refusing(calls: Sequence[int]) -> bytes:
    """A seccomp filter that makes these system calls, and all of other architectures, fail with EACCES."""
    machine = _MACHINES[platform.machine()]
    checks = [(_JUMP_AT_LEAST, _X32_BIT), *((_JUMP_EQUAL, call) for call in calls)]
    lines = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, machine.audit), (_RETURN, 0, 0, _REFUSE), (_LOAD, 0, 0, 0)]
    lines += [(code, len(checks) - index, 0, value) for index, (code, value) in enumerate(checks)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def install_filter(program: bytes) -> None:
    """Puts a seccomp filter on this thread and on all that it starts. Raises OSError."""
    text = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(text))
    _prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    _prctl(_PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.c_char_p(header))


def _refuse_sockets() -> None:
    """Refuses socket(2), and io_uring, which can open sockets without it."""
    install_filter(refusing((_MACHINES[platform.machine()].socket, _IO_URING_SETUP)))
