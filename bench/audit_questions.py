"""Lets a real API server write what each question of ``kgate audit query`` finds, and what it leaves out.

    python -m bench.audit_questions [--record tests/data/audit_questions.log.gz]

Runs the server of ``upstream/apiserver`` with an audit policy, and makes requests whose audit id says which question
they are about: ``found-QUESTION`` or ``miss-QUESTION``. Prints every question that does not find the first or does not
leave out the second, and exits with 1 if there is one. ``--record`` writes these events, which the quick tests read. A
node answers on an address of this machine: it accepts whatever the server upgrades, as a kubelet does.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import http.server
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgate.audit.queries.catalogue import QUESTIONS
from kgate.audit.queries.question import AuditAnswer, Background, Granted
from kgate.audit.queries.run import EventSelection
from kgate.auditquery import Inquiry, answers
from kgate.rbac.permissions import Permission
from upstream.apiserver import TOKEN, Server, running, write_keys

Body = dict[str, Any]

RBAC = "/apis/rbac.authorization.k8s.io/v1"
SHOP = "/api/v1/namespaces/shop"
SYSTEM = "/api/v1/namespaces/kube-system"
APPS = "/apis/apps/v1/namespaces/shop/deployments"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
CERTIFICATES = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
WEB = "system:serviceaccount:shop:web"
PEOPLE = ("alice", "carol", "mallory", "robot", "trent")
OF_GROUPS = frozenset({"deprecated-apis", "noise", "unused-permissions"})
"""The questions whose rows are not events."""

LABEL = {"metadata": {"labels": {"changed": "true"}}}
REQUEST = (  # for a certificate of alice; nobody kept the key
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIS01ISUNBUUF3RURFT01Bd0dBMVVFQXd3RllXeHBZMlV3V1RBVEJnY3Foa2"
    "pPUFFJQkJnZ3Foa2pPUFFNQgpCd05DQUFTSTNid09KVHl5Yis4R3NmUjVZTmRQTXZxVTVTRFF4dEh1Y0phYkVlSG9PbzRGWHVQYUxoZVoyWGpp"
    "Cjg3NDhaOC9RbTJSVzhuU0tzM0x1bFJCWUR1QXFvQUF3Q2dZSUtvWkl6ajBFQXdJRFNBQXdSUUlnR012MTd1TjkKTVdvcDJOSnpqejJFWnpQNF"
    "cxck5OTUgwTFJhVWhFMXFOQllDSVFDQXBzSkptblhEdS9pUk9rdUtNSHNPVmU0UgpVaUlhR25MZkVka2NidmVGWkE9PQotLS0tLUVORCBDRVJU"
    "SUZJQ0FURSBSRVFVRVNULS0tLS0K"
)
POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - {level: Metadata, namespaces: [watched, enforced]}
  - {level: Metadata, resources: [{resources: [secrets, serviceaccounts/token]}]}
  - level: Request
"""

BACKGROUND = Background(
    {("apps", "deployments", "web"): {"shop": "web.yaml:1"}},
    frozenset({"robot"}),
    (
        Granted(
            WEB, False, "shop", Permission(0, frozenset({"get"}), frozenset({""}), frozenset({"pods"})), "r.yaml:1"
        ),
        Granted(WEB, False, "", Permission(0, frozenset({"list"}), frozenset({""}), frozenset({"nodes"})), "r.yaml:2"),
    ),
)


