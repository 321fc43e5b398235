"""Evaluates rules of source k8s_audit over audit events, and says why a rule fires or does not."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping

from kgate import regexp
from kgate.falco import extraction, outputs
from kgate.falco.compiling import FalcoRule
from kgate.falco.conditions import (
    And,
    Check,
    EventField,
    Expression,
    Macro,
    Not,
    Or,
    Transformed,
    Value,
    fields_of,
    walk,
)
from kgate.falco.extraction import UNMODELLED, Values
from kgate.falco.fields import AUDIT_FIELDS, AUDIT_SOURCE
from kgate.falco.traced import Traced
from kgate.model import Json, Location
from kgate.values import dataclass

NO_VALUE = "<NA>"


class Happening:
    """An audit event, whose fields are extracted once."""

    def __init__(self, event: Json) -> None:
        self.event = event
        self._fields: dict[tuple[str, str | None], Values | None] = {}
        self._macros: dict[int, bool] = {}

    def values(self, field: EventField) -> Values | None:
        """Returns the values of a field; None if there is none."""
        key = field.name, field.argument
        if key not in self._fields:
            self._fields[key] = extraction.extract(field, self.event)
        return self._fields[key]

    def holds(self, expression: Expression) -> bool:
        """True if a condition holds."""
        if isinstance(expression, Check):
            return compare(expression, self.values)
        if isinstance(expression, Not):
            return not self.holds(expression.child)
        if isinstance(expression, And):
            return all(self.holds(one) for one in expression.children)
        if isinstance(expression, Or):
            return any(self.holds(one) for one in expression.children)
        return self._macro(expression)

    def _macro(self, macro: Macro) -> bool:
        assert macro.body is not None
        key = id(macro.body)
        if key not in self._macros:
            self._macros[key] = self.holds(macro.body)
        return self._macros[key]

    def output(self, rule: FalcoRule) -> str:
        """Returns what a rule says of the event."""
        return "".join(self._shown(part) for part in outputs.parse(rule.output.text.strip()))

    def _shown(self, part: str | EventField) -> str:
        if isinstance(part, str):
            return part
        if part.name in UNMODELLED:
            return NO_VALUE
        values = self.values(part)
        if values is None:
            return NO_VALUE
        return f"({','.join(values)})" if AUDIT_FIELDS[part.name].is_list else values[0]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A part of a condition, whether it holds, and what decides that: for a comparison the ``values`` of its field
    (None if it has none), for all else the parts inside."""

    text: str
    holds: bool
    place: Location
    values: Values | None = None
    parts: tuple[Explanation, ...] = ()


def unmodelled(rule: FalcoRule) -> str | None:
    """Returns what in a rule kgate cannot evaluate, if anything: it is refused rather than guessed."""
    if rule.source != AUDIT_SOURCE:
        return f"events of source {rule.source}"
    pending, seen = [rule.condition], set()
    while pending:
        for one in walk(pending.pop()):
            if isinstance(one, Macro):
                if one.body is not None and id(one.body) not in seen:
                    seen.add(id(one.body))
                    pending.append(one.body)
            elif (reason := _unmodelled(one)) is not None:
                return reason
    return None


def _unmodelled(check: Check) -> str | None:
    sides = (check.left, check.right)
    functions = [one.transformer for one in sides if isinstance(one, Transformed) and one.transformer != "val"]
    if functions:
        return f"the function {functions[0]}()"
    name = next((field.name for field in fields_of(check) if field.name in UNMODELLED), None)
    if name is not None:
        return f"the field {name}, which the running Falco sets"
    patterns = check.right if isinstance(check.right, tuple) and check.operator.startswith(("glob", "iglob")) else ()
    if any(sign in one.text for one in patterns for sign in "[\\"):
        return "brackets and backslashes in a glob"
    if check.operator == "pmatch" and any(sign in one.text for one in _constants(check) for sign in "*?["):
        return "patterns in the paths of pmatch"
    return None


def _constants(check: Check) -> tuple[Value, ...]:
    return check.right if isinstance(check.right, tuple) else ()


