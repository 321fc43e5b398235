"""permissions.py: which requests a rule of a role permits."""

from __future__ import annotations

import pytest

from kgate.rbac.permissions import Action, Permission

GET_PODS = {"verbs": ["get"], "groups": [""], "resources": ["pods"]}


def permission(**lists: list[str]) -> Permission:
    return Permission(0, **{name: frozenset(values) for name, values in lists.items()})


@pytest.mark.parametrize(
    ("lists", "action", "wanted"),
    [
        pytest.param(GET_PODS, Action("get", "pods"), True, id="what it says"),
        pytest.param(GET_PODS, Action("list", "pods"), False, id="another verb"),
        pytest.param(GET_PODS, Action("get", "pods", group="metrics.k8s.io"), False, id="another group"),
        pytest.param(GET_PODS, Action("get", "pods", "log"), False, id="a resource is not its subresource"),
        pytest.param({**GET_PODS, "verbs": ["*"]}, Action("bind", "pods"), True, id="every verb"),
        pytest.param({**GET_PODS, "groups": ["*"]}, Action("get", "pods", group="a.b"), True, id="every group"),
        pytest.param({**GET_PODS, "resources": ["*"]}, Action("get", "pods", "exec"), True, id="every resource"),
        pytest.param({**GET_PODS, "resources": ["*/*"]}, Action("get", "pods"), False, id="*/* is no wildcard"),
        pytest.param({**GET_PODS, "resources": ["*/*"]}, Action("get", "pods", "exec"), False, id="*/*, subresource"),
        pytest.param({**GET_PODS, "resources": ["pods/*"]}, Action("get", "pods", "exec"), False, id="pods/*"),
        pytest.param({**GET_PODS, "resources": ["*/exec"]}, Action("get", "pods", "exec"), True, id="*/exec"),
        pytest.param(
            {**GET_PODS, "resources": ["*/exec"]}, Action("get", "pods", "execute"), False, id="*/exec, exact"
        ),
        pytest.param({**GET_PODS, "names": ["a"]}, Action("get", "pods", name="a"), True, id="the named object"),
        pytest.param({**GET_PODS, "names": ["a"]}, Action("get", "pods", name="b"), False, id="another object"),
        pytest.param({**GET_PODS, "names": ["a"]}, Action("get", "pods"), False, id="no object is named"),
        pytest.param({**GET_PODS, "names": ["*"]}, Action("get", "pods", name="a"), False, id="* is a name"),
        pytest.param({**GET_PODS, "names": [""]}, Action("get", "pods"), True, id="the empty name"),
        pytest.param(GET_PODS, Action("get", path="/pods"), False, id="a path is no resource"),
        pytest.param({"verbs": ["get"], "paths": ["/logs"]}, Action("get", path="/logs"), True, id="a path"),
        pytest.param({"verbs": ["get"], "paths": ["/logs"]}, Action("get", path="/logs/a"), False, id="below a path"),
        pytest.param(
            {"verbs": ["get"], "paths": ["/logs/*"]}, Action("get", path="/logs/a"), True, id="path with a star"
        ),
        pytest.param({"verbs": ["get"], "paths": ["/logs/*"]}, Action("get", path="/logs"), False, id="only below"),
        pytest.param({"verbs": ["get"], "paths": ["/a*/b"]}, Action("get", path="/ac/b"), False, id="star inside"),
        pytest.param({"verbs": ["get"], "paths": ["/a**"]}, Action("get", path="/ab"), True, id="several stars"),
        pytest.param({"verbs": ["get"], "paths": ["*"]}, Action("get", path="/x"), True, id="every path"),
        pytest.param({"verbs": ["get"], "paths": ["*"]}, Action("get", "pods"), False, id="a resource is no path"),
    ],
)
def test_allows(lists: dict[str, list[str]], action: Action, wanted: bool) -> None:
    assert permission(**lists).allows(action) is wanted


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        pytest.param(Action("get", "pods"), "get pods", id="a resource"),
        pytest.param(Action("get", "pods", "log", name="a"), "get pods/log a", id="a subresource of one object"),
        pytest.param(Action("bind", "roles", group="b.c"), "bind roles.b.c", id="a group"),
        pytest.param(Action("get", path="/x"), "get /x", id="a path"),
    ],
)
def test_shown(action: Action, wanted: str) -> None:
    assert str(action) == wanted
