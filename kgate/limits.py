"""The numbers that flags and files may set: limits, which a file may only lower, and the score to reach."""

from __future__ import annotations

from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: its key in kgate.yaml, which is its flag too, its unit, its default, and its range."""

    key: str
    unit: str
    default: int
    least: int
    most: int


TIMEOUT = Limit("timeout", "seconds", 900, 1, 86_400)
"""Wall time of the whole run, at most a day: longer than any CI job may take."""

RENDER_TIMEOUT = Limit("render-timeout", "seconds", 60, 1, 86_400)
"""Wall time of each process that renders."""

RENDER_MEMORY = Limit("render-memory", "MiB", 1024, 64, 1_048_576)
"""Memory of each process that renders: helm does not start with less than 64 MiB; no machine has more than 1 TiB to
spare."""

HIGHEST_SCORE = 100
LEVEL_SCORES = {"baseline": 60, "restricted": 90}
"""The score at which the band of a Pod Security level begins."""

SCORE_WORDS = "a whole number from 0 to 100, baseline (60) or restricted (90)"
"""What may be written for a score."""

LIMITS = (TIMEOUT, RENDER_TIMEOUT, RENDER_MEMORY)
