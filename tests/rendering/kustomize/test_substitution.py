"""substitution.py: variables in what was built, as Flux replaces them (fluxcd/pkg, envsubst)."""

from __future__ import annotations

import pytest

from kgate.rendering.kustomize.substitution import SubstitutionError, Variables, is_switched_off, substitute

Z = "abcABC123ABCabc"
P = "a/b.c.b"
VALUES = {
    "A": "one",
    "EMPTY": "",
    "LINES": "x # \n  privileged: false\n",
    "RETURN": "x\ry",
    "MORE": "1\r---\rb: 1",
    "LONG": "x" * 20,
    "BRACE": "{",
    "WIDE": "äb",
    "Z": Z,
    "P": P,
    "DOT": ".",
    "ESCAPES": "$$\\/",
    "MINUS": "-2",
}
# What stands on the right was printed by envsubst.Eval of fluxcd/pkg.
REPLACED = [
    pytest.param("v: ${A}${EMPTY}!", "v: one!", id="a value and an empty one"),
    pytest.param("v: ${NONE:=d}${NONE:-e}${EMPTY=f}${A:-g}", "v: defone", id="defaults"),
    pytest.param("v: ${NONE:-a${A}b${NONE:=c}}", "v: aonebc", id="expressions in a default"),
    pytest.param("v: ${NONE:-a\n  b}", "v: a\n  b", id="a default of several lines"),
    pytest.param("v: $${A} $$A $A $$$${A} $", "v: ${A} $A $A $${A} $", id="escapes, and dollar signs alone"),
    pytest.param("v: ${NONE:-$${A}}", "v: $one", id="no escape in a default"),
    pytest.param("v: ${LINES}", "v: x #   privileged: false", id="line feeds of a value are left out"),
]


@pytest.mark.parametrize(("text", "expected"), REPLACED)
def test_what_is_replaced(text: str, expected: str) -> None:
    found = substitute(text, Variables(VALUES))
    assert (found.text, found.missing) == (expected, frozenset())


# Again printed by envsubst.Eval of fluxcd/pkg, whose own tests have most of them.
OPERATIONS = [
    pytest.param("${#Z}", "15", id="a length"),
    pytest.param("${Z^}|${Z^^}", "AbcABC123ABCabc|ABCABC123ABCABC", id="upper case"),
    pytest.param("${Z,}|${Z,,}|${EMPTY^}", "abcABC123ABCabc|abcabc123abcabc|", id="lower case"),
    pytest.param("${Z:3}|${Z:3:4}|${Z:20}|${Z:13:9}|${Z:0:0}", "ABC123ABCabc|ABC1||bc|", id="parts"),
    pytest.param("${Z/abc/x}|${Z//abc/x}|${Z/b/}", "xABC123ABCabc|xABC123ABCx|acABC123ABCabc", id="replacements"),
    pytest.param(
        "${Z/#abc/x}|${Z/#b/x}|${Z/%abc/x/y}", "xABC123ABCabc|abcABC123ABCabc|abcABC123ABCx/y", id="at an end"
    ),
    pytest.param("${NONE:=${Z:0:3}}", "abc", id="in a default"),
    pytest.param("${Z: -3}|${Z: -1}|${Z:x}|${Z: 1}", "|".join([Z] * 4), id="a position that is not a number"),
    pytest.param("${Z:${MINUS}}|${Z:1:z}|${Z:+3:1}|${Z:2::3}", f"bc|{Z}|{Z}|cAB", id="positions from elsewhere"),
    pytest.param("${Z:99999999999999999999}|${Z:007:2}", f"{Z}|23", id="long numbers"),
    pytest.param("${P#*.}|${P#*/}|${P#/}|${P#*}|${P#x*}", f"c.b|b.c.b|{P}|/b.c.b|{P}", id="the shortest beginning"),
    pytest.param("${P##*.}|${P##*/}|${P##*}|${P##?[/-9]}", "b|b.c.b||b.c.b", id="the longest beginning"),
    pytest.param("${P%.*}|${P%/*}|${P%*}|${P%?}|${P%x}", f"a/b.c|a|a/b.c.|a/b.c.|{P}", id="the shortest end"),
    pytest.param("${P%%.*}|${P%%/*}|${P%%*}|${P%%b}", "a/b|a||a/b.c.", id="the longest end"),
    pytest.param("${P#[a-c]/[^x]}|${P#[b-a]}|${P##[^/]*[.]}", f".c.b|{P}|b", id="classes"),
    pytest.param(
        "${P#[a}|${P##a\\}|${P%[b]}|${P#[]a]}", "|".join([P] * 4), id="malformed patterns, and a class at the end"
    ),
    pytest.param("${P#a\\/}|${P#\\a}|${P#$%:*{}|${EMPTY#*}", f"b.c.b|/b.c.b|{P}|", id="escapes and signs"),
    pytest.param(
        "${P//${DOT}/${A}}|${P#${P:0:2}}|${A/o/${NONE:-x}}",
        "a/boneconeb|b.c.b|xne",
        id="arguments that are expressions",
    ),
    pytest.param(
        "${P/\\//-}|${P//\\//}|${P/./$$}|${P/.//-}", "a-b.c.b|ab.c.b|a/b$c.b|a/b-c.b", id="escapes, and two slashes"
    ),
    pytest.param("${P/a/${ESCAPES}}|${ESCAPES/${ESCAPES}/x}", "$$\\//b.c.b|x", id="no escapes in values"),
    pytest.param("${P/#a/}|${P/%b/}|${P/a/}|${A//${EMPTY}/-}", f"{P}|{P}|/b.c.b|-o-n-e-", id="nothing in its place"),
    pytest.param("${Z^,}|${Z,^}|${#WIDE}|${WIDE/b/c}", f"{Z}|{Z}|3|äc", id="mixed cases, and bytes"),
]


