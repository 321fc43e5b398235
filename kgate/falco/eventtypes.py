"""How many types of system calls a condition may be about (falcosecurity/libs, filter/ppm_codes.cpp)."""

from __future__ import annotations

from kgate.falco.conditions import And, Check, EventField, Expression, Macro, Not, Or, Value

_OF_TYPES = ("=", "==", "!=", "in")
_NEVER = {"=": 0, "==": 0, "<": 1, "<=": 0, "in": 0}
_ALWAYS = {"!=": 0, ">": 0, ">=": 1}


def is_of_most_types(expression: Expression, *, is_negated: bool = False) -> bool:
    """True if no comparison with ``evt.type`` restricts a condition. A condition about types names a few or leaves out
    a few, so it is enough to know which of the two a part does."""
    if isinstance(expression, Not):
        return is_of_most_types(expression.child, is_negated=not is_negated)
    if isinstance(expression, And | Or):
        parts = [is_of_most_types(one, is_negated=is_negated) for one in expression.children]
        return all(parts) if isinstance(expression, And) is not is_negated else any(parts)
    if isinstance(expression, Macro):
        return expression.body is None or is_of_most_types(expression.body, is_negated=is_negated)
    name = expression.left.name if isinstance(expression.left, EventField) else ""
    if name in ("evt.type", "syscall.type") and expression.operator in _OF_TYPES:
        return (expression.operator == "!=") is not is_negated
    known = _counts(expression) if name == "evt.num" else None
    return True if known is None else known is not is_negated


def _counts(check: Check) -> bool | None:
    """Returns whether a comparison with the number of the event, which counts from 1, always or never holds; None if
    it depends."""
    if not isinstance(check.right, tuple):
        return None
    if not all(isinstance(one, Value) and one.text.isdecimal() for one in check.right):
        return None
    most = max((int(one.text[:20]) for one in check.right), default=0)
    if check.operator in _NEVER and most <= _NEVER[check.operator]:
        return False
    return True if check.operator in _ALWAYS and most <= _ALWAYS[check.operator] else None
