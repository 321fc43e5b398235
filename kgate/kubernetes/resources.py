"""Knows which resources an API server serves, with their subresources (resources.json, which upstream/resources.py
writes)."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache

import orjson

from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """A resource or subresource: its verbs, and whether it is in namespaces."""

    verbs: tuple[str, ...]
    is_namespaced: bool


@cache
def catalogue() -> Mapping[str, Mapping[str, Served]]:
    """Returns the resources of each group by their names, ``pods/exec`` for a subresource; those of custom resources
    are not among them. The core group is empty."""
    content = pkgutil.get_data("kgate.kubernetes", "resources.json") or b""
    return {
        group: {name: Served(tuple(one["verbs"]), one["namespaced"]) for name, one in own.items()}
        for group, own in orjson.loads(content).items()
    }
