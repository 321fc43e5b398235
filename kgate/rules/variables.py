"""The variables of a rule: expressions with a name, as in Kubernetes' ValidatingAdmissionPolicy.

``variables.name`` in an expression becomes the name ``variables_name``, which ``cel.bind`` (an extension of cel-cpp)
binds to the variable's own expression, anew for each item. That is evaluated when it is first used, and at most once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from kgate.model import Rule, Variable

_TOKEN = re.compile(
    r'''(?<!\w)(?:[rR][bB]?|[bB][rR])(?:"""(?:[^"]|"(?!""))*"""|\'\'\'(?:[^']|'(?!''))*\'\'\'|"[^"\n]*"|'[^'\n]*')'''
    r'''|"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^'\\]|\\.|'(?!''))*\'\'\'|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*\''''
    r"""|//[^\n]*|(?<![\w.])variables\.([A-Za-z_]\w*)""",
    re.DOTALL,
)
"""A string, raw or not, a comment, or the use of a variable (CEL specification, syntax)."""


def used(expression: str) -> Iterator[str]:
    """The names of the variables that an expression uses."""
    return (match[1] for match in _TOKEN.finditer(expression) if match[1])


def plain(expression: str) -> str:
    """An expression of the same length with names of its own for the variables."""
    return _TOKEN.sub(lambda match: plain_name(match[1]) if match[1] else match[0], expression)


def plain_name(name: str) -> str:
    """The name of a variable inside of an expression."""
    return f"variables_{name}"


def bound(rule: Rule) -> str:
    """The expression of a rule with its variables in it."""
    return _bound(rule.expression, rule.variables) if rule.variables else rule.expression


def bound_condition(rule: Rule, expression: str) -> str:
    """Another expression of a rule with its variables in it."""
    return _bound(expression, rule.variables) if rule.variables else expression


@cache
def _bound(expression: str, variables: Sequence[Variable]) -> str:
    whole = plain(expression)
    for variable in reversed(variables):
        whole = f"cel.bind({plain_name(variable.name)}, {plain(variable.expression)}, {whole})"
    return whole
