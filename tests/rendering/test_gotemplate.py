"""The lexer of Go templates, and clones with marks: text without its marks is what it was."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import TemplateError, Token, tokens
from kgate.rendering.helm.marks import ALPHABETS, MAX_MARKS, Alphabet, Cloner, Mark, MarkedText

PIECES = [
    ("plain text", "a: 1\n", ["a: 1\n"]),
    ("an action", "a: {{ .x }}\n", ["a: ", "{{ .x }}", "\n"]),
    ("two actions side by side", "{{a}}{{b}}", ["{{a}}", "{{b}}"]),
    ("trims", "{{- .x -}} ", ["{{- .x -}}", " "]),
    ("a number with a minus is no trim", "{{-1}}", ["{{-1}}"]),
    ("closing braces in a string", '{{ "}}" }}x', ['{{ "}}" }}', "x"]),
    ("closing braces in a raw string", "{{ `}}\n}}` }}x", ["{{ `}}\n}}` }}", "x"]),
    ("an escaped quote", r'{{ "\"}}" }}x', [r'{{ "\"}}" }}', "x"]),
    ("a character constant", "{{ '}' }}{{ '\\'' }}x", ["{{ '}' }}", "{{ '\\'' }}", "x"]),
    ("a comment with braces and quotes", '{{/* }} " */}}x', ['{{/* }} " */}}', "x"]),
    ("a comment with trims", "{{- /* it's */ -}}x", ["{{- /* it's */ -}}", "x"]),
    ("an action over several lines", "{{ dict\n  1 2 }}x", ["{{ dict\n  1 2 }}", "x"]),
    ("CRLF", "a\r\n{{ b }}\r\n", ["a\r\n", "{{ b }}", "\r\n"]),
    ("one brace is text", "a {b} }} c", ["a {b} }} c"]),
    ("nothing", "", []),
]


@pytest.mark.parametrize(("text", "pieces"), [row[1:] for row in PIECES], ids=[row[0] for row in PIECES])
def test_pieces(text: str, pieces: list[str]) -> None:
    assert [text[token.start : token.end] for token in tokens(text)] == pieces


FACTS = [
    ("plain", "{{ .x }}", Token(0, 8, " .x ")),
    ("left trim", "{{- .x }}", Token(0, 9, " .x ", True, False)),
    ("right trim", "{{ .x -}}", Token(0, 9, " .x ", False, True)),
    ("both, tight", "{{-\n.x\n-}}", Token(0, 10, "\n.x\n", True, True)),
    ("a minus without space is no trim", "{{ .x-}}", Token(0, 8, " .x-")),
    ("comment", "{{- /* a */ -}}", Token(0, 15, " /* a */ -", True, True, True)),
]


@pytest.mark.parametrize(("text", "token"), [row[1:] for row in FACTS], ids=[row[0] for row in FACTS])
def test_facts_of_an_action(text: str, token: Token) -> None:
    assert list(tokens(text)) == [token]


UNREADABLE = [
    ("an action that does not end", "a {{ b"),
    ("a string that does not end", 'a {{ "b }}'),
    ("a raw string that does not end", "a {{ `b }}"),
]


@pytest.mark.parametrize("text", [row[1] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        list(tokens(text))
    assert caught.value.offset == 2


SLOW = [
    ("braces and strings", "{{" + "}\"a\"'b'`c`" * 100_000),
    ("comments that do not end", "{{/* }} " * 100_000),
    ("spaces", "{{" + " " * 1_000_000),
]


@pytest.mark.parametrize("text", [row[1] for row in SLOW], ids=[row[0] for row in SLOW])
def test_what_is_hard_to_read_takes_no_time(text: str) -> None:
    with pytest.raises(TemplateError):
        list(tokens(text))


PIPELINES = [
    ("one stage", " .x ", [" .x "]),
    ("two", ".x | quote", [".x ", " quote"]),
    ("in parentheses", "(.x | quote) | b", ["(.x | quote) ", " b"]),
    ("in strings", 'a "|" `|` | b', ['a "|" `|` ', " b"]),
]


@pytest.mark.parametrize(("body", "stages"), [row[1:] for row in PIPELINES], ids=[row[0] for row in PIPELINES])
def test_pipelines(body: str, stages: list[str]) -> None:
    assert gotemplate.pipeline(body) == stages


WORDS = [
    pytest.param(" .x ", [[".x"]], id="one word"),
    pytest.param('index .Values "a b" | quote', [["index", ".Values", '"a b"'], ["quote"]], id="two commands"),
    pytest.param('a"|"`)`b', [['a"|"`)`b']], id="no blank between an operand and strings"),
    pytest.param('dict "a" (.x | f).y', [["dict", '"a"', ([[".x"], ["f"]], ".y")]], id="a field of a group"),
    pytest.param("f ((.x) .y)", [["f", ([[([[".x"]], ""), ".y"]], "")]], id="groups in groups"),
    pytest.param(".x ).y", [[".x", ").y"]], id="a parenthesis that closes nothing"),
    pytest.param("f (.x", [["f"]], id="a parenthesis that is not closed"),
    pytest.param('f "a | b', [["f", '"a | b']], id="a string that is not closed"),
    pytest.param("", [[]], id="nothing"),
]


def plain(commands: list[list[gotemplate.Word]]) -> list[list[object]]:
    """Commands with words as their texts, and groups as their commands and fields."""
    return [[word.text if word.group is None else (plain(word.group), word.text) for word in one] for one in commands]


@pytest.mark.parametrize(("body", "commands"), WORDS)
def test_words(body: str, commands: list[list[object]]) -> None:
    assert plain(gotemplate.parse(body)) == commands


def test_names_of_templates() -> None:
    text = '{{- define "a.b" -}}{{ end }}{{ block `c` . }}{{ end }}{{ template "d" . }}{{/* define "e" */}}'
    assert gotemplate.defined_names(tokens(text)) == {"a.b", "c"}


# ------------------------------------------------------------------------------------- clones

READABLE = Alphabet(ord("①"))
"""Marks that can be read, in place of private-use code points."""


def clone(text: str) -> tuple[str, list[Mark]]:
    cloner = Cloner(READABLE, gotemplate.defined_names(tokens(text)))
    marked = cloner.clone("f", text, tokens(text))
    zero = READABLE.write(0)[0]
    return marked.replace("①", "<").replace("②", ">").replace("③", "|").replace(zero, ""), cloner.marks


CLONES = [
    ("text is marked once where it is printed as it stands", "a: 1\nb: 2\n"),
    ("text in a helper is marked in each line", '{{ define "h" }}\n  a: 1\n  b: 2\n{{ end }}'),
    ("separators stay unmarked in a helper", '{{ define "h" }}\n---\na: 1\n{{ end }}'),
]


@pytest.mark.parametrize("text", [row[1] for row in CLONES], ids=[row[0] for row in CLONES])
def test_marks_of_text_stand_before_visible_characters(text: str) -> None:
    cloner = Cloner(READABLE, gotemplate.defined_names(tokens(text)))
    marked = MarkedText(cloner.clone("f", text, tokens(text)), READABLE, len(cloner.marks))
    assert marked.clean == text.replace('"h"', '"h.zzkg"')
    assert all(not text[origin.start].isspace() for origin in cloner.marks)
    expected = 1 if "define" not in text else text.count(": ")
    assert len(cloner.marks) == expected


CALLS = [
    ("an action is wrapped", "{{ .x }}", 1),
    ("trims move outwards", "{{- .x -}}", 1),
    ("control is left alone", "{{ if .x }}{{ else }}{{ end }}", 0),
    ("an assignment is left alone", "{{ $x := 1 }}{{ $x = 2 }}{{ range $k, $v := .y }}{{ end }}", 0),
    ("a comment is left alone", "{{/* x */}}{{- /* y */ -}}", 0),
    ("an empty action is left alone", "{{ }}", 0),
]


@pytest.mark.parametrize(("text", "marks"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_marks_of_actions(text: str, marks: int) -> None:
    marked, origins = clone(text)
    assert len(origins) == marks
    if not marks:
        assert marked == text


HELPERS = [
    ("include", '{{ include "h" . }}', True),
    ("include, indented", '{{- include "h" . | nindent 4 }}', True),
    ("include, trimmed and indented", '{{ include "h" . | trim | indent 2 }}', True),
    ("template", '{{ template "h" . }}', True),
    ("include, changed", '{{ include "h" . | quote }}', False),
    ("include in parentheses", '{{ print (include "h" .) }}', False),
    ("include by a computed name", '{{ include (print "h") . }}', False),
    ("a name that nobody defines", '{{ include "other" . }}', False),
    ("include in a condition", '{{ if include "h" . }}{{ end }}', False),
]


@pytest.mark.parametrize(("call", "is_cloned"), [row[1:] for row in HELPERS], ids=[row[0] for row in HELPERS])
def test_calls_go_to_the_clone_where_marks_survive(call: str, is_cloned: bool) -> None:
    marked, _ = clone(call + '{{ define "h" }}{{ end }}')
    assert marked.count(".zzkg") == 1 + is_cloned


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["a: 1\n", "  b", "{{ .x }}", "{{- .y -}}", "\n", "---\n", " ", "{{ if z }}", "{{ end }}"])
    )
)
def test_a_clone_without_marks_and_added_actions_is_its_template(pieces: list[str]) -> None:
    text = "".join(pieces)
    alphabet = Alphabet(ALPHABETS[0])
    clean = alphabet.strip(Cloner(alphabet, ()).clone("f", text, tokens(text)))
    assert clean.replace('{{- "" }}{{', "{{-").replace('}}{{ "" -}}', "-}}") == text


def test_marks_tell_where_a_character_came_from() -> None:
    alphabet = Alphabet(ALPHABETS[0])
    one, two, three = (alphabet.write(n) for n in (1, 2, 5000))
    opening, closing = alphabet.opening, alphabet.closing
    text = f"\n{alphabet.text}{one}key: {opening}{two}v{opening}{three}w{closing}{closing}"
    marked = MarkedText(text, alphabet, MAX_MARKS)
    assert marked.clean == "\nkey: vw"
    assert marked.trace(0) is None
    traces = [marked.trace(offset) for offset in (1, 4, 6, 7)]
    assert [t and (t.frames, t.text) for t in traces] == [((), (1, 0)), ((), (1, 3)), ((2,), None), ((2, 5000), None)]
    assert [trace.frames for trace in marked.traces(1, 8)] == [(), (2,), (2, 5000)]


@pytest.mark.parametrize(
    ("command", "operands"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" and .a  (not (b .c)) ", ["and", ".a", "(not (b .c))"], id="a group in a group"),
        pytest.param('has (list "a b" `c)`).d', ["has", '(list "a b" `c)`).d'], id="strings, and a field of a group"),
        pytest.param("and (a .b", ["and", "(a .b"], id="a group that is not closed"),
    ],
)
def test_operands(command: str, operands: list[str]) -> None:
    assert gotemplate.operands(command) == operands


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        pytest.param('lookup "v1" `now` .x', 'lookup "" "" .x', id="both kinds"),
        pytest.param(r'eq "a\"now" $x', 'eq "" $x', id="an escaped quote"),
        pytest.param('eq "now', 'eq ""', id="a string that is not closed"),
    ],
)
def test_without_strings(body: str, plain: str) -> None:
    assert gotemplate.without_strings(body) == plain
