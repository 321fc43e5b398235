"""Joins rules about audit events with an audit policy: which of them can fire under it, and which must not.

Of each alternative of a condition the requests are made that it is about, with words that no rule lists wherever it
does not care. The policy says what is recorded of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum

from kgate.audit.policy.ask import VERBS
from kgate.audit.policy.evaluate import decide
from kgate.audit.policy.policy import LEVELS, OTHER_NAME, ApiRequest, AuditDecision, AuditPolicy
from kgate.audit.policy.witnesses import ANYBODY, NAMELESS, OTHER, Person, identity
from kgate.falco.clauses import Clause, Clauses, Literal, TooManyClausesError
from kgate.falco.compiling import FalcoRule
from kgate.falco.conditions import Check, EventField
from kgate.falco.evaluating import Happening, compare, unmodelled
from kgate.falco.sigma import SigmaRule
from kgate.kubernetes.resources import catalogue
from kgate.model import Json
from kgate.values import dataclass

ANY_RESOURCE = ("pods", "secrets", "configmaps", "services", "roles", "deployments")
"""What stands for any resource, where a condition does not care."""

MAX_COMPARED = 3_000_000
"""Requests that are made for one rule, each as often as there are constants that it is compared with."""


class Coverage(StrEnum):
    """What becomes of a rule under a policy."""

    OK = "OK"
    OFF = "OFF"
    BLIND = "BLIND"
    PARTIAL = "PARTIAL"
    FALSE_POSITIVE = "FALSE-POSITIVE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class CoverageGap:
    """A request of which a rule does not see enough, and why; ``rule`` is the index of the rule of the policy that
    decides, None if none matches."""

    request: ApiRequest
    reason: str
    rule: int | None = None

    @property
    def title(self) -> str:
        """The request in words, without the name and the namespace where any would do."""
        others = (OTHER, OTHER_NAME)
        name, namespace = self.request.name, self.request.namespace
        return str(
            replace(
                self.request, name="" if name in others else name, namespace="" if namespace in others else namespace
            )
        )


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """What becomes of a rule, with the requests that are the reason, and a reason that is about the rule itself."""

    rule: FalcoRule | SigmaRule
    coverage: Coverage
    gaps: tuple[CoverageGap, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    """A request that an alternative is about, and what of it the condition names: one case for each such key."""

    key: tuple[str, ...]
    request: ApiRequest
    name: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is recorded of a request that fits an alternative: why that is too little, or why a negated comparison holds
    of every such request; None where that is not so."""

    missed: CoverageGap | None
    mistaken: CoverageGap | None


def cover(policy: AuditPolicy, rule: FalcoRule | SigmaRule) -> RuleCoverage:
    """Returns what becomes of a rule under a policy."""
    if not rule.is_enabled:
        return RuleCoverage(rule, Coverage.OFF, reason="it is not enabled")
    if isinstance(rule, FalcoRule) and (reason := unmodelled(rule)) is not None:
        return RuleCoverage(rule, Coverage.UNKNOWN, reason=f"it has {reason}")
    if rule.condition is None:
        return RuleCoverage(rule, Coverage.UNKNOWN, reason=rule.fault)
    try:
        clauses = Clauses().of(rule.condition)
        seen = _all_seen(policy, clauses)
    except TooManyClausesError as error:
        return RuleCoverage(rule, Coverage.UNKNOWN, reason=str(error))
    return _judged(rule, seen) if seen else _without_requests(rule, clauses)


def _without_requests(rule: FalcoRule | SigmaRule, clauses: Iterable[Clause]) -> RuleCoverage:
    """Returns what becomes of a rule for which no request is found: words that fit a pattern are not made up."""
    if any(_is_pattern(one.check) and not one.is_negated for clause in clauses for one in clause.literals):
        return RuleCoverage(rule, Coverage.UNKNOWN, reason="no request is found that fits its patterns")
    return RuleCoverage(rule, Coverage.OFF, reason="no request fits its condition")


