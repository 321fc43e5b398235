"""Reads Go templates: literal text, actions with their trims, comments, the words of pipelines, names of templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kgate.values import dataclass


class TemplateError(Exception):
    """A text that is not a Go template; ``offset`` is where the first fault is."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class Token(NamedTuple):
    """Literal text (``body`` is None), or an action: its offsets, and its body without trims.

    It is a named tuple because a large chart has a hundred thousand of them.
    """

    start: int
    end: int
    body: str | None = None
    trims_left: bool = False
    trims_right: bool = False
    is_comment: bool = False


_STRINGS = r"\"(?:\\.|[^\"\\])*+\"|`[^`]*+`|'(?:\\.|[^'\\])*+'"
_OPEN_STRINGS = r"\"(?:\\.|[^\"\\])*+(?:\"|\\?\Z)|`[^`]*+(?:`|\Z)|'(?:\\.|[^'\\])*+(?:'|\\?\Z)"
"""The source of a regular expression for a string or a letter in quotes; one that is not closed takes all the rest."""

_ACTION = re.compile(
    r"\{\{(?:(?P<left>-)(?=[ \t\r\n]))?"
    r"(?:(?P<comment>\s*/\*.*?\*/(?P<comment_right>\s+-)?)|(?P<body>(?!\s*/\*)(?:[^\"`'}]++|\}(?!\})|"
    + _STRINGS
    + r")*+))\}\}",
    re.DOTALL,
)
_RIGHT_TRIM = re.compile(r"(?:\A|[ \t\r\n])-\Z")


def tokens(text: str) -> Iterator[Token]:
    """Splits a text as Go's text/template does. Raises TemplateError for an action without an end."""
    position = 0
    while (start := text.find("{{", position)) >= 0:
        if start > position:
            yield Token(position, start)
        found = _ACTION.match(text, start)
        if found is None:
            raise TemplateError("an action or a string in it is not closed", start)
        position = found.end()
        yield _action(found)
    if position < len(text):
        yield Token(position, len(text))


def _action(found: re.Match[str]) -> Token:
    body, left = found["body"], found["left"] is not None
    if body is None:
        return Token(found.start(), found.end(), found["comment"], left, found["comment_right"] is not None, True)
    right = _RIGHT_TRIM.search(body) is not None
    return Token(found.start(), found.end(), body[:-1] if right else body, left, right)


_KEYWORD = re.compile(r"\s*(if|else|end|range|with|define|block|template|break|continue)\b")
_NAMED = re.compile(r"(\s*(?:define|block|template)\s+)(?:\"([^\"\\]+)\"|`([^`]+)`)")
_INCLUDE = re.compile(r"(\s*include\s+)(?:\"([^\"\\]+)\"|`([^`]+)`)(?=[\s)]|\Z)")
_ASSIGNMENT = re.compile(r"\s*\$\w*\s*(,\s*\$\w*\s*)?:?=")


def keyword(body: str) -> str:
    """The control word that an action begins with, or an empty string."""
    found = _KEYWORD.match(body)
    return found[1] if found else ""


def is_assignment(body: str) -> bool:
    """True if an action sets a variable, and so prints nothing."""
    return _ASSIGNMENT.match(body) is not None


class Named(NamedTuple):
    """The name of a template in an action (``define "name"``), and what comes before and after it."""

    before: str
    name: str
    after: str


def named(body: str) -> Named | None:
    """The template that a define, block or template action names."""
    return _split(_NAMED.match(body), body)


def included(body: str) -> Named | None:
    """The template that a call of ``include`` names literally."""
    return _split(_INCLUDE.match(body), body)


def _split(found: re.Match[str] | None, body: str) -> Named | None:
    return Named(found[1], found[2] or found[3], body[found.end() :]) if found else None


_ANY_STRING = re.compile(_OPEN_STRINGS, re.DOTALL)


def without_strings(body: str) -> str:
    """An action with empty strings in place of all strings."""
    return _ANY_STRING.sub('""', body)


# ------------------------------------------------------------------------------------------ pipelines

_WORD = re.compile(rf"\)(?:\.[\w.]+)?|[(|]|(?:{_OPEN_STRINGS}|[^\s()|\"`'])++", re.DOTALL)
_DEEPEST = 50


@dataclass(slots=True)
class Word:
    """An operand of a command: its text, or the pipeline in parentheses with the fields that are asked of it."""

    text: str
    group: list[list[Word]] | None = None

    @property
    def literal(self) -> str | None:
        """The text of a string in quotes, without resolving escapes; None for any other operand."""
        return self.text[1:-1] if self.group is None and self.text[:1] in ('"', "`") else None


def parse(body: str) -> list[list[Word]]:
    """The commands of a pipeline, each as its words. What Go does not take is read as far as possible."""
    stack: list[list[list[Word]]] = [[[]]]
    for found in _WORD.finditer(body):
        sign = found[0]
        if sign == "(":
            if len(stack) > _DEEPEST:
                break
            stack.append([[]])
        elif sign[0] == ")" and len(stack) > 1:
            group = stack.pop()
            stack[-1][-1].append(Word(sign[1:], group))
        elif sign == "|":
            stack[-1].append([])
        else:
            stack[-1][-1].append(Word(sign))
    return stack[0]


def pipeline(body: str) -> list[str]:
    """The text of each command of a pipeline: the body split at ``|`` outside strings and parentheses."""
    parts: list[str] = []
    depth = begin = 0
    for found in _WORD.finditer(body):
        sign = found[0][0]
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            parts.append(body[begin : found.start()])
            begin = found.end()
    return [*parts, body[begin:]]


def operands(command: str) -> list[str]:
    """The text of each operand of a command, its function first; a group in parentheses is one."""
    parts: list[str] = []
    depth = begin = end = 0
    for found in _WORD.finditer(command):
        if depth == 0:
            parts += [command[begin:end]] if end else []
            begin = found.start()
        depth += (found[0][0] == "(") - (found[0][0] == ")")
        end = found.end()
    return [*parts, command[begin:end]] if end else []


class StandIn(NamedTuple):
    """What is called in place of a function: a text instead of its name, and a text after the arguments."""

    name: str
    after: str = ""


_NAME = re.compile(r"((?:\S*=)?)([A-Za-z_]\w*)(\.[\w.]+)?", re.DOTALL)


def with_stand_ins(body: str, stand_ins: Mapping[str, StandIn]) -> str:
    """An action with other functions in place of those that are named."""
    out: list[str] = []
    position = 0
    pending = [""]
    for found in _WORD.finditer(body):
        out.append(body[position : found.start()])
        position, sign = found.end(), found[0]
        if sign == "(":
            pending.append("")
        elif sign[0] == ")" and len(pending) > 1:
            out.append(pending.pop())
        elif sign == "|":
            out.append(pending[-1])
            pending[-1] = ""
        elif (name := _NAME.fullmatch(sign)) and name[2] in stand_ins:
            stand_in = stand_ins[name[2]]
            sign = f"{name[1]}{stand_in.name}{name[3] or ''}"
            pending[-1] += stand_in.after
        out.append(sign)
    return "".join((*out, pending[0], body[position:]))


def written(token: Token) -> str:
    """The text of an action."""
    left, right = "-" if token.trims_left else "", "-" if token.trims_right else ""
    return f"{{{{{left}{token.body}{right}}}}}"


def defined_names(pieces: Iterable[Token]) -> set[str]:
    """The names of the templates that a text defines."""
    names = set()
    for token in pieces:
        if token.body and not token.is_comment and keyword(token.body) in ("define", "block"):
            found = named(token.body)
            if found:
                names.add(found.name)
    return names
