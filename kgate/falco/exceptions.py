"""Exceptions of rules: what they add to the condition."""

from __future__ import annotations

from collections.abc import Sequence

from kgate.falco.faults import Code, LoadError
from kgate.falco.items import LIST_OPERATORS, Entry, ExceptionItem, texts
from kgate.falco.traced import Scalar, Traced


def quoted(text: str) -> str:
    """Returns a member of a list as it stands in a condition: in quotes if it holds a blank."""
    return f'"{text}"' if " " in text and text[0] not in "\"'" else text


def with_exceptions(condition: Traced, exceptions: Sequence[ExceptionItem]) -> Traced:
    """Returns a condition that does not hold for any exception: ``(…) and not ((f = v and …) or …)``. Raises
    LoadError."""
    parts = [condition]
    scalar = condition.scalar
    for one in exceptions:
        text = _of_exception(one)
        if text:
            first = one.fields[0] if isinstance(one.fields, tuple) and one.fields else one.fields
            where = first if isinstance(first, Scalar) else scalar
            parts.append(Traced.instead(f" and not {text}", where))
    if not exceptions:
        return condition
    return Traced.joined((Traced.instead("(", scalar), condition, Traced.instead(")", scalar), *parts[1:]))


def _of_exception(one: ExceptionItem) -> str:
    """Returns what an exception adds to a condition; empty if it has no values. Raises LoadError."""
    if not isinstance(one.fields, tuple):
        if any(isinstance(value, tuple) for value in one.values):
            message = f"exception {one.name} has one field, and its values must be strings"
            raise LoadError(Code.VALIDATE, message, one.place)
        comparison = "".join(texts(one.comparisons)) or "in"
        members = ", ".join(quoted(value.text) for value in one.values if not isinstance(value, tuple))
        return f"({''.join(texts(one.fields))} {comparison} ({members}))" if one.values else ""
    names = list(texts(one.fields))
    comparisons = list(texts(one.comparisons)) or ["="] * len(names)
    alternatives = []
    for value in one.values:
        if not isinstance(value, tuple) or len(value) != len(names):
            message = f"exception {one.name}: each value must be a list with {len(names)} members, one for each field"
            raise LoadError(Code.VALIDATE, message, one.place)
        alternatives.append(" and ".join(map(_comparison, names, comparisons, value)))
    return f"({' or '.join(f'({text})' for text in alternatives)})" if alternatives else ""


def _comparison(field: str, operator: str, value: Entry) -> str:
    operator = " ".join(operator.split())
    if isinstance(value, tuple):
        return f"{field} {operator} ({', '.join(map(quoted, texts(value)))})"
    takes_list = operator in LIST_OPERATORS or " " in operator
    text = value.text if not takes_list or value.text.startswith("(") else f"({value.text})"
    return f"{field} {operator} {text if takes_list else quoted(text)}"
