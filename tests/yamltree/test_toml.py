"""toml.py: every value as tomllib reads it, with the place of its key and of itself."""

from __future__ import annotations

import datetime
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgate.yamltree.nodes import ManifestError
from kgate.yamltree.text import SourceText, find_span
from kgate.yamltree.toml import MAX_NESTING, compose

TEXT = '''\
# a comment with [brackets] and "quotes"
title = "first" # title = 2
[tool.kgate]   # here
min-score = 60
ignore = [ "a", # not "x"
  'b',

]
floor.min-score = 1
"quoted key" = """
a "b" \\""" ""\\
  c"""""
'literal.key' = \'\'\'#'\'\'\'\'
 when = 1979-05-27 07:32:00   # d
x = { a.b = 1, "c.d" = [1, {e = 2}] }
[[tool.kgate.gates]]
match.paths = ["a"]
  [[ tool . "kgate" . gates ]]
  [tool.kgate.gates.match]
names=[]
[tool]
other = [[1], []]
'''
PLACES = {
    "": 1,
    "/title": 2,
    "/tool": 3,
    "/tool/kgate": 3,
    "/tool/kgate/min-score": 4,
    "/tool/kgate/ignore": 5,
    "/tool/kgate/ignore/0": 5,
    "/tool/kgate/ignore/1": 6,
    "/tool/kgate/floor/min-score": 9,
    "/tool/kgate/quoted key": 10,
    "/tool/kgate/literal.key": 13,
    "/tool/kgate/when": 14,
    "/tool/kgate/x/a/b": 15,
    "/tool/kgate/x/c.d/1/e": 15,
    "/tool/kgate/gates": 16,
    "/tool/kgate/gates/0": 16,
    "/tool/kgate/gates/0/match/paths/0": 17,
    "/tool/kgate/gates/1": 18,
    "/tool/kgate/gates/1/match": 19,
    "/tool/kgate/gates/1/match/names": 20,
    "/tool/other/0/0": 22,
}


def as_json(value: Any) -> Any:
    """What tomllib reads, as JSON carries it."""
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("pointer", "line"), PLACES.items())
def test_a_field_has_its_line(pointer: str, line: int, newline: str) -> None:
    text = TEXT.replace("\n", newline)
    span = find_span(compose(text), pointer)
    assert SourceText("pyproject.toml", text).position(span.begin).line == line


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        pytest.param("/title", 'title = "first"', id="a string, without its comment"),
        pytest.param("/tool/kgate/ignore", "ignore", id="an array of several lines: its key"),
        pytest.param("/tool/kgate/ignore/1", "'b'", id="an item"),
        pytest.param("/tool/kgate/when", "when = 1979-05-27 07:32:00", id="a time with a space in it"),
        pytest.param("/tool/kgate/x", 'x = { a.b = 1, "c.d" = [1, {e = 2}] }', id="an inline table"),
        pytest.param("/tool/kgate/gates/1", '[[ tool . "kgate" . gates ]]', id="a table of an array"),
    ],
)
def test_a_field_has_its_text(pointer: str, shown: str) -> None:
    span = find_span(compose(TEXT), pointer)
    assert TEXT[span.begin : span.end] == shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="much"),
        pytest.param("", id="nothing"),
        pytest.param("# only a comment", id="a comment without an end of line"),
        pytest.param("a = 1.0\nb = 1e3\nc = -0.5\nd = 0x_f".replace("_", ""), id="numbers"),
        pytest.param("a = 07:32:00\nb = 1979-05-27\nc = 1979-05-27T00:32:00.999-07:00", id="dates"),
        pytest.param(
            "a.b.c = 1\na.d = 2\n[e]\nf.g = 3\n[a2.b]\n[a2]\nx = 1", id="dotted keys, a table after its child"
        ),
        pytest.param("[[a]]\n[[a.b]]\nc = 1\n[[a.b]]\n[[a]]\n[a.b]\nd = 1", id="arrays of tables in each other"),
        pytest.param('"" = 1\n"\\u0041\\n" = 2\n1 = 3\n3.2 = 4', id="odd keys"),
        pytest.param("a = [\n# c\n[1,2,], # d\n[],\n]\nb={}", id="arrays with comments"),
        pytest.param("a = ''''x''''\nb = \"\"\"\"x\"\"\"\"", id="quotes at the ends of long strings"),
        pytest.param('a = ["]", "}", ",", "#", \'"\', "\\"", "\\\\"]', id="marks inside of strings"),
        pytest.param("a = '''\n[x]\nb = 1\n'''\nc = 1", id="a table inside of a string"),
        pytest.param("a = { b = { c = { } }, d = [ { e = 1 } ] }", id="inline tables in each other"),
    ],
)
def test_values_are_those_of_tomllib(text: str) -> None:
    assert compose(text).value == as_json(tomllib.loads(text))


_KEYS = st.sampled_from(["a", "b-c", '"d.e"', "'f'", "a . b", '"\\t"'])
_STRINGS = st.text(st.sampled_from("ab]}[{,#= ."), max_size=5)
_SCALARS = (
    st.integers(-9, 99).map(str)
    | st.sampled_from(["true", "1.5", "2027-01-31", "2027-01-31 10:00:00"])
    | _STRINGS.map(lambda text: f'"{text}"')
    | _STRINGS.map(lambda text: f"'''{text}'''")
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[ {' , # ]'.join(items)} ]".replace("# ]", "# ]\n"))
        | st.lists(inner, max_size=2).map(
            lambda items: "{" + ", ".join(f"k{i} = {item}" for i, item in enumerate(items)) + "}"
        )
    ),
    max_leaves=6,
)
_LINES = (
    st.tuples(_KEYS, _VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}  # ' \"")
    | _KEYS.map(lambda key: f"[{key}]")
    | _KEYS.map(lambda key: f"  [[ {key} ]] # x")
    | st.just("")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES, max_size=8))
def test_any_document_is_read_as_tomllib_reads_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        wanted = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(ManifestError):
            compose(text)
    else:
        assert compose(text).value == as_json(wanted)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("a = 1\nb = \n", 2, "is not valid TOML: invalid value", id="no value"),
        pytest.param("a = 1\n\na = 2", 3, "is not valid TOML: cannot overwrite a value", id="a key twice"),
        pytest.param("a = 1\n[b", 2, "is not valid TOML: ", id="the end is missing"),
        pytest.param("x = 1\na = inf\n", 2, "inf cannot be written in JSON", id="infinity"),
        pytest.param(f"x = 1\na = {'[' * 80}{']' * 80}", 2, f"nested deeper than {MAX_NESTING} levels", id="deep"),
        pytest.param(f"a = {'[' * 5000}", 1, f"nested deeper than {MAX_NESTING} levels", id="too deep for tomllib"),
        pytest.param(f"{'a.' * 2000}b = 1", 1, f"nested deeper than {MAX_NESTING} levels", id="a key too deep"),
        pytest.param(f"a = {'1' * 5000}", 1, "holds a number that is too long", id="a number of many digits"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        compose(text)
    assert caught.value.line == line
    assert str(caught.value).startswith(message)
