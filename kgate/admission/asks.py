"""The path that a webhook posts to -> what it asks of objects, and what becomes of those that fall short of it."""

from __future__ import annotations

import re
from enum import StrEnum

from kgate.kubernetes.pss import LEVELS, asked
from kgate.model import Severity
from kgate.values import dataclass

_SCORE = re.compile(r"min-score-([0-9]|[1-9][0-9]|100)")
_LEVEL = re.compile(rf"level-({'|'.join(LEVELS)})")
_SEVERITY = re.compile(rf"fail-on-({'|'.join(one.label for one in Severity)})")


class Mode(StrEnum):
    """What becomes of a request with an object that falls short: it is only written into the audit log, also answered
    with warnings, or refused."""

    AUDIT = "audit"
    WARN = "warn"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Asks:
    """What every object must reach, as far as the path says it; None where that is what the settings say. An empty
    ``level`` asks for none."""

    min_score: int | None = None
    level: str | None = None
    fail_on: Severity | None = None


class AsksError(Exception):
    """What is wrong with a path, and what to write."""


def parse(path: str) -> tuple[Mode, Asks]:
    """Returns what follows ``/admit`` in a path such as ``/admit/deny/min-score-60/level-baseline``; nothing means
    deny. An API server allows no query in the path of a webhook. Raises AsksError."""
    first, *rest = [part for part in path.split("/") if part] or [Mode.DENY]
    if first not in set(Mode):
        raise AsksError(f"'{first:.100}' is not a mode; write /admit/{', /admit/'.join(Mode)}")
    found: dict[str, int | str | Severity] = {}
    for part in rest:
        name, value = _ask(part)
        if name in found:
            raise AsksError(f"'{part}' asks again for what the path already asks for; leave one of them out")
        found[name] = value
    return Mode(first), Asks(**found)  # type: ignore[arg-type]  # each name has a value of its type


def _ask(part: str) -> tuple[str, int | str | Severity]:
    if match := _SCORE.fullmatch(part):
        return "min_score", int(match[1])
    if match := _LEVEL.fullmatch(part):
        return "level", asked(match[1])
    if match := _SEVERITY.fullmatch(part):
        return "fail_on", Severity.parse(match[1])
    examples = "min-score-60, level-baseline or fail-on-high"
    raise AsksError(f"'{part:.100}' asks for nothing that is known; write {examples}")
