"""The score that workloads must reach, and what an organisation's policy does not let a repository go below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kgate.errors import ConfigError
from kgate.kubernetes import pss
from kgate.limits import HIGHEST_SCORE, LEVEL_SCORES, SCORE_WORDS
from kgate.model import Severity
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.yamltree.fields import FileFields

FLOOR_FIELDS = ("min-score", "level", "fail-on", "kubernetes-version", "never-ignore", "never-waive")


@dataclass(frozen=True, slots=True)
class Floor:
    """The least score, the mildest severity to fail on, the oldest Kubernetes 1.x version, the rules that cannot be
    ignored, the least Pod Security level, and the rules whose findings cannot be waived; None and empty where nothing
    is fixed."""

    min_score: int | None = None
    fail_on: Severity | None = None
    minor: int | None = None
    never_ignore: tuple[str, ...] = ()
    level: str | None = None
    never_waive: tuple[str, ...] = ()

    def score(self, asked: int) -> int:
        """The score that holds if one is asked for."""
        return asked if self.min_score is None else max(asked, self.min_score)

    def severity(self, asked: Severity | None) -> Severity | None:
        """The severity to fail on if one, or none, is asked for."""
        return min((one for one in (asked, self.fail_on) if one is not None), default=None)

    def version(self, asked: int) -> int:
        """The Kubernetes 1.x version that holds if one is asked for."""
        return asked if self.minor is None else max(asked, self.minor)

    def pss_level(self, asked: str | None) -> str | None:
        """The Pod Security level that holds if one, or none, is asked for."""
        return max((one for one in (asked, self.level) if one is not None), key=pss.LEVELS.index, default=None)

    def joined(self, other: Floor) -> Floor:
        """The stricter of two in each respect."""
        return Floor(
            max((one for one in (self.min_score, other.min_score) if one is not None), default=None),
            self.severity(other.fail_on),
            max((one for one in (self.minor, other.minor) if one is not None), default=None),
            tuple(sorted({*self.never_ignore, *other.never_ignore})),
            self.pss_level(other.level),
            tuple(sorted({*self.never_waive, *other.never_waive})),
        )


def threshold(fields: FileFields, name: str) -> int | None:
    """The score that a field asks for, as a number or by the name of a Pod Security level; None if absent. Raises the
    error of the file."""
    value = fields.body.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value in LEVEL_SCORES:
        return LEVEL_SCORES[value]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= HIGHEST_SCORE:
        fields.fault(f"{fields.name(name)} must be {SCORE_WORDS}", name)
    return value


def parse(fields: FileFields, severities: Sequence[str]) -> Floor:
    """The field ``floor`` of a configuration. Raises its error."""
    floor = fields.section("floor")
    floor.only(FLOOR_FIELDS)
    fail_on = floor.one_of("fail-on", severities)
    text = floor.text("kubernetes-version")
    try:
        minor = pss.parse_version(text) if text else None
    except ConfigError as error:
        floor.fault(str(error), "kubernetes-version")
    return Floor(
        threshold(floor, "min-score"),
        Severity.parse(fail_on) if fail_on else None,
        minor,
        tuple(sorted({name for _, name in floor.texts("never-ignore", "rule ids")})),
        floor.one_of("level", pss.LEVELS) or None,
        tuple(sorted({name for _, name in floor.texts("never-waive", "rule ids")})),
    )
