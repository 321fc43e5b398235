"""The places in other objects that a finding stands on: ways to what an account may do or to a pod, labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

from kgate.judgement.offence import Offence, is_about_reach
from kgate.kubernetes.auditfiles import AuditFiles
from kgate.kubernetes.facts import BindingKey, Facts, ReachedPower
from kgate.kubernetes.podspec import mapping
from kgate.model import Related, Rule, child_pointer, value_at

_MOST_WAYS = 2


def evidence(offence: Offence, included: Iterable[Rule], facts: Facts) -> tuple[Related, ...]:
    """Returns the places of what an offence, or one that it includes, takes from facts."""
    rules = (offence.rule, *included)
    if facts.audit is not None and (offence.target.component or "facts.?collector" in offence.rule.expression):
        return tuple(_of_audit_log(offence, facts.audit))
    if any(map(is_about_reach, rules)):
        severity = offence.rule.severity.label
        ways = (one.places for one in _reached(offence, facts) if one.severity == severity)
        steps = dict.fromkeys(place for way in itertools.islice(ways, _MOST_WAYS) for place in way)
        return (*_account(offence, facts), *steps)
    if any("facts.?namespace" in rule.expression for rule in rules):
        return tuple(_enforced(offence, facts))
    pod, expression = offence.target.pod, offence.rule.expression
    if pod is not None and "facts.?exposure" in expression:
        return facts.way_in(pod)
    if pod is not None and "facts.?onNode" in expression:
        volume = mapping(value_at(pod.spec, child_pointer("", *(offence.blame.item or ()))))
        return facts.way_to_node(pod, volume.get("name"))
    return ()


def notes(offence: Offence) -> Iterator[Related]:
    """Yields the places that a fact of an audit policy names, such as the rules that take the requests of another."""
    for note in offence.target.fact(offence.blame.tokens).get("notes", ()):
        yield Related(offence.target.resource.locate(note["at"]), note["text"])


def _of_audit_log(offence: Offence, files: AuditFiles) -> Iterator[Related]:
    from kgate.kubernetes.components import auditing  # few repositories set up an audit log

    target = offence.target
    if target.component is None:
        return auditing.places_of_logs(files)
    return auditing.evidence(target.resource, target.component, files, offence.rule.expression)


def used_bindings(offences: Iterable[Offence], facts: Facts) -> Iterator[BindingKey]:
    """Yields the bindings that offences of pods are about."""
    for offence in offences:
        if offence.target.pod is not None and offence.is_about_reach:
            severity = offence.rule.severity.label
            yield from (one.key for one in _reached(offence, facts) if one.severity == severity)


def _reached(offence: Offence, facts: Facts) -> tuple[ReachedPower, ...]:
    """Returns what the target of an offence reaches."""
    resource, pod = offence.target.resource, offence.target.pod
    return facts.given_by(resource) if pod is None else facts.reached_by(resource, pod)


def _account(offence: Offence, facts: Facts) -> Iterator[Related]:
    """Yields the service account of a pod, the first step of its ways, if it is known which that is."""
    resource, pod = offence.target.resource, offence.target.pod
    found = facts.accounts_of(resource, pod) if pod is not None else ()
    if len(found) == 1:
        yield Related(found[0].locate(""), f"runs as {found[0].id}", step=1)


def _enforced(offence: Offence, facts: Facts) -> Iterator[Related]:
    """Yields the label that a pod does not satisfy, with the checks that refuse it."""
    enforced = facts.enforced_on(offence.target.resource)
    if enforced is not None:
        known = offence.target.variables["facts"]["namespace"]
        yield replace(enforced.place, message=f"{enforced.place.message}; not satisfied: {', '.join(known['refuses'])}")
