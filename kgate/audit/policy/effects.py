"""What becomes of each rule of a policy beside the others: unreachable, shadowed, without effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kgate.audit.policy.areas import AREAS, READS, requests
from kgate.audit.policy.asker import PolicyAsker
from kgate.audit.policy.deadwords import living
from kgate.audit.policy.evaluate import decide, matches
from kgate.audit.policy.policy import LEVELS, ApiRequest, AuditPolicy, GroupResources, PolicyRule
from kgate.audit.policy.witnesses import identities, witnesses
from kgate.values import dataclass

SENSITIVE = ("secrets", "workloads", "commands", "nodes", "rbac", "admission")
"""The areas that nobody's requests should be left out of."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of a rule: ``takers`` are the rules that take all of its requests if it is never reached,
    ``shadows`` those that take some of its sensitive ones to record less, each with one of them; ``hidden`` are the
    areas of which it records nothing for those that it names."""

    rule: PolicyRule
    matches: bool
    is_reached: bool
    takers: tuple[int, ...] = ()
    is_redundant: bool = False
    shadows: tuple[tuple[int, ApiRequest], ...] = ()
    hidden: tuple[str, ...] = ()


class Effects:
    """Asks a policy about the requests of its rules."""

    def __init__(self, asker: PolicyAsker) -> None:
        self._decider = asker
        self._policy = asker.policy
        self._living = [living(rule) for rule in self._policy.rules]

    def all(self) -> Iterator[Effect]:
        """Yields the effect of each rule. Raises TooManyRulesError."""
        for index, rule in enumerate(self._policy.rules):
            alive = self._living[index]
            if alive is None:
                yield Effect(rule, matches=False, is_reached=False)
                continue
            takers = self._takers(index, alive)
            if takers:
                yield Effect(rule, matches=True, is_reached=False, takers=takers)
                continue
            yield Effect(
                rule,
                matches=True,
                is_reached=True,
                is_redundant=self._is_redundant(index, alive),
                shadows=tuple(self._shadows(index, alive)),
                hidden=tuple(self._hidden(index, rule)),
            )

    def _takers(self, index: int, alive: PolicyRule) -> tuple[int, ...]:
        """Returns the rules that take every request that a rule matches; none if one reaches it."""
        takers: set[int] = set()
        for request in witnesses(self._decider.spend, alive):
            asker = self._decider.decide(request).rule
            if asker == index:
                return ()
            if asker is not None:
                takers.add(asker)
        return tuple(sorted(takers))

    def _is_redundant(self, index: int, alive: PolicyRule) -> bool:
        """True if the policy records the same without a rule: whatever reaches it is decided alike by a later one."""
        own = _recorded(self._policy, self._policy.rules[index])
        later = AuditPolicy(self._policy.rules[index + 1 :], self._policy.omitted, self._policy.omits_managed_fields)
        for request in witnesses(self._decider.spend, alive):
            self._decider.spend(self._decider.cost(index + 1, len(self._policy.rules)))
            if self._decider.decide(request).rule == index and decide(later, request).rule is None:
                return False
        for other in range(index + 1, len(self._policy.rules)):
            rule = self._living[other]
            self._decider.spend(1)
            if rule is None or _recorded(self._policy, rule) == own or _are_apart(alive, rule):
                continue
            for request in witnesses(self._decider.spend, alive, rule):
                self._decider.spend(self._decider.cost(index + 1, other + 1))
                if self._decider.decide(request).rule == index and decide(later, request).rule == other - index - 1:
                    return False
        return True

    def _shadows(self, index: int, alive: PolicyRule) -> Iterator[tuple[int, ApiRequest]]:
        """Yields the rules about everybody that take sensitive requests which a rule names, and record less of them."""
        named = tuple(filter(None, map(_sensitive, alive.resources)))
        if alive.level == LEVELS[0] or not named:
            return
        narrowed = replace(alive, resources=named)
        self._decider.spend(index)
        for other, rule in enumerate(self._living[:index]):
            if rule is None or rule.users or rule.groups or _are_apart(narrowed, rule):
                continue
            for request in witnesses(self._decider.spend, narrowed, rule):
                is_less = amount(rule.level, request) < amount(alive.level, request)
                if is_less and self._decider.decide(request).rule == other:
                    yield other, request
                    break

    def _hidden(self, index: int, rule: PolicyRule) -> Iterator[str]:
        """Yields the areas of which a rule records nothing for the users and groups that it names."""
        if rule.level != LEVELS[0] or not (rule.users or rule.groups):
            return
        people = list(identities(rule.users, rule.groups))
        for area in SENSITIVE:
            asked = list(requests(self._policy, area))
            self._decider.spend(len(asked) * len(people))
            own = (replace(one, user=who.user, groups=who.groups) for one in asked for who in people)
            if any(matches(rule, one) and self._decider.decide(one).rule == index for one in own):
                yield area


_SENSITIVE_WORDS = {
    (asked.group, word)
    for area in (*SENSITIVE, "tokens", "token-reviews")
    for asked in AREAS[area]
    for word in asked.resources
}


def _sensitive(entry: GroupResources) -> GroupResources | None:
    """An item of ``resources`` with the sensitive words alone; None without one."""
    words = tuple(word for word in entry.resources if (entry.group, word) in _SENSITIVE_WORDS)
    return replace(entry, resources=words) if words else None


def _recorded(policy: AuditPolicy, rule: PolicyRule) -> tuple[str, frozenset[str], bool]:
    """What a rule makes the API server record, whatever it matches."""
    if rule.level == LEVELS[0]:
        return LEVELS[0], frozenset(), False
    omits = policy.omits_managed_fields if rule.omits_managed_fields is None else rule.omits_managed_fields
    has_bodies = rule.level.startswith("Request")
    return rule.level, frozenset((*policy.omitted, *rule.omitted)), omits and has_bodies


def _are_apart(one: PolicyRule, other: PolicyRule) -> bool:
    """True if two rules obviously match nothing together."""
    lists = ((one.users, other.users), (one.verbs, other.verbs), (one.namespaces, other.namespaces))
    if any(first and second and set(first).isdisjoint(second) for first, second in lists):
        return True
    return (one.is_about_resources and bool(other.urls)) or (bool(one.urls) and other.is_about_resources)


def amount(level: str, request: ApiRequest) -> int:
    """How much a level records of a request: a body of the request is there only where something is written."""
    if level == "Request" and request.verb in READS:
        return LEVELS.index("Metadata")
    return LEVELS.index(level)
