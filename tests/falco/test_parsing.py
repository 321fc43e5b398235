"""Conditions: what Falco's grammar takes, and where it stops."""

from __future__ import annotations

import time

import pytest

from kgate.falco.conditions import And, Check, ConditionError, EventField, Expression, Macro, Not, Or, Transformed, walk
from kgate.falco.parsing import MAX_NESTING, parse


def shown(expression: Expression) -> str:
    if isinstance(expression, Macro):
        return expression.name
    if isinstance(expression, Not):
        return f"not {shown(expression.child)}"
    if isinstance(expression, And | Or):
        word = " and " if isinstance(expression, And) else " or "
        return f"({word.join(map(shown, expression.children))})"
    return str(expression)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("a or b and c", "(a or (b and c))", id="and binds more tightly"),
        pytest.param("(a or b) and c", "((a or b) and c)", id="parentheses"),
        pytest.param("not not a", "a", id="two negations"),
        pytest.param("not a and b", "(not a and b)", id="a negation of one check"),
        pytest.param("not(a or b)and(c)", "(not (a or b) and c)", id="words beside parentheses"),
        pytest.param("nota", "nota", id="a macro that begins as a word of the grammar"),
        pytest.param("a and not", "(a and not)", id="a macro named not"),
        pytest.param("x.y=1", "x.y = 1", id="no blanks"),
        pytest.param("x.y = not", "x.y = not", id="a value that is a word of the grammar"),
        pytest.param("x.y exists or z", "(x.y exists or z)", id="exists"),
        pytest.param("x.y[/a/b~1c] == 'd e'", "x.y[/a/b~1c] == d e", id="an argument"),
        pytest.param("x.y['/a b'] in (c,d)", "x.y[/a b] in (c, d)", id="a quoted argument"),
        pytest.param("x.y in ()", "x.y in ()", id="an empty list"),
        pytest.param("x.y in z", "x.y in (z)", id="a name for a list"),
        pytest.param("x.y inz", "x.y in (z)", id="a list operator needs no blank"),
        pytest.param("x.y startswith oneof (a, b)", "x.y startswith oneof (a, b)", id="a modifier"),
        pytest.param("x.y = oneof and a", "(x.y = oneof and a)", id="a value that is a modifier elsewhere"),
        pytest.param("x.y >= -1.5e+3", "x.y >= -1.5e+3", id="a number"),
        pytest.param("x.y > 0xFf", "x.y > 0xFf", id="a hexadecimal number"),
        pytest.param("tolower(x.y) = val(x.z[0])", "tolower(x.y) = val(x.z[0])", id="functions"),
        pytest.param("join(', ', (x.y, 1)) != a", "join(, , (x.y, 1)) != a", id="a function of a list"),
        pytest.param(r"x.y = 'it\'s \x41\\b\n'", "x.y = it's A\\b\n", id="escapes"),
        pytest.param('x.y = "\'"', "x.y = '", id="the other quote"),
    ],
)
def test_meaning(text: str, meaning: str) -> None:
    assert shown(parse(text)) == meaning


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        pytest.param(" ", 0, "the condition is empty", id="nothing"),
        pytest.param("a and", 5, "expected a field, a macro, 'not' or '(', the condition ends", id="half of an and"),
        pytest.param("a AND b", 2, "expected 'and', 'or' or the end, found 'AND'; write 'and'", id="capitals"),
        pytest.param("a b", 2, "expected 'and', 'or' or the end, found 'b'", id="two macros"),
        pytest.param("a andb", 2, "expected 'and', 'or' or the end, found 'andb'", id="a missing blank"),
        pytest.param("a or(b) and c", 8, "expected 'or' or the end, found 'and'", id="and after or(…)"),
        pytest.param("(a and b", 8, "expected ')', the condition ends", id="an open parenthesis"),
        pytest.param("a)", 1, "expected the end, found ')'", id="a closed one too many"),
        pytest.param("x.y ! z", 4, "expected an operator (exists, =, !=", id="no operator"),
        pytest.param("x.y contains", 4, "expected an operator (exists, =, !=", id="an operator without a blank"),
        pytest.param("x.y = ", 5, "expected a value, the condition ends", id="no value"),
        pytest.param("x.y > z", 6, "expected a number, found 'z'", id="no number"),
        pytest.param("x.y in (a,)", 10, "expected a value, found ')'", id="a comma too many"),
        pytest.param("x.y in (a b)", 10, "expected ')' or ',', found 'b)'", id="a comma too few"),
        pytest.param("x.y in 'a'", 7, "expected '(' or a list, found ''a''", id="no list"),
        pytest.param("x.y = 'a", 6, "expected a value, found ''a'", id="an open quote"),
        pytest.param("x.y [z] = a", 4, "expected an operator (exists, =, !=", id="a blank before an argument"),
        pytest.param("x.y[ z] = a", 5, "expected a quoted text or an argument without blanks", id="a blank in it"),
        pytest.param(r"x.y = 'a\q'", 8, r"there is no escape sequence \q", id="an unknown escape"),
        pytest.param(r"x.y = 'a\x4'", 8, r"\x needs two hexadecimal digits", id="half an escape"),
        pytest.param("val(x.y) = a", 3, "expected 'and', 'or' or the end, found '(x.y)'", id="val on the left"),
        pytest.param("x.y = z and 'a'", 12, "expected a field, a macro, 'not' or '('", id="a value alone"),
    ],
)
def test_refusal(text: str, offset: int, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)
    assert caught.value.offset == offset


def test_parts_know_their_places() -> None:
    text = "made and not (x.y = a or\n  basename(z.w) in (b, 'c'))"
    checks = list(walk(parse(text)))
    assert [text[one.offset :].split(maxsplit=1)[0] for one in checks] == ["made", "x.y", "basename(z.w)"]
    last = checks[-1]
    assert isinstance(last, Check)
    assert isinstance(last.right, tuple)
    assert isinstance(last.left, Transformed)
    (field,) = last.left.operands
    assert isinstance(field, EventField)
    assert [text[one.offset :][: len(one.text)] for one in last.right] == ["b", "'"]
    assert text[field.offset :].startswith("z.w")


def test_depth_is_bounded() -> None:
    assert isinstance(parse("(" * MAX_NESTING + "a" + ")" * MAX_NESTING), Macro)
    with pytest.raises(ConditionError, match="nested deeper than 198 parentheses") as caught:
        parse("(" * 1000 + "a" + ")" * 1000)
    assert caught.value.offset == MAX_NESTING


def test_length_is_no_matter() -> None:
    start = time.process_time()
    found = parse(" or ".join(f"(x.y = a{index} and not z)" for index in range(5000)))
    assert isinstance(found, Or)
    assert len(found.children) == 5000
    assert time.process_time() - start < 5
