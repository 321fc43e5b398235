"""regexp.py: the syntax of Go's regular expressions, in linear time, and nothing else."""

from __future__ import annotations

import pytest

from kgate.regexp import MAX_PATTERN, PatternError, compile_go

SYNTAX = [
    pytest.param("a|b", "xb", True, id="alternatives"),
    pytest.param("^(?:web|db)$", "web-2", False, id="anchored"),
    pytest.param("^a$", "a\n", False, id="the dollar is the end of the text, not of a line"),
    pytest.param("(?i)^WEB$", "web", True, id="flags"),
    pytest.param("(?P<n>a)(?<m>b)", "ab", True, id="names of groups"),
    pytest.param(r"^\pL+$", "äß", True, id="classes of Unicode"),
    pytest.param(r"^\Qa+b\E$", "a+b", True, id="quoted"),
    pytest.param("^a\ud800$", "a\udfff", True, id="what is no letter is the same for Go, whatever it is"),
    pytest.param("(a+)+$", "a" * 50_000 + "b", False, id="nested repetitions end"),
    pytest.param("(a|a)*b$", "a" * 50_000, False, id="alternatives that overlap end"),
]


@pytest.mark.parametrize(("pattern", "text", "matches"), SYNTAX)
def test_syntax(pattern: str, text: str, matches: bool) -> None:
    assert compile_go(pattern).search(text) is matches


REFUSED = [
    pytest.param("(", "missing", id="a parenthesis that is not closed"),
    pytest.param("(?<=a)b", "invalid perl operator", id="looks behind"),
    pytest.param(r"(a)\1", "invalid escape sequence", id="refers back"),
    pytest.param(r"\C", "invalid escape sequence", id="a byte, which RE2 takes and Go does not"),
    pytest.param("a{1001}", "invalid repetition size", id="too many repetitions"),
    pytest.param("((a{100}){100}){100}", "invalid repetition size", id="nested repetitions that multiply"),
    pytest.param(r"(\pL{100}\pN{100}){10}" * 9, "too large", id="more memory than is allowed"),
    pytest.param("a" * (MAX_PATTERN + 1), "longer than", id="too long"),
]


@pytest.mark.parametrize(("pattern", "message"), REFUSED)
def test_what_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        compile_go(pattern)
