"""Finds words of a rule that match no request, and what is left of the rule without them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kgate.audit.policy.ask import METHODS, OTHER_VERBS, RESOURCE_VERBS, is_of_resource
from kgate.audit.policy.policy import GroupResources, PolicyRule, Words
from kgate.audit.policy.witnesses import NAMELESS
from kgate.model import Pointer, child_pointer
from kgate.values import dataclass

_FIELDS = {"users": "users", "groups": "userGroups", "namespaces": "namespaces"}
"""Lists that are compared as they are written, by the name of the attribute."""


@dataclass(frozen=True, slots=True)
class DeadWord:
    """A word that matches nothing: its place below the rule, and why."""

    pointer: Pointer
    reason: str


def dead_words(rule: PolicyRule) -> Iterator[DeadWord]:
    """Yields the words of a rule that match no request whatever the other rules say."""
    for index, verb in enumerate(rule.verbs):
        if (reason := _dead_verb(rule, verb)) is not None:
            yield DeadWord(child_pointer("", "verbs", index), reason)
    for attribute, field in _FIELDS.items():
        for index, word in enumerate(getattr(rule, attribute)):
            if "*" in word:
                yield DeadWord(child_pointer("", field, index), _no_pattern(word, field))
    for number, entry in enumerate(rule.resources):
        yield from _of_entry(rule, entry, child_pointer("", "resources", number))
    for index, url in enumerate(rule.urls):
        if _is_never_asked(url):
            reason = f"`{url}` is the path of a resource, and `nonResourceURLs` never match one; use `resources`"
            yield DeadWord(child_pointer("", "nonResourceURLs", index), reason)


def living(rule: PolicyRule) -> PolicyRule | None:
    """Returns a rule without its dead words; None if it matches nothing at all."""
    dead = {word.pointer for word in dead_words(rule)}
    if not dead:
        return rule
    left = replace(
        rule,
        users=_kept(rule.users, "users", dead),
        groups=_kept(rule.groups, "userGroups", dead),
        verbs=_kept(rule.verbs, "verbs", dead),
        namespaces=_kept(rule.namespaces, "namespaces", dead),
        urls=_kept(rule.urls, "nonResourceURLs", dead),
        resources=tuple(filter(None, (_living_entry(one, index, dead) for index, one in enumerate(rule.resources)))),
    )
    lists = ("users", "groups", "verbs", "namespaces", "urls", "resources")
    return None if any(getattr(rule, name) and not getattr(left, name) for name in lists) else left


def _kept(words: tuple[str, ...], field: str, dead: set[Pointer]) -> Words:
    return Words(word for index, word in enumerate(words) if child_pointer("", field, index) not in dead)


def _living_entry(entry: GroupResources, number: int, dead: set[Pointer]) -> GroupResources | None:
    base = child_pointer("", "resources", number)
    lists = {"resources": entry.resources, "resourceNames": entry.names}
    left = {
        name: Words(word for index, word in enumerate(words) if child_pointer(base, name, index) not in dead)
        for name, words in lists.items()
    }
    if any(words and not left[name] for name, words in lists.items()):
        return None
    return GroupResources(entry.group, left["resources"], left["resourceNames"])


def _dead_verb(rule: PolicyRule, verb: str) -> str | None:
    known = RESOURCE_VERBS if rule.is_about_resources else METHODS if rule.urls else (*RESOURCE_VERBS, *METHODS)
    if verb in known:
        return None
    if verb == "*":
        return "`*` stands for no verb; leave `verbs` out to match them all"
    if rule.urls:
        return f"`{verb}` is not an HTTP method in small letters, which is the verb of a URL"
    other = OTHER_VERBS.get(verb.lower())
    return f"`{verb}` is not a verb of the API server" + (f", which calls it {other}" if other else "")


def _no_pattern(word: str, field: str) -> str:
    if word == "*":
        return f"`*` stands for nothing in `{field}`; leave the field out to match all"
    return f"`{word}` is compared as it is written, since `{field}` has no patterns"


def _of_entry(rule: PolicyRule, entry: GroupResources, base: Pointer) -> Iterator[DeadWord]:
    for index, word in enumerate(entry.resources):
        if word == "*/*":
            yield DeadWord(child_pointer(base, "resources", index), "`*/*` stands for nothing; write `*`")
        elif entry.names and rule.verbs and set(rule.verbs) <= set(NAMELESS) and "/" not in word:
            reason = f"the URL of a {' or '.join(rule.verbs)} holds no name, so `resourceNames` match none"
            yield DeadWord(child_pointer(base, "resources", index), reason)
    for index, word in enumerate(entry.names):
        if "*" in word:
            yield DeadWord(child_pointer(base, "resourceNames", index), _no_pattern(word, "resourceNames"))


def _is_never_asked(url: str) -> bool:
    """True if a pattern matches only paths of resources."""
    return url != "*" and is_of_resource(url.rstrip("*"))
