"""Takes conditions apart into alternatives: which requests each is about, and how much must be recorded of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import field

from kgate.falco.conditions import Check, Expression, Macro, Not, Or, fields_of
from kgate.values import dataclass

METADATA, REQUEST, RESPONSE = 1, 2, 3
"""Indexes of the levels of audit policies: without a body, with that of the request, with that of the response, too."""

MAX_CLAUSES = 5_000

_OF_REQUESTS = (
    *("ka.verb", "ka.uri", "ka.user.name", "ka.user.groups", "ka.stage", "ka.auditid", "ka.req.configmap.name"),
    *("ka.target.name", "ka.target.namespace", "ka.target.resource", "ka.target.subresource"),
    *("ka.req.binding.subject.has_name", "jevt.rawtime", "json.rawtime", "evt.source"),
)
_PARTS_OF_REQUESTS = ("stage", "level", "verb", "auditID", "kind", "requestURI", "user", "objectRef")
"""The parts of an event that are known of a request before it is answered."""

_RESPONSES = ("ka.resp.name", "ka.target.pod.name")


class TooManyClausesError(Exception):
    """A condition with more alternatives, or about more requests, than can be looked at."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A comparison that must hold, or must not, of what is known of a request."""

    text: str
    is_negated: bool
    check: Check = field(compare=False)


@dataclass(frozen=True, slots=True)
class Clause:
    """An alternative of a condition. ``needed`` is the level without which no event fits; ``risky`` the level without
    which a negated comparison holds of every event, since the field has no value; 0 for any."""

    literals: frozenset[Literal]
    needed: int = 0
    risky: int = 0

    @property
    def size(self) -> int:
        """How many constants its comparisons hold, and at least 1."""
        rights = (one.check.right for one in self.literals)
        return max(1, sum(len(right) for right in rights if isinstance(right, tuple)))


class Clauses:
    """Takes the condition of one rule apart."""

    def __init__(self) -> None:
        self._macros: dict[tuple[int, bool], Sequence[Clause]] = {}

    def of(self, expression: Expression, *, is_negated: bool = False) -> Sequence[Clause]:
        """Returns the alternatives; none for a condition without any. Raises TooManyClausesError."""
        if isinstance(expression, Not):
            return self.of(expression.child, is_negated=not is_negated)
        if isinstance(expression, Macro):
            assert expression.body is not None
            key = id(expression.body), is_negated
            if key not in self._macros:
                self._macros[key] = self.of(expression.body, is_negated=is_negated)
            return self._macros[key]
        if isinstance(expression, Check):
            return (_of_check(expression, is_negated=is_negated),)
        parts = [self.of(one, is_negated=is_negated) for one in expression.children]
        if isinstance(expression, Or) is not is_negated:
            return _unique(itertools.chain.from_iterable(parts))
        found: Sequence[Clause] = (Clause(frozenset()),)
        for part in parts:
            found = _unique(_both(one, other) for one in found for other in part)
        return found


def _unique(clauses: Iterable[Clause]) -> Sequence[Clause]:
    found: dict[Clause, None] = {}
    for one in clauses:
        found[one] = None
        if len(found) > MAX_CLAUSES:
            raise TooManyClausesError("its condition has too many alternatives")
    return tuple(found)


def _both(one: Clause, other: Clause) -> Clause:
    return Clause(one.literals | other.literals, max(one.needed, other.needed), max(one.risky, other.risky))


def _of_check(check: Check, *, is_negated: bool) -> Clause:
    levels = [_level(one.name, one.argument or "") for one in fields_of(check)]
    level = max(levels)
    if level == 0:
        return Clause(frozenset((Literal(str(check), is_negated, check),)))
    if is_negated:
        return Clause(frozenset(), risky=level if level > METADATA else 0)
    return Clause(frozenset(), needed=level)


def _level(name: str, pointer: str) -> int:
    """Returns the level at which a field has a value; 0 for what a request shows by itself."""
    if name in ("jevt.value", "json.value"):
        part = pointer.removeprefix("/").partition("/")[0]
        levels = {"requestObject": REQUEST, "responseObject": RESPONSE}
        return 0 if part in _PARTS_OF_REQUESTS else levels.get(part, METADATA)
    if name in _OF_REQUESTS:
        return 0
    if name in _RESPONSES:
        return RESPONSE
    return REQUEST if name.startswith("ka.req.") or name == "ka.sourceips" else METADATA
