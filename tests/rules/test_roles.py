"""The rules about roles and bindings together: what they say of whole roles, and where they are silent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pytest

from kgate.judgement.engine import Judge
from kgate.judgement.reach import Powers
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Finding, Persona, Severity
from kgate.rbac.authorizer import Authorizer
from kgate.rbac.builtin import builtin
from kgate.rbac.objects import Role
from kgate.rbac.permissions import Permission
from kgate.rules import load
from tests.rbac.objects import binding, role

RULES = {rule.id: rule for rule in load.load()}
GATE = Judge(RULES.values(), NEWEST_MINOR, {rule.id for rule in RULES.values() if rule.persona is Persona.GATE})
EVERYTHING = "apiGroups: ['*'], resources: ['*'], verbs: ['*']"
ACCOUNT = "kind: ServiceAccount, name: web, namespace: apps"


def findings(text: str) -> list[Finding]:
    batch = manifest.read("rbac.yaml", text.encode(), GATE.kinds)
    assert not batch.problems, batch.problems
    assert batch.resources
    facts = Powers(RULES.values(), NEWEST_MINOR).join(Facts.of(batch.resources))
    judgements = [GATE.judge(resource, facts) for resource in batch.resources]
    assert not any(judgement.problems for judgement in judgements)
    return [finding for judgement in judgements for finding in judgement.findings]


def written(permissions: Iterable[Permission]) -> list[dict[str, list[str]]]:
    """Rules of a role, as manifests write them."""
    fields = {
        "verbs": "verbs",
        "apiGroups": "groups",
        "resources": "resources",
        "resourceNames": "names",
        "nonResourceURLs": "paths",
    }
    return [
        {field: sorted(getattr(one, name)) for field, name in fields.items() if getattr(one, name)}
        for one in permissions
    ]


def test_binding_a_built_in_role_is_as_severe_as_the_role() -> None:
    """What the rule names is each role of Kubernetes that, with what is aggregated into it, takes the cluster over."""
    authorizer = Authorizer(builtin())
    found = set()
    for one in builtin():
        if isinstance(one, Role) and one.kind == "ClusterRole":
            rules = written(permission for _, permission in authorizer.permissions(one))
            body = {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": one.name},
                "rules": rules,
            }
            if any(finding.rule.severity is Severity.CRITICAL for finding in findings(json.dumps(body))):
                found.add(one.name)
    named = re.findall(r"'([\w.:-]+)'", RULES["cluster-admin-binding"].expression)
    assert len(found) > 20
    assert set(named) - {"ClusterRole"} == found


@pytest.mark.parametrize(
    ("namespace", "wanted"),
    [
        pytest.param("", "cluster-role-everything", id="a ClusterRole"),
        pytest.param("apps", "role-everything", id="a Role"),
    ],
)
def test_a_role_with_all_permissions_has_one_finding_that_includes_the_others(namespace: str, wanted: str) -> None:
    (finding,) = findings(role("a", EVERYTHING, namespace=namespace))
    assert finding.rule.id == wanted
    kind = "Role." if namespace else "ClusterRole."
    others = {rule.id for rule in RULES.values() if any(one.startswith(kind) for one in rule.kinds)} - {wanted}
    gate = {name for name in others if RULES[name].persona is Persona.GATE}
    assert len(gate) > 8
    assert {rule.id for rule in finding.includes} == gate


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            role(
                "leader",
                "apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update, patch]",
                "apiGroups: [''], resources: [configmaps], verbs: [get, list, watch, create, update, patch, delete]",
                "apiGroups: [''], resources: [events], verbs: [create, patch]",
                namespace="apps",
            ),
            id="the election of a leader",
        ),
        pytest.param(
            role(
                "operator",
                "apiGroups: [example.org], resources: [things, things/status, things/finalizers], verbs: ['*']",
                "apiGroups: [''], resources: [pods, services, endpoints, nodes, namespaces], verbs: [get, list, watch]",
                "apiGroups: [apps], resources: [deployments], verbs: [get, list, watch]",
                "apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]",
                "apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create]",
                "nonResourceURLs: [/metrics], verbs: [get]",
            ),
            id="an operator that reads",
        ),
        pytest.param(
            role("own", "apiGroups: [''], resources: [secrets], resourceNames: [web], verbs: [get, update]"),
            id="a Secret of its own",
        ),
        pytest.param(
            role(
                "own",
                "apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [a.b/*], verbs: [approve]",
            ),
            id="a signer of its own",
        ),
        pytest.param(
            role(
                "things-edit", "apiGroups: [example.org], resources: [things], verbs: [create, update, delete]"
            ).replace(
                "name: things-edit", "name: things-edit, labels: {rbac.authorization.k8s.io/aggregate-to-edit: 'true'}"
            ),
            id="its own objects for those who may edit",
        ),
        pytest.param(binding("web", "ClusterRole/view", ACCOUNT, namespace="apps"), id="a binding to view"),
        pytest.param(
            binding("web", "ClusterRole/system:auth-delegator", ACCOUNT).replace(
                "name: system:auth-delegator", "name: 'system:auth-delegator'"
            ),
            id="a server that asks who somebody is",
        ),
    ],
)
def test_what_grants_no_escalation_is_not_mentioned(text: str) -> None:
    assert [finding.rule.id for finding in findings(text)] == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(
            binding(
                "superadmin",
                "ClusterRole/cluster-admin",
                "kind: ServiceAccount, name: superadmin, namespace: kube-system",
            ),
            ["critical cluster-admin-binding 5"],
            id="an account that is an administrator",
        ),
        pytest.param(
            role("secret-reader", "apiGroups: [''], resources: ['*'], verbs: [get, watch, list]", namespace="big"),
            ["high role-reads-everything 6"],
            id="a role that reads everything in a namespace",
        ),
        pytest.param(
            role("all-your-base", EVERYTHING)
            + binding(
                "belong-to-us", "ClusterRole/all-your-base", "kind: ServiceAccount, name: default, namespace: default"
            ),
            [
                "critical binding-takes-cluster 11",
                "critical cluster-role-everything 6",
                "medium default-account-binding 13",
            ],
            id="all permissions for the default account",
        ),
        pytest.param(
            role("server", "apiGroups: ['*'], resources: ['*'], verbs: [get, patch, delete]"),
            ["critical cluster-role-changes-everything 6"],
            id="a server that changes whatever it is told to",
        ),
    ],
)
def test_what_was_seen_elsewhere(text: str, wanted: list[str]) -> None:
    """Forms of kubernetes-goat (insecure-rbac, hunger-check, pwnchart) and of Argo CD."""
    shown = [f"{one.rule.severity.label} {one.rule.id} {one.location.start.line}" for one in findings(text)]
    assert sorted(shown) == wanted
