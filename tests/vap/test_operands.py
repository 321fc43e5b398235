"""Names are bound where they are used, and nowhere else."""

from __future__ import annotations

import pytest

from kgate.rules import cel
from kgate.vap.operands import bound, scoped


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("true", "true", id="not used"),
        pytest.param("v == 1", "(VALUE) == 1", id="used once"),
        pytest.param("x.v == 1 && 'v' == w // v", "x.v == 1 && 'v' == w // v", id="what only looks like the name"),
        pytest.param("v.all(i, i > 0)", "(VALUE).all(i, i > 0)", id="used once, as what a macro goes through"),
        pytest.param("l.all(i, i > v)", "[VALUE].all(v, l.all(i, i > v))", id="used once, for each member"),
        pytest.param("v > 1 && v < 3", "[VALUE].all(v, (v > 1 && v < 3))", id="used by all operands"),
        pytest.param("v > 1 || a || v < 0", "a || [VALUE].all(v, (v > 1 || v < 0))", id="an operand without it first"),
        pytest.param("!a || (v > 1 && v < 3)", "!a || ([VALUE].all(v, (v > 1 && v < 3)))", id="below parentheses"),
        pytest.param("(v || a) && (v || b)", "[VALUE].all(v, ((v || a) && (v || b)))", id="two pairs of parentheses"),
        pytest.param("v ? a : v && b", "[VALUE].all(v, v ? a : v && b)", id="a condition is not split"),
        pytest.param("a.?b == v && [?c] != [v]", "[VALUE].all(v, (a.?b == v && [?c] != [v]))", id="optional fields"),
        pytest.param("'||' in v && v != []", "[VALUE].all(v, ('||' in v && v != []))", id="an operator in a text"),
    ],
)
def test_bound(expression: str, expected: str) -> None:
    assert bound(expression, "v", "VALUE") == expected


def test_names_are_nested_in_their_order() -> None:
    assert scoped("a + b == 3", {"a": "1", "b": "a + 1"}) == "[1].all(a, [a + 1].all(b, a + b == 3))"


@pytest.mark.parametrize("item", [{}, {"a": {"b": 2}}, {"a": {"b": 5}}])
def test_a_value_that_is_not_needed_is_not_evaluated(item: dict[str, object]) -> None:
    lazy = bound("!has(item.a) || (v > 1 && v < 3)", "v", "item.a.b")
    assert cel.evaluate(lazy, {name: {} for name in cel.VARIABLES} | {"item": item}) is (item != {"a": {"b": 5}})
