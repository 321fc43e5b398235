"""words.py: actions as users name them, and permissions in words."""

from __future__ import annotations

import pytest

from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.rbac.permissions import Action, Permission
from kgate.rbac.words import UnknownActionError, action, as_rule, described


@pytest.mark.parametrize(
    ("verb", "what", "wanted"),
    [
        pytest.param("get", "pods", Action("get", "pods", namespace="a"), id="of the core group"),
        pytest.param("GET", "Pod", Action("get", "pods", namespace="a"), id="one, in capitals"),
        pytest.param("create", "pods/exec", Action("create", "pods", "exec", namespace="a"), id="a subresource"),
        pytest.param("list", "deployments", Action("list", "deployments", "", "apps", namespace="a"), id="known group"),
        pytest.param(
            "list", "networkpolicy", Action("list", "networkpolicies", "", "networking.k8s.io", namespace="a"), id="y"
        ),
        pytest.param("list", "ingress", Action("list", "ingresses", "", "networking.k8s.io", namespace="a"), id="ss"),
        pytest.param("get", "endpoints", Action("get", "endpoints", namespace="a"), id="a plural that is the kind"),
        pytest.param("get", "events", Action("get", "events", namespace="a"), id="of two groups, the core one"),
        pytest.param(
            "patch",
            "things.a.example/status",
            Action("patch", "things", "status", "a.example", namespace="a"),
            id="custom",
        ),
        pytest.param("impersonate", "users", Action("impersonate", "users", namespace="a"), id="a word of rules alone"),
        pytest.param(
            "approve", "signers", Action("approve", "signers", "", "certificates.k8s.io", namespace="a"), id="signers"
        ),
        pytest.param("*", "*", Action("*", "*", namespace="a"), id="everything"),
        pytest.param("get", "/logs/", Action("get", path="/logs/"), id="a path"),
    ],
)
def test_action(verb: str, what: str, wanted: Action) -> None:
    assert action(verb, what, "", "a", NEWEST_MINOR) == wanted


@pytest.mark.parametrize(
    ("what", "message"),
    [
        pytest.param("secrest", "no resource 'secrest'; did you mean 'secrets'?", id="misspelt"),
        pytest.param("frobs", "write the API group of a custom resource, as frobs.example.org", id="unknown"),
        pytest.param("", "no resource ''", id="nothing"),
    ],
)
def test_unknown(what: str, message: str) -> None:
    with pytest.raises(UnknownActionError, match=message.replace("?", r"\?")):
        action("get", what, "", None, NEWEST_MINOR)


def permission(**lists: list[str]) -> Permission:
    return Permission(0, **{name: frozenset(values) for name, values in lists.items()})


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        pytest.param(
            permission(verbs=["list", "get"], groups=[""], resources=["pods"]), "get, list pods", id="a resource"
        ),
        pytest.param(permission(verbs=["*"], groups=["*"], resources=["*"]), "* *.*", id="everything"),
        pytest.param(
            permission(verbs=["get"], groups=["", "a.b"], resources=["c"], names=["e", "d"]),
            "get c, c.a.b named d, e",
            id="names",
        ),
        pytest.param(permission(verbs=["get"], paths=["/x"]), "get /x", id="a path"),
        pytest.param(
            permission(verbs=["get"], groups=[""], resources=[f"r{number}" for number in range(10)]),
            "get r0, r1, r2, r3, r4, r5, r6, r7 and 2 more",
            id="many",
        ),
    ],
)
def test_described(one: Permission, wanted: str) -> None:
    assert described(one) == wanted


def test_as_rule() -> None:
    one = permission(verbs=["list", "get"], groups=[""], resources=["pods"], names=["a"])
    assert as_rule(one) == {"apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["get", "list"]}
    assert as_rule(permission(verbs=["get"], paths=["/x"])) == {"nonResourceURLs": ["/x"], "verbs": ["get"]}