class Actors:
    """Requests to a server in somebody's name."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tokens = {name: name for name in PEOPLE} | {"admin": TOKEN, "nobody": "", "stranger": "wrong"}

    def add(self, name: str, token: str) -> None:
        """Remembers a token."""
        self._tokens[name] = token

    def take(self, step: Step) -> tuple[int, Any]:
        """Makes the request of a step, whose audit id says what it is about, and returns status and answer."""
        token = self._tokens[step.who]
        headers = {"User-Agent": "client/v1", "Content-Type": "application/json", **step.headers}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Audit-ID": step.about} if step.about else {}
        return self._server.send(step.method, step.path, step.body, headers)


def pod(name: str, **spec: Any) -> Body:
    """A Pod with one container."""
    container = {"name": "app", "image": "example.org/app", **spec.pop("container", {})}
    return named("v1", "Pod", name) | {"spec": {"containers": [container], **spec}}


def named(version: str, kind: str, name: str, **more: Any) -> Body:
    """An object of a kind."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **more.pop("metadata", {})}, **more}


def of_rbac(kind: str, name: str, **more: Any) -> Body:
    """A role or a binding."""
    return named("rbac.authorization.k8s.io/v1", kind, name, **more)


def bound(name: str, role: str, *users: str) -> Body:
    """A ClusterRoleBinding for users."""
    group = "rbac.authorization.k8s.io"
    subjects = [{"apiGroup": group, "kind": "User", "name": user} for user in users]
    return of_rbac(
        "ClusterRoleBinding", name, roleRef={"apiGroup": group, "kind": "ClusterRole", "name": role}, subjects=subjects
    )


