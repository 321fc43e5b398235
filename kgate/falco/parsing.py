"""Parses conditions of Falco's rules: text -> expression."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken

from kgate.falco.conditions import (
    And,
    Check,
    ConditionError,
    EventField,
    Expression,
    Macro,
    Operand,
    Operands,
    Or,
    Transformed,
    Value,
    combination,
    negation,
)

MAX_NESTING = 198
"""Parentheses inside of each other: Falco stops at 1,000 steps of its parser, which takes five for each of them."""


def parse(text: str) -> Expression:
    """Parses a condition whose lists are expanded. Raises ConditionError."""
    if not text.strip():
        raise ConditionError("the condition is empty", 0)
    try:
        found: Expression = _parser().parse(text)  # type: ignore[assignment] # the callbacks make one of the tree
    except UnexpectedInput as error:
        raise _error(error, text) from None
    return found


class _Nesting:
    """Refuses what is nested too deep, as the parser gets its tokens."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Yields the tokens. Raises ConditionError."""
        depth = 0
        for token in stream:
            if token.type == "_CLOSE":
                depth -= 1
            elif token.endswith("(") and token.type not in ("QUOTED", "BARE"):
                depth += 1
                if depth > MAX_NESTING:
                    raise ConditionError(f"nested deeper than {MAX_NESTING} parentheses", int(token.start_pos or 0))
            yield token


@v_args(inline=True)
class _Builder(Transformer):  # type: ignore[type-arg] # generic only for mypy
    """Makes expressions of what the grammar finds."""

    def start(self, child: Expression) -> Expression:
        return child

    def disjunction(self, *children: Expression) -> Expression:
        return combination(Or, children, children[0].offset)

    def conjunction(self, *children: Expression) -> Expression:
        return combination(And, children, children[0].offset)

    def negation(self, token: Token, child: Expression) -> Expression:
        return negation(child, _offset(token))

    def unary(self, left: EventField | Transformed, token: Token) -> Expression:
        return Check(left, str(token), (), left.offset)

    def binary(
        self, left: EventField | Transformed, token: Token, right: Value | tuple[Value, ...] | Transformed
    ) -> Expression:
        is_list = isinstance(right, tuple)
        return Check(left, str(token), (right,) if isinstance(right, Value) else right, left.offset, is_list)

    def modified(
        self, left: EventField | Transformed, token: Token, modifier: Token, right: tuple[Value, ...]
    ) -> Expression:
        return Check(left, f"{token} {modifier}", right, left.offset, is_list=True)

    def macro(self, token: Token) -> Expression:
        return Macro(str(token), _offset(token))

    def field(self, token: Token, argument: str | None = None) -> EventField:
        return EventField(str(token), argument, _offset(token))

    def argument(self, token: Token) -> str:
        return _unquoted(token)

    def transformed(self, token: Token, *rest: Operand | str) -> Transformed:
        operands = tuple(one for one in rest if not isinstance(one, str))
        argument = next((one for one in rest if isinstance(one, str)), None)
        return Transformed(str(token)[:-1], operands, argument, _offset(token))

    reference = transformed

    def operands(self, *members: Operand) -> Operands:
        return Operands(members, members[0].offset if members else 0)

    def values(self, *members: Value | Token) -> tuple[Value, ...]:
        return tuple(one if isinstance(one, Value) else Value(str(one), _offset(one)) for one in members)

    def number(self, token: Token) -> Value:
        return Value(str(token), _offset(token))

    def text(self, token: Token) -> Value:
        return Value(_unquoted(token), _offset(token))

    quoted = text


@functools.cache
def _parser() -> Lark:
    """Makes the parser, which takes 40 ms."""
    grammar = (Path(__file__).parent / "condition.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder(), postlex=_Nesting(), maybe_placeholders=False)


def _offset(token: Token) -> int:
    return int(token.start_pos or 0)


_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", " ": "\\", "\\": "\\", "/": "/"}
"""What follows a backslash in a quoted text; Falco reads a blank there as a second backslash."""


def _unquoted(token: Token) -> str:
    """Returns the text that a token stands for (falcosecurity/libs, filter/escaping.cpp). Raises ConditionError."""
    text = str(token)
    if token.type != "QUOTED" or "\\" not in text:
        return text[1:-1] if token.type == "QUOTED" else text
    delimiter, parts, index = text[0], [], 1
    while index < len(text) - 1:
        letter = text[index]
        if letter == "\\":
            index += 1
            letter = text[index]
            if letter == "x":
                parts.append(_hexadecimal(text[index + 1 : min(index + 3, len(text) - 1)], _offset(token) + index))
                index += 3
                continue
            if letter not in _ESCAPES and letter != delimiter:
                raise ConditionError(f"there is no escape sequence \\{letter}", _offset(token) + index - 1)
            letter = _ESCAPES.get(letter, letter)
        parts.append(letter)
        index += 1
    return "".join(parts)


def _hexadecimal(digits: str, offset: int) -> str:
    try:
        return chr(int(digits, 16)) if len(digits) == 2 and digits.isalnum() else _refuse(offset)
    except ValueError:
        return _refuse(offset)


def _refuse(offset: int) -> str:
    raise ConditionError("\\x needs two hexadecimal digits", offset - 1)


_WORDS: Mapping[str, str] = {
    "_AND": "'and'",
    "_OR": "'or'",
    "$END": "the end",
    "_CLOSE": "')'",
    "_COMMA": "','",
    "_ARGUMENT_CLOSE": "']'",
    "FIELD": "a field",
    "MACRO": "a macro",
    "NOT": "'not'",
    "TEXT_OPERATOR": "an operator (exists, =, !=, <, <=, >, >=, contains, startswith, endswith, glob, regex, in, …)",
    "_OPEN": "'('",
    "NUMBER": "a number",
    "BARE": "a value",
    "QUOTED": "a quoted text",
    "ARGUMENT": "an argument without blanks",
    "LIST": "a list",
}
"""What may stand at a place, by the names of the grammar, in the order in which a message names it."""


_LOGIC = ("and", "or", "not")


def _error(error: UnexpectedInput, text: str) -> ConditionError:
    """Returns what is expected instead of what the parser found, and where."""
    is_at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    offset = len(text.rstrip()) if is_at_end else int(error.pos_in_stream or 0)
    names: Iterable[str] = error.accepts if isinstance(error, UnexpectedToken) else getattr(error, "allowed", ())
    expected = [words for name, words in _WORDS.items() if name in set(names or ())]
    if "a value" in expected and "a quoted text" in expected:
        expected.remove("a quoted text")
    word = _word(text, offset)
    is_shouted = word not in _LOGIC and word.lower() in _LOGIC
    hint = f"; write '{word.lower()}'" if is_shouted else ""
    found = "the condition ends" if is_at_end else f"found '{word}'{hint}"
    *most, last = expected or ["something else"]
    wanted = f"{', '.join(most)} or {last}" if most else last
    return ConditionError(f"expected {wanted}, {found}", offset)


def _word(text: str, offset: int) -> str:
    """Returns the word that begins at an offset, cut to 40 characters."""
    return (text[offset:].split(maxsplit=1) or [""])[0][:40]
