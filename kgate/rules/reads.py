"""Finds the parts of the variables that a CEL expression can read, so that equal parts need not be judged twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kgate.model import Json, Rule
from kgate.rules.cel import VARIABLES
from kgate.rules.variables import bound
from kgate.values import dataclass

_NOT_CODE = re.compile(
    r"//[^\n]*"
    r"|(?<!\w)[bB]?[rR](?:'''.*?'''|\"\"\".*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\")"
    r"|'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"",
    re.DOTALL,
)
"""Comments and strings (cel-spec, langdef.md, "Syntax")."""

_UNKNOWN = re.compile("[`'\"]")
"""Quoted identifiers, and quotation marks that are not understood."""

_NAME = r"\s*\.\s*\??\s*([A-Za-z_]\w*)\s*(\()?"
_USE = re.compile(rf"(?<!\w)({'|'.join(VARIABLES)})\b(?:{_NAME}(?:{_NAME})?)?")

_DEEP = "resource"
"""The variable of which two names are looked at: hardly two resources have equal metadata."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression can read: paths of names below variables; a path includes everything below it."""

    paths: frozenset[Path]

    def of(self, variables: Mapping[str, Json]) -> list[Json]:
        """The values that decide the answers, in a fixed order; None for those that are absent."""
        return [_value(variables, path) for path in sorted(self.paths)]

    def __or__(self, other: Reads) -> Reads:
        """What either reads."""
        return Reads(_shortest(self.paths | other.paths))

    def renamed(self, name: str, others: Iterable[str]) -> Reads:
        """Returns what is read if a variable is only a name for others, or for nothing of its own."""
        kept = {path for path in self.paths if path[0] != name}
        moved = {(other, *path[1:]) for other in others for path in self.paths if path[0] == name}
        return Reads(_shortest(kept | moved))


def reads(expressions: Iterable[str]) -> Reads:
    """Everything that the expressions can read: at least what they do read, as CEL reaches a variable by name only.

    A local variable of a macro that has the name of a variable counts as that variable. A method of a variable
    (``pod.size()``) reads all of it.
    """
    paths: set[Path] = set()
    for expression in expressions:
        code = code_of(expression)
        if _UNKNOWN.search(code) is not None:
            return Reads(frozenset((name,) for name in VARIABLES))
        for name, field, is_method, inner, is_inner_method in _USE.findall(code):
            way = [name]
            if field and not is_method:
                way.append(field)
                if name == _DEEP and inner and not is_inner_method:
                    way.append(inner)
            paths.add(tuple(way))
    return Reads(_shortest(paths))


def code_of(expression: str) -> str:
    """An expression of the same length, with spaces in place of strings and comments."""
    if "'" not in expression and '"' not in expression and "//" not in expression:
        return expression
    return _NOT_CODE.sub(lambda match: " " * len(match[0]), expression)


def _shortest(paths: Iterable[Path]) -> frozenset[Path]:
    """The paths without those below another one."""
    found = set(paths)
    return frozenset(path for path in found if not any(path[:length] in found for length in range(1, len(path))))


def _value(variables: Mapping[str, Json], path: Path) -> Json:
    value: Json = variables[path[0]]
    for name in path[1:]:
        if not isinstance(value, dict):
            return value
        value = value.get(name)
    return value


_TEXT = re.compile(r"'([^'\\\n]*)'|\"([^\"\\\n]*)\"")


def settings_read(rule: Rule) -> frozenset[str]:
    """Returns all texts in the expression of a rule about components: the settings that it reads are among them."""
    return frozenset(single or double for single, double in _TEXT.findall(bound(rule)))
