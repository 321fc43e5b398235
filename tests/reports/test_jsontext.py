"""jsontext.py: the text of json.dumps but for CI commands, whole or in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.reports.jsontext import inert_json, json_pieces

TEXTS = (
    st.text()
    | st.text(alphabet='\x7f\ud800\udfff\uffff\U0001f642\u2028#:_\n"\\\\/é')
    | st.from_regex("section_|##|::+")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
INDENTS = pytest.mark.parametrize("indent", [0, 1, 2, 4])


def dumped(value: Any, indent: int) -> str:
    """What the standard library writes, with the escapes that break commands up."""
    text = json.dumps(value, indent=indent or None, separators=None if indent else (",", ":"))
    return text.replace("##", "#\\u0023").replace("::", ":\\u003a").replace("section_", "section\\u005f")


@INDENTS
@given(value=VALUES)
def test_it_is_the_text_of_the_standard_library(indent: int, value: Any) -> None:
    text = inert_json(value, indent)
    assert text == dumped(value, indent)
    assert json.loads(text) == json.loads(json.dumps(value))


@INDENTS
@given(value=VALUES)
def test_pieces_are_the_same_text(indent: int, value: Any) -> None:
    assert "".join(json_pieces(value, indent)) == dumped(value, indent)


@INDENTS
@given(members=st.lists(VALUES, max_size=3), other=VALUES)
def test_an_iterator_is_written_as_a_list(indent: int, members: list[Any], other: Any) -> None:
    streamed = {"other": other, "runs": [{"results": iter(members)}], "top": iter(members)}
    whole = {"other": other, "runs": [{"results": members}], "top": members}
    assert "".join(json_pieces(streamed, indent)) == dumped(whole, indent)
    assert "".join(json_pieces(iter(members), indent)) == dumped(members, indent)


def test_members_of_an_iterator_are_written_as_they_come() -> None:
    made: list[int] = []

    def members() -> Any:
        for number in range(3):
            made.append(number)
            yield number

    pieces = json_pieces({"a": members()})
    assert "".join(next(pieces) for _ in range(5)) == '{"a":[0'
    assert made == [0]


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        pytest.param("a::b", r'"a:\u003ab"', id="a command of GitHub"),
        pytest.param("##[error]", r'"#\u0023[error]"', id="a command of Azure Pipelines"),
        pytest.param("section_start:1", r'"section\u005fstart:1"', id="a section of GitLab"),
        pytest.param("#####", r'"#\u0023#\u0023#"', id="many signs"),
        pytest.param("\x7f\ud800\U0001f642", r'"\u007f\ud800\ud83d\ude42"', id="what is not ASCII"),
        pytest.param(2**70, "1180591620717411303424", id="a large integer"),
    ],
)
def test_what_is_escaped(raw: object, written: str) -> None:
    assert inert_json(raw) == written
