"""Waits for an event, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

HANG = 300
"""Seconds after which what a test waits for is considered hung: far more than it needs on a busy machine."""

_Found = TypeVar("_Found")


def wait_for(find: Callable[[], _Found]) -> _Found:
    """Returns what is found, as soon as it is true. Fails after HANG seconds."""
    end = time.monotonic() + HANG
    while not (found := find()):
        assert time.monotonic() < end, "it hangs"
        time.sleep(0.01)
    return found
