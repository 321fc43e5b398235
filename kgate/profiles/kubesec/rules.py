"""rules.yaml -> the rules of kubesec, and where it looks for a pod."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache

from kgate.errors import RuleError
from kgate.model import Json, Variable
from kgate.rules import cel
from kgate.rules.variables import bound_by
from kgate.values import dataclass
from kgate.yamltree.nodes import compose


@dataclass(frozen=True, slots=True)
class ScoringRule:
    """A rule that gives points to an object of one of its kinds, or takes some, if ``matches`` is true (CEL)."""

    id: str
    points: int
    kinds: tuple[str, ...]
    selector: str
    reason: str
    matches: str

    @property
    def order(self) -> tuple[int, str]:
        """The key that sorts rules in a report: those that weigh most first, then by selector."""
        return -abs(self.points), self.selector


@dataclass(frozen=True, slots=True)
class Required:
    """A field that a type must have, in which Kubernetes 1.x versions."""

    name: str
    since: int = 0
    until: int | None = None

    def holds(self, minor: int) -> bool:
        """True if the field is required in this version."""
        return self.since <= minor and (self.until is None or minor < self.until)


@dataclass(frozen=True, slots=True)
class Profile:
    """All that rules.yaml says; ``pods`` are the paths to the pod spec by kind, ``required`` the fields by type."""

    rules: tuple[ScoringRule, ...]
    pods: Mapping[str, tuple[str, ...]]
    required: Mapping[str, tuple[Required, ...]]

    def chosen(self, ids: Sequence[str]) -> tuple[ScoringRule, ...]:
        """Returns the rules with these ids, as often as they are named; all without any. Raises RuleError, with the
        words of kubesec, and for more ids than there are rules: a report holds each of them for every document."""
        known = {rule.id: rule for rule in self.rules}
        if len(ids) > len(known):
            raise RuleError(f"{len(ids):,} rule IDs requested, and there are {len(known)}; request each once")
        unknown = [one for one in ids if one not in known]
        if unknown:
            raise RuleError(f"invalid rule IDs requested: {', '.join(unknown)}")
        return tuple(known[one] for one in ids) if ids else self.rules

    def pod_of(self, kind: str, body: Mapping[str, Json]) -> Json:
        """Returns the pod spec of an object, {} if it has none."""
        found: Json = body
        for name in self.pods.get(kind, self.pods["others"]):
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}


@cache
def profile() -> Profile:
    """Returns the profile, which changes only with kgate itself."""
    text = (pkgutil.get_data("kgate.profiles.kubesec", "rules.yaml") or b"").decode()
    data = next(compose(text)).value
    variables = tuple(Variable(one["name"], one["expression"]) for one in data["variables"])
    rules = (
        ScoringRule(
            id=one["id"],
            points=one["points"],
            kinds=tuple(one["kinds"]),
            selector=one["selector"],
            reason=one["reason"],
            matches=bound_by(one["matches"], variables),
        )
        for one in data["rules"]
    )
    return Profile(
        tuple(rules),
        {kind: tuple(path) for kind, path in data["pods"].items()},
        {name: tuple(map(_required, fields)) for name, fields in data["required"].items()},
    )


def _required(value: Json) -> Required:
    return Required(value) if isinstance(value, str) else Required(*value)


@cache
def program() -> cel.Program:
    """Returns what asks all rules at once, in their order."""
    return cel.Program([rule.matches for rule in profile().rules])
