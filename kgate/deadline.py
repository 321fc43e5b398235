"""The time at which a scan gives up, whatever it is doing."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


class DeadlineError(Exception):
    """The time of the whole scan is used up."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """``seconds`` is the time that the scan was given, ``end`` the time.monotonic() at which it is used up."""

    seconds: float = math.inf
    end: float = math.inf

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline of a scan that begins now."""
        return cls(seconds, time.monotonic() + seconds)

    def check(self) -> None:
        """Raises DeadlineError if the time is used up."""
        if time.monotonic() >= self.end:
            raise DeadlineError


NEVER = Deadline()
"""For what belongs to no scan."""
