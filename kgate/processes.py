"""Spreads work over several processes, and gives its results in order."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")

_PIPE_BYTES = 1 << 20
"""What a process may have ready before somebody takes it, where the system allows so much."""


class Codec(Protocol[Result]):
    """How a result travels from one process to another."""

    def encode(self, result: Result) -> bytes:
        """The result as bytes."""

    def decode(self, data: bytes) -> Result:
        """The result that the bytes stand for."""


class WorkerError(Exception):
    """A process that ended without giving its result; a bug, or the system ended it."""


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def can_fork() -> bool:
    """True where a copy of this process can do part of its work: a thread that holds a lock would not be in it."""
    return sys.platform == "linux" and threading.active_count() == 1


def spread(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int, codec: Codec[Result]
) -> Iterator[Result]:
    """``work`` of each item, in their order, by up to so many processes, of which this is one.

    The items are dealt out in turn, so that a result is ready when it is wanted. An exception of ``work`` is raised
    here, wherever it came up. Raises WorkerError.
    """
    count = min(processes, len(items))
    if count < 2 or not can_fork():
        yield from map(work, items)
        return
    team = _Team(work, items, count, codec)
    try:
        for index, item in enumerate(items):
            yield work(item) if index % count == 0 else team.result(index % count)
    finally:
        team.end()


class _Team(Generic[Item, Result]):
    """The other processes, each with a pipe by which its results come."""

    def __init__(self, work: Callable[[Item], Result], items: Sequence[Item], count: int, codec: Codec[Result]) -> None:
        from multiprocessing import get_context

        self._codec = codec
        self._receivers: list[Connection] = []
        self._processes: list[Any] = []
        context = get_context("fork")
        for number in range(1, count):
            receiver, sender = context.Pipe(duplex=False)
            _widen(sender)
            self._receivers.append(receiver)
            share = items[number::count]
            process = context.Process(target=self._run, args=(work, share, sender), daemon=True)
            process.start()
            sender.close()
            self._processes.append(process)

    def _run(self, work: Callable[[Item], Result], share: Sequence[Item], sender: Connection) -> None:
        """What another process does: its share, until that is done or nobody wants it any more."""
        for name in ("SIGINT", "SIGHUP"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)  # the first process ends the others
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for receiver in self._receivers:
            receiver.close()
        try:
            for item in share:
                sender.send_bytes(b"=" + self._codec.encode(work(item)))
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001 - raised again where the result is taken
            sender.send_bytes(b"!" + pickle.dumps(error))

    def result(self, number: int) -> Result:
        """The next result of a process."""
        try:
            data = self._receivers[number - 1].recv_bytes()
        except (EOFError, OSError):
            raise WorkerError("a process that judges a part of the files ended early") from None
        if data[:1] == b"!":
            raise pickle.loads(data[1:])  # noqa: S301 - of our own process
        return self._codec.decode(data[1:])

    def end(self) -> None:
        """Ends the processes, whether they are done or not."""
        for receiver, process in zip(self._receivers, self._processes, strict=True):
            receiver.close()
            process.kill()
            process.join()


def _widen(sender: Connection) -> None:
    import contextlib
    import fcntl

    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(sender.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
