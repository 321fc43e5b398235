"""objects.py: what is wrong with a role or binding is said at its line, and nothing of it is lost."""

from __future__ import annotations

import pytest

from kgate.rbac.objects import Account, Binding, FaultLog, Role
from tests.rbac.objects import binding, objects, role

PODS = "verbs: [get], apiGroups: [''], resources: [pods]"
ACCOUNT = "kind: ServiceAccount, name: web, namespace: apps"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(role("a", PODS), [], id="a right role"),
        pytest.param(binding("a", "ClusterRole/b", ACCOUNT), [], id="a right binding"),
        pytest.param(role("a", "apiGroups: [''], resources: [pods]"), ["6: rules[0].verbs is missing"], id="no verbs"),
        pytest.param(
            role("a", "verbs: [get], resources: [pods]"), ["6: rules[0].apiGroups is missing"], id="no groups"
        ),
        pytest.param(
            role("a", "verbs: [get], apiGroups: ['']"), ["6: rules[0].resources is missing"], id="no resources"
        ),
        pytest.param(role("a", f"{PODS}, nonResourceURLs: [/x]"), ["6: rules[0] names both"], id="both kinds of rule"),
        pytest.param(
            role("a", "verbs: [get], nonResourceURLs: [/x]", namespace="b"),
            ["6: rules[0].nonResourceURLs has no place"],
            id="a path in a Role",
        ),
        pytest.param(
            role("a", "verbs: get, apiGroups: [''], resources: [pods]"), ["6: rules[0].verbs must be a list"], id="text"
        ),
        pytest.param(
            role("a", "verbs: [1], apiGroups: [''], resources: [pods]"),
            ["6: rules[0].verbs[0] must be a str"],
            id="number",
        ),
        pytest.param(role("a").replace("rules:\n", "rules: {}\n"), ["5: rules must be a list"], id="rules are no list"),
        pytest.param(
            role("a").replace("rules:\n", "rules: [x]\n"), ["5: rules[0] must be a mapping"], id="rule is text"
        ),
        pytest.param(
            role("a", extra="aggregationRule: {}\n"), ["6: aggregationRule.clusterRoleSelectors is empty"], id="none"
        ),
        pytest.param(
            binding("a", "Role/b", ACCOUNT), ["5: roleRef.kind must be one of ClusterRole"], id="Role for all"
        ),
        pytest.param(binding("a", "Role/b", ACCOUNT, namespace="c"), [], id="a role of the namespace"),
        pytest.param(
            binding("a", "/b", namespace="c").replace("kind: ,", ""), ["5: roleRef.kind is missing"], id="no kind"
        ),
        pytest.param(binding("a", "ClusterRole/", ACCOUNT), ["5: roleRef.name is missing"], id="no name"),
        pytest.param(
            binding("a", "ClusterRole/b", "kind: Robot, name: c"), ["7: subjects[0].kind must be"], id="a robot"
        ),
        pytest.param(
            binding("a", "ClusterRole/b", "name: c"), ["7: subjects[0].kind is missing"], id="subject of no kind"
        ),
        pytest.param(
            binding("a", "ClusterRole/b", "kind: ServiceAccount, name: c"),
            ["7: subjects[0].namespace is missing"],
            id="an account of no namespace",
        ),
        pytest.param(
            binding("a", "ClusterRole/b", "kind: ServiceAccount, name: c", namespace="d"), [], id="its own one"
        ),
        pytest.param(
            binding("a", "ClusterRole/b", f"{ACCOUNT}, apiGroup: rbac.authorization.k8s.io"),
            ["7: subjects[0].apiGroup must be one of"],
            id="an account in a group",
        ),
        pytest.param(
            binding("a", "ClusterRole/b").replace("subjects:\n", "subjects: a\n"),
            ["6: subjects must"],
            id="text, no list",
        ),
    ],
)
def test_faults(text: str, wanted: list[str]) -> None:
    log = FaultLog()
    assert objects(text, log)
    shown = [f"{problem.line}: {problem.message}" for problem in log.problems]
    assert len(shown) == len(wanted), shown
    for part, one in zip(wanted, shown, strict=True):
        line, _, message = part.partition(": ")
        assert one.startswith(f"{line}: "), one
        assert f": {message}" in one


def test_a_fault_takes_nothing_else() -> None:
    (one,) = objects(role("a", "verbs: [1, get], apiGroups: [''], resources: [pods]", PODS), FaultLog())
    assert isinstance(one, Role)
    assert [permission.verbs for permission in one.permissions] == [{"get"}, {"get"}]
    assert [permission.index for permission in one.permissions] == [0, 1]


def test_places_are_those_of_the_list_if_one_rule_is_unreadable() -> None:
    (one,) = objects(role("a").replace("rules:\n", f"rules: [x, {{{PODS}}}]\n"), FaultLog())
    assert isinstance(one, Role)
    assert [permission.index for permission in one.permissions] == [1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}", Account, id="an account"),
        pytest.param(role("a", PODS).replace("/v1", "/v1beta1"), Role, id="an older version"),
        pytest.param(binding("a", "ClusterRole/b"), Binding, id="a binding without subjects"),
        pytest.param(role("a", PODS).replace("rbac.authorization.k8s.io", "example.com"), None, id="of another group"),
        pytest.param("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}", None, id="another kind"),
        pytest.param(
            "apiVersion: serving.knative.dev/v1\nkind: ServiceAccount", None, id="an account of another group"
        ),
    ],
)
def test_what_counts(text: str, kind: type | None) -> None:
    found = objects(text)
    assert [type(one) for one in found] == ([kind] if kind else [])
