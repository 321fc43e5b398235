"""Merges mappings of parsed YAML."""

from __future__ import annotations

from collections.abc import Mapping

from kgate.model import Json


def deep_merge(below: Mapping[str, Json], above: Mapping[str, Json]) -> dict[str, Json]:
    """Returns two mappings merged, nested ones too. The second one wins; its nulls are kept."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = deep_merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