def prepare(actors: Actors, address: str, port: int) -> None:
    """Makes what the requests need: namespaces, rights, a node and a pod there, secrets and an account's token."""
    for name, labels in (
        ("shop", {}),
        ("watched", {"pod-security.kubernetes.io/audit": "baseline"}),
        ("enforced", {"pod-security.kubernetes.io/enforce": "baseline"}),
    ):
        _made(actors, "/api/v1/namespaces", named("v1", "Namespace", name, metadata={"labels": labels}))
    reader = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
    _made(actors, f"{RBAC}/clusterroles", of_rbac("ClusterRole", "open", rules=[reader]))
    _made(actors, f"{RBAC}/clusterrolebindings", bound("open", "open", "system:anonymous"))
    _made(actors, f"{RBAC}/clusterrolebindings", bound("team", "cluster-admin", "alice", "carol", "robot", WEB))
    status = {
        "addresses": [{"type": "InternalIP", "address": address}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    _made(actors, "/api/v1/nodes", named("v1", "Node", "worker-1", status=status))
    _made(actors, f"{SHOP}/pods", pod("web", nodeName="worker-1"))
    _made(actors, f"{SHOP}/serviceaccounts", named("v1", "ServiceAccount", "web"))
    for number in range(5):
        _made(actors, f"{SHOP}/secrets", named("v1", "Secret", f"s{number}"))
    _made(actors, APPS, deployment("web"))
    _made(actors, APPS, deployment("other"))
    _made(actors, f"{SYSTEM}/configmaps", named("v1", "ConfigMap", "coredns"))
    _made(actors, f"{SHOP}/configmaps", named("v1", "ConfigMap", "coredns"))
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    actors.add("web", _made(actors, f"{SHOP}/serviceaccounts/web/token", request)["status"]["token"])


def deployment(name: str) -> Body:
    """A Deployment."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name)["spec"]}
    return named("apps/v1", "Deployment", name, spec={"selector": {"matchLabels": labels}, "template": template})


def _made(actors: Actors, path: str, body: Body) -> Any:
    code, answer = actors.take(Step("", "admin", "POST", path, body))
    assert code == 201, (path, answer)
    return answer


@dataclass(frozen=True, slots=True)
class Step:
    """A request: which question it is about, and whether that finds it; who makes it, and what."""

    about: str
    who: str
    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def steps() -> Iterator[Step]:
    """Yields what is asked of the server, in this order."""
    yield from _of_pods()
    yield from _of_secrets()
    yield from _of_permissions()
    yield from _of_identity()
    yield from _of_cluster()


def _of_pods() -> Iterator[Step]:
    upgrade = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": "v4.channel.k8s.io"}
    exec_ = f"{SHOP}/pods/web/exec?command=sh&command=-c&command=id&stdout=true"
    yield Step("found-commands-in-pods", "alice", "POST", exec_, None, upgrade)
    yield Step("miss-commands-in-pods", "mallory", "POST", exec_, None, upgrade)
    yield Step("found-tunnels", "alice", "GET", "/api/v1/nodes/worker-1/proxy/healthz")
    yield Step("miss-tunnels", "mallory", "GET", "/api/v1/nodes/worker-1/proxy/healthz")
    ephemeral = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "example.org/debug"}]}}
    patch = {"Content-Type": "application/strategic-merge-patch+json"}
    yield Step("found-ephemeral-containers", "alice", "PATCH", f"{SHOP}/pods/web/ephemeralcontainers", ephemeral, patch)
    yield Step("miss-ephemeral-containers", "alice", "PATCH", f"{SHOP}/pods/web", LABEL, patch)
    bad = {"securityContext": {"privileged": True}}
    yield Step("found-privileged-pods", "alice", "POST", f"{SHOP}/pods", pod("bad", container=bad))
    yield Step("miss-privileged-pods", "alice", "POST", f"{SHOP}/pods", pod("plain"))
    watched, enforced = (f"/api/v1/namespaces/{name}/pods" for name in ("watched", "enforced"))
    yield Step("found-privileged-pods", "alice", "POST", watched, pod("bad", hostPID=True))
    yield Step("miss-privileged-pods", "alice", "POST", enforced, pod("plain"))
    yield Step("miss-privileged-pods", "alice", "POST", enforced, pod("bad", container=bad))
    etc, opt = ([{"name": "v", "hostPath": {"path": path}}] for path in ("/etc/kubernetes", "/opt/data"))
    yield Step("found-host-path-pods", "alice", "POST", f"{SHOP}/pods", pod("etc", volumes=etc))
    yield Step("miss-host-path-pods", "alice", "POST", f"{SHOP}/pods", pod("opt", volumes=opt))
    yield Step("found-host-path-pods", "alice", "POST", watched, pod("etc", volumes=etc))
    yield Step("found-pods-in-system-namespaces", "alice", "POST", f"{SYSTEM}/pods", pod("system"))
    yield Step("miss-pods-in-system-namespaces", "alice", "POST", f"{SHOP}/pods", pod("usual"))


def _of_secrets() -> Iterator[Step]:
    yield Step("found-secret-reads", "alice", "GET", f"{SHOP}/secrets/s0")
    yield Step("found-secret-reads", "alice", "GET", "/api/v1/secrets")
    yield Step("miss-secret-reads", "mallory", "GET", f"{SHOP}/secrets/s0")
    yield Step("miss-secret-reads", "alice", "GET", f"{SHOP}/configmaps/coredns")
    for number in range(5):
        yield Step("found-secret-read-bursts", "robot", "GET", f"{SHOP}/secrets/s{number}")
    for number in range(4):
        yield Step("miss-secret-read-bursts", "carol", "GET", f"{SHOP}/secrets/s{number}")
    yield Step("found-system-configuration-reads", "web", "GET", f"{SYSTEM}/configmaps/coredns")
    yield Step("miss-system-configuration-reads", "alice", "GET", f"{SYSTEM}/configmaps/coredns")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    yield Step("found-token-requests", "alice", "POST", f"{SHOP}/serviceaccounts/web/token", request)
    yield Step("miss-token-requests", "web", "POST", f"{SHOP}/serviceaccounts/web/token", request)
    data = {"data": {"Corefile": "."}}
    for about, where in (("found", SYSTEM), ("miss", SHOP)):
        body = named("v1", "ConfigMap", "coredns") | data
        yield Step(f"{about}-cluster-configuration-writes", "alice", "PUT", f"{where}/configmaps/coredns", body)


def _of_permissions() -> Iterator[Step]:
    roles, bindings = f"{RBAC}/namespaces/shop/roles", f"{RBAC}/clusterrolebindings"
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    yield Step("found-role-writes", "alice", "POST", roles, of_rbac("Role", "written", rules=[rule]))
    yield Step("miss-role-writes", "mallory", "POST", roles, of_rbac("Role", "refused", rules=[rule]))
    yield Step("found-powerful-bindings", "alice", "POST", bindings, bound("power", "cluster-admin", "eve"))
    yield Step(
        "found-powerful-bindings",
        "alice",
        "POST",
        bindings,
        bound("anybody", "system:public-info-viewer", "system:anonymous"),
    )
    yield Step("miss-powerful-bindings", "alice", "POST", bindings, bound("viewer", "view", "eve"))
    power = {**rule, "verbs": ["impersonate"], "resources": ["users"]}
    yield Step("found-powerful-roles", "alice", "POST", roles, of_rbac("Role", "power", rules=[power]))
    yield Step("miss-powerful-roles", "alice", "POST", roles, of_rbac("Role", "reader", rules=[rule]))
    for number in range(20):
        kind = ("pods", "services", "endpoints")[number % 3]
        yield Step("found-forbidden-bursts", "mallory", "GET", f"/api/v1/namespaces/kube-public/{kind}")
        if number < 19:
            yield Step("miss-forbidden-bursts", "trent", "GET", f"/api/v1/namespaces/kube-public/{kind}")
    asked = {"resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": "shop"}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": asked}
    yield Step("found-permission-probing", "web", "POST", REVIEWS, review)
    yield Step("miss-permission-probing", "alice", "POST", REVIEWS, review)
    yield Step("about-unused-permissions", "web", "GET", f"{SHOP}/pods/web")


def _of_identity() -> Iterator[Step]:
    yield Step("found-anonymous-requests", "nobody", "GET", f"{SHOP}/configmaps/coredns")
    yield Step("miss-anonymous-requests", "nobody", "GET", "/healthz")
    yield Step("miss-anonymous-requests", "nobody", "GET", f"{SHOP}/pods")
    yield Step("found-failed-authentication", "stranger", "GET", f"{SHOP}/pods")
    yield Step("miss-failed-authentication", "mallory", "GET", f"{SHOP}/services")
    yield Step("found-impersonation", "alice", "GET", f"{SHOP}/pods", None, {"Impersonate-User": "carol"})
    yield Step("miss-impersonation", "alice", "GET", f"{SHOP}/pods")
    kubectl = {"User-Agent": "kubectl/v1.37.0 (linux/amd64) kubernetes/0000000"}
    yield Step("found-accounts-elsewhere", "web", "GET", f"{SHOP}/pods/web", None, kubectl)
    yield Step("miss-accounts-elsewhere", "web", "GET", f"{SHOP}/pods/web")
    yield Step("miss-accounts-elsewhere", "alice", "GET", f"{SHOP}/pods/web", None, kubectl)
    yield Step("found-masters", "admin", "GET", f"{SHOP}/pods")
    yield Step("miss-masters", "alice", "GET", f"{SHOP}/pods")


def _of_cluster() -> Iterator[Step]:
    signer = {"signerName": "example.org/signer", "usages": ["client auth"], "request": REQUEST}
    body = named("certificates.k8s.io/v1", "CertificateSigningRequest", "alice", spec=signer)
    yield Step("found-certificate-requests", "alice", "POST", CERTIFICATES, body)
    yield Step("miss-certificate-requests", "alice", "GET", f"{CERTIFICATES}/alice")
    hook = {
        "name": "gate.example.org",
        "clientConfig": {"url": "https://127.0.0.1:1/gate"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    webhook = named("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "gate", webhooks=[hook])
    yield Step("found-admission-changes", "alice", "POST", WEBHOOKS, webhook)
    yield Step("miss-admission-changes", "alice", "GET", f"{WEBHOOKS}/gate")
    yield Step("found-mass-deletion", "alice", "DELETE", f"{APPS}?labelSelector=app%3Dother")
    yield Step("miss-mass-deletion", "alice", "DELETE", f"{SHOP}/pods/usual")
    yield Step("about-deprecated-apis", "carol", "GET", "/api/v1/componentstatuses")
    patch = {"Content-Type": "application/merge-patch+json"}
    yield Step("found-repository-drift", "alice", "PATCH", f"{APPS}/web", LABEL, patch)
    yield Step("miss-repository-drift", "robot", "PATCH", f"{APPS}/web", LABEL, patch)
    yield Step("found-admission-changes", "alice", "POST", f"{SHOP}/configmaps", named("v1", "ConfigMap", "hooked"))


@contextlib.contextmanager
def node(address: str) -> Iterator[int]:
    """The port of a server that answers as a kubelet does to whom it lets in, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="node") as name:
        write_keys(Path(name))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(name, "serving.crt"), Path(name, "serving.key"))
        with http.server.ThreadingHTTPServer((address, 0), _Kubelet) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield server.server_address[1]
            finally:
                server.shutdown()
                thread.join()