def compare(check: Check, values_of: Callable[[EventField], Values | None]) -> bool:
    """True if a comparison holds; without a value of its fields it does not."""
    assert isinstance(check.left, EventField)
    values = values_of(check.left)
    if values is None or check.operator == "exists":
        return values is not None
    wanted: Values | None
    if isinstance(check.right, Transformed):
        wanted = values_of(_compared(check.right))
        if wanted is None:
            return False
    else:
        wanted = tuple(one.text for one in check.right)
    if AUDIT_FIELDS[check.left.name].is_list:
        members = frozenset(wanted)
        return all(one in members for one in values) if check.operator == "in" else not members.isdisjoint(values)
    return _compare_text(values[0], check.operator, wanted)


def _compared(right: Transformed) -> EventField:
    """Returns the field in ``val(…)``."""
    (field,) = right.operands
    assert isinstance(field, EventField)
    return field


def _compare_text(value: str, operator: str, wanted: Values) -> bool:
    operator, _, modifier = operator.partition(" ")
    if operator in ("in", "intersects"):
        return value in wanted
    if operator == "pmatch":
        return any(_is_below(value, path) for path in wanted)
    matching = sum(_OPERATORS[operator](value, one) for one in wanted)
    if modifier == "oneof":
        return matching == 1
    return (matching == len(wanted) > 0) if modifier == "allof" else matching > 0


def _is_below(path: str, parent: str) -> bool:
    """True if a path begins with all names of another one."""
    names, inner = [one for one in parent.split("/") if one], [one for one in path.split("/") if one]
    return inner[: len(names)] == names


def _matches(value: str, pattern: str) -> bool:
    return regexp.compile_go(pattern).fullmatch(value)


@functools.lru_cache(1024)
def _glob(pattern: str, *, ignores_case: bool) -> regexp.Pattern:
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return regexp.compile_go(f"(?s{'i' if ignores_case else ''}){''.join(parts)}")


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "=": str.__eq__,
    "==": str.__eq__,
    "!=": str.__ne__,
    "<": lambda value, other: value.encode() < other.encode(),
    "<=": lambda value, other: value.encode() <= other.encode(),
    ">": lambda value, other: value.encode() > other.encode(),
    ">=": lambda value, other: value.encode() >= other.encode(),
    "contains": lambda value, other: other in value,
    "icontains": lambda value, other: other.lower() in value.lower(),
    "startswith": str.startswith,
    "endswith": str.endswith,
    "glob": lambda value, other: _glob(other, ignores_case=False).fullmatch(value),
    "iglob": lambda value, other: _glob(other, ignores_case=True).fullmatch(value),
    "regex": _matches,
}


class Explainer:
    """Says why the condition of a rule holds for an event or does not; ``macros`` has the texts of macros by name."""

    def __init__(self, happening: Happening, macros: Mapping[str, Traced]) -> None:
        self._happening = happening
        self._macros = macros

    def explain(self, rule: FalcoRule, *, is_whole: bool = False) -> Explanation:
        """Returns the parts that decide; all parts if ``is_whole``."""
        return self._step(rule.condition, rule.text, is_whole=is_whole)

    def _step(self, expression: Expression, text: Traced, *, is_whole: bool) -> Explanation:
        holds = self._happening.holds(expression)
        place = text.place(expression.offset)
        if isinstance(expression, Check):
            assert isinstance(expression.left, EventField)
            place = text.place(expression.offset, len(str(expression.left)))
            return Explanation(str(expression), holds, place, self._happening.values(expression.left))
        if isinstance(expression, Macro):
            assert expression.body is not None
            inner = self._step(expression.body, self._macros[expression.name], is_whole=is_whole)
            return Explanation(f"macro {expression.name}", holds, place, parts=(inner,))
        if isinstance(expression, Not):
            return Explanation("not", holds, place, parts=(self._step(expression.child, text, is_whole=is_whole),))
        is_all = isinstance(expression, And)
        parts = tuple(self._step(one, text, is_whole=is_whole) for one in expression.children)
        decisive = parts if is_whole or holds is is_all else tuple(part for part in parts if part.holds is holds)
        return Explanation("all of" if is_all else "one of", holds, place, parts=decisive)
