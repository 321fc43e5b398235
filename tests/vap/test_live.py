"""Exported policies in a real API server: updates, waivers, large objects, and the namespaces that are exempt."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from kgate.judgement.waivers import FindingPattern, ResourcePattern, WaiverEntry
from kgate.model import Location, Position, Severity, Waiver
from kgate.rules import load
from kgate.vap import policies
from kgate.wildcards import Wildcard
from upstream import apiserver
from upstream.apiserver import PATIENCE, Server, ServerError

pytestmark = pytest.mark.needs_apiserver

PLACE = Location("kgate-waivers.yaml", Position(2, 5), Position(2, 9))
WAIVED = ResourcePattern(Wildcard.of("Deployment"), Wildcard.of("shop"), Wildcard.of("waived"))
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"
IMAGE = "registry.example.org/app@sha256:" + "0" * 64


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with all policies, which deny from high on, and a waiver; its pods may be changed before they do."""
    entry = WaiverEntry(FindingPattern(("privileged-container",), resources=(WAIVED,)), Waiver("needs it"), None, PLACE)
    options = policies.ExportOptions(
        37, date(2027, 1, 1), policies.Enforcement(Severity.HIGH, Severity.MEDIUM), waivers=(entry,)
    )
    with apiserver.running() as running:
        for name in ("shop", "other"):
            running.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        running.ask("POST", deployments(), deployment("old", is_privileged=True))
        running.ask("POST", "/api/v1/namespaces/shop/pods", pod("old", metadata={"finalizers": ["example.org/a"]}))
        for one in policies.export(load.load(), options).policies:
            base = f"/apis/{policies.API_VERSION}"
            running.ask("POST", f"{base}/validatingadmissionpolicies", one.policy)
            running.ask("POST", f"{base}/validatingadmissionpolicybindings", one.binding)
        end = time.monotonic() + PATIENCE
        while not refusal(running, pod("new")) and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(3)
        yield running


def deployments(namespace: str = "shop") -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def deployment(name: str, *, is_privileged: bool) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": spec(is_privileged=is_privileged)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def spec(*, is_privileged: bool) -> dict[str, Any]:
    context = {"privileged": True} if is_privileged else {"allowPrivilegeEscalation": False}
    return {"containers": [{"name": "app", "image": IMAGE, "securityContext": context}]}


def pod(name: str, metadata: dict[str, Any] | None = None, *, is_privileged: bool = True) -> dict[str, Any]:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **(metadata or {})}}
    return {**body, "spec": spec(is_privileged=is_privileged)}


def refusal(server: Server, body: dict[str, Any], user: str = "", namespace: str = "shop") -> str:
    """Returns why the creation of an object is refused; empty if it is not."""
    path = deployments(namespace) if body["kind"] == "Deployment" else f"/api/v1/namespaces/{namespace}/pods"
    try:
        server.ask("POST", f"{path}?dryRun=All", body, user)
    except ServerError as error:
        return str(error)
    return ""


def test_a_privileged_object_is_refused_with_the_message_of_the_rule(server: Server) -> None:
    for body in (pod("new"), deployment("new", is_privileged=True)):
        assert "The container runs privileged, which is root on the node. (kgate privileged-container" in refusal(
            server, body
        )
    assert not refusal(server, pod("new", is_privileged=False))


def test_exempt_namespaces(server: Server) -> None:
    assert not refusal(server, pod("new"), namespace="kube-system")
    assert refusal(server, pod("new"), namespace="other")


def change(server: Server, path: str, body: dict[str, Any], user: str = "") -> str:
    try:
        server.ask("PUT", f"{path}?dryRun=All", body, user)
    except ServerError as error:
        return str(error)
    return ""


def test_a_bad_object_that_is_there_can_be_repaired_scaled_and_labelled(server: Server) -> None:
    path = f"{deployments()}/old"
    there = server.ask("GET", path)
    labelled, repaired, worse = (copy.deepcopy(there) for _ in range(3))
    labelled["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    repaired["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": False}
    worse["spec"]["template"]["spec"]["hostNetwork"] = True
    assert not change(server, path, labelled)
    assert not change(server, path, repaired)
    assert "denied request" in change(server, path, worse)
    scale = server.ask("GET", f"{path}/scale")
    scale["spec"]["replicas"] = 3
    assert not change(server, f"{path}/scale", scale)


def test_kubernetes_makes_its_own_roles(server: Server) -> None:
    """An API server that starts makes them anew where they differ, and is not ready before that."""
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin"
    there = server.ask("GET", path)
    there["metadata"]["labels"]["changed"] = "true"
    assert "denied request" in change(server, path, there)
    assert not change(server, path, there, "system:apiserver")


def test_a_bad_object_that_is_being_deleted_loses_its_finalizers(server: Server) -> None:
    path = "/api/v1/namespaces/shop/pods/old"
    server.ask("DELETE", f"{path}?gracePeriodSeconds=0")
    there = server.ask("GET", path)
    assert there["metadata"]["deletionTimestamp"]
    there["metadata"]["finalizers"] = []
    assert not change(server, path, there)


def test_a_waiver_holds_for_what_controllers_make_of_its_object(server: Server) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "uid": "1", "controller": True}
    made = pod("waived-1", {"ownerReferences": [{**owner, "name": "waived-5d4f"}]})
    other = pod("other-1", {"ownerReferences": [{**owner, "name": "other-5d4f"}]})
    assert not refusal(server, deployment("waived", is_privileged=True))
    assert not refusal(server, made, CONTROLLER)
    assert "privileged-container" in refusal(server, made)
    assert "privileged-container" in refusal(server, made, "system:serviceaccount:shop:anybody")
    assert "privileged-container" in refusal(server, other, CONTROLLER)
    assert "privileged-container" in refusal(server, deployment("waived", is_privileged=True), namespace="other")


def test_no_policy_costs_too_much_for_a_large_pod(server: Server) -> None:
    """The API server gives up at a cost of 1,000,000 an expression, which would refuse a harmless pod."""
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    container = {
        "image": IMAGE,
        "securityContext": context,
        "command": ["/bin/app", *(f"--option-{number}=value" for number in range(50))],
        "env": [{"name": f"SETTING_{number}", "value": "https://example.org/" + "a" * 80} for number in range(30)],
        "ports": [{"containerPort": 8000 + number, "name": f"p{number}"} for number in range(10)],
        "volumeMounts": [{"name": f"v{number}", "mountPath": f"/data/{number}"} for number in range(30)],
    }
    body = pod("large", is_privileged=False)
    body["spec"] = {
        "containers": [{**container, "name": f"c{number}"} for number in range(20)],
        "volumes": [{"name": f"v{number}", "emptyDir": {}} for number in range(30)],
    }
    assert refusal(server, body) == ""
    deep = "/data/" + "/".join(f"folder{number}" for number in range(24))
    body["spec"]["volumes"] = [{"name": f"v{number}", "hostPath": {"path": f"{deep}/{number}"}} for number in range(30)]
    assert "cost" not in refusal(server, body)
