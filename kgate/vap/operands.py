"""Binds names in CEL as an API server can evaluate it, which lacks ``cel.bind``: ``[value].all(name, …)``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kgate.rules.reads import code_of

_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*$")
_TERNARY = re.compile(r"(?<![.\[{,])\?")
"""The operator, not the mark of an optional field, index or member."""


def scoped(expression: str, values: Mapping[str, str]) -> str:
    """Returns a condition in which names stand for values; the first name is the outermost."""
    for name, value in reversed(list(values.items())):
        expression = f"[{value}].all({name}, {expression})"
    return expression


def bound(expression: str, name: str, value: str) -> str:
    """Returns a condition in which a name stands for a value, which is evaluated only where the operands of ``||`` and
    ``&&`` that use it are.

    Operands that do not use it come first, which changes no answer: both operators are commutative in CEL. A single use
    outside of a macro is replaced by the value itself.
    """
    places = list(_uses(expression, name))
    if not places:
        return expression
    if len(places) == 1 and not _is_in_macro(expression, places[0]):
        return f"{expression[: places[0]]}({value}){expression[places[0] + len(name) :]}"
    return _bound_below(expression, name, value)


def _bound_below(expression: str, name: str, value: str) -> str:
    inner = _without_parentheses(expression)
    if inner is not None:
        return f"({_bound_below(inner, name, value)})"
    operator, operands = _operands(expression)
    users = [operand for operand in operands if next(_uses(operand, name), None) is not None]
    if len(operands) == 1:
        return scoped(expression, {name: value})
    others = [operand.strip() for operand in operands if operand not in users]
    joined = users[0].strip() if len(users) == 1 else f"({f' {operator} '.join(one.strip() for one in users)})"
    own = _bound_below(joined, name, value) if len(users) == 1 else scoped(joined, {name: value})
    return f" {operator} ".join((*others, own))


def _uses(expression: str, name: str) -> Iterator[int]:
    """Yields where a name is used."""
    code = code_of(expression)
    return (match.start() for match in re.finditer(rf"(?<![\w.]){re.escape(name)}(?!\w)", code))


def _is_in_macro(expression: str, place: int) -> bool:
    """True if a place is evaluated for each member of a list."""
    code = code_of(expression)
    opened: list[int] = []
    for index, letter in enumerate(code[:place]):
        if letter == "(":
            opened.append(index)
        elif letter == ")":
            opened.pop()
    return any(_MACRO.search(code[:index]) for index in opened)


def _without_parentheses(expression: str) -> str | None:
    """Returns what is between the parentheses around a whole expression; None if there are none."""
    text, code = expression.strip(), code_of(expression.strip())
    if not code.startswith("(") or not code.endswith(")"):
        return None
    closing = next(index for index, depth in _depths(code) if depth == 0)
    return text[1:-1].strip() if closing == len(code) - 1 else None


def _operands(expression: str) -> tuple[str, list[str]]:
    """Returns the operator that is applied last, ``||`` or ``&&``, and its operands; one if it is another."""
    code = code_of(expression)
    flat = [index for index, depth in _depths(code) if depth == 0]
    plain = set(flat)
    if any(match.start() in plain for match in _TERNARY.finditer(code)):
        return "", [expression]
    for operator in ("||", "&&"):
        cuts = [match.start() for match in re.finditer(re.escape(operator), code) if match.start() in plain]
        if cuts:
            starts, ends = [0, *(cut + 2 for cut in cuts)], [*cuts, len(expression)]
            return operator, [expression[start:end] for start, end in zip(starts, ends, strict=True)]
    return "", [expression]


def _depths(code: str) -> Iterator[tuple[int, int]]:
    """Yields each offset with the number of brackets that are open behind it."""
    depth = 0
    for index, letter in enumerate(code):
        depth += (letter in "([{") - (letter in ")]}")
        yield index, depth