def _all_seen(policy: AuditPolicy, clauses: Iterable[Clause]) -> Mapping[tuple[str, ...], list[_Seen]]:
    """Returns what the policy records of the requests that alternatives are about. Raises TooManyClausesError."""
    seen: dict[tuple[str, ...], list[_Seen]] = {}
    left = MAX_COMPARED
    for clause in clauses:
        for case in _cases(clause.literals):
            left -= clause.size
            if left < 0:
                raise TooManyClausesError("its condition is about too many requests")
            if case is not None:
                seen.setdefault(case.key, []).extend(_seen(policy, clause, case))
    return {key: found for key, found in seen.items() if found}


def _judged(rule: FalcoRule | SigmaRule, seen: Mapping[tuple[str, ...], list[_Seen]]) -> RuleCoverage:
    blind = [found[0].missed for found in seen.values() if all(one.missed is not None for one in found)]
    gaps = tuple(gap for gap in blind if gap is not None)
    if gaps:
        return RuleCoverage(rule, Coverage.BLIND if len(gaps) == len(seen) else Coverage.PARTIAL, gaps)
    mistaken = [next((one.mistaken for one in found if one.mistaken is not None), None) for found in seen.values()]
    gaps = tuple(gap for gap in mistaken if gap is not None)
    return RuleCoverage(rule, Coverage.FALSE_POSITIVE if gaps else Coverage.OK, gaps)


def _seen(policy: AuditPolicy, clause: Clause, case: _Case) -> Iterator[_Seen]:
    """Yields what the policy records of a request that an alternative is about, stage by stage."""
    decision = decide(policy, case.request)
    recorded = decision.stages(case.request)
    for stage in case.request.stages:
        event = _event(case, stage, decision.level)
        if all(_fits(one, event) for one in clause.literals):
            missed = _missed(decision, stage, clause.needed, is_recorded=stage in recorded)
            mistaken = "" if missed else _mistaken(decision, clause.risky)
            yield _Seen(_gap(case, decision, missed), _gap(case, decision, mistaken))


def _gap(case: _Case, decision: AuditDecision, reason: str) -> CoverageGap | None:
    return CoverageGap(case.request, reason, decision.rule) if reason else None


def _mistaken(decision: AuditDecision, risky: int) -> str:
    """Returns why a negated comparison holds of every request; empty if it does not."""
    if LEVELS.index(decision.level) >= risky:
        return ""
    return f"is recorded with level {decision.level}, so that the rule sees nothing of the body"


def _missed(decision: AuditDecision, stage: str, needed: int, *, is_recorded: bool) -> str:
    """Returns why an event of a request is not enough; empty if it is."""
    if decision.level == LEVELS[0]:
        return "is not recorded"
    if not is_recorded:
        return f"is not recorded at {stage}"
    if LEVELS.index(decision.level) < needed:
        return f"is recorded with level {decision.level}, and the rule needs {LEVELS[needed]}"
    return ""


def _fits(literal: Literal, event: Happening) -> bool:
    return compare(literal.check, event.values) is not literal.is_negated


# --------------------------------------------------------------------------------------------- requests


def _cases(literals: Iterable[Literal]) -> Iterator[_Case | None]:
    """Yields the requests that comparisons can be about, None for one that no API server serves; whether they fit is
    not asked here."""
    words = _Words(literals)
    verbs, names = words.of("ka.verb", "/verb"), words.of("ka.target.name", "/objectRef/name", "ka.req.configmap.name")
    namespaces = words.of("ka.target.namespace", "/objectRef/namespace")
    people = tuple(words.people())
    for group, resource, subresource in words.resources():
        whole = f"{resource}/{subresource}" if subresource else resource
        served = catalogue().get(group, {}).get(whole)
        own = catalogue().get(group, {}).get(resource)
        for verb, namespace, name, person in itertools.product(
            verbs or VERBS, namespaces or (OTHER,), names or (OTHER_NAME,), people
        ):
            if served is not None and verb not in served.verbs:
                yield None
                continue
            place = namespace if own is None or own.is_namespaced else _own_namespace(resource, verb, name)
            is_nameless = verb in NAMELESS and not subresource
            request = ApiRequest(
                *(verb, person.user, person.groups, resource, subresource, group, place),
                "" if is_nameless else name,
            )
            key = (whole if words.names_resource else "", verb if verbs else "", place if namespaces else "")
            yield _Case(key, request, name)
    for url in words.urls():
        for verb, person in itertools.product(verbs or ("get",), people):
            yield _Case((url, verb if verbs else ""), ApiRequest(verb, person.user, person.groups, path=url), "")


