"""audit/events: what clouds and collectors wrap events in."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from kgate.audit.events.event import Event
from tests.audit.events_made import Body, body, read

ONE = body("get", "secrets", name="db")
LINE = json.dumps(ONE)
AKS = {"category": "kube-audit", "time": "2026-03-01T12:00:00Z", "properties": {"pod": "kube-apiserver-0"}}
GKE: Body = {
    "insertId": "abc",
    "timestamp": "2026-03-01T12:00:00.123456789Z",
    "labels": {"authorization.k8s.io/decision": "allow"},
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "methodName": "io.k8s.core.v1.secrets.get",
        "resourceName": "core/v1/namespaces/shop/secrets/db",
        "authenticationInfo": {"principalEmail": "alice"},
        "requestMetadata": {"callerIp": "10.0.0.1", "callerSuppliedUserAgent": "kubectl/v1.36"},
    },
}


def gke(method: str, resource: str, **payload: Any) -> Body:
    return {**GKE, "protoPayload": {**GKE["protoPayload"], "methodName": method, "resourceName": resource, **payload}}


@pytest.mark.parametrize(
    ("value", "count"),
    [
        pytest.param(ONE, 1, id="a bare event"),
        pytest.param({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [ONE, ONE]}, 2, id="an EventList"),
        pytest.param([ONE, ONE, ONE], 3, id="a list"),
        pytest.param({**AKS, "properties": {**AKS["properties"], "log": LINE}}, 1, id="AKS, as text"),  # type: ignore[dict-item]
        pytest.param({**AKS, "properties": {"log": ONE}}, 1, id="AKS, as a mapping"),
        pytest.param({"records": [{**AKS, "properties": {"log": LINE}}]}, 1, id="AKS, from an event hub"),
        pytest.param({"timestamp": 1, "message": LINE}, 1, id="EKS, a message of CloudWatch"),
        pytest.param({"@timestamp": "2026-03-01", "@message": LINE}, 1, id="EKS, a result of Logs Insights"),
        pytest.param({"logGroup": "eks", "logEvents": [{"message": LINE}] * 2}, 2, id="EKS, a subscription"),
        pytest.param({"events": [{"message": LINE, "eventId": "1"}]}, 1, id="EKS, filter-log-events"),
        pytest.param(GKE, 1, id="GKE"),
        pytest.param([GKE, GKE], 2, id="GKE, gcloud logging read"),
        pytest.param({"log": LINE, "stream": "stdout"}, 1, id="a collector of files"),
    ],
)
def test_envelopes(value: object, count: int) -> None:
    found, census = read([orjson.dumps(value)])
    assert not census.faults
    assert len(found) == count
    for event in found:
        said = (event.verb, event.user, event.resource, event.namespace, event.name, event.code)
        assert said == ("get", "alice", "secrets", "shop", "db", 200)


@pytest.mark.parametrize(
    ("entry", "verb", "target", "namespace", "name", "code"),
    [
        pytest.param(
            gke("io.k8s.core.v1.pods.exec.create", "core/v1/namespaces/shop/pods/web/exec"),
            *("create", "pods/exec", "shop", "web", 200),
            id="a subresource",
        ),
        pytest.param(
            gke("io.k8s.apps.v1.deployments.patch", "apps/v1/namespaces/shop/deployments/web", status={"code": 7}),
            *("patch", "deployments.apps", "shop", "web", 403),
            id="a group, refused",
        ),
        pytest.param(
            gke(
                "io.k8s.authorization.rbac.v1.clusterrolebindings.create",
                "rbac.authorization.k8s.io/v1/clusterrolebindings/x",
            ),
            *("create", "clusterrolebindings.rbac.authorization.k8s.io", "", "x", 200),
            id="a group of Kubernetes, cluster-wide",
        ),
        pytest.param(
            gke("io.k8s.core.v1.namespaces.delete", "core/v1/namespaces/shop"),
            *("delete", "namespaces", "shop", "shop", 200),
            id="a Namespace itself",
        ),
        pytest.param(
            gke("io.k8s.core.v1.secrets.list", "core/v1/secrets", status={"code": 16}),
            *("list", "secrets", "", "", 401),
            id="a list of all namespaces",
        ),
        pytest.param(gke("io.k8s.get", "readyz", status={"code": 0}), *("get", "/readyz", "", "", 200), id="a path"),
        pytest.param(
            gke("com.example.v1.things.update", "example.com/v1/namespaces/shop/things/a"),
            *("update", "things.example.com", "shop", "a", 200),
            id="a custom resource",
        ),
    ],
)
def test_entries_of_google(entry: Body, verb: str, target: str, namespace: str, name: str, code: int) -> None:
    ((event,), census) = read([orjson.dumps(entry)])
    assert not census.faults
    assert (event.verb, event.target, event.namespace, event.name, event.code) == (verb, target, namespace, name, code)
    assert event.time == "2026-03-01T12:00:00.123456Z"


def test_a_request_that_a_webhook_recorded() -> None:
    review = {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "u",
            "operation": "CREATE",
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "name": "web",
            "userInfo": {"username": "alice", "groups": ["devs"]},
            "object": {"kind": "Pod", "spec": {"hostPID": True}},
        },
        "requestReceivedTimestamp": "2026-03-01T12:00:00.5Z",
    }
    ((event,), census) = read([orjson.dumps(review)])
    assert not census.faults
    assert (event.verb, event.target, event.namespace, event.name, event.user) == (
        *("create", "pods", "shop", "web", "alice"),
    )
    assert event.request["spec"] == {"hostPID": True}
    assert (event.level, event.code, list(event.groups)) == (2, 0, ["devs"])


def test_what_oc_puts_before_a_line() -> None:
    found, census = read([b"master-0.example.com " + LINE.encode()])
    assert [event.name for event in found] == ["db"]
    assert not census.faults


def test_an_event_has_all_of_its_fields() -> None:
    extra = {"authentication.kubernetes.io/pod-uid": ["u"]}
    more: Body = {"impersonatedUser": {"username": "bob", "groups": ["ops"]}, "sourceIPs": ["9.9.9.9", "10.0.0.7"]}
    event = Event({**body("get", "/healthz?x=1", **more), "user": {"username": "alice", "extra": extra}})
    assert (event.acting_as, event.acting_groups, event.address, event.extra) == ("bob", ["ops"], "10.0.0.7", extra)
    assert (event.target, event.resource, event.groups, event.agent) == ("/healthz", "", (), "client/v1")
