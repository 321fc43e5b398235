"""Finds the field of a chart's values that a template fills a security context from, where that is empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kgate.model import FieldChange, Location, Position, child_pointer, pointer_tokens
from kgate.yamltree.nodes import ManifestError, Node, compose

_CONTEXT = "securityContext"
_MENTIONED = re.compile(r"\.Values((?:\.\w++)++)")


def moved(change: FieldChange, template: str, values: str, path: str) -> FieldChange:
    """Returns a change with its place in a values file, if it is about a security context that is absent and that the
    template has from there: from the first such field mentioned in the container or behind it. Else the same change.
    Only rendering the chart shows whether that is right."""
    tokens = pointer_tokens(change.pointer)
    if _CONTEXT not in tokens or len(pointer_tokens(change.place.pointer)) > tokens.index(_CONTEXT):
        return change
    above = tokens[: tokens.index(_CONTEXT) + 1]
    is_of_pod = not any(token in ("containers", "initContainers", "ephemeralContainers") for token in above)
    known = dict(_fields(values))
    lines = template.split("\n")[change.place.start.line - 1 :]
    for names in _contexts("\n".join(lines)):
        position = known.get(".".join(names))
        if position is not None and ("pod" in names[-1].lower()) == is_of_pod:
            place = Location(path, position, position, child_pointer("", *above))
            return FieldChange(change.pointer, change.value, place)
    return change


def _contexts(template: str) -> Iterator[Sequence[str]]:
    """Yields the values that a template mentions and that are called a security context, each as its names."""
    for match in _MENTIONED.finditer(template):
        names = match[1][1:].split(".")
        ends = [index for index, name in enumerate(names, 1) if name.lower().endswith(_CONTEXT.lower())]
        if ends:
            yield names[: ends[-1]]


def _fields(values: str) -> Iterator[tuple[str, Position]]:
    """Yields the mappings, also empty ones, of a values file with their places; none if it cannot be read."""
    try:
        roots: list[Node] = list(compose(values))
    except ManifestError:
        return
    for root in roots[:1]:
        for way, node in root.walk():
            for name, (start, _, value) in (node.fields or {}).items():
                if value.fields is not None or value.value is None:
                    yield ".".join((*way, name)), Position(start.line + 1, start.column + 1)
