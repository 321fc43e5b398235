"""Field paths of rule files, such as ``securityContext.capabilities.add[*]``: as CEL and over values.

``name[*]`` means each member of a list; ``name.*`` each entry of a mapping, as {name, value}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from kgate.model import Json
from kgate.values import dataclass

Tokens = tuple[str | int, ...]

_SEGMENT = re.compile(r"([\w-]+)(\[\*\])?|(\*)")


@dataclass(frozen=True, slots=True)
class Item:
    """A value that an expression is asked about, its way from the target, and whether it is {name, value}."""

    tokens: Tokens
    value: Json
    is_entry: bool = False


@dataclass(frozen=True, slots=True)
class WrongType:
    """A field that is there but is not the list or mapping that the path goes through."""

    tokens: Tokens
    wanted: str


@cache
def tokens(path: str) -> tuple[str, ...]:
    """The names of a path without wildcards."""
    return tuple(path.split(".")) if path else ()


def _segments(path: str) -> list[str]:
    """Names and the wildcards ``[*]`` and ``*``, in order."""
    parts: list[str] = []
    for name, each_member, each_entry in _SEGMENT.findall(path):
        parts += [part for part in (name, each_member, each_entry) if part]
    return parts


# ---------------------------------------------------------------------------------------- as CEL


def quantified(expression: str, target: str, each: Sequence[str]) -> str:
    """CEL that is true if the expression holds for every item that the paths reach from the target."""
    if not each:
        return expression
    return " && ".join(_for_all(_root(target, path), _segments(path), expression, 0) for path in each)


def _root(target: str, path: str) -> str:
    """``metadata`` of a pod is a variable of its own; every other path starts at the target."""
    return "" if target == "pod" and _segments(path)[0] == "metadata" else target


def _for_all(base: str, segments: list[str], expression: str, depth: int) -> str:
    names: list[str] = []
    while segments and segments[0] not in ("[*]", "*"):
        names.append(segments.pop(0))
    if not base:
        base = names.pop(0)
    value = base + "".join(f".?{name}" for name in names)
    if not segments:
        item = f"[{value}.value()].all(item, {expression})" if names else f"[{base}].all(item, {expression})"
        return f"(!{value}.hasValue() || {item})" if names else f"({item})"
    wildcard, rest = segments[0], segments[1:]
    variable = f"each{depth}"
    collection = f"{value}.value()" if names else base
    if wildcard == "[*]":
        inner = _for_all(variable, rest, expression, depth + 1)
    else:
        inner = f"[dyn({{'name': {variable}, 'value': {collection}[{variable}]}})].all(item, {expression})"
    wanted = "list" if wildcard == "[*]" else "map"
    holds = f"(type({collection}) == {wanted} && {collection}.all({variable}, {inner}))"
    return f"(!{value}.hasValue() || {holds})" if names else holds


# ----------------------------------------------------------------------------------- over values


def items(target: str, variables: Mapping[str, Json], each: Sequence[str]) -> Iterator[Item | WrongType]:
    """Every value that the paths reach from the target; without paths the target itself."""
    if not each:
        yield Item((), variables[target])
    for path in each:
        segments = _segments(path)
        if _root(target, path):
            yield from _walk(variables[target], segments, ())
        else:
            yield from _walk(variables["metadata"], segments[1:], ("metadata",))


def reaches(target: str, variables: Mapping[str, Json], each: Sequence[str]) -> bool:
    """True if there is anything to ask an expression about."""
    return next(items(target, variables, each), None) is not None


def _walk(value: Json, segments: Sequence[str], way: Tokens) -> Iterator[Item | WrongType]:
    if not segments:
        yield Item(way, value)
        return
    segment, rest = segments[0], segments[1:]
    if segment == "[*]":
        if isinstance(value, list):
            for index, member in enumerate(value):
                yield from _walk(member, rest, (*way, index))
        else:
            yield WrongType(way, "list")
    elif not isinstance(value, Mapping):
        yield WrongType(way, "mapping")
    elif segment == "*":
        for name, member in value.items():
            yield Item((*way, name), {"name": name, "value": member}, is_entry=True)
    elif segment in value:
        yield from _walk(value[segment], rest, (*way, segment))


def is_present(value: Json, path: Sequence[str]) -> bool:
    """True if a field exists."""
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


def without(value: Json, path: Sequence[str]) -> Json:
    """A copy in which a field, which must exist, is absent."""
    if len(path) == 1:
        return {name: member for name, member in value.items() if name != path[0]}
    return {**value, path[0]: without(value[path[0]], path[1:])}


def stable_tokens(value: Json, way: Tokens) -> Iterator[str]:
    """The tokens of a field with list members named by their ``name`` or their own value."""
    for token in way:
        if isinstance(value, list) and isinstance(token, int):
            value = value[token]
            yield _member_name(value)
        else:
            value = value.get(token) if isinstance(value, Mapping) else None
            yield str(token)


def _member_name(value: Json) -> str:
    if isinstance(value, Mapping):
        name = value.get("name", value.get("mountPath", value.get("containerPort", "")))
        return f"[{name}]"
    return "[]" if isinstance(value, list) else f"[{value}]"
