"""Decides what a policy records of a request, exactly as the API server does (apiserver, pkg/audit/policy)."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.audit.policy.policy import LEVELS, STAGES, ApiRequest, AuditDecision, AuditPolicy, GroupResources, PolicyRule


def decide(policy: AuditPolicy, request: ApiRequest) -> AuditDecision:
    """Returns what the first rule that matches says; level None if none does."""
    for index, rule in enumerate(policy.rules):
        if matches(rule, request):
            omits = policy.omits_managed_fields if rule.omits_managed_fields is None else rule.omits_managed_fields
            return AuditDecision(index, rule.level, _ordered(*policy.omitted, *rule.omitted), omits)
    return AuditDecision(None, LEVELS[0], _ordered(*policy.omitted), policy.omits_managed_fields)


def _ordered(*stages: str) -> tuple[str, ...]:
    return tuple(stage for stage in STAGES if stage in stages)


def matches(rule: PolicyRule, request: ApiRequest) -> bool:
    """True if a rule matches a request. A request without a user matches no rule about users or groups."""
    if rule.users and request.user not in rule.users:
        return False
    if rule.groups and (request.user is None or not any(group in rule.groups for group in request.groups)):
        return False
    if rule.verbs and request.verb not in rule.verbs:
        return False
    if rule.is_about_resources:
        return not request.path and _matches_resource(rule, request)
    return not rule.urls or any(_matches_url(url, request.path) for url in rule.urls if request.path)


def _matches_url(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def _matches_resource(rule: PolicyRule, request: ApiRequest) -> bool:
    if rule.namespaces and request.namespace not in rule.namespaces:
        return False
    return not rule.resources or any(includes(one, request) for one in rule.resources)


def includes(entry: GroupResources, request: ApiRequest) -> bool:
    """True if an entry of ``resources`` includes what is asked for."""
    if entry.group not in ("*", request.group):
        return False
    if not entry.resources:
        return True
    if entry.names and request.name not in entry.names:
        return False
    return any(word in entry.resources for word in _names(request))


def _names(request: ApiRequest) -> Iterator[str]:
    """Yields the words of rules that stand for a resource: ``pods/*`` for ``pods`` as well, and ``*/*`` for nothing."""
    yield "*"
    yield request.full_resource
    yield f"{request.resource}/*"
    if request.subresource:
        yield f"*/{request.subresource}"
