"""The variables of a rule: expressions with a name, as in Kubernetes' ValidatingAdmissionPolicy.

``variables.name`` in an expression becomes the name ``variables_name``, which ``cel.bind`` (an extension of cel-cpp)
binds to the variable's own expression, anew for each item. That is evaluated when it is first used, and at most once.
cel-cpp keeps the value in a slot, and takes one that a macro left there which ended early (``[1, 2].exists(…)``) for
the variable's own; a macro that runs to its end before the binding clears the slot.
``params.name`` becomes the value of a parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from kgate.model import Parameter, ParameterValue, Rule, Variable

_TOKEN = re.compile(
    r'''(?<!\w)(?:[rR][bB]?|[bB][rR])(?:"""(?:[^"]|"(?!""))*"""|\'\'\'(?:[^']|'(?!''))*\'\'\'|"[^"\n]*"|'[^'\n]*')'''
    r'''|"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^'\\]|\\.|'(?!''))*\'\'\'|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*\''''
    r"""|//[^\n]*|(?<![\w.])variables\.([A-Za-z_]\w*)|(?<![\w.])params\.([A-Za-z_]\w*)"""
    r"""|(?<![\w.])(cel(?:\s|//[^\n]*\n)*\.(?:\s|//[^\n]*\n)*bind\b)""",
    re.DOTALL,
)
"""A string, raw or not, a comment, the use of a variable or a parameter, or cel.bind (CEL specification, syntax)."""


def used(expression: str) -> Iterator[str]:
    """The names of the variables that an expression uses."""
    return (match[1] for match in _TOKEN.finditer(expression) if match[1])


def used_parameters(expression: str) -> Iterator[str]:
    """The names of the parameters that an expression uses."""
    return (match[2] for match in _TOKEN.finditer(expression) if match[2])


def binds(expression: str) -> bool:
    """True if an expression calls ``cel.bind`` itself, which no API server compiles; it would take a value that a macro
    left behind for its own."""
    return "bind" in expression and any(match[3] for match in _TOKEN.finditer(expression))


def plain(expression: str) -> str:
    """An expression of the same length with names of its own for variables and parameters."""
    if "variables." not in expression and "params." not in expression:
        return expression

    def name(match: re.Match[str]) -> str:
        if match[2]:
            return parameter_name(match[2])
        return plain_name(match[1]) if match[1] else match[0]

    return _TOKEN.sub(name, expression)


def plain_variables(expression: str) -> str:
    """The same for variables alone, where ``params`` is an object, as in ValidatingAdmissionPolicy."""
    return _TOKEN.sub(lambda match: plain_name(match[1]) if match[1] else match[0], expression)


def plain_name(name: str) -> str:
    """The name of a variable inside of an expression."""
    return f"variables_{name}"


def parameter_name(name: str) -> str:
    """The name of a parameter inside of an expression."""
    return f"params_{name}"


def bound(rule: Rule) -> str:
    """The expression of a rule with its variables in it."""
    return bound_condition(rule, rule.expression)


def bound_by(expression: str, variables: Sequence[Variable]) -> str:
    """An expression with the variables that it may use in it."""
    return _bound(expression, tuple(variables), (), _BINDING)


def bound_condition(rule: Rule, expression: str) -> str:
    """Another expression of a rule with its variables in it."""
    return _bound(expression, rule.variables, rule.parameters, _BINDING)


def typed(rule: Rule, expression: str) -> str:
    """An expression of a rule with its variables in it, of the type that it has by itself; not to be evaluated."""
    return _bound(expression, rule.variables, rule.parameters, "cel.bind({0}, {1}, {2})")


_BINDING = "([0].all({0}, {0} == 0) && cel.bind({0}, {1}, {2}))"
"""A name, its expression, and where it is used, once the slot of the name is cleared."""


@cache
def _bound(expression: str, variables: Sequence[Variable], parameters: Sequence[Parameter], binding: str) -> str:
    if not variables and not parameters:
        return expression
    values = {parameter.name: _literal(parameter.value) for parameter in parameters}
    whole = plain(_with_values(expression, values))
    for variable in reversed(variables):
        own = plain(_with_values(variable.expression, values))
        whole = binding.format(plain_name(variable.name), own, whole)
    return whole


def _with_values(expression: str, values: Mapping[str, str]) -> str:
    if "params." not in expression:
        return expression
    return _TOKEN.sub(lambda match: values[match[2]] if match[2] else match[0], expression)


def _literal(value: ParameterValue) -> str:
    """A value as CEL writes it, which JSON does alike."""
    return json.dumps(value, ensure_ascii=False)
