"""Reads the flags that tools pass on to the programs that they install: ``extraArgs`` of kubeadm and others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from kgate.kubernetes.components.assemble import Owner, assemble
from kgate.kubernetes.components.component import Components, Hint, WrittenSetting
from kgate.model import Gap, Json, Pointer, Resource, child_pointer, field_path, json_text

Setting: TypeAlias = WrittenSetting | Gap


def assembled(
    name: str, minor: int, found: Iterable[Setting], owner: Owner, unknown: Collection[Pointer] = ()
) -> Components:
    """Returns a component of settings that were read, and those that are none. ``unknown`` holds the places whose
    values are not known; a placeholder is no value either."""
    every = tuple(found)
    settings = (_known(one, unknown) for one in every if isinstance(one, WrittenSetting))
    whole = assemble(name, minor, settings, owner)
    gaps = (one for one in every if isinstance(one, Gap) and one.pointer not in unknown)
    return Components(whole.components, (*whole.gaps, *gaps), whole.unread, whole.hints)


def unknown_version(resource: Resource, known: Sequence[str]) -> Hint | None:
    """Says that nobody knows what an API version of a tool means; None for a known one. The first is recommended."""
    group, _, version = resource.id.api_version.rpartition("/")
    if version in known:
        return None
    return Hint("/apiVersion", f"kgate does not know this version of {resource.id.kind}; use {group}/{known[0]}")


def _known(one: WrittenSetting, unknown: Collection[Pointer]) -> WrittenSetting:
    return replace(one, is_known=False) if is_placeholder(one.value) or one.pointer in unknown else one


def is_placeholder(value: Json) -> bool:
    """True if something else writes the value before a program sees it."""
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


_PLACEHOLDER = re.compile(r"\$\{|\{\{|<%")


def of_mapping(value: Json, pointer: Pointer) -> Iterator[Setting]:
    """Yields the flags of a mapping from names to values; a list as value gives the flag several times. What is not
    one is a gap."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield Gap(pointer, f"`{field_path(pointer)}` must be a mapping from the names of flags to their values")
        return
    for name, member in value.items():
        place = child_pointer(pointer, name)
        if isinstance(member, list):
            yield from (of_value(name, one, child_pointer(place, index)) for index, one in enumerate(member))
        else:
            yield of_value(name, member, place)


def of_pairs(value: Json, pointer: Pointer) -> Iterator[Setting]:
    """Yields the flags of a list of mappings with ``name`` and ``value``. What is not one is a gap."""
    if value is None:
        return
    if not isinstance(value, list):
        yield Gap(pointer, f"`{field_path(pointer)}` must be a list of mappings with a name and a value")
        return
    for index, member in enumerate(value):
        place = child_pointer(pointer, index)
        name = member.get("name") if isinstance(member, Mapping) else None
        if isinstance(member, Mapping) and isinstance(name, str):
            yield of_value(name, member.get("value", ""), child_pointer(place, "value") if "value" in member else place)
        else:
            yield Gap(place, f"`{field_path(place)}` must be a mapping with a name and a value")


def of_words(value: Json, pointer: Pointer) -> Iterator[Setting]:
    """Yields the flags of a list of ``name=value``, or of a single one. What is not one is a gap."""
    if value is None:
        return
    members: list[tuple[Pointer, Json]] = [(pointer, value)]
    if isinstance(value, list):
        members = [(child_pointer(pointer, index), member) for index, member in enumerate(value)]
    for place, member in members:
        if isinstance(member, str):
            name, _, text = member.lstrip("-").partition("=")
            yield of_value(name, text if "=" in member else "true", place)
        else:
            yield Gap(place, f"`{field_path(place)}` must be text such as profiling=false")


def of_value(name: str, value: Json, pointer: Pointer) -> Setting:
    """Returns the flag that a single value sets. What is not one is a gap."""
    if isinstance(value, (Mapping, list)):
        return Gap(pointer, f"`{field_path(pointer)}` must be text: the value of a flag")
    return WrittenSetting(name.replace("_", "-"), json_text(value), pointer)