def _own_namespace(resource: str, verb: str, name: str) -> str:
    return name if resource == "namespaces" and verb not in NAMELESS else ""


def _is_pattern(check: Check) -> bool:
    return check.operator.startswith(("regex", "glob", "iglob"))


class _Words:
    """The words that comparisons which must hold name, by field."""

    def __init__(self, literals: Iterable[Literal]) -> None:
        self._words: dict[str, dict[str, None]] = {}
        self._asked: set[str] = set()
        for one in literals:
            if not one.is_negated:
                self._add(one.check)

    def _add(self, check: Check) -> None:
        if not isinstance(check.left, EventField):
            return
        key = check.left.argument if check.left.name in ("jevt.value", "json.value") else check.left.name
        self._asked.add(key or "")
        if isinstance(check.right, tuple) and check.operator not in ("!=", "exists") and not _is_pattern(check):
            patterns = {"startswith": "{}" + OTHER, "endswith": OTHER + "{}", "contains": "{}"}
            pattern = patterns.get(check.operator.partition(" ")[0], "{}")
            words = self._words.setdefault(key or "", {})
            words.update(dict.fromkeys(pattern.replace("{}", value.text) for value in check.right))

    @property
    def names_resource(self) -> bool:
        """True if the resource matters."""
        return bool(self.of("ka.target.resource", "/objectRef/resource"))

    def of(self, *names: str) -> tuple[str, ...]:
        """Returns the words for some fields."""
        return tuple(word for name in names for word in self._words.get(name, ()))

    def people(self) -> Iterator[Person]:
        """Yields who may make the requests."""
        users = self.of("ka.user.name", "/user/username")
        groups = self.of("ka.user.groups", "/user/groups")
        if users or groups:
            yield from (identity(user, *groups) for user in users or (OTHER,))
        else:
            yield ANYBODY

    def resources(self) -> Iterator[tuple[str, str, str]]:
        """Yields group, resource and subresource; those that no group serves count to the core group."""
        if self.urls():
            return
        wanted = self.of("ka.target.subresource", "/objectRef/subresource")
        needs_one = "ka.target.subresource" in self._asked or "/objectRef/subresource" in self._asked
        for resource in self.of("ka.target.resource", "/objectRef/resource") or ANY_RESOURCE:
            groups = [group for group, own in catalogue().items() if resource in own] or [""]
            for group in groups:
                inner = [
                    name.partition("/")[2] for name in catalogue().get(group, {}) if name.startswith(f"{resource}/")
                ]
                for subresource in wanted or (inner if needs_one else ("",)):
                    yield group, resource, subresource

    def urls(self) -> tuple[str, ...]:
        """Returns the paths that are about no resource."""
        return tuple(word for word in self.of("ka.uri", "/requestURI") if word.startswith("/"))


def _event(case: _Case, stage: str, level: str) -> Happening:
    """Returns an event of a request, with what is known of it before it is answered."""
    request = case.request
    event: dict[str, Json] = {
        "kind": "Event",
        "auditID": "kgate",
        "level": level,
        "stage": stage,
        "stageTimestamp": "2026-01-01T00:00:00Z",
        "verb": request.verb,
        "requestURI": request.path or "/".join(("/apis", request.group, request.namespace, request.full_resource)),
        "user": {"username": request.user, "groups": list(request.groups)},
    }
    if not request.path:
        parts = {
            "resource": request.resource,
            "subresource": request.subresource,
            "namespace": request.namespace,
            "name": case.name,
            "apiGroup": request.group,
        }
        event["objectRef"] = {name: value for name, value in parts.items() if value}
    return Happening(event)
