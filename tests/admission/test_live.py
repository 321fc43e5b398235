"""The exported webhook in a real API server: what it refuses there, what it lets pass, and what the audit log says."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.admission.reviews import container, pod_spec, privileged, workload
from tests.command import kgate
from tests.manifests import Body
from tests.server.test_tls import certificate
from tests.serving import serving
from tests.waiting import wait_for
from upstream import apiserver
from upstream.apiserver import Server, ServerError

pytestmark = pytest.mark.needs_apiserver

WAIVERS = "accept: [{rule: privileged-container, resource: Deployment/shop/driver, reason: It loads a module.}]\n"
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
MODES = {"shop": ("deny",), "warned": ("warn", "--level", "restricted"), "watched": ("audit",), "down": ("deny",)}
"""The namespaces that are asked about, and how; nobody answers for the last one."""

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"
PATHS = {"Pod": "/api/v1", "Deployment": "/apis/apps/v1", "CronJob": "/apis/batch/v1", "ReplicaSet": "/apis/apps/v1"}
REFUSED = "container app, spec.template.spec.containers[0].securityContext.privileged: "


def webhook(namespace: str, port: int, authority: Path) -> Body:
    """The webhook for a namespace, as it is exported for a server at this port, but for its name."""
    others = (word for one in (*MODES, "kube-system") if one != namespace for word in ("--exempt-namespace", one))
    asked = ("--url", f"https://127.0.0.1:{port}", "--ca-bundle", str(authority), "--mode", *MODES[namespace], *others)
    done = kgate("export", "admission", *asked)
    assert done.code == 0, done.err
    body: Body = yaml.safe_load(done.out)
    body["metadata"]["name"] = f"kgate-{namespace}"
    return body


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "audit.log"


@pytest.fixture(scope="module")
def server(log: Path) -> Iterator[Server]:
    """A server with a webhook for each namespace, and with bad objects that were there before."""
    folder = log.parent
    authority, key = certificate(folder, "kgate")
    (folder / "kgate.yaml").write_text("{}\n")
    (folder / "kgate-waivers.yaml").write_text(WAIVERS)
    (folder / "audit.yaml").write_text(json.dumps(POLICY))
    options = ("--config", str(folder / "kgate.yaml"), "--tls-cert", str(authority), "--tls-key", str(key))
    audit = {"audit-policy-file": str(folder / "audit.yaml"), "audit-log-path": str(log)}
    with apiserver.running(audit) as running, serving("--workers", "1", *options) as server:
        for name in MODES:
            running.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        for name in ("old", "mended", "gone"):
            create(running, workload("Deployment", pod_spec(privileged()), name, finalizers=["example.org/a"]))
        with socket.create_server(("127.0.0.1", 0)) as closed:
            nobody = closed.getsockname()[1]
        for name in MODES:
            running.ask("POST", WEBHOOKS, webhook(name, nobody if name == "down" else server.port, authority))
        bad = workload("Deployment", pod_spec(privileged()), "first")
        wait_for(lambda: all((refusal(running, bad), refusal(running, {**bad, "metadata": {"name": "first"}}, "down"))))
        yield running


def path_of(body: Body, namespace: str = "shop") -> str:
    return f"{PATHS[body['kind']]}/namespaces/{namespace}/{body['kind'].lower()}s"


def create(server: Server, body: Body, namespace: str = "shop", user: str = "", query: str = "") -> Body:
    body = {**body, "metadata": {**body["metadata"], "namespace": namespace}}
    found: Body = server.ask("POST", f"{path_of(body, namespace)}{query}", body, user)
    return found


def refusal(server: Server, body: Body, namespace: str = "shop", user: str = "") -> str:
    """Returns why the creation of an object is refused; empty if it is not. A dry run is asked for alike."""
    try:
        create(server, body, namespace, user, "?dryRun=All")
    except ServerError as error:
        return str(error)
    return ""


def updated(server: Server, body: Body, **changes: Any) -> str:
    """Returns why an update is refused, with fields changed as they are stored now; empty if it is not."""
    where = f"{path_of(body)}/{body['metadata']['name']}"
    try:
        server.ask("PUT", where, {**server.ask("GET", where), **changes})
    except ServerError as error:
        return str(error)
    return ""


def owned(name: str, suffix: str) -> Body:
    """A Pod that says it belongs to a ReplicaSet of a Deployment."""
    reference = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{name}-{suffix}",
        "uid": "1",
        "controller": True,
    }
    metadata: Body = {"ownerReferences": [reference], "labels": {"pod-template-hash": suffix}}
    return workload("Pod", pod_spec(privileged()), f"{name}-{suffix}-x7z2p", **metadata)


def test_a_restricted_workload_is_let_in(server: Server) -> None:
    created = create(server, workload("Deployment", pod_spec(), "good"))
    assert created["metadata"]["uid"]
    assert server.warnings == ()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(workload("Deployment", pod_spec(privileged())), REFUSED, id="a privileged Deployment"),
        pytest.param(workload("ReplicaSet", pod_spec(privileged())), REFUSED, id="a ReplicaSet by hand"),
        pytest.param(
            workload("CronJob", pod_spec(privileged())),
            "container app, spec.jobTemplate.spec.template.spec.containers[0].securityContext.privileged: ",
            id="a CronJob",
        ),
        pytest.param(owned("web", "5d9c"), "Pod/shop/web-5d9c-x7z2p scores 8 and needs 60", id="a Pod with an owner"),
        pytest.param(owned("driver", "5d9c"), "(privileged-container)", id="a Pod that says its owner is waived"),
    ],
)
def test_refused(server: Server, body: Body, text: str) -> None:
    told = refusal(server, body)
    assert 'admission webhook \\"admission.kgate.dev\\" denied the request: ' in told
    assert text in told
    assert "Fix: privileged: false." in told
    assert '"code":403' in told


def test_a_pod_by_a_controller_is_judged_again(server: Server) -> None:
    assert "Pod/shop/web-5d9c-x7z2p scores 8" in refusal(server, owned("web", "5d9c"), user=CONTROLLER)


def test_the_pods_of_a_waived_deployment_are_let_in(server: Server) -> None:
    assert refusal(server, workload("Deployment", pod_spec(privileged()), "driver")) == ""
    assert refusal(server, owned("driver", "5d9c"), user=CONTROLLER) == ""


def test_a_name_that_is_to_be_generated(server: Server) -> None:
    body = workload("Pod", pod_spec(privileged()))
    body["metadata"] = {"generateName": "web-"}
    assert "Pod/shop/web-" in refusal(server, body)


def test_debug_containers(server: Server) -> None:
    pod = workload("Pod", pod_spec(), "debugged")
    create(server, pod)
    stored = server.ask("GET", f"{path_of(pod)}/debugged")
    where = f"{path_of(pod)}/debugged/ephemeralcontainers"
    bad = {"name": "debugger", "image": "busybox", "securityContext": {"privileged": True}}
    with pytest.raises(ServerError, match="container debugger, spec") as refused:
        server.ask("PUT", where, {**stored, "spec": {**stored["spec"], "ephemeralContainers": [bad]}})
    assert "denied the request" in str(refused.value)
    good = {key: value for key, value in container(name="debugger").items() if key != "resources"}
    server.ask("PUT", where, {**stored, "spec": {**stored["spec"], "ephemeralContainers": [good]}})


def test_an_update_that_worsens_is_refused(server: Server) -> None:
    good, bad = (workload("Deployment", pod_spec(one), "changing") for one in (container(), privileged()))
    create(server, good)
    assert "scores 8 and needs 60, and scored 100 before" in updated(server, good, spec=bad["spec"])
    worse = workload("Deployment", pod_spec(privileged(), hostPID=True), "old")
    assert "(host-pid)" in updated(server, worse, spec=worse["spec"])


def test_what_was_bad_before_can_be_scaled_labelled_mended_and_deleted(server: Server) -> None:
    old = workload("Deployment", pod_spec(privileged()), "mended")
    assert updated(server, old, spec={**old["spec"], "replicas": 3}) == ""
    assert any("was no better before" in one for one in server.warnings)
    stored = server.ask("GET", f"{path_of(old)}/mended")
    assert updated(server, old, metadata={**stored["metadata"], "labels": {"a": "b"}}) == ""
    assert updated(server, old, spec=workload("Deployment", pod_spec(), "mended")["spec"]) == ""
    gone = workload("Deployment", pod_spec(privileged()), "gone")
    server.ask("DELETE", f"{path_of(gone)}/gone")
    stored = server.ask("GET", f"{path_of(gone)}/gone")
    assert stored["metadata"]["deletionTimestamp"]
    assert updated(server, gone, metadata={**stored["metadata"], "finalizers": []}) == ""
    with pytest.raises(ServerError, match="404"):
        server.ask("GET", f"{path_of(gone)}/gone")


def test_warnings_reach_whoever_asked(server: Server) -> None:
    create(server, workload("Deployment", pod_spec(container(securityContext={}))), "warned")
    assert any("Deployment/warned/web scores 74 and needs PSS restricted" in one for one in server.warnings)
    assert any("(seccomp-not-set)" in one for one in server.warnings)


def test_the_audit_log_says_what_would_be_refused(server: Server, log: Path) -> None:
    create(server, workload("Deployment", pod_spec(privileged()), "recorded"), "watched")
    assert server.warnings == ()

    def annotations() -> Body:
        for line in log.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event.get("objectRef", {}).get("namespace") == "watched" and event["stage"] == "ResponseComplete":
                return dict(event.get("annotations", {}))
        return {}

    found = wait_for(annotations)
    own = {key.rpartition("/")[2]: value for key, value in found.items() if key.startswith("admission.kgate.dev/")}
    assert (own["verdict"], own["score"], own["level"]) == ("failed", "8", "privileged")
    assert "privileged-container" in own["rules"]
    assert own["reason"].startswith("Deployment/watched/recorded scores 8 and needs 60; container app, ")


def test_where_nothing_is_judged(server: Server) -> None:
    body = workload("Deployment", pod_spec(privileged()))
    assert refusal(server, body, "kube-system") == ""
    assert refusal(server, body, "default")


def test_nothing_gets_in_while_nobody_answers(server: Server) -> None:
    begin = time.monotonic()
    body = workload("Deployment", pod_spec())
    assert "failed calling webhook" in refusal(server, body, "down")
    assert time.monotonic() - begin < 30