@pytest.mark.parametrize(("text", "expected"), OPERATIONS)
def test_functions_on_strings(text: str, expected: str) -> None:
    found = substitute(f"v: '{text}'", Variables(VALUES))
    assert (found.text, found.missing) == (f"v: '{expected}'", frozenset())


MISSING = [
    pytest.param("v: ${NONE}!", {"NONE"}, id="a variable that is set nowhere"),
    pytest.param("v: ${NONE}${OTHER}${A:-${INNER}}", {"NONE", "OTHER", "INNER"}, id="several, one in a default"),
    pytest.param("v: ${NONE}${#OTHER}${INNER^^}", {"NONE", "OTHER", "INNER"}, id="in functions"),
    pytest.param("v: ${EMPTY}", set(), id="an empty value is a value"),
    pytest.param("v: ${NONE:=}${NONE:-}${NONE:?}${NONE:+}${NONE=}", set(), id="an empty default is a default"),
    pytest.param("v: $${NONE}", set(), id="an escape"),
]


@pytest.mark.parametrize(("text", "expected"), MISSING)
def test_what_has_no_value_stays_and_is_named(text: str, expected: set[str]) -> None:
    found = substitute(text, Variables(VALUES))
    assert found.missing == expected
    assert all(name in found.text for name in expected if f":-${{{name}}}" not in text)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param(Variables(), "is set nowhere, so Flux does not apply", id="all sources are known"),
        pytest.param(Variables(sources=("Secret 'x', which is encrypted",)), "under flux.variables", id="one is not"),
        pytest.param(Variables(sources=("A", "B")), "may come from A or B", id="several are not"),
    ],
)
def test_why_a_variable_is_unknown(variables: Variables, words: str) -> None:
    assert words in variables.why_missing("NAME")


NOT_EVALUATED = [
    pytest.param("${WIDE:1}", "${WIDE:1}", "WIDE", "takes letters apart", id="a part of letters of several bytes"),
    pytest.param("${WIDE#?}!", "${WIDE#?}!", "WIDE", "takes letters apart", id="a pattern for them"),
    pytest.param("${WIDE^^}", "${WIDE^^}", "WIDE", "takes letters apart", id="their capitals"),
    pytest.param("${A:1:-1}", "${A:1:-1}", "A", "of negative length", id="a negative length"),
    pytest.param("${A#" + "x" * 4097 + "}", None, "A", "longer than 4,096 letters", id="a long pattern"),
    pytest.param("${A//o/{}", "{ne", "", "", id="a brace is evaluated"),
    pytest.param("${WIDE,,}${WIDE//b/{}", "${WIDE,,}ä{", "WIDE", "takes letters apart", id="and where it is not"),
    pytest.param("${TOKEN:1}", "${TOKEN:1}", "TOKEN", "part of a secret", id="a part of a secret value"),
    pytest.param(
        "${TOKEN#s}-${#TOKEN}", "${TOKEN#s}-${#TOKEN}", "TOKEN", "part of a secret", id="less, and its length"
    ),
    pytest.param("${P:${TOKEN}:1}", "${P}", "P", "part of a secret", id="a secret as a position"),
    pytest.param("${NONE:=${TOKEN}}", "secret", "", "", id="a whole secret value is hidden by its text"),
    pytest.param("${A/o/${NONE}}", "${A}", "A", "depends on ${NONE}, which is set nowhere", id="an unknown argument"),
]


