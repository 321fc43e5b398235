"""Spreads work over several processes, and yields the results in order."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from kgate.errors import KgateError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")

_PIPE_BYTES = 1 << 20
"""How many bytes of results a process may have waiting in its pipe, if the system allows so many."""


class Codec(Protocol[Result]):
    """Turns results into bytes and back, to pass them between processes."""

    def encode(self, result: Result) -> bytes:
        """Returns the result as bytes."""

    def decode(self, data: bytes) -> Result:
        """Returns the result from its bytes."""


class WorkerError(KgateError):
    """A process that ended without returning its result, because of a bug or because the system killed it."""

    exit_code = 3


def processors() -> int:
    """Returns the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def can_fork() -> bool:
    """True if this process can be forked safely: a copy lacks the other threads, and could wait for their locks."""
    return sys.platform == "linux" and threading.active_count() == 1


def spread(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int, codec: Codec[Result]
) -> Iterator[Result]:
    """Yields ``work`` of each item in order, computed by up to ``processes`` processes, including this one.

    The items are dealt out in turn, so that a result is ready when it is needed. An exception in ``work`` is raised
    here, whichever process it comes from. Raises WorkerError.
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
    """The other processes, each with a pipe for its results."""

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
        """Runs in another process: works on its share until that is done or nobody reads the results any more."""
        for name in ("SIGINT", "SIGHUP"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)  # the first process kills the others
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for receiver in self._receivers:
            receiver.close()
        try:
            for item in share:
                sender.send_bytes(b"=" + self._codec.encode(work(item)))
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001 - raised again where the result is taken
            import pickle

            sender.send_bytes(b"!" + pickle.dumps(error))

    def result(self, number: int) -> Result:
        """Returns the next result of a process. Raises WorkerError."""
        try:
            data = self._receivers[number - 1].recv_bytes()
        except (EOFError, OSError):
            message = "a process that judged part of the files was ended, perhaps for want of memory; try --jobs 1"
            raise WorkerError(message) from None
        if data[:1] == b"!":
            import pickle

            raise pickle.loads(data[1:])  # noqa: S301 - from our own process
        return self._codec.decode(data[1:])

    def end(self) -> None:
        """Kills the processes, finished or not."""
        for receiver, process in zip(self._receivers, self._processes, strict=True):
            receiver.close()
            process.kill()
            process.join()


def _widen(sender: Connection) -> None:
    import contextlib
    import fcntl

    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(sender.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def bounded(work: Callable[[], Result], seconds: float, most_bytes: int) -> Result:
    """Returns the result of work that another process does, which may take so much time and memory more than it has;
    where this one cannot be forked, it does the work itself. Raises WorkerError, and what ``work`` raises."""
    if not can_fork():
        return work()
    from multiprocessing import get_context

    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work_within, args=(work, sender, most_bytes), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise WorkerError(f"took more than {seconds:,.0f} seconds")
        is_error, result = receiver.recv()
    except EOFError:
        raise WorkerError(f"took more than {most_bytes >> 20:,} MiB of memory, or the system ended it") from None
    finally:
        receiver.close()
        process.kill()
        process.join()
    if is_error:
        raise result
    done: Result = result
    return done


def _work_within(work: Callable[[], Any], sender: Connection, most_bytes: int) -> None:
    """Runs in another process, which has nothing to say on standard error if it runs out of memory."""
    import resource

    for name in ("SIGINT", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with open("/proc/self/statm", encoding="ascii") as statistics:
        here = int(statistics.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (here + most_bytes, here + most_bytes))
    try:
        sender.send((False, work()))
    except MemoryError:
        return
    except Exception as error:  # noqa: BLE001 - raised again where the result is taken
        sender.send((True, error))
