"""What holds for all tests: no deadline of Hypothesis, the number of workers, and how many tests markers leave out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import settings

# jsonschema imports it, where it is installed, to check IRIs, which no test does; its parser takes a second to make.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

# Installations are used once or twice, in which Python compiles the modules that it imports: half of the time of pip.
os.environ["PIP_COMPILE"] = "0"

settings.register_profile("kgate", deadline=None)
settings.load_profile("kgate")

_LEFT_OUT = pytest.StashKey[int]()


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Half as many workers again as processors, since many tests wait for a process; pytest's own choice if told to."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else processors + processors // 2


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Counts them in the process that collects: with pytest-xdist a worker, whose count pytest itself does not show."""
    if items:
        config = items[0].config
        config.stash[_LEFT_OUT] = config.stash.get(_LEFT_OUT, 0) + len(items)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Hands the count of a worker to the main process."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = session.config.stash.get(_LEFT_OUT, 0)
    yield


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes the count of a worker; all of them collect the same tests."""
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says how many tests did not run, and why."""
    count = config.stash.get(_LEFT_OUT, 0)
    if count:
        chosen = config.getoption("markexpr") or config.getoption("keyword") or "--deselect"
        terminalreporter.write_line(f"{count} tests deselected by {chosen!r}; .ci/run runs them", yellow=True)
