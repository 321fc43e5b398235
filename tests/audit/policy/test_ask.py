"""What users call a request, as the API server sees it."""

from __future__ import annotations

import pytest

from kgate.audit.policy import ask
from kgate.audit.policy.policy import OTHER_NAME, ApiRequest


def asked(verb: str, resource: str, name: str = "", namespace: str = "") -> ApiRequest:
    return ask.resource_request(ask.RequestWords(verb, resource, name=name, namespace=namespace))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            asked("get", "secrets"),
            ApiRequest("get", resource="secrets", namespace="default", name=OTHER_NAME),
            id="one object",
        ),
        pytest.param(asked("list", "secret"), ApiRequest("list", resource="secrets"), id="all namespaces"),
        pytest.param(
            asked("watch", "secrets", "a", "shop"),
            ApiRequest("watch", resource="secrets", namespace="shop", name="a"),
            id="one object by a field selector",
        ),
        pytest.param(
            asked("create", "deployments", namespace="shop"),
            ApiRequest("create", resource="deployments", group="apps", namespace="shop"),
            id="an object that has no name yet",
        ),
        pytest.param(
            asked("create", "pods/exec", "web"),
            ApiRequest("create", resource="pods", subresource="exec", namespace="default", name="web"),
            id="a subresource",
        ),
        pytest.param(
            asked("patch", "nodes", "n"),
            ApiRequest("patch", resource="nodes", name="n"),
            id="an object in no namespace",
        ),
        pytest.param(
            asked("delete", "namespaces", "shop"),
            ApiRequest("delete", resource="namespaces", namespace="shop", name="shop"),
            id="a namespace, which is in itself",
        ),
        pytest.param(asked("create", "namespaces"), ApiRequest("create", resource="namespaces"), id="a new namespace"),
        pytest.param(
            asked("list", "namespaces"), ApiRequest("list", resource="namespaces"), id="all namespaces there are"
        ),
        pytest.param(
            asked("get", "things.example.org"),
            ApiRequest("get", resource="things", group="example.org", name=OTHER_NAME),
            id="a custom resource",
        ),
        pytest.param(ask.url_request("GET", "/metrics?a=b"), ApiRequest("get", path="/metrics"), id="a URL"),
        pytest.param(
            ask.url_request("post", "/apis/apps/v1"), ApiRequest("post", path="/apis/apps/v1"), id="discovery"
        ),
    ],
)
def test_requests(found: ApiRequest, expected: ApiRequest) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("verb", "resource", "name", "namespace", "message"),
    [
        ("exec", "pods", "", "", "'exec' is not a verb of a resource; the API server calls it get or create"),
        ("gett", "pods", "", "", "'gett' is not a verb of a resource; did you mean 'get'?"),
        ("*", "pods", "", "", "'*' is not a verb of a resource; verbs are get, list"),
        ("get", "podz", "", "", "Kubernetes has no resource 'podz'; did you mean 'pods'?"),
        ("get", "nodes", "", "shop", "nodes are in no namespace; leave it out"),
        ("create", "pods", "web", "", "the URL of a create holds no name"),
    ],
)
def test_unknown_requests(verb: str, resource: str, name: str, namespace: str, message: str) -> None:
    with pytest.raises(ask.UnknownRequestError) as error:
        asked(verb, resource, name, namespace)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("verb", "url", "message"),
    [
        ("list", "/metrics", "'list' is not an HTTP method"),
        ("get", "metrics", "'metrics' must begin with a slash"),
        ("get", "/api/v1/nodes", "'/api/v1/nodes' is the path of a resource; ask with --resource"),
        ("get", "/apis/apps/v1/deployments", "'/apis/apps/v1/deployments' is the path of a resource"),
    ],
)
def test_unknown_urls(verb: str, url: str, message: str) -> None:
    with pytest.raises(ask.UnknownRequestError) as error:
        ask.url_request(verb, url)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        ("alice", ("devs", "system:authenticated")),
        ("system:anonymous", ("devs", "system:unauthenticated")),
        ("system:node:n", ("devs", "system:nodes", "system:authenticated")),
        (
            "system:serviceaccount:shop:web",
            ("devs", "system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"),
        ),
    ],
)
def test_groups_that_a_user_always_has(user: str, groups: tuple[str, ...]) -> None:
    found = ask.identified(ApiRequest("get", path="/"), user, ("devs",))
    assert (found.user, found.groups) == (user, groups)
