"""variables.py: variables of a rule are evaluated where they are used, and what is wrong is reported at its line."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kgate.errors import RuleError
from kgate.rules import cel, fieldpath, rulefile
from kgate.rules.variables import bound, plain, used

RULE = """\
id: app
title: App
severity: low
points: 1
target: container
each: env[*]
variables:
- name: text
  expression: string(item.value)
- name: isShort
  expression: size(variables.text) < 3
expression: {expression}
fields: [value]
message: The value is too long.
rationale: It is.
remediation: Shorten it.
examples:
  good: [{{name: app}}]
  bad: [{{env: [{{value: abc}}]}}]
"""


def verdict(expression: str, value: Any, *, first: str = "a", before: tuple[str, ...] = ()) -> bool | cel.CelError:
    """The answer of the rule about two values, asked together with expressions that stand before it."""
    rule = rulefile.read(RULE.format(expression=f"'{expression}'").encode(), "app", "rules/app.yaml")
    container = {"env": [{"value": first}, {"value": value}]}
    blank: dict[str, Any] = {"pod": {}, "metadata": {}, "resource": {}, "minor": 37}
    program = cel.Program([*before, fieldpath.quantified(bound(rule), "container", rule.each)])
    return program.evaluate({**blank, "container": container, "item": container})[-1]


@pytest.mark.parametrize(
    ("expression", "value", "wanted"),
    [
        pytest.param("variables.isShort", "bc", True, id="one that uses another one"),
        pytest.param("variables.isShort", "bcd", False, id="for each item anew"),
        pytest.param('variables.isShort || variables.text == "bcd"', "bcd", True, id="two of them"),
        pytest.param('item.value != "x" || variables.isShort', {}, True, id="not evaluated where it is not used"),
        pytest.param('variables.text != "variables.text"', "variables.text", False, id="a string is left alone"),
    ],
)
def test_values(expression: str, value: Any, wanted: bool) -> None:
    assert verdict(expression, value) is wanted


def test_a_macro_that_ends_early_leaves_nothing_to_a_variable() -> None:
    early = "[[[1, 2]]].all(a, a.all(b, b.all(c, c == 3)))"  # three deep, as the variable is
    assert verdict('variables.text != "b"', "a", first="b", before=(early,)) is False


def test_an_error_in_a_variable_is_an_error() -> None:
    assert isinstance(verdict("variables.isShort", {}), cel.CelError)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        pytest.param("variables.a && variables.b_1", ["a", "b_1"], id="names"),
        pytest.param("item.variables.a || myvariables.a", [], id="fields and names that only look like it"),
        pytest.param(r"""'variables.a' + "\" variables.b" + variables.c""", ["c"], id="strings with escapes"),
        pytest.param(r"""r'\' + variables.a + r"\" """, ["a"], id="raw strings end at the first quote"),
        pytest.param("'''it's variables.a''' + variables.b", ["b"], id="strings in three quotes"),
        pytest.param('R"""a "variables.b" c""" + variables.d', ["d"], id="raw strings in three quotes"),
        pytest.param("1 // variables.a\n + variables.b", ["b"], id="comments"),
    ],
)
def test_use(expression: str, names: list[str]) -> None:
    assert list(used(expression)) == names
    assert len(plain(expression)) == len(expression)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            ("{expression}", "variables.isshort"),
            "12: there is no variable 'isshort' before this expression; did you mean 'isShort'?",
            id="an unknown one",
        ),
        pytest.param(
            ("string(item.value)", "variables.isShort"),
            "9: there is no variable 'isShort' before this expression",
            id="one that comes later",
        ),
        pytest.param(
            ("size(variables.text) < 3", "size(variables.text) <"),
            "11: the expression of variable 'isShort' is not valid CEL: 1:23: Syntax error",
            id="a syntax error",
        ),
        pytest.param(
            ("size(variables.text) < 3", "size(texts) < 3"),
            "11: the expression of variable 'isShort' is not valid CEL: 1:6: undeclared reference to 'texts'",
            id="an unknown name",
        ),
        pytest.param(
            ("{expression}", "size(variables['text']) < 3"),
            "12: the expression is not valid CEL: 1:6: undeclared reference to 'variables'",
            id="not used by name",
        ),
        pytest.param(
            ("{expression}", "'[1, 2].exists(x, x == 1) && cel . bind(y, 7, y == 7)'"),
            "12: Kubernetes has no cel.bind; list the value under variables, and use it by that name",
            id="bound by hand",
        ),
        pytest.param(
            ("string(item.value)", "cel.bind(y, item.value, string(y))"),
            "9: Kubernetes has no cel.bind",
            id="bound by hand in a variable",
        ),
        pytest.param(
            ("{expression}", "variables.text"),
            "12: the expression is not valid CEL: gives a STRING",
            id="not a boolean",
        ),
        pytest.param(
            ("name: text", "name: 1a"),
            "8: variables[0].name: '1a' is not an identifier such as isPrivileged",
            id="a wrong name",
        ),
        pytest.param(
            ("name: isShort", "name: text"), "10: variables[1].name: there are two variables 'text'", id="a name twice"
        ),
        pytest.param(("- name: text\n  exp", "- exp"), "8: variables[0].name is missing", id="no name"),
        pytest.param(
            ("  expression: size", "  value: size"), "11: unknown field 'value' in variables[1]", id="no field"
        ),
    ],
)
def test_what_is_refused(change: tuple[str, str], message: str) -> None:
    text = RULE.replace(*change).format(expression="variables.isShort")
    with pytest.raises(RuleError, match=f"^{re.escape(f'rules/app.yaml:{message}')}"):
        rulefile.read(text.encode(), "app", "rules/app.yaml")
