"""What roles and bindings give to whom, by the rules about roles: the join that rules about pods read as a fact."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import BindingKey, Facts, ReachedPower, UndefinedRole
from kgate.model import Persona, Related, Resource, Rule, Severity, pointer_tokens
from kgate.rbac.authorizer import Authorizer, Grant
from kgate.rbac.builtin import builtin
from kgate.rbac.objects import GROUP, KINDS, Binding, FaultLog, Object, Role, Subject, read
from kgate.rbac.permissions import Permission
from kgate.rbac.ways import permitted, steps, who
from kgate.rbac.words import as_rule
from kgate.values import dataclass

_MOST_RULES = 100
"""The most rules of a role that are judged at once: the judge has a bound."""

_MOST_WAYS = 3
"""The most ways of one severity that are kept of a binding and subject: a finding shows no more."""

_FIRST_STEP = 2
"""The step of a binding on a way; the first one is the service account."""

_ACCOUNT_PREFIX = "system:serviceaccount:"
_GROUP_PREFIX = "system:serviceaccounts:"
_EVERYBODY = ("system:serviceaccounts", "system:authenticated")


@dataclass(frozen=True, slots=True)
class Power:
    """A way to a permission, and the rules that say what it leads to, the most severe first."""

    grant: Grant
    rules: tuple[Rule, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """That of the most severe rule; None if no rule is about the permission."""
        return self.rules[0].severity if self.rules else None


class Powers:
    """Knows what permissions lead to, by the rules about roles that every persona uses; those left out by name do not
    count. What holds in a namespace counts as a Role there, whatever it is written in."""

    def __init__(self, rules: Iterable[Rule], minor: int, ignored: Iterable[str] = ()) -> None:
        left_out = set(ignored)
        self._rules = [rule for rule in rules if _is_about_roles(rule) and rule.id not in left_out]
        self._minor = minor
        self._judge: Judge | None = None
        self._known: dict[tuple[bool, Permission], tuple[Rule, ...]] = {}

    def of(self, grants: Sequence[Grant]) -> tuple[Power, ...]:
        """Returns what grants lead to."""
        keys = [(bool(grant.namespace), replace(grant.permission, index=0)) for grant in grants]
        self.learn(keys)
        return tuple(Power(grant, self._known[key]) for grant, key in zip(grants, keys, strict=True))

    def learn(self, keys: Iterable[tuple[bool, Permission]]) -> None:
        """Judges permissions that are not known yet, many at once, which costs less; each with whether it holds in a
        namespace only."""
        unseen = dict.fromkeys(key for key in keys if key not in self._known)
        for is_namespaced in (False, True):
            here = [permission for side, permission in unseen if side is is_namespaced]
            for start in range(0, len(here), _MOST_RULES):
                self._learn(here[start : start + _MOST_RULES], is_namespaced=is_namespaced)

    def _learn(self, permissions: Sequence[Permission], *, is_namespaced: bool) -> None:
        if self._judge is None:
            self._judge = Judge(self._rules, self._minor)
        kind, rules = "Role" if is_namespaced else "ClusterRole", [as_rule(one) for one in permissions]
        body = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "all"}, "rules": rules}
        (resource,) = manifest.read("role.json", json.dumps(body).encode(), KINDS).resources
        judgement = self._judge.judge(resource)
        if judgement.problems and len(permissions) > 1:  # too large at once
            for permission in permissions:
                self._learn([permission], is_namespaced=is_namespaced)
            return
        offended: list[set[Rule]] = [set() for _ in permissions]
        for finding in judgement.findings:
            offended[int(pointer_tokens(finding.location.pointer)[1])].add(finding.rule)
        for permission, found in zip(permissions, offended, strict=True):
            ranked = sorted(found, key=lambda rule: (-rule.severity, -rule.points, rule.id))
            self._known[is_namespaced, permission] = tuple(ranked)

    def join(self, facts: Facts) -> Facts:
        """Returns facts that say of each service account what is bound to it that some rule is about. A role that is
        not defined may be one of those that are known from elsewhere."""
        if facts.elsewhere is not None and facts.elsewhere.roles:
            facts = replace(facts, elsewhere=self.join(facts.elsewhere))
        if not facts.roles:
            return facts
        own = _objects(facts.roles)
        around = (*((facts.elsewhere,) if facts.elsewhere is not None else ()), *facts.shared)
        known = [resource for one in around for resource in one.defined] if around and _undefined(own) else []
        others = _objects(known)
        names = {(one.kind, one.namespace, one.name) for one in own if isinstance(one, Role)}
        others = [one for one in others if isinstance(one, Role) and (one.kind, one.namespace, one.name) not in names]
        join = _Join(self, Authorizer((*own, *others, *builtin())))
        defined = tuple(one.resource for one in own if isinstance(one, Role) and one.resource is not None)
        undefined = tuple(_undefined((*own, *others)))
        return replace(facts, roles=(), defined=defined, undefined=undefined, reach=join.reach(), given=join.given())


def _objects(resources: Iterable[Resource]) -> list[Object]:
    log = FaultLog()
    return [one for resource in resources if (one := read(resource, log)) is not None]


def _undefined(objects: Sequence[Object]) -> list[UndefinedRole]:
    """Returns the roles that bindings give to somebody and that are neither among these objects nor built in."""
    authorizer = Authorizer((*objects, *builtin()))
    found = []
    for one in authorizer.bindings:
        if one.resource is not None and one.subjects and one.role_name and not authorizer.roles_of(one):
            place = one.resource.locate("/roleRef")
            namespace = one.namespace if one.role_kind == "Role" else ""
            who = str(one.resource.id)
            found.append(UndefinedRole(one.role_kind, namespace, one.role_name, who, place.path, place.start.line))
    return found


class _Join:
    """One join of bindings with their roles. What a role gives is found out once, however many are bound to it."""

    def __init__(self, powers: Powers, authorizer: Authorizer) -> None:
        self._powers = powers
        self._authorizer = authorizer
        self._best: dict[tuple[int, bool], tuple[Grant, ...]] = {}
        self._own = [one for one in authorizer.bindings if one.resource is not None]
        powers.learn(self._bound(self._own))

    def given(self) -> dict[BindingKey, tuple[ReachedPower, ...]]:
        """Returns what each binding gives to whoever is bound."""
        found: dict[BindingKey, list[ReachedPower]] = {}
        for binding in self._own:
            for power in self._given(binding, binding.subjects[0]) if binding.subjects else ():
                one = _reached_power(power, ("", ""))
                steps = (replace(place, step=place.step - 1) for place in one.places[1:])
                found.setdefault(one.key, []).append(replace(one, places=(_whom(power.grant), *steps)))
        return {key: tuple(powers) for key, powers in sorted(found.items())}

    def reach(self) -> dict[str, tuple[ReachedPower, ...]]:
        """Returns what is bound to service accounts, by their names."""
        named = Counter(map(_name, self._own))
        found: dict[str, list[ReachedPower]] = {}
        for binding in self._own:
            powers: list[Power] | None = None
            for subject in binding.subjects:
                account = _account(binding, subject)
                if account is None:
                    continue
                powers = list(self._given(binding, subject)) if powers is None else powers
                here = [_reached_power(power, account) for power in powers]
                here += [_powerless(binding, account)] if named[_name(binding)] > 1 else []
                found.setdefault(account[0], []).extend(here)
        return {name: tuple(powers) for name, powers in sorted(found.items()) if powers}

    def _bound(self, bindings: Iterable[Binding]) -> Iterator[tuple[bool, Permission]]:
        """Yields the permissions of the roles that are bound, each with whether it holds in a namespace only."""
        seen = set()
        for binding in bindings:
            is_namespaced = bool(self._authorizer.namespace_of(binding))
            for role in self._authorizer.roles_of(binding):
                if (id(role), is_namespaced) not in seen:
                    seen.add((id(role), is_namespaced))
                    for _, permission in self._authorizer.permissions(role):
                        yield is_namespaced, replace(permission, index=0)

    def _given(self, binding: Binding, subject: Subject) -> Iterator[Power]:
        """Yields the worst that a binding gives."""
        namespace = self._authorizer.namespace_of(binding)
        for role in self._authorizer.roles_of(binding):
            key = id(role), bool(namespace)
            if key not in self._best:
                permissions = self._authorizer.permissions(role)
                grants = [Grant(binding, subject, role, source, one, namespace) for source, one in permissions]
                self._best[key] = tuple(_worst(self._powers.of(grants)))
            yield from self._powers.of([replace(one, binding=binding, namespace=namespace) for one in self._best[key]])


def _worst(powers: Iterable[Power]) -> Iterator[Grant]:
    """Yields a few grants of each severity that matters."""
    counts: Counter[Severity] = Counter()
    for power in powers:
        severity = power.severity
        if severity is not None and severity > Severity.LOW:
            counts[severity] += 1
            if counts[severity] <= _MOST_WAYS:
                yield power.grant


def _is_about_roles(rule: Rule) -> bool:
    kinds = {kind.partition(".")[0] for kind in rule.kinds}
    return rule.persona is Persona.GATE and not kinds.isdisjoint(("Role", "ClusterRole"))


def _account(binding: Binding, subject: Subject) -> tuple[str, str] | None:
    """The name and namespace of the accounts that a subject means, empty for all of them; None if it means none."""
    if subject.kind == "ServiceAccount":
        return subject.name, subject.namespace or binding.namespace
    if subject.kind == "User" and subject.name.startswith(_ACCOUNT_PREFIX):
        namespace, _, name = subject.name.removeprefix(_ACCOUNT_PREFIX).partition(":")
        return name, namespace
    if subject.kind == "Group" and subject.name.startswith(_GROUP_PREFIX):
        return "", subject.name.removeprefix(_GROUP_PREFIX)
    return ("", "") if subject.kind == "Group" and subject.name in _EVERYBODY else None


def _name(binding: Binding) -> tuple[str, str, str]:
    return binding.kind, binding.namespace, binding.name


def _powerless(binding: Binding, account: tuple[str, str]) -> ReachedPower:
    """The fact that a binding is there, whatever it gives: it may be nearer to a workload than one of the same name."""
    assert binding.resource is not None
    name, namespace = account
    return ReachedPower(name, namespace, str(binding.resource.id), binding.resource.locate("").path)


def _whom(grant: Grant) -> Related:
    """The place of the first subject of a binding, and how many others there are."""
    subject, others = who(grant), len(grant.binding.subjects) - 1
    assert subject.location is not None
    more = f" and {others} {'other' if others == 1 else 'others'}" if others else ""
    return Related(subject.location, f"given to {subject}{more}", step=1)


def _reached_power(power: Power, account: tuple[str, str]) -> ReachedPower:
    """What a power of an account is as a fact, with the places of binding and rule."""
    binding, rule = power.grant.binding, power.rules[0]
    way = steps(power.grant)
    texts = (f"bound here to {way[1]}", *(str(step) for step in way[1:-1]), f"{way[-1]}: {permitted(power.grant)}")
    places = tuple(
        Related(one.location, text, step=step)
        for step, (one, text) in enumerate(zip(way, texts, strict=True), _FIRST_STEP)
        if one.location is not None
    )
    assert binding.resource is not None
    name, namespace = account
    where = str(binding.resource.id), binding.resource.locate("").path
    return ReachedPower(name, namespace, *where, rule.severity.label, rule.id, places)
