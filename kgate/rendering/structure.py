"""Finds the values of a field whose way through the templates is lost: the key with the same end and the same value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from kgate.model import Json, list_index
from kgate.values import dataclass

Key: TypeAlias = tuple[str | int, ...]
"""The way to a value, through mappings and lists."""

_ROOTS = ("spec", "template", "metadata")
_LISTS = ("containers", "initContainers")
_MOST_VALUES = 20_000


@dataclass(frozen=True, slots=True)
class Sought:
    """A field of a rendered object: the way to it from the innermost item with a name around it, or from the pod spec.

    ``names`` are those of the items around it, ``others`` those of the other containers, and ``owner`` is that of the
    object. If the field is absent, ``below`` leads to its nearest parent. ``item`` is the innermost item with a name.
    """

    names: tuple[str, ...]
    below: tuple[str, ...]
    others: frozenset[str]
    owner: str
    value: Json
    is_absent: bool
    item: Json = None

    @property
    def around(self) -> Sought | None:
        """The innermost item with a name around it; None if there is none, or if it is that itself."""
        return replace(self, below=(), value=self.item, is_absent=False) if self.names and self.below else None

    @classmethod
    def of(cls, body: Json, tokens: Sequence[str], *, is_absent: bool) -> Sought:
        """The field of an object at the end of a way."""
        names: list[str] = []
        below: list[str] = []
        others: set[str] = set()
        value, item = body, None
        for token in tokens:
            others |= set(_container_names(value))
            is_item = isinstance(value, list)
            value = _member(value, token)
            name = value.get("name") if is_item and isinstance(value, dict) else None
            below.append(token)
            if isinstance(name, str):
                names.append(name)
                item = value
            if isinstance(name, str) or (token in _ROOTS and not names):
                below.clear()
        metadata = body.get("metadata") if isinstance(body, dict) else None
        owner = str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
        return cls(tuple(names), tuple(below), frozenset(others - set(names)), owner, value, is_absent, item)


def find(values: Json, sought: Sought) -> Key | None:
    """The key that a field may have its value from, or the one that holds what it is absent from; None if none fits."""
    if not sought.below and not sought.names:
        return None
    best: tuple[tuple[int, int], Key] | None = None
    for key, labels, value in _walk(values):
        rank = _rank(labels, value, sought)
        if rank and (best is None or (rank, _kinship(labels, sought)) > best[0]):
            best = (rank, _kinship(labels, sought)), key
    return best[1] if best is not None else None


def _container_names(value: Json) -> Iterator[str]:
    for name in _LISTS if isinstance(value, dict) else ():
        items = value.get(name)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                yield item["name"]


def _member(value: Json, token: str) -> Json:
    if isinstance(value, dict):
        return value.get(token)
    index = list_index(token)
    return value[index] if isinstance(value, list) and index is not None and index < len(value) else None


def _walk(values: Json) -> Iterator[tuple[Key, tuple[str, ...], Json]]:
    """Every value with its key, and with the key as names: those of list items where they have one."""
    pending: list[tuple[Key, tuple[str, ...], Json]] = [((), (), values)]
    left = _MOST_VALUES
    while pending and left:
        left -= 1
        key, labels, value = pending.pop()
        yield key, labels, value
        if isinstance(value, dict):
            members = [((*key, name), (*labels, str(name)), member) for name, member in value.items()]
        elif isinstance(value, list):
            members = [((*key, index), (*labels, _label(index, item)), item) for index, item in enumerate(value)]
        else:
            continue
        pending += reversed(members)


def _label(index: int, item: Json) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else str(index)


def _rank(labels: Sequence[str], value: Json, sought: Sought) -> int:
    """How well a value fits: 4 below the name of the item, 3 below it at some distance, 2 without it, 1 if only the
    name and the text are the same, 0 if not at all."""
    above = labels[: len(labels) - len(sought.below)]
    name = sought.names[-1] if sought.names else None
    if name not in labels and _is_of_container(labels, sought):
        return 0
    if not sought.below:
        return 4 if labels[-1:] == (name,) and isinstance(value, dict) else 0
    if tuple(labels[len(above) :]) == sought.below and _fits(value, sought):
        return 2 if name is None or name not in above else 4 if above[-1] == name else 3
    is_text = isinstance(value, str) and len(value) > 1 and value == sought.value
    return 1 if is_text and name is not None and name in labels else 0


def _is_of_container(labels: Sequence[str], sought: Sought) -> bool:
    """True if a key is that of another container. What the object is called as well is that only in a list of
    containers, where a field of the pod is sought."""
    return any(
        label in sought.others and (bool(sought.names) or label not in sought.owner or above in _LISTS)
        for above, label in zip(("", *labels), labels, strict=False)
    )


def _fits(value: Json, sought: Sought) -> bool:
    if sought.is_absent or isinstance(sought.value, dict | list):
        return type(value) is type(sought.value)
    if isinstance(value, dict) and isinstance(sought.value, str):
        return _makes_up(value, sought.value)
    return not isinstance(value, dict | list) and value is not None and _text(value) == _text(sought.value)


def _makes_up(value: Mapping[str, Json], text: str) -> bool:
    """True if the members of a mapping are parts of a text (an image made of repository and tag)."""
    parts = [str(part) for part in value.values() if isinstance(part, str | int) and not isinstance(part, bool)]
    return any(len(part) > 1 for part in parts) and all(part in text for part in parts)


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kinship(labels: Sequence[str], sought: Sought) -> int:
    """How many names of a key are in that of the object, which tells one controller from another."""
    return sum(label in sought.owner for label in labels if len(label) > 1)
