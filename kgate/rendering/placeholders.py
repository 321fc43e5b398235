"""Finds the fields of an object that hold ``${NAME}`` of variables which are known only in the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kgate.model import Json, Pointer, Unknown, child_pointer

_PLACEHOLDER = re.compile(r"\$\{#?([A-Za-z_0-9]++)[^{}]*+\}")


def names(text: str) -> set[str]:
    """The variables in a text."""
    return {match[1] for match in _PLACEHOLDER.finditer(text)}


def is_one(text: str) -> bool:
    """True for a text that is an expression without others in it."""
    return _PLACEHOLDER.fullmatch(text) is not None


def find(body: Json, variables: Mapping[str, Unknown]) -> dict[Pointer, Unknown]:
    """The fields of a body whose value or key has one of these variables, each with what is unknown of it."""
    return dict(_found(body, variables))


def _found(body: Json, variables: Mapping[str, Unknown]) -> Iterator[tuple[Pointer, Unknown]]:
    pending: list[tuple[Pointer, Json]] = [("", body)]
    while pending:
        pointer, value = pending.pop()
        if isinstance(value, Mapping):
            pending += [(child_pointer(pointer, key), member) for key, member in value.items()]
            yield from ((child_pointer(pointer, key), one) for key in value for one in _unknown(key, variables))
        elif isinstance(value, list):
            pending += [(child_pointer(pointer, index), member) for index, member in enumerate(value)]
        elif isinstance(value, str):
            yield from ((pointer, one) for one in _unknown(value, variables))


def _unknown(text: str, variables: Mapping[str, Unknown]) -> list[Unknown]:
    """The first unknown part of a text, if there is one."""
    if "${" not in text:
        return []
    found = (match for match in _PLACEHOLDER.finditer(text) if match[1] in variables)
    return [replace(variables[match[1]], text=match[0]) for match in found][:1]