class _Kubelet(http.server.BaseHTTPRequestHandler):
    """Upgrades what asks for it, and ends it at once; says ok to all else."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers."""
        if self.headers.get("Upgrade"):
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", self.headers["Upgrade"])
            self.send_header("X-Stream-Protocol-Version", "v4.channel.k8s.io")
            self.end_headers()
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET  # noqa: N815 - of the base class

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


def write_log(place: Path) -> bytes:
    """Returns the log that a server writes of all steps. Raises ServerError."""
    log, policy, tokens = (place / name for name in ("audit.log", "policy.yaml", "tokens.csv"))
    policy.write_text(POLICY, encoding="utf-8")
    with tokens.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([(TOKEN, "admin", "admin", "system:masters"), *((one, one, one) for one in PEOPLE)])
    options = {"audit-log-path": log, "audit-policy-file": policy, "token-auth-file": tokens}
    address = _address()
    with node(address) as port, running({name: str(path) for name, path in options.items()}) as server:
        actors = Actors(server)
        prepare(actors, address, port)
        for step in steps():
            actors.take(step)
    return log.read_bytes()


def _address() -> str:
    """An address of this machine that is not loopback, to which no API server forwards anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])


def kept(log: bytes) -> bytes:
    """Returns the events of the steps, without what the server and the preparation wrote."""
    ids = {step.about for step in steps()}
    return b"".join(line + b"\n" for line in log.splitlines() if json.loads(line)["auditID"] in ids)


def asked(log: Path) -> dict[str, AuditAnswer]:
    """Returns the answers of a log to all questions, by their ids."""
    inquiry = Inquiry(QUESTIONS, [str(log)], EventSelection(), 100_000)
    found, census = answers(inquiry, BACKGROUND)
    assert not census.faults, list(census.remarks())
    return {one.question.id: one for one in found}


def differences(found: Mapping[str, AuditAnswer]) -> Iterator[str]:
    """Yields each question that lacks what it should find, or finds what it should leave out."""
    for name, answer in found.items():
        if name in OF_GROUPS:
            continue
        ids = {str(row[answer.columns.index("audit_id")]) for row in answer.rows}
        if f"found-{name}" not in ids:
            yield f"{name} does not find its event: {answer.state.value} {answer.reason}"
        if f"miss-{name}" in ids:
            yield f"{name} finds what it should leave out"


def main() -> int:
    """Asks, and prints what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audit") as name:
        place = Path(name)
        log = write_log(place)
        found = asked(place / "audit.log")
    wrong = list(differences(found))
    events = len(log.splitlines())
    print(*wrong, f"{events} events, {len(found)} questions, {len(wrong)} differences", sep="\n")
    if arguments.record:
        arguments.record.write_bytes(gzip.compress(kept(log), mtime=0))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
