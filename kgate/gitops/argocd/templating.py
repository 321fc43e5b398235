"""Fills in the templates of an ApplicationSet: plain references to parameters, and nothing that computes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from kgate.model import Json
from kgate.rendering import gotemplate
from kgate.values import dataclass


class FillError(Exception):
    """An expression that cannot be filled in; the text names it."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a generator gives for one Application. Those of a generator that needs more than the repository are missing;
    ``unknown`` then says why, and what to do."""

    values: Mapping[str, Json]
    unknown: str = ""

    @property
    def is_partial(self) -> bool:
        """True if some are missing."""
        return bool(self.unknown)


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills in texts by the rules that an ApplicationSet chooses: Go templates or the older ``{{name}}``."""

    is_go: bool

    def fill(self, value: Json, parameters: Parameters) -> Json:
        """A value with everything filled in, keys too. Raises FillError for what cannot be."""
        if isinstance(value, str):
            return self.fill_text(value, parameters)
        if isinstance(value, list):
            return [self.fill(item, parameters) for item in value]
        if isinstance(value, dict):
            return {self.fill_text(key, parameters): self.fill(item, parameters) for key, item in value.items()}
        return value

    def fill_text(self, text: str, parameters: Parameters) -> str:
        """A text with its expressions filled in. Raises FillError."""
        if "{{" not in text:
            return text
        return _fill_go(text, parameters) if self.is_go else _fill_fast(text, parameters)

    def name(self, text: str, parameters: Parameters) -> str:
        """A text filled in for use as a name: an expression that cannot be filled in is replaced by its words."""
        try:
            filled = self.fill_text(text, parameters)
        except FillError:
            filled = text
        if "{{" not in filled:
            return filled
        return re.sub(r"[^a-z0-9]+", "-", filled.lower()).strip("-")


# --------------------------------------------------------------------------------- {{name}}, without Go

_PARAMETER = re.compile(r"[A-Za-z_][\w.\[\]/-]*")


def _fill_fast(text: str, parameters: Parameters) -> str:
    """Leaves what is not a parameter as it is, as valyala/fasttemplate does, unless parameters are missing."""

    parts: list[str] = []
    position = 0
    while (begin := text.find("{{", position)) >= 0 and (end := text.find("}}", begin + 2)) >= 0:
        name = text[begin + 2 : end].strip()
        if name not in parameters.values and parameters.is_partial and _PARAMETER.fullmatch(name):
            raise FillError(f"{{{{{name}}}}}")
        value = parameters.values.get(name)
        parts += (text[position:begin], value if isinstance(value, str) else text[begin : end + 2])
        position = end + 2
    return _joined((*parts, text[position:]))


MAX_TEXT = 1024 * 1024
"""Characters that one text may have when it is filled in."""


def _joined(parts: Sequence[str]) -> str:
    if sum(map(len, parts)) > MAX_TEXT:
        raise FillError(f"a text that grows beyond {MAX_TEXT:,} characters")
    return "".join(parts)


# ---------------------------------------------------------------------------------------- Go templates

_OPERAND = re.compile(r"""\.[A-Za-z_][\w.]*|\.|"(?:[^"\\]|\\.)*"|`[^`]*`|-?[0-9]{1,18}""")


def _fill_go(text: str, parameters: Parameters) -> str:
    parts: list[str] = []
    trims = False
    try:
        for token in gotemplate.tokens(text):
            if token.body is None:
                parts.append(text[token.start : token.end].lstrip(_BLANKS if trims else ""))
                trims = False
                continue
            if token.trims_left and parts:
                parts[-1] = parts[-1].rstrip(_BLANKS)
            value = "" if token.is_comment else _go_value(token.body.strip(), parameters)
            parts += (_go_text(value, text[token.start : token.end]), "")
            trims = token.trims_right
    except gotemplate.TemplateError as error:
        raise FillError(text[error.offset :].strip()) from None
    return _joined(parts)


_BLANKS = " \t\r\n"


def _go_value(expression: str, parameters: Parameters) -> Json:
    """The value of an expression: a reference, or ``index`` with plain arguments, and simple filters."""
    command, *filters = [[_text(word, expression) for word in words] for words in gotemplate.parse(expression)]
    is_index = command[:1] == ["index"]
    operands = command[1:] if is_index else command
    if not operands or (len(operands) > 1) != is_index:
        raise FillError(f"{{{{{expression}}}}}")
    value, *keys = (_go_word(word, parameters, expression) for word in operands)
    for key in keys:
        value = _member(value, key, expression)
    for words in filters:
        if len(words) != 1 or words[0] not in _FILTERS:
            raise FillError(f"{{{{{expression}}}}}")
        value = _FILTERS[words[0]](value)
    return value


def _text(word: gotemplate.Word, expression: str) -> str:
    """The text of an operand without parentheses."""
    if word.group is not None:
        raise FillError(f"{{{{{expression}}}}}")
    return word.text


_FILTERS: Mapping[str, Callable[[Json], Json]] = {
    "toJson": lambda value: json.dumps(value, separators=(",", ":"), sort_keys=True),
    "lower": lambda value: str(value).lower(),
    "upper": lambda value: str(value).upper(),
    "trim": lambda value: str(value).strip(),
    "quote": lambda value: json.dumps(str(value), ensure_ascii=False),
    "toString": lambda value: _go_text(value, ""),
}
"""Functions of sprig with one argument whose result leaves no doubt."""


def _go_word(word: str, parameters: Parameters, expression: str) -> Json:
    if not _OPERAND.fullmatch(word):
        raise FillError(f"{{{{{expression}}}}}")
    if word[0] == '"':
        try:
            return json.loads(word, strict=False)
        except ValueError:
            raise FillError(f"{{{{{expression}}}}}") from None
    if word[0] == "`":
        return word[1:-1]
    if word[0] != ".":
        return int(word)
    value: Json = dict(parameters.values)
    for name in word[1:].split(".") if word != "." else ():
        value = _member(value, name, expression)
    return value


def _member(value: Json, key: Json, expression: str) -> Json:
    if isinstance(value, dict) and isinstance(key, str) and key in value:
        return value[key]
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool) and 0 <= key < len(value):
        return value[key]
    raise FillError(f"{{{{{expression}}}}}")


def _go_text(value: Json, expression: str) -> str:
    """A value as Go prints it; lists and mappings are not what anybody wants to see in a manifest."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise FillError(expression)
