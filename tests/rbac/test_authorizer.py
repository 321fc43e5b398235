"""authorizer.py: who may do what; that it equals a real API server is tested in test_oracle.py."""

from __future__ import annotations

import time

import pytest

from kgate.rbac.authorizer import Authorizer, Grant, Identity
from kgate.rbac.builtin import builtin
from kgate.rbac.objects import FaultLog, read_body
from kgate.rbac.permissions import Action
from tests.rbac.objects import authorizer, binding, objects, role

PODS = "verbs: [get], apiGroups: [''], resources: [pods]"
SECRETS = "verbs: [get], apiGroups: [''], resources: [secrets]"
WEB = Identity.of_account("apps", "web")
ACCOUNT = "kind: ServiceAccount, name: web, namespace: apps"
GET = Action("get", "pods")
GET_IN_APPS = Action("get", "pods", namespace="apps")


def way(grant: Grant | None) -> str:
    """The way of a grant: binding, subject, role and rule with their lines."""
    if grant is None:
        return "no"
    places = (
        (grant.binding, f"/subjects/{grant.subject.index}"),
        (grant.source, f"/rules/{grant.permission.index}"),
    )
    lines = [one.resource.locate(pointer).start.line for one, pointer in places if one.resource]
    return " ".join((grant.binding.name, grant.role.name, grant.source.name, *map(str, lines)))


@pytest.mark.parametrize(
    ("text", "who", "asked", "wanted"),
    [
        pytest.param(role("r", PODS) + binding("b", "ClusterRole/r", ACCOUNT), WEB, GET, "b r r 13 6", id="everywhere"),
        pytest.param(
            role("r", PODS) + binding("b", "ClusterRole/r", ACCOUNT, namespace="apps"),
            WEB,
            GET,
            "no",
            id="not everywhere",
        ),
        pytest.param(
            role("r", PODS) + binding("b", "ClusterRole/r", ACCOUNT, namespace="apps"),
            WEB,
            GET_IN_APPS,
            "b r r 13 6",
            id="there",
        ),
        pytest.param(
            role("r", PODS, namespace="apps") + binding("b", "Role/r", ACCOUNT, namespace="apps"),
            WEB,
            GET_IN_APPS,
            "b r r 13 6",
            id="a role of the namespace",
        ),
        pytest.param(
            role("r", PODS, namespace="other") + binding("b", "Role/r", ACCOUNT, namespace="apps"),
            WEB,
            GET_IN_APPS,
            "no",
            id="a role of another namespace",
        ),
        pytest.param(
            role("r", PODS) + binding("b", "ClusterRole/r", "kind: ServiceAccount, name: web", namespace="apps"),
            WEB,
            GET_IN_APPS,
            "b r r 13 6",
            id="an account of the binding's namespace",
        ),
        pytest.param(
            role("r", PODS) + binding("b", "ClusterRole/r", "kind: User, name: 'system:serviceaccount:apps:web'"),
            WEB,
            GET,
            "b r r 13 6",
            id="an account as a user",
        ),
        pytest.param(
            role("r", PODS) + binding("b", "ClusterRole/r", "kind: Group, name: 'system:serviceaccounts:apps'"),
            WEB,
            GET,
            "b r r 13 6",
            id="all accounts of a namespace",
        ),
        pytest.param(
            role("r", PODS)
            + binding("b", "ClusterRole/r", "kind: User, name: x", "kind: Group, name: 'system:authenticated'"),
            WEB,
            GET,
            "b r r 14 6",
            id="everybody who is somebody",
        ),
        pytest.param(
            role("r", PODS) + binding("b", "ClusterRole/r", "kind: Group, name: 'system:unauthenticated'"),
            WEB,
            GET,
            "no",
            id="anonymous",
        ),
        pytest.param(binding("b", "ClusterRole/r", ACCOUNT), WEB, GET, "no", id="a role that is nowhere"),
        pytest.param(
            role("r", extra="aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n")
            + role("one", PODS).replace("name: one", "name: one, labels: {a: b}")
            + binding("b", "ClusterRole/r", ACCOUNT),
            WEB,
            GET,
            "b r one 19 12",
            id="aggregated",
        ),
        pytest.param(
            role("r", SECRETS, extra="aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n")
            + binding("b", "ClusterRole/r", ACCOUNT),
            WEB,
            Action("get", "secrets"),
            "no",
            id="the rules of an aggregated role are overwritten",
        ),
        pytest.param(
            role(
                "r",
                extra="aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: a, operator: Exists}]}]}\n",
            )
            + role("s", extra="aggregationRule: {clusterRoleSelectors: [{}]}\n").replace(
                "name: s", "name: s, labels: {a: b}"
            )
            + role("one", PODS)
            + binding("b", "ClusterRole/r", ACCOUNT),
            WEB,
            GET,
            "b r one 25 18",
            id="aggregated from what is aggregated, in a circle",
        ),
        pytest.param(
            role("r", PODS, extra="aggregationRule: {clusterRoleSelectors: [{}]}\n")
            + role("s", extra="aggregationRule: {clusterRoleSelectors: [{}]}\n")
            + binding("b", "ClusterRole/s", ACCOUNT),
            WEB,
            GET,
            "b s r 20 6",
            id="what a circle may keep",
        ),
    ],
)
def test_allows(text: str, who: Identity, asked: Action, wanted: str) -> None:
    assert way(authorizer(text).allows(who, asked)) == wanted


