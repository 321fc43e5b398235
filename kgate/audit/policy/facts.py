"""What rules about audit policies ask: what a policy makes an API server do, as plain JSON types.

Each fact has a ``name`` that stays the same when others come and go, ``at``, the pointer of the field that it is about,
and ``notes`` with further places and what is to be said of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from kgate.audit.policy import areas
from kgate.audit.policy.asker import PolicyAsker
from kgate.audit.policy.deadwords import DeadWord, dead_words
from kgate.audit.policy.effects import Effect, Effects, amount
from kgate.audit.policy.known import unknown_identities, unknown_resources
from kgate.audit.policy.load import KEYS, DroppedKey, PolicyFault, load
from kgate.audit.policy.policy import LEVELS, STAGES, ApiRequest, AuditDecision, AuditPolicy
from kgate.audit.policy.witnesses import OTHER
from kgate.audit.policy.words import described, entry_in_words, listed
from kgate.kubernetes.auditpolicy import FACTS
from kgate.model import Json, Pointer, child_pointer, pointer_tokens
from kgate.yamltree.fields import suggestion

_HARMLESS = ("removed", "any-group")
"""Faults with which it is still clear what a policy means."""

_MOST_NOTES = 5
Fact = dict[str, Json]


def facts(body: Mapping[str, Json], minor: int) -> dict[str, Json]:
    """Returns the facts of a policy for a Kubernetes 1.x version. Raises TooManyRulesError."""
    loaded = load(body, minor)
    is_clear = all(one.id in _HARMLESS for one in loaded.faults)
    found: dict[str, Json] = {
        "faults": [_fault(one) for one in loaded.faults],
        "unknownKeys": [_key(one, loaded.policy if is_clear else None) for one in loaded.dropped],
    }
    if is_clear:
        found |= _of_policy(loaded.policy, minor)
    return {**{name: [] for name in FACTS}, **found}


def _fact(name: str, at: Pointer, notes: Iterable[tuple[Pointer, str]] = (), **more: Json) -> Fact:
    listed_notes: list[Json] = [{"at": place, "text": text} for place, text in notes]
    return {"name": name, "at": at, "notes": listed_notes[:_MOST_NOTES], **more}


def _fault(fault: PolicyFault) -> Fact:
    return _fact(_stable(fault.pointer), fault.pointer, [(fault.pointer, fault.message)], id=fault.id)


def _stable(pointer: Pointer) -> str:
    """The names of a way, without the indexes."""
    return ".".join(token for token in pointer_tokens(pointer) if not token.isdigit())


def _key(key: DroppedKey, policy: AuditPolicy | None) -> Fact:
    """A key that is dropped, and what is left without it if that is known."""
    known = KEYS[key.part]
    elsewhere = next((part for part, names in KEYS.items() if key.name in names), "")
    place = {"policy": "the policy", "rule": "the rule", "resources": "an item of `resources`"}.get(elsewhere)
    hint = f"it belongs in {place}" if place else suggestion(key.name, known).removeprefix("; ")
    notes = [(key.pointer, f"`{key.name}`: {hint}")] if hint else []
    tokens = pointer_tokens(key.pointer)
    if key.part != "policy" and policy is not None:
        index = int(tokens[1])
        rule = policy.rules[index]
        if key.part == "rule":
            notes.append((_of_rule(index), f"without it the rule is: {described(rule)}"))
        else:
            entry = entry_in_words(rule.resources[int(tokens[3])])
            notes.append((_of_rule(index), f"without it the item stands for {entry}"))
    return _fact(_stable(key.pointer), key.pointer, notes)


def _of_rule(index: int | None) -> Pointer:
    return "/rules" if index is None else child_pointer("/rules", index)


def _of_policy(policy: AuditPolicy, minor: int) -> dict[str, Json]:
    """The facts of a policy that loads."""
    asker = PolicyAsker(policy)
    effects = list(Effects(asker).all())
    rules = list(enumerate(policy.rules))
    return {
        "effects": [_effect(index, one, asker) for index, one in enumerate(effects)],
        "unmatched": [
            fact
            for (index, rule), effect in zip(rules, effects, strict=True)
            if effect.matches
            for fact in _words(index, dead_words(rule))
        ],
        "unknownResources": [fact for index, rule in rules for fact in _words(index, unknown_resources(rule, minor))],
        "unknownIdentities": [fact for index, rule in rules for fact in _words(index, unknown_identities(rule))],
        "outcomes": [fact for area in areas.AREAS for fact in _outcomes(asker, area)],
        "disclosures": [*_disclosures(asker)],
        "strangers": [*_strangers(asker)],
        "noise": [*_noise(asker)],
        "recorded": [*_recorded(asker, effects)],
        "stages": [*_stages(asker, effects)],
        "bodies": [*_bodies(policy, effects)],
    }


def _words(index: int, words: Iterable[DeadWord]) -> Iterator[Fact]:
    base = _of_rule(index)
    for word in words:
        at = base + word.pointer
        yield _fact(f"{_stable(word.pointer)} {word.reason}", at, [(at, word.reason)])


def _effect(index: int, effect: Effect, asker: PolicyAsker) -> Fact:
    """What becomes of a rule."""
    base, rule, rules = _of_rule(index), effect.rule, asker.policy.rules
    notes: list[tuple[Pointer, str]] = []
    if not effect.matches:
        notes = [(base + word.pointer, word.reason) for word in dead_words(rule)]
    notes += [(_of_rule(one), f"takes its requests first: {described(rules[one])}") for one in effect.takers]
    notes += [
        (
            _of_rule(other),
            f"takes some first, such as {_in_words(request)}, and records {rules[other].level}",
        )
        for other, request in effect.shadows
    ]
    if effect.hidden:
        notes.append((base, f"hides what they do about {listed([area.replace('-', ' ') for area in effect.hidden])}"))
    cluster_wide = _cluster_wide(index, asker)
    if cluster_wide is not None:
        notes.append((_of_rule(cluster_wide), "decides about a list of all namespaces, and records less"))
    return _fact(
        described(rule),
        base,
        notes,
        level=rule.level,
        matches=effect.matches,
        isReached=effect.is_reached,
        isRedundant=effect.is_redundant,
        isShadowed=bool(effect.shadows),
        hides=list(effect.hidden),
        users=list(rule.users),
        userGroups=list(rule.groups),
        dropsParents=[word for entry in rule.resources for word in entry.resources if _is_of_subresources(word)],
        missesAllNamespaces=cluster_wide is not None,
    )


def _is_of_subresources(word: str) -> bool:
    return word.endswith("/*") and not word.startswith("*/")


def _cluster_wide(index: int, asker: PolicyAsker) -> int | None:
    """Returns the rule that decides about a list of Secrets or ConfigMaps of all namespaces, and records less than a
    rule about those of some namespaces; None if there is none, or if that is no rule at all."""
    rule = asker.policy.rules[index]
    if not rule.namespaces or "" in rule.namespaces:
        return None
    for resource in ("secrets", "configmaps"):
        for wide in areas.requests(asker.policy, resource):
            if wide.verb != "list" or wide.namespace:
                continue
            inside = asker.decide(replace(wide, namespace=rule.namespaces[0]))
            outside = asker.decide(wide)
            if inside.rule == index and amount(outside.level, wide) < amount(rule.level, wide):
                return outside.rule
    return None


def _outcomes(asker: PolicyAsker, area: str) -> Iterator[Fact]:
    """Yields what is recorded of the requests of an area: a fact for each rule that decides about some."""
    for rule, decided in _by_rule(asker, areas.requests(asker.policy, area)).items():
        level = decided[0][1].level
        stages = sorted({stage for request, one in decided for stage in one.stages(request)}, key=STAGES.index)
        what = f"records {level} of" if stages else "records nothing of"
        yield _fact(
            f"{area}: {_rule_in_words(asker.policy, rule)}",
            _of_rule(rule),
            [(_of_rule(rule), f"{what} {requests_in_words(request for request, _ in decided)}")],
            area=area,
            level=level,
            stages=list(stages),
            isRecorded=bool(stages),
        )


_Decided = tuple[ApiRequest, AuditDecision]


def _by_rule(asker: PolicyAsker, requests: Iterable[ApiRequest]) -> dict[int | None, list[_Decided]]:
    """Returns requests with what is decided about them, by the rule that decides."""
    found: dict[int | None, list[_Decided]] = {}
    for request in requests:
        decision = asker.decide(request)
        found.setdefault(decision.rule, []).append((request, decision))
    return found


def _rule_in_words(policy: AuditPolicy, rule: int | None) -> str:
    return described(policy.rules[rule]) if rule is not None else "no rule"


def _disclosures(asker: PolicyAsker) -> Iterator[Fact]:
    """Yields the rules that record requests for Secrets, ConfigMaps and tokens with bodies: those whose events hold
    secrets, and those whose events do not."""
    asked = [request for area in areas.DISCLOSING for request in areas.requests(asker.policy, area)]
    for rule, decided in _by_rule(asker, asked).items():
        if not decided[0][1].level.startswith("Request"):
            continue
        for is_open in (True, False):
            requests = [request for request, one in decided if areas.reveals(request, one.level) is is_open]
            if requests:
                level = decided[0][1].level
                text = f"records {level} of {requests_in_words(requests)}"
                name = f"{is_open} {_rule_in_words(asker.policy, rule)}"
                yield _fact(name, _of_rule(rule), [(_of_rule(rule), text)], level=level, reveals=is_open)


def _strangers(asker: PolicyAsker) -> Iterator[Fact]:
    for request in areas.nobodys():
        decision = asker.decide(request)
        name = "system:anonymous" if request.user else "failed authentication"
        stages = decision.stages(request)
        lost = "has no other stage than ResponseStarted, which is left out"
        reason = lost if decision.level != LEVELS[0] and not stages else "is not recorded"
        notes = [] if stages else [(_of_rule(decision.rule), f"{name}: {request} {reason}")]
        yield _fact(name, _of_rule(decision.rule), notes, isRecorded=bool(stages))


def _noise(asker: PolicyAsker) -> Iterator[Fact]:
    found: dict[int, list[ApiRequest]] = {}
    for request in areas.noise():
        decision = asker.decide(request)
        if decision.rule is not None and decision.stages(request):
            found.setdefault(decision.rule, []).append(request)
    for rule, asked in found.items():
        text = listed([f"{request} by {request.user}" for request in asked], 4).replace(OTHER, "NAME")
        yield _fact(described(asker.policy.rules[rule]), _of_rule(rule), [(_of_rule(rule), f"records {text}")])


def _recorded(asker: PolicyAsker, effects: Iterable[Effect]) -> Iterator[Fact]:
    """Yields how much is recorded at most, at the rule that decides about what no other one names."""
    omitted = asker.policy.omitted
    levels = {one.rule.level for one in effects if one.is_reached and set(STAGES[:3]) - {*omitted, *one.rule.omitted}}
    anything = next(areas.requests(asker.policy, "custom-resources"))
    at = _of_rule(asker.decide(anything).rule)
    yield _fact("policy", at, level=max(levels, key=LEVELS.index, default=LEVELS[0]))


def _stages(asker: PolicyAsker, effects: Iterable[Effect]) -> Iterator[Fact]:
    """Yields the first rule that records requests when they come in, and the one that decides about commands if it
    leaves out when they begin."""
    for index, one in enumerate(effects):
        if (
            one.is_reached
            and one.rule.level != LEVELS[0]
            and STAGES[0] not in {*asker.policy.omitted, *one.rule.omitted}
        ):
            yield _fact("RequestReceived", _of_rule(index), stage=STAGES[0])
            break
    for request in areas.requests(asker.policy, "commands"):
        decision = asker.decide(request)
        if decision.level != LEVELS[0] and STAGES[1] in decision.omitted:
            at, text = _of_rule(decision.rule), f"leaves out when {_in_words(request)} begins"
            yield _fact("ResponseStarted", at, [(at, text)], stage=STAGES[1])
            break


def _bodies(policy: AuditPolicy, effects: Iterable[Effect]) -> Iterator[Fact]:
    """Yields the first rule that records bodies with their managed fields."""
    for index, one in enumerate(effects):
        rule = one.rule
        omits = policy.omits_managed_fields if rule.omits_managed_fields is None else rule.omits_managed_fields
        if one.is_reached and rule.level.startswith("Request") and not omits:
            yield _fact("managedFields", _of_rule(index), level=rule.level)
            return


def _in_words(request: ApiRequest) -> str:
    return str(request).replace(f"namespace {OTHER}", "a namespace").replace(OTHER, "any")


def requests_in_words(requests: Iterable[ApiRequest]) -> str:
    """Returns requests in words, those on one resource together: ``get, list secrets in any namespace``."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in requests:
        what = f"{one.full_resource}.{one.group}" if one.group else one.full_resource
        what = "custom resources" if OTHER in what else what
        own = found.setdefault((what, _place(one)), [])
        own += [one.verb] if one.verb not in own else []
    return listed([f"{', '.join(verbs)} {what}{place}" for (what, place), verbs in found.items()], 4)


def _place(request: ApiRequest) -> str:
    if request.namespace == OTHER:
        return " in any namespace"
    if request.namespace:
        return f" in namespace {request.namespace}"
    return " of all namespaces" if request.verb in ("list", "watch") else ""
