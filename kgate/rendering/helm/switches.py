"""Finds values with which templates print what they do not print by the values of a release: for maintainers of charts,
who ask what these switch off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TypeAlias

from kgate.model import Json, child_pointer, json_text, value_at
from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import Token
from kgate.rendering.helm.branches import is_in_output
from kgate.rendering.helm.release import Release
from kgate.values import dataclass

Settings: TypeAlias = Mapping[tuple[str, ...], Json]
"""Values by their keys, from those of the top chart."""

_REFERENCE = re.compile(r"\$?\.Values((?:\.\w+)+)")
_CONDITION = re.compile(r"\s*(?:else\s+)?(if|with|range)\s+(.*)\Z", re.DOTALL)
_ASSIGNED = re.compile(r"\s*\$\w+(?:\s*,\s*\$\w+)?\s*:?=")
_STRING = re.compile(r'"([^"\\]*)"|`([^`]*)`')
_SPECIAL = re.compile(r"([\\,{}\[\]=.])")
"""What ``--set-string`` reads as more than text."""

_DEEPEST = 50
"""Blocks in one another, alternatives of one, and groups in a condition, beyond which nobody looks."""


@dataclass(frozen=True, slots=True)
class Switched:
    """A part of a template, by its offsets, and the values that lead there."""

    key: str
    start: int
    end: int
    settings: Settings

    def is_printed(self, printed: Mapping[str, Sequence[int]]) -> bool:
        """True if some of its text is in an output (Branch.is_printed)."""
        return is_in_output(printed, self.key, self.start, self.end)

    @property
    def title(self) -> str:
        """The values in words: ``agent.enabled=true``."""
        return " and ".join(f"{'.'.join(key)}={json_text(value)}" for key, value in self._sorted)

    def put_on(self, release: Release) -> Release:
        """A release with these values on top of its own."""
        return replace(
            release,
            sets=(*release.sets, *(_argument(*one) for one in self._sorted if not isinstance(one[1], str))),
            string_sets=(*release.string_sets, *(_argument(*one) for one in self._sorted if isinstance(one[1], str))),
        )

    @property
    def _sorted(self) -> list[tuple[tuple[str, ...], Json]]:
        return sorted(self.settings.items())


def _argument(key: tuple[str, ...], value: Json) -> str:
    """A value as ``--set`` and ``--set-string`` read it."""
    text = _SPECIAL.sub(r"\\\1", json_text(value))
    return f"{'.'.join(key)}={text}"


@dataclass(frozen=True, slots=True)
class ChartValues:
    """The values of a chart: ``keys`` lead to them from those of the top chart, ``body`` is what ``.Values`` is."""

    keys: tuple[str, ...]
    body: Json

    def setting(self, reference: str, *, is_true: bool) -> Settings | None:
        """The value of a reference that is as true as wanted, of the type that it has; None if nobody knows one."""
        own = tuple(reference.strip(".").split("."))
        now = value_at(self.body, child_pointer("", *own))
        if bool(now) == is_true:
            return {}
        wanted = _opposite(now)
        return None if wanted is None else self.at(own, wanted)

    def at(self, own: tuple[str, ...], value: Json) -> Settings:
        """A value at a key of the chart; globals are the same for all charts."""
        return {own if own[0] == "global" else (*self.keys, *own): value}


def _opposite(value: Json) -> Json:
    """A value of the same type that a condition takes for the opposite; None for lists and mappings, of which nobody
    knows what belongs in them."""
    if value is None or isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return "" if value else "kgate"
    return (0 if value else 1) if isinstance(value, int | float) else None


@dataclass(slots=True)
class _Block:
    """An open block. ``settings`` lead to its present branch, None if nobody knows which do; ``before`` are the
    conditions of its other branches, which must not be true, and ``outer`` leads to the block."""

    outer: Settings | None
    start: int
    settings: Settings | None
    before: list[str] = field(default_factory=list)


def switched_parts(key: str, tokens: Sequence[Token], scope: ChartValues) -> Iterator[Switched]:
    """The branches of a template to which some values of its chart lead, in their order."""
    blocks: list[_Block] = []
    for token in tokens:
        if not token.body or token.is_comment:
            continue
        word = gotemplate.keyword(token.body)
        if word in ("if", "range", "with", "define", "block"):
            outer: Settings | None = blocks[-1].settings if blocks else {}
            blocks.append(_Block(outer, token.end, None))
            _enter(blocks[-1], token.body, scope, is_known=len(blocks) <= _DEEPEST)
        elif word in ("else", "end") and blocks:
            block = blocks[-1]
            if block.settings:
                yield Switched(key, block.start, token.start, block.settings)
            if word == "end":
                blocks.pop()
            else:
                block.start = token.end
                _enter(block, token.body, scope, is_known=len(blocks) <= _DEEPEST)


def _enter(block: _Block, body: str, scope: ChartValues, *, is_known: bool) -> None:
    """Finds the settings that lead to the branch of a block which an action begins."""
    found = _CONDITION.match(body)
    settings = block.outer if is_known and len(block.before) <= _DEEPEST else None
    for condition in block.before if settings is not None else ():
        settings = _joined(settings, _leading_to(condition, scope, is_true=False))
    if found is not None:
        is_plain = not _ASSIGNED.match(found[2])
        wanted = _leading_to(found[2], scope, is_true=True) if is_plain else None
        if found[1] == "range" and wanted:
            wanted = None  # nobody knows what belongs in the list
        settings = _joined(settings, wanted)
        block.before.append(found[2])
    block.settings = settings


def _joined(one: Settings | None, other: Settings | None) -> Settings | None:
    """Both settings; None if one is not known or they contradict each other."""
    if one is None or other is None or any(one[key] != other[key] for key in one.keys() & other.keys()):
        return None
    return {**one, **other}


def _leading_to(condition: str, scope: ChartValues, *, is_true: bool) -> Settings | None:
    """The settings that make a condition true or not; None if nobody knows which do."""
    inner = condition.strip()
    if inner.count("(") > _DEEPEST or len(gotemplate.pipeline(inner)) != 1:
        return None
    name, *rest = gotemplate.operands(inner) or [""]
    name = name.strip()
    if not rest:
        if name.startswith("(") and name.endswith(")"):
            return _leading_to(name[1:-1], scope, is_true=is_true)
        found = _REFERENCE.fullmatch(name)
        return scope.setting(found[1], is_true=is_true) if found else None
    read = _FUNCTIONS.get(name)
    return read(rest, scope, is_true) if read is not None else None


def _not(operands: Sequence[str], scope: ChartValues, is_true: bool) -> Settings | None:
    return _leading_to(operands[0], scope, is_true=not is_true) if len(operands) == 1 else None


def _and(operands: Sequence[str], scope: ChartValues, is_true: bool) -> Settings | None:
    found = [_leading_to(one, scope, is_true=is_true) for one in operands]
    return _all(found) if is_true else _any(found)


def _or(operands: Sequence[str], scope: ChartValues, is_true: bool) -> Settings | None:
    found = [_leading_to(one, scope, is_true=is_true) for one in operands]
    return _any(found) if is_true else _all(found)


def _all(found: Sequence[Settings | None]) -> Settings | None:
    whole: Settings | None = {}
    for one in found:
        whole = _joined(whole, one)
    return whole


def _any(found: Sequence[Settings | None]) -> Settings | None:
    """The first that changes least."""
    return min((one for one in found if one is not None), key=len, default=None)


def _equal(operands: Sequence[str], scope: ChartValues, is_true: bool) -> Settings | None:
    """The settings of a comparison with a text, which is true; of the opposite only if it is so already."""
    references = [found for one in operands if (found := _REFERENCE.fullmatch(one.strip()))]
    texts = [found for one in operands if (found := _STRING.fullmatch(one.strip()))]
    if len(operands) != 2 or len(references) != 1 or len(texts) != 1:
        return None
    own = tuple(references[0][1].strip(".").split("."))
    text = texts[0][1] if texts[0][1] is not None else texts[0][2]
    if (value_at(scope.body, child_pointer("", *own)) == text) == is_true:
        return {}
    return scope.at(own, text) if is_true else None


def _unequal(operands: Sequence[str], scope: ChartValues, is_true: bool) -> Settings | None:
    return _equal(operands, scope, not is_true)


_FUNCTIONS: Mapping[str, Callable[[Sequence[str], ChartValues, bool], Settings | None]] = {
    "not": _not,
    "and": _and,
    "or": _or,
    "eq": _equal,
    "ne": _unequal,
}