@pytest.mark.parametrize(("text", "expected", "name", "told"), NOT_EVALUATED)
def test_what_is_not_evaluated_stays(text: str, expected: str | None, name: str, told: str) -> None:
    found = substitute(f"v: '{text}'", Variables({**VALUES, "TOKEN": "secret"}, secret=frozenset({"TOKEN"})))
    assert expected is None or found.text == f"v: '{expected}'"
    assert [*found.not_evaluated] == ([name] if name else [])
    assert told in "".join(found.not_evaluated.values())


def test_functions_take_time_linear_in_the_value() -> None:
    values = Variables({"LONG": "a" * 1_000_000})
    found = substitute(
        "v: '" + "".join(f"${{LONG{sign}{'a*' * 30}b}}" for sign in ("#", "##", "%", "%%")) + "'", values
    )
    assert len(found.text) == 4_000_005
    with pytest.raises(SubstitutionError, match="functions take more than"):
        substitute("v: '" + "${LONG##*}" * 40 + "'", values)


REFUSED = [
    pytest.param("v: ${A#}", "${A#} is not an expression", id="no pattern"),
    pytest.param("v: ${A#${A}x}", "${A#${A}x} is not an expression", id="a pattern of an expression and a text"),
    pytest.param("v: ${A/x}", "${A/x} is not an expression", id="no end of what is replaced"),
    pytest.param("v: ${A///x}", "${A///x} is not an expression", id="nothing to replace"),
    pytest.param("v: ${A:}${A::1}", "${A:}${A::1} is not an expression", id="no position"),
    pytest.param("v: ${#}", "${#} is not an expression", id="the length of nothing"),
    pytest.param("v: ${A-b}", "${A-b} is not an expression", id="a default that Flux does not know"),
    pytest.param("v: ${}", "${} is not an expression", id="no name"),
    pytest.param("v: ${A", "${A is not an expression", id="no end"),
    pytest.param("v: ${NONE:-a\nb: 1", "${NONE:-a is not an expression", id="a default without an end"),
    pytest.param("${N:=" * 22 + "}" * 22, "more than 20 expressions in each other", id="too many in each other"),
    pytest.param("v: ${RETURN}", "the value of ${RETURN} holds a line break", id="a carriage return"),
    pytest.param("v: ${MORE}", "the value of ${MORE} holds a line break", id="a document after a carriage return"),
    pytest.param("v: ${NONE:-1\n---\nb: 1}", "no longer one YAML document", id="a second document"),
    pytest.param("v: ${BRACE}", "an object cannot be read", id="no longer YAML"),
    pytest.param("v: ${LONG}${LONG}", "is longer than", id="a long text"),
    pytest.param("v: ${LONG//x/yy}", "is longer than", id="a long replacement"),
    pytest.param("v: ${A:-${LONG}${LONG}}", "is longer than", id="a long default that is not used"),
]


@pytest.mark.parametrize(("text", "told"), REFUSED)
def test_what_is_refused(text: str, told: str) -> None:
    with pytest.raises(SubstitutionError) as caught:
        substitute(text, Variables(VALUES), most=24)
    assert told in str(caught.value)


SWITCH = "kustomize.toolkit.fluxcd.io/substitute: disabled"
SWITCHED_OFF = [
    pytest.param(f"metadata:\n  labels:\n    {SWITCH}\n", True, id="a label"),
    pytest.param(f"metadata:\n  annotations:\n    {SWITCH}\n", True, id="an annotation"),
    pytest.param(f"metadata:\n  annotations:\n    {SWITCH}-not\n", False, id="another value"),
    pytest.param(f"metadata:\n  annotations:\n    a: |\n      {SWITCH}\n", False, id="a text in an annotation"),
    pytest.param(f"spec:\n  template:\n    metadata:\n      labels:\n        {SWITCH}\n", False, id="of the pods"),
    pytest.param(f"data:\n  {SWITCH}\n", False, id="another field"),
    pytest.param(f"metadata: [\n  {SWITCH}\n", False, id="broken"),
]


@pytest.mark.parametrize(("text", "wanted"), SWITCHED_OFF)
def test_who_switches_substitution_off(text: str, wanted: bool) -> None:
    assert is_switched_off(text) is wanted
