"""processes.py: work in several processes gives what one process gives, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from kgate.processes import WorkerError, spread
from tests.command import ROOT
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one process does all")


class Text:
    """Texts as bytes."""

    def encode(self, result: str) -> bytes:
        return result.encode()

    def decode(self, data: bytes) -> str:
        return data.decode()


Children: TypeAlias = Callable[[], list[int]]


@pytest.fixture
def children() -> Children:
    """Lists the processes that a test has started and that still run."""
    before = _children()
    return lambda: [pid for pid in _children() if pid not in before]


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()]


def with_process(item: int) -> str:
    return f"{item} {os.getpid()}"


def test_results_come_in_order_from_several_processes() -> None:
    found = [line.split() for line in spread(with_process, range(20), 3, Text())]
    assert [int(item) for item, _ in found] == list(range(20))
    assert len({pid for _, pid in found}) == 3
    assert [pid for _, pid in found[::3]] == [str(os.getpid())] * 7, "this process does its part"


@pytest.mark.parametrize(
    ("items", "processes"),
    [
        pytest.param(20, 1, id="one process"),
        pytest.param(1, 4, id="one item"),
        pytest.param(0, 4, id="none"),
    ],
)
def test_one_process_does_what_is_not_worth_more(items: int, processes: int) -> None:
    found = list(spread(with_process, range(items), processes, Text()))
    assert [line.split()[1] for line in found] == [str(os.getpid())] * items


def test_a_process_with_threads_is_not_copied() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        found = list(spread(with_process, range(8), 2, Text()))
    finally:
        done.set()
        thread.join()
    assert {line.split()[1] for line in found} == {str(os.getpid())}


def failing(item: int) -> str:
    if item == 5:
        raise ZeroDivisionError("five")
    return with_process(item)


def test_an_exception_is_raised_where_its_result_is_wanted(children: Children) -> None:
    results = spread(failing, range(8), 2, Text())
    assert [next(results).split()[0] for _ in range(5)] == ["0", "1", "2", "3", "4"]
    with pytest.raises(ZeroDivisionError, match="five"):
        next(results)
    assert children() == []


def dying(item: int) -> str:
    if item == 1:
        os._exit(9)
    return with_process(item)


def test_a_process_that_the_system_ends_is_no_result(children: Children) -> None:
    results = spread(dying, range(4), 2, Text())
    next(results)
    with pytest.raises(WorkerError, match="was ended") as caught:
        next(results)
    assert caught.value.exit_code == 3, "incomplete"
    assert children() == []


def test_what_is_not_wanted_any_more_is_ended(children: Children) -> None:
    results = spread(slow, range(4), 3, Text())
    next(results)
    assert len(children()) == 2
    results.close()  # type: ignore[attr-defined]
    assert children() == []


def slow(item: int) -> str:
    time.sleep(600 if item else 0)
    return with_process(item)


ORPHANS = """
import os, sys, time
from kgate.processes import spread
from tests.test_processes import Text

def work(item):
    open(f"pid-{os.getpid()}", "w").close()
    time.sleep(0.05)
    return "x" * 2_000_000

for _ in spread(work, range(10**5), 2, Text()):
    pass
"""


def test_a_killed_process_leaves_no_other(tmp_path: Path) -> None:
    """The other process ends as soon as it has a result that nobody takes."""
    first = subprocess.Popen([sys.executable, "-c", ORPHANS], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    others = [int(path.name.partition("-")[2]) for path in tmp_path.iterdir()]
    first.kill()
    first.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others))
