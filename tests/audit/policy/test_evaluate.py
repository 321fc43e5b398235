"""What a policy records of a request: the tables of upstream (apiserver, pkg/audit/policy/checker_test.go)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kgate.audit.policy.evaluate import decide
from kgate.audit.policy.policy import STAGES, ApiRequest, AuditPolicy, GroupResources, PolicyRule

RECEIVED, STARTED, COMPLETE, PANIC = STAGES
RBAC = "rbac.authorization.k8s.io"
TIM = ApiRequest("get", "tim@k8s.io", ("humans", "developers"))
PODS = GroupResources(resources=("pods",))

REQUESTS = {
    "namespaced": replace(TIM, resource="pods", namespace="default", name="busybox"),
    "cluster": replace(TIM, group=RBAC, resource="clusterroles", name="edit"),
    "url": replace(TIM, path="/logs/kubelet.log"),
    "subresource": replace(TIM, resource="pods", subresource="log", namespace="default", name="busybox"),
    "unauthorized": ApiRequest("get", resource="pods", namespace="default", name="busybox"),
    "update": replace(TIM, verb="update", group=RBAC, resource="clusterroles", subresource="status", name="somerole"),
}
RULES = {
    "default": PolicyRule("Metadata"),
    "create": PolicyRule("Request", verbs=("create",)),
    "tims": PolicyRule("Metadata", users=("tim@k8s.io",)),
    "humans": PolicyRule("Metadata", groups=("humans",)),
    "accounts": PolicyRule("Request", groups=("system:serviceaccounts",)),
    "pods": PolicyRule("RequestResponse", verbs=("get",), resources=(PODS,)),
    "pods/log": PolicyRule("Request", verbs=("get",), resources=(GroupResources(resources=("pods/log",)),)),
    "*": PolicyRule("Request", verbs=("get",), resources=(GroupResources(resources=("*",)),)),
    "*/log": PolicyRule("Request", verbs=("get",), resources=(GroupResources(resources=("*/log",)),)),
    "pods/*": PolicyRule("Request", verbs=("get",), resources=(GroupResources(resources=("pods/*",)),)),
    "*/*": PolicyRule("Request", resources=(GroupResources("*", ("*/*",)),)),
    "roles": PolicyRule(
        "RequestResponse", verbs=("get",), resources=(GroupResources(RBAC, ("clusterroles",)),), namespaces=("",)
    ),
    "status": PolicyRule("RequestResponse", verbs=("update",), resources=(GroupResources("*", ("*/status",)),)),
    "logs": PolicyRule("RequestResponse", verbs=("get",), urls=("/logs*",)),
    "metrics": PolicyRule("Request", verbs=("get",), urls=("/metrics",)),
    "edit": PolicyRule("Request", resources=(GroupResources(RBAC, ("clusterroles",), ("edit",)),)),
    "not received": PolicyRule("Request", omitted=(RECEIVED,)),
    "only panic": PolicyRule("Request", omitted=(RECEIVED, STARTED, COMPLETE)),
}


@pytest.mark.parametrize("omitted", [(), (RECEIVED, STARTED)], ids=["all stages", "some stages"])
@pytest.mark.parametrize(
    ("request_name", "rules", "level"),
    [
        ("namespaced", "default", "Metadata"),
        ("namespaced", "create", "None"),
        ("namespaced", "tims", "Metadata"),
        ("namespaced", "humans", "Metadata"),
        ("namespaced", "accounts", "None"),
        ("namespaced", "pods", "RequestResponse"),
        ("namespaced", "roles", "None"),
        ("namespaced", "logs", "None"),
        ("namespaced", "metrics", "None"),
        ("namespaced", "metrics, accounts, default", "Metadata"),
        ("namespaced", "metrics, pods, default", "RequestResponse"),
        ("namespaced", "pods/log, pods", "RequestResponse"),
        ("cluster", "default", "Metadata"),
        ("cluster", "create", "None"),
        ("cluster", "tims", "Metadata"),
        ("cluster", "humans", "Metadata"),
        ("cluster", "accounts", "None"),
        ("cluster", "pods", "None"),
        ("cluster", "roles", "RequestResponse"),
        ("cluster", "edit, roles", "Request"),
        ("cluster", "logs", "None"),
        ("cluster", "metrics", "None"),
        ("cluster", "metrics, accounts, default", "Metadata"),
        ("cluster", "metrics, roles, default", "RequestResponse"),
        ("cluster", "pods/log, pods", "None"),
        ("url", "default", "Metadata"),
        ("url", "create", "None"),
        ("url", "tims", "Metadata"),
        ("url", "humans", "Metadata"),
        ("url", "accounts", "None"),
        ("url", "pods", "None"),
        ("url", "roles", "None"),
        ("url", "logs", "RequestResponse"),
        ("url", "metrics", "None"),
        ("url", "metrics, accounts, default", "Metadata"),
        ("url", "logs, roles, default", "RequestResponse"),
        ("url", "pods/log, pods", "None"),
        ("subresource", "pods/log, pods", "Request"),
        ("subresource", "*", "Request"),
        ("subresource", "*/log", "Request"),
        ("subresource", "pods/*", "Request"),
        ("unauthorized", "tims", "None"),
        ("unauthorized", "tims, default", "Metadata"),
        ("unauthorized", "humans", "None"),
        ("unauthorized", "humans, default", "Metadata"),
        ("update", "status", "RequestResponse"),
        # what the documentation of the fields says otherwise
        ("namespaced", "pods/*", "Request"),
        ("subresource", "*/*, default", "Metadata"),
        ("namespaced", "*/*, default", "Metadata"),
    ],
)
def test_levels(request_name: str, rules: str, level: str, omitted: tuple[str, ...]) -> None:
    policy = AuditPolicy(tuple(RULES[name] for name in rules.split(", ")), omitted)
    decision = decide(policy, REQUESTS[request_name])
    assert (decision.level, decision.omitted) == (level, omitted)


@pytest.mark.parametrize(
    ("request_name", "rules", "of_policy", "omitted"),
    [
        ("namespaced", "not received, pods, default", (), (RECEIVED,)),
        ("namespaced", "only panic, pods, default", (), (RECEIVED, STARTED, COMPLETE)),
        ("cluster", "not received, pods, default", (), (RECEIVED,)),
        ("cluster", "only panic, pods, default", (), (RECEIVED, STARTED, COMPLETE)),
        ("url", "not received, pods, default", (), (RECEIVED,)),
        ("url", "only panic, pods, default", (), (RECEIVED, STARTED, COMPLETE)),
        ("namespaced", "not received, pods, default", (RECEIVED, STARTED), (RECEIVED, STARTED)),
        ("namespaced", "only panic, pods, default", (RECEIVED, STARTED), (RECEIVED, STARTED, COMPLETE)),
        ("cluster", "not received, pods, default", (RECEIVED, STARTED), (RECEIVED, STARTED)),
        ("cluster", "only panic, pods, default", (RECEIVED, STARTED), (RECEIVED, STARTED, COMPLETE)),
        ("url", "default, not received, pods", (RECEIVED, STARTED), (RECEIVED, STARTED)),
        ("url", "only panic, pods, default", (RECEIVED, STARTED), (RECEIVED, STARTED, COMPLETE)),
        ("url", "not received", (PANIC, RECEIVED), (RECEIVED, PANIC)),
    ],
)
def test_omitted_stages(request_name: str, rules: str, of_policy: tuple[str, ...], omitted: tuple[str, ...]) -> None:
    policy = AuditPolicy(tuple(RULES[name] for name in rules.split(", ")), of_policy)
    decision = decide(policy, REQUESTS[request_name])
    assert (decision.rule, decision.level) == (0, policy.rules[0].level)
    assert decision.omitted == omitted


@pytest.mark.parametrize(
    ("of_policy", "of_rule", "omits"),
    [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
)
def test_managed_fields(of_policy: bool, of_rule: bool | None, omits: bool) -> None:
    rule = PolicyRule("RequestResponse", verbs=("get",), omits_managed_fields=of_rule)
    assert decide(AuditPolicy((rule,), (), of_policy), ApiRequest("get")).omits_managed_fields is omits


def test_no_rule() -> None:
    decision = decide(AuditPolicy((RULES["create"],), (RECEIVED,), True), REQUESTS["url"])
    assert (decision.rule, decision.level, decision.omitted) == (None, "None", (RECEIVED,))
    assert decision.omits_managed_fields
    assert decision.stages(REQUESTS["url"]) == ()


@pytest.mark.parametrize(
    ("request_", "stages"),
    [
        pytest.param(REQUESTS["namespaced"], (RECEIVED, COMPLETE), id="answered at once"),
        pytest.param(replace(REQUESTS["namespaced"], verb="watch"), (RECEIVED, STARTED, COMPLETE), id="a watch"),
        pytest.param(REQUESTS["subresource"], (RECEIVED, STARTED, COMPLETE), id="a log"),
        pytest.param(
            replace(REQUESTS["namespaced"], subresource="exec"), (RECEIVED, STARTED, COMPLETE), id="a command"
        ),
        pytest.param(replace(TIM, path="/debug/pprof/heap"), (RECEIVED, STARTED, COMPLETE), id="a profile"),
        pytest.param(replace(TIM, path="/debug"), (RECEIVED, COMPLETE), id="another URL"),
        pytest.param(REQUESTS["unauthorized"], (STARTED,), id="failed authentication"),
    ],
)
def test_stages(request_: ApiRequest, stages: tuple[str, ...]) -> None:
    everything = decide(AuditPolicy((RULES["default"],)), request_)
    assert everything.stages(request_) == stages
    without = decide(AuditPolicy((RULES["default"],), (STARTED,)), request_)
    assert without.stages(request_) == tuple(stage for stage in stages if stage != STARTED)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "/", True),
        ("/api*", "/apixyz", True),
        ("/api*", "/ap", False),
        ("/api", "/api/", False),
        ("/healthz**", "/healthz", True),
    ],
)
def test_urls(pattern: str, path: str, matches: bool) -> None:
    policy = AuditPolicy((PolicyRule("Metadata", urls=(pattern,)),))
    assert (decide(policy, ApiRequest("get", "tim", path=path)).rule == 0) is matches
