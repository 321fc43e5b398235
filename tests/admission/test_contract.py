"""The contract of an admission webhook: for each review its answer, judged by the real rules in this process."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from kgate.admission import asks
from kgate.commands.scan import settings_of
from kgate.lifetime import Lifetime
from kgate.repository import UntrustedFolders
from kgate.server.admit import answer
from kgate.server.judging import Judging
from tests.admission.reviews import UID, container, envelope, pod_spec, privileged, review, workload
from tests.manifests import Body

CONFIG = """\
gates:
  - match: {namespaces: [sandbox]}
    min-score: 0
  - match: {namespaces: [vault]}
    level: restricted
  - match: {kinds: [DaemonSet], namespaces: [nodes], names: [agent]}
    min-score: 0
"""
WAIVERS = """\
accept:
  - {rule: privileged-container, resource: Deployment/shop/driver, reason: It loads a module., until: 2027-01-31}
  - {rule: privileged-container, resource: CronJob/shop/backup, reason: It reads a device.}
  - {rule: privileged-container, image: registry.example.org/agent, reason: It watches the node.}
  - {rule: privileged-container, resource: Deployment/shop/late, reason: It was urgent., until: 2026-01-31}
  - {problem: containers must be a list, path: Deployment/shop/odd, reason: Nobody runs it.}