def test_objects_without_a_namespace_are_in_the_given_one() -> None:
    text = role("r", PODS, namespace="x") + binding("b", "Role/r", "kind: ServiceAccount, name: web", namespace="x")
    text = text.replace(", namespace: x", "")
    grant = authorizer(text, "apps").allows(WEB, GET_IN_APPS)
    assert way(grant) == "b r r 13 6"
    assert grant is not None
    assert grant.namespace == "apps"
    assert authorizer(text).allows(WEB, GET_IN_APPS) is None


def test_holders_are_subjects() -> None:
    text = role("r", PODS, PODS) + binding("b", "ClusterRole/r", ACCOUNT, "kind: User, name: ann")
    held = authorizer(text).holders(GET)
    assert [(grant.subject.kind, grant.subject.name) for grant in held] == [("ServiceAccount", "web"), ("User", "ann")]


def test_holders_in_any_namespace() -> None:
    text = role("r", PODS) + binding("b", "ClusterRole/r", ACCOUNT, namespace="apps")
    assert not list(authorizer(text).holders(GET))
    assert [grant.namespace for grant in authorizer(text).holders(Action("get", "pods", namespace=None))] == ["apps"]


def test_built_in_roles_are_bound_and_aggregated() -> None:
    labels = "labels: {rbac.authorization.k8s.io/aggregate-to-edit: 'true'}"
    text = role("more", "verbs: [get], apiGroups: [a.b], resources: [things]").replace(
        "name: more", f"name: more, {labels}"
    )
    text += binding("b", "ClusterRole/edit", ACCOUNT, namespace="apps")
    found = Authorizer((*objects(text), *builtin()))
    assert found.allows(WEB, Action("create", "pods", namespace="apps"))
    assert found.allows(WEB, Action("get", "things", group="a.b", namespace="apps"))
    assert found.allows(WEB, Action("get", "nodes", namespace="apps")) is None
    assert found.allows(Identity("ann", frozenset({"system:masters"})), Action("escalate", "roles", group="x"))
    assert found.allows(WEB, Action("get", path="/version"))


def test_a_fault_of_a_selector_is_said() -> None:
    log = FaultLog()
    selector = "aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: a, operator: Is}]}]}\n"
    text = role("r", extra=selector) + role("one", PODS) + binding("b", "ClusterRole/r", ACCOUNT)
    assert Authorizer(objects(text, log)).allows(WEB, GET)
    assert [problem.line for problem in log.problems] == [6]


@pytest.mark.slow
def test_many_roles_and_many_rules_take_linear_time() -> None:
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
    log = FaultLog()

    def seconds(count: int) -> float:
        start = time.process_time()
        named = [body("ClusterRole", f"r{number}", rules=[rule]) for number in range(count)]
        named += [body("ClusterRole", "large", rules=[rule] * count)]
        named += [
            body("ClusterRoleBinding", f"b{number}", **bound(f"r{number}", f"n{number}")) for number in range(count)
        ]
        named += [body("ClusterRoleBinding", "large", **bound("large", "large"))]
        found = Authorizer(one for each in named if (one := read_body(each, None, log)) is not None)
        accounts = (Identity.of_account(namespace, "web") for namespace in ("large", *(f"n{n}" for n in range(count))))
        assert all(found.allows(account, GET) for account in accounts)
        return time.process_time() - start

    few = min(seconds(2000) for _ in range(3))
    assert seconds(20_000) < 40 * few


def body(kind: str, name: str, **fields: object) -> dict[str, object]:
    return {"kind": kind, "metadata": {"name": name}, **fields}


def bound(name: str, namespace: str) -> dict[str, object]:
    subject = {"kind": "ServiceAccount", "name": "web", "namespace": namespace}
    return {"roleRef": {"kind": "ClusterRole", "name": name}, "subjects": [subject]}
