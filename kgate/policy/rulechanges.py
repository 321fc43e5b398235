"""Compares two versions of a rule: whether the second one may find less."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.model import Rule, Versions

_DECISIVE = ("expression", "variables", "parameters", "each", "includes", "pss")
"""The fields, also keys of a rule file, of which any change may let something pass."""


def weakened(before: Rule, after: Rule) -> Iterator[tuple[str, str]]:
    """The keys of the second rule's file that may make it find less or count less, each with a sentence about it.

    What it says to people, its examples, and where its findings point make no difference.
    """
    if after.severity < before.severity:
        yield "severity", f"The rule {after.id} falls from {before.severity.label} to {after.severity.label}."
    if after.points < before.points:
        yield "points", f"The rule {after.id} costs {after.points} points instead of {before.points}."
    if after.persona > before.persona:
        yield "persona", f"The rule {after.id} is no longer used by the persona {before.persona.label}."
    for key in _DECISIVE:
        if getattr(before, key) != getattr(after, key):
            yield key, f"The rule {after.id} changes its {key}."
    if not set(before.targets) <= set(after.targets):
        yield "target", f"The rule {after.id} is no longer asked about every {' and '.join(before.targets)}."
    if not set(before.kinds) <= set(after.kinds):
        yield "kinds", f"The rule {after.id} is asked about fewer kinds."
    if not set(before.components) <= set(after.components):
        yield "components", f"The rule {after.id} is asked about fewer components."
    if not _covers(after.versions, before.versions):
        yield "kubernetes", f"The rule {after.id} applies to fewer versions of Kubernetes."


def _covers(wide: Versions, narrow: Versions) -> bool:
    ends_later = wide.until is None or (narrow.until is not None and wide.until >= narrow.until)
    return wide.since <= narrow.since and ends_later
