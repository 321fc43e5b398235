"""cel.py and fieldpath.py: what is not exactly true or false is an error, and paths mean the same in both forms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.rules import cel, fieldpath
from kgate.rules.cel import CelError, Program

BLANK: dict[str, Any] = {"container": {}, "pod": {}, "metadata": {}, "resource": {}, "item": {}, "minor": 37}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("true", True),
        ("minor == 37", True),
        ("minor == 36", False),
        ("container.?a.orValue(1) == 1", True),
        ("'a/./b'.split('/').filter(s, s != '.').join('/') == 'a/b'", True),
        ("item.missing == 1", None),
        ("1 / 0 == 1", None),
        ("container", None),
        ("item.?a", None),
        ("'x'.matches('(')", None),
    ],
)
def test_only_booleans_are_answers(expression: str, wanted: bool | None) -> None:
    alone = cel.evaluate(expression, BLANK)
    together = Program(["true", expression, "false"]).evaluate(BLANK)
    assert together[0] is True
    assert together[2] is False
    for answer in (alone, together[1]):
        assert isinstance(answer, CelError) if wanted is None else answer is wanted


def test_values_that_the_engine_cannot_hold_are_errors() -> None:
    for value in (2**64, "\ud800", {1: 2}):
        answer = cel.evaluate("container.x != 1", {**BLANK, "container": {"x": value}})
        assert answer is True or isinstance(answer, CelError)


def test_giving_up_is_an_error() -> None:
    numbers = list(range(200))
    answer = cel.evaluate("item.all(a, item.all(b, a + b >= 0))", {**BLANK, "item": numbers})
    assert isinstance(answer, CelError)
    assert "budget" in str(answer)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a ==", "Syntax error"),
        ("a == 1", "undeclared reference to 'a'"),
        ("1", "gives a INT"),
        ("'a' + 1 == 'b'", "no matching overload"),
    ],
)
def test_check(expression: str, message: str) -> None:
    with pytest.raises(CelError, match=message):
        cel.check(expression)


PATHS = ["a", "a.b", "a[*]", "a.b[*]", "a.*", "a[*].b", "a[*].b[*]", "a.b.*"]
JSON = st.recursive(
    st.sampled_from([1, 2, "x", True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)


@given(st.sampled_from(PATHS), st.dictionaries(st.sampled_from("ab"), JSON, max_size=2))
def test_the_quantified_form_holds_where_every_item_does(path: str, body: dict[str, Any]) -> None:
    expression = "item == 1 || type(item) == map && item.?value.orValue(2) == 1"
    whole = cel.evaluate(fieldpath.quantified(expression, "container", [path]), {**BLANK, "container": body})
    found = list(fieldpath.items("container", {**BLANK, "container": body}, [path]))
    if any(isinstance(item, fieldpath.WrongType) for item in found):
        assert whole is not True
        return
    verdicts = [cel.evaluate(expression, {**BLANK, "item": i.value}) for i in found if isinstance(i, fieldpath.Item)]
    assert (whole is True) == all(verdict is True for verdict in verdicts)


def test_an_expression_about_entries_may_hold_any_word() -> None:
    expression = fieldpath.quantified("item.value != 'VALUE'", "container", ["a.*"])
    assert cel.evaluate(expression, {**BLANK, "container": {"a": {"b": "c"}}}) is True
    assert cel.evaluate(expression, {**BLANK, "container": {"a": {"b": "VALUE"}}}) is False


def test_metadata_of_a_pod_is_a_variable_of_its_own() -> None:
    variables = {**BLANK, "metadata": {"annotations": {"a": "b"}}}
    expression = fieldpath.quantified("item.value == 'b'", "pod", ["metadata.annotations.*"])
    assert cel.evaluate(expression, variables) is True
    (item,) = fieldpath.items("pod", variables, ["metadata.annotations.*"])
    assert isinstance(item, fieldpath.Item)
    assert item.value == {"name": "a", "value": "b"}
    assert not list(fieldpath.items("container", variables, ["metadata.annotations.*"]))
