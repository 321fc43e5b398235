"""Finds requests that stand for all that a rule matches, to prove which of them reach it.

A rule compares words for equality, but for URLs, which it compares with prefixes. So one request for each combination
of its own words, with a word that no rule lists wherever it does not care, is enough: a rule that takes this request
matches everything that the word stands for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

from kgate.audit.policy.ask import METHODS, RESOURCE_VERBS, VERBS, is_of_resource, own_groups
from kgate.audit.policy.evaluate import matches
from kgate.audit.policy.policy import OTHER_NAME, ApiRequest, GroupResources, PolicyRule
from kgate.values import dataclass

OTHER = "kgate-another"
"""A user, group, namespace, resource or API group that no rule lists."""

NAMELESS = ("create", "deletecollection")
"""The verbs whose URL holds no name, unless they are about a subresource."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user, None for a request that fails authentication, and the groups."""

    user: str | None
    groups: tuple[str, ...] = ()


ANYBODY = Person(OTHER, own_groups(OTHER))


def identity(user: str, *more: str) -> Person:
    """Returns a user with the groups that it always has, and others."""
    return Person(user, tuple(dict.fromkeys((*more, *own_groups(user)))))


def identities(users: Sequence[str], groups: Sequence[str]) -> Iterator[Person]:
    """Yields who has one of these names and one of these groups, each in as few groups as there can be."""
    if users:
        yield from (identity(user, *more) for user in users for more in (itertools.chain([()], _each(groups))))
    elif groups:
        yield from map(_member, groups)
    else:
        yield from (ANYBODY, identity("system:anonymous"), Person(None))


def _each(groups: Iterable[str]) -> Iterator[tuple[str, ...]]:
    return ((group,) for group in groups)


def _member(group: str) -> Person:
    """A user in a group, and in no other one that it need not be in."""
    if group == "system:unauthenticated":
        return identity("system:anonymous")
    if group == "system:nodes":
        return identity(f"system:node:{OTHER}")
    if group.startswith("system:serviceaccounts"):
        namespace = group.removeprefix("system:serviceaccounts").removeprefix(":") or OTHER
        return identity(f"system:serviceaccount:{namespace}:{OTHER}")
    return identity(OTHER, group)


@dataclass(frozen=True, slots=True)
class _What:
    """What a request is about: a resource with the name of an object, or a URL."""

    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = OTHER_NAME
    path: str = ""


def witnesses(spend: Callable[[int], None], rule: PolicyRule, other: PolicyRule | None = None) -> Iterator[ApiRequest]:
    """Yields the requests that stand for all that a rule matches, or for what two rules both match; ``spend`` is told
    what each request costs that is tried."""
    both = (rule,) if other is None else (rule, other)
    cost = sum(one.cost for one in both)
    users = _common(one.users for one in both)
    groups = tuple(dict.fromkeys(group for one in both for group in one.groups))
    for who in identities(users, groups):
        for request in _requests(both):
            found = ApiRequest(
                request.verb,
                who.user,
                who.groups,
                *(request.resource, request.subresource, request.group),
                *(request.namespace, request.name, request.path),
            )
            spend(cost)
            if all(matches(one, found) for one in both):
                yield found


def _common(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The words of lists; an empty list stands for all there are, and those that are in one need not be in another."""
    return tuple(dict.fromkeys(word for words in lists for word in words))


def _requests(rules: Sequence[PolicyRule]) -> Iterator[ApiRequest]:
    """Yields requests of nobody that may match the rules."""
    verbs, spaces = _common(rule.verbs for rule in rules), _common(rule.namespaces for rule in rules)
    seen: set[_What] = set()
    for what in _whats(rules):
        if what in seen:
            continue
        seen.add(what)
        if what.path:
            yield from (ApiRequest(verb, path=what.path) for verb in verbs or METHODS if verb in METHODS)
            continue
        possible = [verb for verb in verbs or VERBS if verb in RESOURCE_VERBS]
        for verb, namespace in itertools.product(possible, spaces or (OTHER, "")):
            nameless = verb in NAMELESS and not what.subresource
            name = "" if nameless else what.name
            yield ApiRequest(
                verb,
                resource=what.resource,
                subresource=what.subresource,
                group=what.group,
                namespace=namespace,
                name=name,
            )


def _whats(rules: Sequence[PolicyRule]) -> Iterator[_What]:
    """Yields what rules are about, and where none says it, something that no rule lists."""
    entries = [entry for rule in rules for entry in rule.resources]
    if not any(rule.urls for rule in rules):
        for entry in entries or (GroupResources("*"),):
            yield from _of_entry(entry, tuple(one.group for one in entries if one.group != "*"))
    if not any(rule.is_about_resources for rule in rules):
        urls = [url for rule in rules for url in rule.urls] or ["*"]
        yield from (_What(path=path) for url in urls for path in _paths(url))


def _of_entry(entry: GroupResources, others: Sequence[str]) -> Iterator[_What]:
    groups = (OTHER, "", *others) if entry.group == "*" else (entry.group,)
    words = entry.resources or ("*",)
    for group, word, name in itertools.product(groups, words, entry.names or (OTHER_NAME,)):
        resource, _, subresource = word.partition("/")
        resource = OTHER if resource == "*" else resource
        yield _What(group, resource, "" if subresource == "*" else subresource, name)
        if subresource == "*" or (word == "*" and not entry.names):
            yield _What(group, resource, OTHER, name)


def _paths(url: str) -> Iterator[str]:
    """Yields paths that a pattern matches, but for those of resources, which no rule about URLs ever sees."""
    if url == "*":
        yield f"/{OTHER}"
    elif url.endswith("*"):
        prefix = url.rstrip("*")
        yield from (path for path in (f"{prefix}{OTHER}", prefix) if path and not is_of_resource(path))
    elif not is_of_resource(url):
        yield url