"""

PSA = "pod-security.kubernetes.io/enforce"
CONTROLLERS = "system:serviceaccount:kube-system"
NODE: Body = {"username": "system:node:a", "groups": ["system:nodes", "system:authenticated"]}
MIRROR: Body = {"annotations": {"kubernetes.io/config.mirror": "3b1f"}}

GOOD = workload("Deployment", pod_spec())
BAD = workload("Deployment", pod_spec(privileged()))
BASELINE = workload("Deployment", pod_spec(container(securityContext={})))
BASELINE_POD = workload("Pod", pod_spec(container(securityContext={})))
HOST_PORT = workload("Deployment", pod_spec(container(ports=[{"containerPort": 80, "hostPort": 80}])))
DEBUGGER = {"name": "debugger", "image": "busybox", "targetContainerName": "app"}


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Judging:
    folder = tmp_path_factory.mktemp("settings")
    (folder / "kgate.yaml").write_text(CONFIG)
    (folder / "kgate-waivers.yaml").write_text(WAIVERS)
    flags = {"paths": (), "config_path": folder / "kgate.yaml", "no_baseline": True}
    return Judging(lambda: settings_of(flags, UntrustedFolders.around(())), lambda: date(2026, 12, 1))


def asked(judging: Judging, body: bytes, path: str = "deny") -> Body:
    mode, asked_for = asks.parse(path)
    shown: Body = json.loads(answer(judging, body, mode, asked_for, Lifetime())[1])
    assert (shown["apiVersion"], shown["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response: Body = shown["response"]
    assert response["uid"] == UID
    assert response.keys() <= {"uid", "allowed", "status", "warnings", "auditAnnotations"}, "as patch would be a fault"
    return response


def with_metadata(body: Body, **metadata: Any) -> Body:
    return {**body, "metadata": {**body["metadata"], **metadata}}


def owned(kind: str, name: str, *, spec: Body | None = None, labels: Any = None, api: str = "apps/v1") -> Body:
    reference = {"apiVersion": api, "kind": kind, "name": name, "uid": "1", "controller": True}
    metadata: Body = {"ownerReferences": [reference], "labels": labels or {}, "generateName": f"{name}-"}
    return workload("Pod", spec or pod_spec(privileged()), f"{name}-x7z2p", **metadata)


def by(account: str) -> Body:
    return {"userInfo": {"username": account, "groups": ["system:authenticated"]}}


def changed(body: Body, **fields: Any) -> bytes:
    """A review of which some fields are others."""
    whole = envelope(body)
    return json.dumps({**whole, "request": {**whole["request"], **fields}}).encode()


def ephemeral(old: Body, *added: Body) -> bytes:
    """The review of debug containers that are added to a Pod."""
    now = {**old, "spec": {**old["spec"], "ephemeralContainers": list(added)}}
    return review(now, "UPDATE", old, subResource="ephemeralcontainers")


def nested(depth: int) -> Body:
    body: Body = {}
    for _ in range(depth):
        body = {"a": body}
    return body


def role(*rules: Body, name: str = "ops") -> Body:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": list(rules),
    }


def binding(role_name: str, **subject: str) -> Body:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "ops"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role_name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "devs", **subject}],
    }


def namespace(**labels: str) -> Body:
    shown = {key.replace("_", "-"): value for key, value in labels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": shown}}


CONFIG_MAP: Body = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "web", "namespace": "shop"},
    "data": {},
}
LEASE: Body = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "web", "namespace": "shop"},
}
RUN = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
CUSTOM: Body = {
    "apiVersion": "example.org/v1",
    "kind": "Engine",
    "metadata": {"name": "a", "namespace": "shop"},
    "spec": {"pod": {"spec": pod_spec(privileged())}},
}
APPLICATION: Body = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "web", "namespace": "argocd"},
    "spec": {
        "source": {"repoURL": "https://git.example.org/web.git", "path": ".", "targetRevision": "main"},
        "destination": {"namespace": "shop", "server": "https://kubernetes.default.svc"},
    },
}
ODD = workload("Deployment", {"containers": {"app": {}}})
KINDS = ("Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController")
FIELD = {
    "Pod": "spec.containers[0].securityContext.privileged",
    "CronJob": "spec.jobTemplate.spec.template.spec.containers[0].securityContext.privileged",
    "PodTemplate": "template.spec.containers[0].securityContext.privileged",
}

REFUSED = [
    *(
        pytest.param(
            review(workload(kind, pod_spec(privileged()))),
            "deny",
            [
                f"{kind}/shop/web scores 8 and needs 60",
                f"container app, {FIELD.get(kind, 'spec.template.spec.containers[0].securityContext.privileged')}: ",
                "(privileged-container)",
                "Fix: privileged: false.",
            ],
            id=f"a privileged {kind}",
        )
        for kind in (*KINDS, "PodTemplate")
    ),
    pytest.param(
        review(workload("Pod", pod_spec(privileged(), initContainers=[privileged("init")]))),
        "deny",
        ["container init, spec.initContainers[0].securityContext.privileged"],
        id="an init container is named",
    ),
    pytest.param(review(CUSTOM), "deny", ["Engine/shop/a scores at most 29"], id="a pod in a custom resource"),
    pytest.param(
        review({**BAD, **RUN}), "deny", ["Rollout/shop/web scores 8"], id="a custom resource that runs pods as written"
    ),
    pytest.param(
        review({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [GOOD, BAD]}),
        "deny",
        ["Deployment/shop/web scores 8"],
        id="a list with a bad member",
    ),
    pytest.param(review(BAD, dryRun=True), "deny", ["scores 8"], id="a dry run"),
    pytest.param(
        review({**BAD, "metadata": {"generateName": "web-", "namespace": "shop"}}),
        "deny",
        ["Deployment/shop/web- scores 8"],
        id="a name that is to be generated",
    ),
    pytest.param(
        review({**BAD, "metadata": {"name": "web"}}, namespace="shop"),
        "deny",
        ["Deployment/shop/web scores 8"],
        id="the namespace is that of the request",
    ),
    pytest.param(
        changed(BAD, object={key: BAD[key] for key in ("metadata", "spec")}),
        "deny",
        ["Deployment/shop/web scores 8"],
        id="the kind is that of the request",
    ),
    pytest.param(
        review(with_metadata(BAD, deletionTimestamp="2026-12-01T00:00:00Z")),
        "deny",
        ["scores 8"],
        id="what is created is not being deleted, whatever it says",
    ),
    pytest.param(review(BASELINE), "deny/min-score-90", ["needs 90"], id="a score that the path asks for"),
    pytest.param(
        review(BASELINE), "deny/level-restricted", ["needs PSS restricted"], id="a level that the path asks for"
    ),
    pytest.param(
        review(BASELINE),
        "deny/min-score-0/fail-on-medium",
        ["Deployment/shop/web has findings that nothing here may have", "(privilege-escalation-allowed)"],
        id="a severity that the path asks for",
    ),
    pytest.param(
        review(with_metadata(BASELINE, namespace="vault")),
        "deny",
        ["needs PSS restricted (", "kgate.yaml:5)"],
        id="a level that the configuration asks for in a namespace",
    ),
    pytest.param(
        review(with_metadata(BASELINE, namespace="vault")),
        "deny/level-privileged",
        ["needs PSS restricted"],
        id="what the configuration asks for in a namespace goes before the path",
    ),
    pytest.param(
        review(role({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})),
        "deny/fail-on-high",
        ["ClusterRole/ops has findings", "(cluster-role-everything)"],
        id="a role",
    ),
    pytest.param(
        review(workload("Pod", pod_spec(privileged())), **by("system:apiserver")),
        "deny",
        ["scores 8"],
        id="a pod, whoever asks",
    ),
    pytest.param(
        review(binding("cluster-admin")), "deny", ["ClusterRoleBinding/ops has findings"], id="a critical binding"
    ),
    pytest.param(
        review(namespace()),
        "deny/fail-on-medium",
        ["(namespace-without-pod-security)"],
        id="a namespace without a level",
    ),
    pytest.param(review(ODD), "deny", ["has no score", "cannot be judged: "], id="what cannot be judged"),
    pytest.param(
        review(workload("Deployment", pod_spec(*(container(name=f"c{n}") for n in range(600))))),
        "deny",
        ["cannot be judged: ", "10,000 values"],
        id="a pod that is too large",
    ),
    pytest.param(
        review(workload("Deployment", pod_spec(nested=nested(300)))), "deny", ["nested"], id="a pod that is too deep"
    ),
    pytest.param(
        review(workload("Deployment", pod_spec(numbers=[0] * 1_100_000))), "deny", ["values"], id="too many values"
    ),
    pytest.param(
        review(workload("Deployment", pod_spec(*(privileged(f"c{n}") for n in range(20))))),
        "deny",
        ["and 10 more findings"],
        id="many findings are counted",
    ),
    # updates
    pytest.param(
        review(BAD, "UPDATE", GOOD),
        "deny",
        ["scores 8 and needs 60, and scored 100 before"],
        id="an update that worsens",
    ),
    pytest.param(review(HOST_PORT, "UPDATE", BASELINE), "deny", ["(host-port)"], id="an update that worsens a little"),
    pytest.param(
        review(workload("Deployment", pod_spec(privileged(), privileged("two"))), "UPDATE", BAD),
        "deny",
        ["container two, spec.template.spec.containers[1].securityContext.privileged"],
        id="an update that adds to the worst score",
    ),
    pytest.param(
        review(workload("Deployment", pod_spec(privileged(), hostPID=True)), "UPDATE", BAD),
        "deny",
        ["(host-pid)"],
        id="an update with another critical finding",
    ),
    pytest.param(review(BAD, "UPDATE"), "deny", ["scores 8"], id="an update that does not say what was before"),
    pytest.param(review(BAD, "CREATE", BAD), "deny", ["scores 8"], id="a creation that says something was before"),
    pytest.param(review(ODD, "UPDATE", GOOD), "deny", ["has no score"], id="an update to what cannot be judged"),
    pytest.param(
        review(workload("Deployment", {"containers": {"app": {"image": "b"}}}), "UPDATE", ODD),
        "deny",
        ["the object cannot be judged", "containers must be a list"],
        id="an update of what cannot be judged, before and after",
    ),
    pytest.param(
        review(namespace(), "UPDATE", namespace(**{PSA: "restricted"})),
        "deny/fail-on-medium",
        ["(namespace-without-pod-security)"],
        id="an update of the labels that protect a namespace",
    ),
    pytest.param(
        review(role({"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}), "UPDATE", role()),
        "deny/fail-on-high",
        ["ClusterRole/ops"],
        id="an update of a role that worsens",
    ),
    # debug containers
    pytest.param(
        ephemeral(workload("Pod", pod_spec()), {**DEBUGGER, "securityContext": {"privileged": True}}),
        "deny",
        ["Pod/shop/web scores 8", "container debugger, spec.ephemeralContainers[0].securityContext.privileged"],
        id="a privileged debug container",
    ),
    pytest.param(
        ephemeral(workload("Pod", pod_spec(privileged())), {**DEBUGGER, "securityContext": {"privileged": True}}),
        "deny",
        ["container debugger"],
        id="a privileged debug container in a pod that is as bad",
    ),
    pytest.param(
        ephemeral(
            workload("Pod", pod_spec(), deletionTimestamp="2026-12-01T00:00:00Z"),
            {**DEBUGGER, "securityContext": {"privileged": True}},
        ),
        "deny",
        ["container debugger"],
        id="a privileged debug container in a pod that is being deleted",
    ),
    # controllers
    pytest.param(
        review(owned("ReplicaSet", "web-5d9c")), "deny", ["Pod/shop/web-5d9c-x7z2p"], id="a pod with an owner reference"
    ),
    pytest.param(
        review(owned("ReplicaSet", "web-5d9c"), **by(f"{CONTROLLERS}:replicaset-controller")),
        "deny",
        ["Pod/shop/web-5d9c-x7z2p"],
        id="a pod by a controller",
    ),
    pytest.param(
        review(owned("ReplicaSet", "driver-5d9c", labels={"pod-template-hash": "5d9c"})),
        "deny",
        ["privileged-container"],
        id="a pod that says it belongs to a waived workload",
    ),
    pytest.param(
        review(
            owned("ReplicaSet", "driver-5d9c", labels={"pod-template-hash": "5d9c"}),
            **by(f"{CONTROLLERS}:job-controller"),
        ),
        "deny",
        ["privileged-container"],
        id="a pod by the controller of another kind",
    ),
    pytest.param(
        review(
            owned("ReplicaSet", "driver-5d9c", labels={"pod-template-hash": "5d9c"}),
            **by("system:serviceaccount:shop:replicaset-controller"),
        ),
        "deny",
        ["privileged-container"],
        id="a pod by an account that is called like a controller",
    ),
    pytest.param(
        review(owned("ReplicaSet", "driver-5d9c"), **by(f"{CONTROLLERS}:replicaset-controller")),
        "deny",
        ["privileged-container"],
        id="a pod of a ReplicaSet that no Deployment made",
    ),
    pytest.param(
        review(owned("ReplicaSet", "x", api="example.org/v1"), **by(f"{CONTROLLERS}:replicaset-controller")),
        "deny",
        ["privileged-container"],
        id="a pod of a kind of the same name",
    ),
    pytest.param(
        review(with_metadata(workload("Pod", pod_spec(privileged())), ownerReferences="x", annotations=[], labels=1)),
        "deny",
        ["privileged-container"],
        id="metadata of wrong types",
    ),
    pytest.param(
        review(workload("Pod", pod_spec(privileged()), **MIRROR)),
        "deny",
        ["scores 8"],
        id="a pod that says it is a mirror",
    ),
    # waivers
    pytest.param(
        review(workload("Deployment", pod_spec(privileged()), "late")),
        "deny",
        ["scores 8"],
        id="a waiver that has expired",
    ),
    pytest.param(
        review(with_metadata(BAD, annotations={"kgate.dev/allow": "allow[privileged-container] I need it"})),
        "deny",
        ["privileged-container"],
        id="a waiver that the object brings along",
    ),
]

ALLOWED = [
    pytest.param(review(GOOD), "deny", "passed", id="a restricted workload"),
    pytest.param(review(BASELINE), "deny", "passed", id="a workload above the minimum"),
    pytest.param(review(BAD), "audit", "failed", id="a bad workload where only the audit log is written"),
    pytest.param(review(GOOD), "warn/level-restricted", "passed", id="nothing to warn of"),
    pytest.param(review(BAD), "deny/min-score-0", "passed", id="a path that asks for nothing"),
    pytest.param(
        review(with_metadata(BAD, namespace="sandbox")), "deny", "passed", id="a namespace of which nothing is asked"
    ),
    pytest.param(
        review({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [GOOD]}), "deny", "passed", id="a list"
    ),
    pytest.param(review(role()), "deny", "passed", id="a role that gives nothing"),
    pytest.param(review(binding("viewer")), "deny", "passed", id="a binding whose role is not in the review"),
    pytest.param(review(namespace(**{PSA: "restricted"})), "deny", "passed", id="a namespace with a level"),
    pytest.param(review(None, "DELETE", BAD), "deny", "not asked", id="a deletion"),
    pytest.param(review(None, "DELETE"), "deny", "not asked", id="a deletion that does not say of what"),
    pytest.param(
        review({"apiVersion": "v1", "kind": "PodExecOptions", "metadata": {}}, "CONNECT", subResource="exec"),
        "deny",
        "not asked",
        id="a connection",
    ),
    pytest.param(
        review(
            with_metadata(BAD, finalizers=[]), "UPDATE", with_metadata(BAD, deletionTimestamp="2026-12-01T00:00:00Z")
        ),
        "deny",
        "not asked",
        id="the end of a deletion",
    ),
    pytest.param(
        review({**BAD, "status": {"replicas": 1}}, "UPDATE", BAD, subResource="status"),
        "deny",
        "not asked",
        id="a status",
    ),
    pytest.param(
        review({**BAD, "status": {"replicas": 1}}, "UPDATE", BAD),
        "deny",
        "not asked",
        id="nothing but a status changes",
    ),
    pytest.param(
        review(with_metadata(BAD, labels={"a": "b"}), "UPDATE", BAD),
        "deny",
        "not asked",
        id="nothing but metadata changes",
    ),
    pytest.param(review(GOOD, "UPDATE", BAD), "deny", "passed", id="an update that mends"),
    pytest.param(
        ephemeral(workload("Pod", pod_spec()), container(name="debugger")),
        "deny",
        "passed",
        id="a harmless debug container",
    ),
    pytest.param(
        review(workload("Deployment", pod_spec(privileged()), "driver")), "deny", "passed", id="a waiver that names it"
    ),
    pytest.param(
        review(workload("Pod", pod_spec({**privileged(), "image": "registry.example.org/agent:1"}))),
        "deny",
        "passed",
        id="a waiver that names the image",
    ),
    pytest.param(review(with_metadata(ODD, name="odd")), "deny", "passed", id="a problem that is accepted"),
    pytest.param(
        review(
            with_metadata(
                workload("ReplicaSet", pod_spec(privileged()), "driver-5d9c"),
                ownerReferences=[{"apiVersion": "apps/v1", "kind": "Deployment", "name": "driver", "controller": True}],
            ),
            **by(f"{CONTROLLERS}:deployment-controller"),
        ),
        "deny",
        "passed",
        id="the ReplicaSet of a waived Deployment",
    ),
    pytest.param(
        review(
            owned("ReplicaSet", "driver-5d9c", labels={"pod-template-hash": "5d9c"}),
            **by(f"{CONTROLLERS}:replicaset-controller"),
        ),
        "deny",
        "passed",
        id="the pod of a waived Deployment",
    ),
    pytest.param(
        review(
            owned("ReplicaSet", "driver-5d9c", labels={"pod-template-hash": "5d9c"}),
            **by("system:kube-controller-manager"),
        ),
        "deny",
        "passed",
        id="the pod of a waived Deployment by a manager with one account",
    ),
    pytest.param(
        review(owned("Job", "backup-29412345", api="batch/v1"), **by(f"{CONTROLLERS}:job-controller")),
        "deny",
        "passed",
        id="the pod of a waived CronJob",
    ),
    pytest.param(
        review(
            with_metadata(owned("DaemonSet", "agent"), namespace="nodes"), **by(f"{CONTROLLERS}:daemon-set-controller")
        ),
        "deny",
        "passed",
        id="the pod of a DaemonSet with a gate of its own",
    ),
    pytest.param(
        review(workload("Pod", pod_spec(privileged()), **MIRROR), userInfo=NODE),
        "deny",
        "failed",
        id="the mirror of a static pod by its node",
    ),
    pytest.param(
        review(role({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}), **by("system:apiserver")),
        "deny/fail-on-high",
        "failed",
        id="a role of Kubernetes itself by the API server",
    ),
    pytest.param(review({**CONFIG_MAP, "data": {"a": "x" * (7 << 19)}}), "deny", "passed", id="3.5 MiB of data"),
]

WARNED = [
    pytest.param(
        review(BAD),
        "warn",
        "failed",
        ["Deployment/shop/web scores 8 and needs 60", "(privileged-container)"],
        id="a warning",
    ),
    pytest.param(
        review(workload("CronJob", pod_spec(privileged()))), "warn", "failed", ["CronJob/shop/web"], id="a bad CronJob"
    ),
    pytest.param(
        review(ODD), "warn", "failed", ["cannot be judged"], id="what cannot be judged, where nothing is refused"
    ),
    pytest.param(
        review(workload("Deployment", pod_spec(privileged(), replicas=2)), "UPDATE", BAD),
        "deny",
        "no worse",
        ["was no better before", "(privileged-container)"],
        id="an update of what is as bad",
    ),
    pytest.param(
        review(HOST_PORT, "UPDATE", BAD),
        "deny",
        "no worse",
        ["scores 59"],
        id="an update that mends a part and adds less",
    ),
    pytest.param(
        review({**ODD, "spec": {**ODD["spec"], "replicas": 2}}, "UPDATE", ODD),
        "deny",
        "no worse",
        ["cannot be judged"],
        id="an update of what could not be judged before",
    ),
    pytest.param(
        ephemeral(workload("Pod", pod_spec(privileged())), container(name="debugger")),
        "deny",
        "no worse",
        ["no better before"],
        id="a harmless debug container in a bad pod",
    ),
    pytest.param(
        review(with_metadata(namespace(), annotations={"a": "b"}), "UPDATE", namespace()),
        "deny/fail-on-medium",
        "no worse",
        ["(namespace-without-pod-security)"],
        id="an annotation of a namespace without a level",
    ),
    pytest.param(review(LEASE), "deny", "not covered", ["nothing of it was judged"], id="a kind that no rule is about"),
    pytest.param(
        review({**CUSTOM, "spec": {"size": 3}}),
        "deny",
        "not covered",
        ["nothing"],
        id="a custom resource that runs nothing",
    ),
    pytest.param(
        review(APPLICATION),
        "deny",
        "passed",
        ["is not judged here"],
        id="what others deploy comes to the API server by itself",
    ),
]


@pytest.mark.parametrize(("body", "path", "texts"), REFUSED)
def test_refused(judging: Judging, body: bytes, path: str, texts: Iterable[str]) -> None:
    response = asked(judging, body, path)
    assert response["allowed"] is False
    status = response["status"]
    assert (status["status"], status["code"], status["reason"]) == ("Failure", 403, "Forbidden")
    for text in texts:
        assert text in status["message"]
    assert response["auditAnnotations"]["verdict"] == "failed"
    assert "warnings" not in response


@pytest.mark.parametrize(("body", "path", "verdict"), ALLOWED)
def test_allowed_without_a_word(judging: Judging, body: bytes, path: str, verdict: str) -> None:
    response = asked(judging, body, path)
    assert (response["allowed"], response.get("warnings")) == (True, None)
    assert "status" not in response
    assert response["auditAnnotations"]["verdict"] == verdict


@pytest.mark.parametrize(("body", "path", "verdict", "texts"), WARNED)
def test_allowed_with_warnings(judging: Judging, body: bytes, path: str, verdict: str, texts: Iterable[str]) -> None:
    response = asked(judging, body, path)
    assert response["allowed"] is True
    assert response["auditAnnotations"]["verdict"] == verdict
    for text in texts:
        assert any(text in warning for warning in response["warnings"]), response["warnings"]
    asked_quietly = asked(judging, body, path.replace("warn", "audit").replace("deny", "audit"))
    assert "warnings" not in asked_quietly


MALFORMED = [
    pytest.param(b"", "not JSON", id="nothing"),
    pytest.param(b"kind: AdmissionReview", "not JSON", id="YAML"),
    pytest.param(b"[" * 100_000, "not JSON", id="nesting without end"),
    pytest.param(b'{"kind": "\xff"}', "not JSON", id="no UTF-8"),
    pytest.param(b"[]", "not an AdmissionReview", id="a list"),
    pytest.param(json.dumps(GOOD).encode(), "not an AdmissionReview", id="a manifest"),
    pytest.param(
        json.dumps({**envelope(GOOD), "apiVersion": "admission.k8s.io/v1beta1"}).encode(),
        "admissionReviewVersions: [v1]",
        id="an old version",
    ),
    pytest.param(json.dumps({**envelope(GOOD), "request": None}).encode(), "request is missing", id="no request"),
    pytest.param(
        json.dumps({**envelope(GOOD), "request": []}).encode(), "request must be a mapping", id="a list in it"
    ),
    pytest.param(changed(GOOD, uid=""), "request.uid is missing", id="no uid"),
    pytest.param(changed(GOOD, uid=7), "request.uid must be a string", id="a number as uid"),
    pytest.param(changed(GOOD, operation="PATCH"), "request.operation is 'PATCH'", id="an unknown operation"),
    pytest.param(changed(GOOD, kind=None), "request.kind is missing", id="no kind"),
    pytest.param(changed(GOOD, kind={"group": "apps"}), "must have a version and a kind", id="half a kind"),
    pytest.param(changed(GOOD, object=None), "request.object is missing", id="a creation without object"),
    pytest.param(
        changed(GOOD, object=None, oldObject=GOOD, operation="UPDATE"),
        "request.object is missing",
        id="an update without object",
    ),
    pytest.param(changed(GOOD, object="x"), "request.object must be a mapping", id="a text as object"),
    pytest.param(changed(GOOD, oldObject=[]), "request.oldObject must be a mapping", id="a list as old object"),
    pytest.param(changed(GOOD, object={**GOOD, "kind": "Pod"}), "request.object.kind is 'Pod'", id="another kind"),
    pytest.param(changed(GOOD, userInfo=[]), "request.userInfo must be a mapping", id="a list as user"),
    pytest.param(changed(GOOD, userInfo={"groups": "a"}), "groups must be a list of strings", id="a text as groups"),
    pytest.param(changed(GOOD, namespace=1), "request.namespace must be a string", id="a number as namespace"),
]


@pytest.mark.parametrize(("body", "text"), MALFORMED)
def test_what_is_not_a_review_gets_no_answer(judging: Judging, body: bytes, text: str) -> None:
    with pytest.raises(HTTPException) as error:
        asked(judging, body)
    assert error.value.status_code == 400
    assert text in error.value.detail


def test_the_audit_log_says_what_is_waived_by_what(judging: Judging) -> None:
    pod = owned("ReplicaSet", "driver-5d9c", labels={"pod-template-hash": "5d9c"})
    found = asked(judging, review(pod, **by(f"{CONTROLLERS}:replicaset-controller")))["auditAnnotations"]
    assert found["score"] == "74"
    assert found["level"] == "privileged"
    assert found["waived"].startswith("privileged-container by ")
    assert found["waived"].endswith("kgate-waivers.yaml:2 until 2027-01-31")
    assert found["owners"] == "ReplicaSet/shop/driver-5d9c, Deployment/shop/driver"
    assert "privileged-container" not in found["rules"]


def test_the_audit_log_says_why_something_would_be_refused(judging: Judging) -> None:
    found = asked(judging, review(BAD), "audit")["auditAnnotations"]
    assert (found["score"], found["level"]) == ("8", "privileged")
    assert "privileged-container" in found["rules"].split(", ")
    assert found["reason"].startswith("Deployment/shop/web scores 8 and needs 60; container app, ")
    assert all(isinstance(value, str) for value in found.values())


def test_warnings_stay_within_their_limits(judging: Judging) -> None:
    name = "c" * 300
    bad = workload("Pod", pod_spec(*(privileged(f"{name}{n}") for n in range(30)), hostPID=True, hostIPC=True))
    warnings = asked(judging, review(bad), "warn")["warnings"]
    assert max(map(len, warnings)) <= 256
    assert sum(map(len, warnings)) <= 4096
    assert warnings[-1].startswith("and ")


def test_what_a_manifest_says_is_inert_in_answers(judging: Judging) -> None:
    hostile = "a\n\u202eb\x1b[31m\u0000##[error]"
    response = asked(judging, review(workload("Pod", pod_spec(privileged(hostile)), hostile)))
    lines = response["status"]["message"].split("\n")
    assert all(line.isprintable() or "\u200c" in line for line in lines), lines
    assert len(lines) == 1 + sum(line.startswith("- ") for line in lines)
    pod = owned("ReplicaSet", hostile * 100)
    owners = asked(judging, review(pod, **by(f"{CONTROLLERS}:replicaset-controller")))["auditAnnotations"]["owners"]
    assert owners.startswith("ReplicaSet/shop/a")
    assert "\n" not in owners
    assert "\u202e" not in owners
    assert len(owners) <= 500


def places(value: Any, way: tuple[str | int, ...] = ()) -> Iterable[tuple[str | int, ...]]:
    """The ways to all values in a value."""
    yield way
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*way, key))


def with_other(value: Any, way: tuple[str | int, ...], other: Any) -> Any:
    """The same value, but for the one at the end of a way."""
    if not way:
        return other
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    changed = {key: with_other(one, way[1:], other) if key == way[0] else one for key, one in pairs}
    return changed if isinstance(value, dict) else list(changed.values())


@pytest.mark.parametrize("other", [None, 7, "x", [7], {"x": 7}], ids=repr)
def test_whatever_a_review_holds_is_an_answer_or_an_error(judging: Judging, other: Any) -> None:
    pod = owned("ReplicaSet", "web-5d9c", labels={"pod-template-hash": "5d9c"})
    reviews = (envelope(BAD, "UPDATE", HOST_PORT), envelope(pod, **by(f"{CONTROLLERS}:replicaset-controller")))
    count = allowed = 0
    for body in (json.dumps(with_other(whole, way, other)).encode() for whole in reviews for way in places(whole)):
        found = verdict(judging, body)
        count += 1
        allowed += found is True
    assert count > 100
    assert allowed <= 6, "only a review without the privilege may be"


def verdict(judging: Judging, body: bytes) -> bool | None:
    """Whether a review is allowed; None if it is refused as malformed."""
    try:
        response = json.loads(answer(judging, body, asks.Mode.DENY, asks.Asks(), Lifetime())[1])["response"]
    except HTTPException as error:
        if error.status_code != 400:
            raise
        return None
    assert response["uid"]
    return bool(response["allowed"])
