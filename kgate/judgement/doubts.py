"""Says of a target that rules cannot judge which of its fields keep them from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from kgate.judgement.blame import Doubt
from kgate.judgement.memo import reads_of
from kgate.judgement.target import Target
from kgate.kubernetes import faults
from kgate.kubernetes.schema import Mismatch, Schema
from kgate.model import Gap, Pointer, child_pointer, field_path, pointer_tokens

_TYPES = {"container": "Container", "pod": "PodSpec", "metadata": "ObjectMeta"}
"""The types of the variables of rules; that of the resource is its own."""


def gaps(doubts: Iterable[Doubt], target: Target, schema: Schema) -> Iterator[Gap]:
    """Yields a gap for each field of a wrong type that a rule in doubt reads; where there is none, one for each field
    that it is in doubt about."""
    wrong = _WrongTypes(target, schema)
    unexplained: dict[Pointer, list[Doubt]] = {}
    for rule, same in groupby(doubts, key=lambda doubt: doubt.rule):
        found = [gap for path in sorted(reads_of(rule, target.kind).paths) for gap in wrong.along(*path)]
        yield from found
        for doubt in () if found else same:
            unexplained.setdefault(target.pointer(doubt.tokens), []).append(doubt)
    for pointer, about in unexplained.items():
        yield Gap(pointer, _unexplained(pointer, about))


def _unexplained(pointer: Pointer, doubts: Sequence[Doubt]) -> str:
    rules = sorted({doubt.rule.id for doubt in doubts})
    more = f" and {len(rules) - 1} more rules" if len(rules) > 1 else ""
    return f"{field_path(pointer)} cannot be judged by {rules[0]}{more}: {doubts[0].reason}"


class _WrongTypes:
    """The fields of a target's variables that have a wrong type."""

    def __init__(self, target: Target, schema: Schema) -> None:
        self._target = target
        self._schema = schema
        self._found: dict[str, tuple[Mismatch, ...]] = {}

    def along(self, variable: str, *way: str) -> Iterator[Gap]:
        """Yields a gap for each such field of a variable that is on the way to a field, or below it."""
        if variable not in self._found:
            self._found[variable] = tuple(self._in(variable))
        wanted = child_pointer("", *way) + "/"
        for mismatch in self._found[variable]:
            here = mismatch.pointer + "/"
            if here.startswith(wanted) or wanted.startswith(here):
                pointer = self._pointer(variable, mismatch.pointer)
                location = self._target.resource.locate(pointer)
                yield Gap(pointer, faults.mismatch(mismatch, location))

    def _in(self, variable: str) -> Iterator[Mismatch]:
        if variable == "component":  # what its settings hold was checked when they were read
            return iter(())
        who, value = self._target.resource.id, self._target.variables[variable]
        name = _TYPES.get(variable) or self._schema.type_of(who.api_version, who.kind)
        if name is not None:
            found = self._schema.faults(value, name)
        else:
            found = self._schema.faults(value.get("metadata"), "ObjectMeta", "/metadata")
        return (fault for fault in found if isinstance(fault, Mismatch))

    def _pointer(self, variable: str, way: Pointer) -> Pointer:
        """Returns the pointer in the resource of a field that is found in a variable."""
        if variable == "resource":
            return way
        in_pod = ("pod",) if self._target.kind == "container" and variable != "container" else ()
        metadata = ("metadata",) if variable == "metadata" else ()
        return self._target.pointer((*in_pod, *metadata, *pointer_tokens(way)))
