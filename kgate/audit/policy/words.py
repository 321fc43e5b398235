"""Says in words what a rule of an audit policy matches."""

from __future__ import annotations

from collections.abc import Sequence

from kgate.audit.policy.policy import GroupResources, PolicyRule

_MOST_WORDS = 6


def listed(words: Sequence[str], most: int = _MOST_WORDS) -> str:
    """Returns the first of some words, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(word or "''" for word in words[:most]) + more


def described(rule: PolicyRule) -> str:
    """Returns a rule in words: ``None for get, list of core/secrets in namespaces a, b by users alice``."""
    parts = [rule.level, "for", listed(rule.verbs) if rule.verbs else "every verb"]
    if rule.urls:
        parts += ["of", listed(rule.urls)]
    elif rule.resources:
        parts += ["of", listed([entry_in_words(entry) for entry in rule.resources])]
    elif rule.namespaces:
        parts += ["of every resource"]
    else:
        parts += ["of everything"]
    for name, words in (("in namespace", rule.namespaces), ("by user", rule.users), ("by group", rule.groups)):
        parts += [name, listed(words)] if words else []
    return " ".join(parts)


def entry_in_words(entry: GroupResources) -> str:
    """Returns an item of ``resources`` in words: ``core/secrets``, ``all of apps``."""
    group = entry.group or "core"
    if not entry.resources:
        return f"all of {group}" if group != "*" else "all groups"
    names = f" named {listed(entry.names)}" if entry.names else ""
    return listed([f"{group}/{resource}" for resource in entry.resources]) + names
