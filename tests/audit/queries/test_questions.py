"""audit/queries: each question finds an event and leaves out what nearly looks the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kgate.audit.events.census import Census
from kgate.audit.events.event import Event
from kgate.audit.events.requests import requests
from kgate.audit.queries import tallies
from kgate.audit.queries.catalogue import QUESTIONS, find
from kgate.audit.queries.pods import is_sensitive
from kgate.audit.queries.question import AuditAnswer, Background, Granted, RowLimits, State
from kgate.audit.queries.run import EVERYTHING, EventSelection, answer, ask
from kgate.rbac.permissions import Permission
from tests.audit.events_made import ACCOUNT, Body, made

KUBELET = "system:node:worker-1"
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"
MANAGER = "system:kube-controller-manager"
ARGOCD = "system:serviceaccount:argocd:argocd-application-controller"
RBAC = "rbac.authorization.k8s.io"
REVIEWS = "authorization.k8s.io"
CERTIFICATES = "certificates.k8s.io/certificatesigningrequests"
WEBHOOKS = "admissionregistration.k8s.io/validatingwebhookconfigurations"
VIOLATIONS = "pod-security.kubernetes.io/audit-violations"
PRIVILEGED = (
    'would violate PodSecurity "baseline:latest": '
    'privileged (container "a" must not set securityContext.privileged=true)'
)
ENFORCED = "pod-security.kubernetes.io/enforce-policy"
FAILURE = "validation.policy.admission.k8s.io/validation_failure"

READ_PODS = Permission(0, frozenset({"get", "list"}), frozenset({""}), frozenset({"pods"}))
BACKGROUND = Background(
    {("apps", "deployments", "web"): {"shop": "web.yaml:1"}, ("", "configmaps", "anywhere"): {"": "cm.yaml:3"}},
    frozenset({ARGOCD}),
    (
        Granted("alice", False, "shop", READ_PODS, "r.yaml:9"),
        Granted("devs", True, "", READ_PODS, "r.yaml:30"),
    ),
)


def asked(
    question: str, events: Sequence[Event], selection: EventSelection = EVERYTHING, rows: int = 100
) -> AuditAnswer:
    """The answer of a log to one question."""
    one = find(question)
    assert one is not None
    census = Census()
    (found,) = ask([one], requests(events, census), lambda _: RowLimits(rows), BACKGROUND, selection)
    return answer(found, census)


def pod(spec: Body, **more: Any) -> Event:
    return made("create", "pods", level="Request", requestObject={"kind": "Pod", "spec": spec}, **more)


def privileged(name: str = "app") -> Body:
    return {"containers": [{"name": name, "securityContext": {"privileged": True}}]}


def host_path(path: str) -> Body:
    return {"volumes": [{"name": "v", "hostPath": {"path": path}}]}


def binding(verb: str, request: Any, **more: Any) -> Event:
    return made(verb, f"{RBAC}/clusterrolebindings", level="Request", requestObject=request, namespace="", **more)


def role(verb: str, request: Any, **more: Any) -> Event:
    return made(verb, f"{RBAC}/roles", level="Request", requestObject=request, **more)


def to(role_name: str, subject: str = "bob") -> Body:
    return {"roleRef": {"kind": "ClusterRole", "name": role_name}, "subjects": [{"kind": "User", "name": subject}]}


def rules(*verbs: str, resources: Sequence[str] = ("pods",)) -> Body:
    return {"rules": [{"apiGroups": [""], "resources": [*resources], "verbs": [*verbs]}]}


def acting(user: str) -> Body:
    return {"impersonatedUser": {"username": user, "groups": ["ops"]}}


def token(pod_uid: str, address: str, **more: Any) -> Event:
    user = {"username": ACCOUNT, "extra": {"authentication.kubernetes.io/pod-uid": [pod_uid]}}
    return Event({**made(user=ACCOUNT, sourceIPs=[address], **more).body, "user": user})


FOUND = (
    ("commands-in-pods", made("get", "pods/exec", code=101, requestURI="/x?command=sh&command=-c"), "sh -c"),
    ("commands-in-pods", made("create", "pods/attach"), ""),
    ("tunnels", made("get", "pods/portforward", code=101), ""),
    ("tunnels", made("delete", "services/proxy"), ""),
    ("tunnels", made("get", "nodes/proxy", namespace="", name="worker-1", user=ACCOUNT), ""),
    ("ephemeral-containers", made("patch", "pods/ephemeralcontainers"), ""),
    (
        "ephemeral-containers",
        made("patch", "pods/ephemeralcontainers", requestObject={"spec": {"ephemeralContainers": [{"image": "sh:1"}]}}),
        "sh:1",
    ),
    ("privileged-pods", pod(privileged()), "privileged container app"),
    ("privileged-pods", pod({"hostPID": True, "hostNetwork": True}), "hostNetwork, hostPID"),
    ("privileged-pods", pod({"initContainers": privileged("init")["containers"]}), "privileged container init"),
    (
        "privileged-pods",
        made(
            "create",
            "pods",
            annotations={VIOLATIONS: PRIVILEGED},
        ),
        "privileged",
    ),
    (
        "privileged-pods",
        made("create", "pods", annotations={VIOLATIONS: "host namespaces (hostNetwork=true, hostIPC=true)"}),
        "hostNetwork, hostIPC",
    ),
    ("privileged-pods", made("create", "pods", annotations={FAILURE: '[{"policy":"kgate-host-pid"}]'}), "host-pid"),
    ("host-path-pods", pod(host_path("/var/run/docker.sock")), "/var/run/docker.sock"),
    ("host-path-pods", pod(host_path("/")), "/"),
    (
        "host-path-pods",
        made("create", "pods", annotations={VIOLATIONS: 'hostPath volumes (volume "v")'}),
        "a hostPath volume; at this level the event does not hold its path",
    ),
    ("anonymous-requests", made("get", "pods", "system:anonymous"), ""),
    ("anonymous-requests", made("get", "/metrics", "system:anonymous"), ""),
    ("failed-authentication", made("get", "pods", "", 401, responseStatus={"code": 401, "message": "m"}), "m"),
    ("failed-authentication", made("get", "/api", "", 200), ""),
    ("secret-reads", made("get", "secrets", name="db"), ""),
    ("secret-reads", made("list", "secrets", user=ACCOUNT), "all secrets of shop"),
    ("secret-reads", made("watch", "secrets", namespace=""), "all secrets of all namespaces"),
    ("system-configuration-reads", made("get", "configmaps", ACCOUNT, namespace="kube-system", name="coredns"), ""),
    ("system-configuration-reads", made("list", "configmaps", ACCOUNT, namespace=""), "all namespaces"),
    ("role-writes", made("patch", f"{RBAC}/roles", name="r"), ""),
    ("role-writes", made("delete", f"{RBAC}/clusterrolebindings", namespace="", name="b"), ""),
    ("powerful-bindings", binding("create", to("cluster-admin")), "gives cluster-admin"),
    ("powerful-bindings", binding("create", to("view", "system:anonymous")), "to system:anonymous"),
    ("powerful-bindings", binding("patch", {"subjects": [{"name": "system:masters"}]}), "to system:masters"),
    (
        "powerful-bindings",
        binding("patch", [{"op": "add", "path": "/subjects/-", "value": {"name": "system:authenticated"}}]),
        "to system:authenticated",
    ),
    (
        "powerful-bindings",
        made("patch", f"{RBAC}/rolebindings", level="RequestResponse", requestObject={}, responseObject=to("edit")),
        "gives edit",
    ),
    ("powerful-roles", role("create", rules("*")), "*"),
    ("powerful-roles", role("update", rules("get", resources=["*"])), "*"),
    ("powerful-roles", role("patch", rules("bind", "escalate")), "bind, escalate"),
    (
        "powerful-roles",
        role("patch", [{"op": "add", "path": "/rules/0/verbs/-", "value": "impersonate"}]),
        "impersonate",
    ),
    ("impersonation", made("get", "pods", **acting("bob")), "bob"),
    ("impersonation", made("get", "pods", code=403, **acting("bob")), "bob"),
    (
        "permission-probing",
        made(
            "create",
            f"{REVIEWS}/selfsubjectaccessreviews",
            ACCOUNT,
            requestObject={"spec": {"resourceAttributes": {"verb": "get", "resource": "secrets"}}},
        ),
        "get secrets",
    ),
    ("permission-probing", made("create", f"{REVIEWS}/selfsubjectrulesreviews", KUBELET), ""),
    ("token-requests", made("create", "serviceaccounts/token", name="web"), ""),
    ("token-requests", made("create", "serviceaccounts/token", ACCOUNT, name="other"), ""),
    ("certificate-requests", made("create", CERTIFICATES), "request"),
    ("certificate-requests", made("update", f"{CERTIFICATES}/approval"), "approval"),
    ("admission-changes", made("delete", WEBHOOKS, namespace=""), "configuration"),
    (
        "admission-changes",
        made("create", "pods", annotations={"failed-open.validating.webhook.admission.k8s.io/round_0_index_1": "gate"}),
        "failed open: gate",
    ),
    ("mass-deletion", made("deletecollection", "apps/deployments"), "all that a selector takes, at once"),
    ("pods-in-system-namespaces", made("create", "pods", namespace="kube-system"), ""),
    ("accounts-elsewhere", made(user=ACCOUNT, userAgent="kubectl/v1.36.0 (linux/amd64)"), "as kubectl/v1.36.0"),
    ("accounts-elsewhere", made(user=ACCOUNT, sourceIPs=["8.8.8.8"]), "from an address of the internet"),
    ("masters", made(user="kubernetes-admin", groups=["system:masters"]), ""),
    ("cluster-configuration-writes", made("update", "configmaps", namespace="kube-system", name="aws-auth"), ""),
    ("repository-drift", made("patch", "apps/deployments", name="web"), "web.yaml:1"),
    ("repository-drift", made("patch", "apps/deployments/scale", name="web"), "web.yaml:1"),
    ("repository-drift", made("delete", "configmaps", name="anywhere", namespace="other"), "cm.yaml:3"),
)

LEFT_OUT = (
    ("commands-in-pods", made("get", "pods/exec", code=403), "refused"),
    ("commands-in-pods", made("get", "pods/log"), "logs"),
    ("tunnels", made("get", "services/proxy", KUBELET), "a kubelet"),
    ("tunnels", made("get", "services"), "the Service itself"),
    ("ephemeral-containers", made("patch", "pods"), "another patch of a pod"),
    ("privileged-pods", pod({"containers": [{"securityContext": {"privileged": False}}]}), "not privileged"),
    ("privileged-pods", pod(privileged(), code=403), "refused"),
    ("privileged-pods", made("create", "pods", annotations={ENFORCED: "baseline:latest"}), "baseline is enforced"),
    (
        "privileged-pods",
        made("create", "pods", annotations={VIOLATIONS: 'hostPath volumes (volume "v")'}),
        "another violation",
    ),
    ("privileged-pods", pod({"hostPID": "true", "containers": "none"}), "values of a wrong type"),
    ("host-path-pods", pod(host_path("/opt/data")), "a harmless folder"),
    ("host-path-pods", pod({"volumes": [{"emptyDir": {}}, 7]}), "other volumes"),
    ("host-path-pods", made("create", "pods", annotations={ENFORCED: "restricted:v1.37"}), "restricted is enforced"),
    ("anonymous-requests", made("get", "/readyz/etcd", "system:anonymous"), "a health check"),
    ("anonymous-requests", made("get", "pods", "system:anonymous", 403), "refused"),
    ("failed-authentication", made("get", "pods", code=403), "somebody who may not"),
    ("secret-reads", made("get", "secrets", KUBELET, name="db"), "a kubelet"),
    ("secret-reads", made("get", "secrets", code=403), "refused"),
    ("secret-reads", made("get", "configmaps"), "another resource"),
    ("system-configuration-reads", made("get", "configmaps", namespace="kube-system"), "a person"),
    (
        "system-configuration-reads",
        made("get", "configmaps", ACCOUNT, namespace="kube-system", name="extension-apiserver-authentication"),
        "what everybody may read",
    ),
    ("role-writes", made("update", f"{RBAC}/clusterroles", "system:apiserver"), "the API server at its start"),
    ("role-writes", made("update", f"{RBAC}/roles", code=403), "refused"),
    ("powerful-bindings", binding("create", to("view")), "another role"),
    ("powerful-bindings", binding("delete", to("cluster-admin")), "the end of a binding"),
    ("powerful-roles", role("create", rules("get")), "other verbs"),
    ("powerful-roles", role("patch", {"metadata": {"labels": {"all": "*"}}}), "an asterisk elsewhere"),
    ("impersonation", made("get", "pods"), "in their own name"),
    ("permission-probing", made("create", f"{REVIEWS}/selfsubjectaccessreviews"), "kubectl auth can-i of a person"),
    ("permission-probing", made("create", f"{REVIEWS}/subjectaccessreviews", ACCOUNT), "a question about others"),
    ("token-requests", made("create", "serviceaccounts/token", KUBELET, name="web"), "a kubelet"),
    ("token-requests", made("create", "serviceaccounts/token", ACCOUNT, name="web"), "an account for itself"),
    ("certificate-requests", made("create", CERTIFICATES, KUBELET), "a kubelet that renews its own"),
    ("certificate-requests", made("create", CERTIFICATES, "system:bootstrap:abcdef"), "a node that joins"),
    ("admission-changes", made("get", WEBHOOKS), "a read"),
    ("admission-changes", made("patch", "admissionregistration.k8s.io/validatingadmissionpolicies/status"), "a status"),
    ("admission-changes", made("create", "pods", annotations={"mutation.webhook/x": "y"}), "a webhook that answered"),
    ("mass-deletion", made("delete", "apps/deployments"), "one deletion"),
    ("mass-deletion", made("deletecollection", "pods", CONTROLLER), "a controller"),
    ("pods-in-system-namespaces", made("create", "pods", CONTROLLER, namespace="kube-system"), "a controller"),
    ("pods-in-system-namespaces", made("create", "pods"), "another namespace"),
    ("accounts-elsewhere", made(user=ACCOUNT), "a program from a private address"),
    ("accounts-elsewhere", made(user="alice", userAgent="kubectl/v1"), "a person with kubectl"),
    ("masters", made(user="system:apiserver", groups=["system:masters"]), "the API server"),
    ("masters", made(user="aksService", groups=["system:masters"]), "the control plane of AKS"),
    ("masters", made(user="alice", groups=["system:basic"]), "another group"),
    ("cluster-configuration-writes", made("update", "configmaps", name="coredns"), "the name in another namespace"),
    ("repository-drift", made("patch", "apps/deployments", ARGOCD, name="web"), "Argo CD"),
    ("repository-drift", made("patch", "apps/deployments/status", name="web"), "the status"),
    ("repository-drift", made("patch", "apps/deployments", name="web", namespace="other"), "another namespace"),
    ("repository-drift", made("patch", "apps/deployments", MANAGER, name="web"), "a controller"),
)


@pytest.mark.parametrize(("question", "event", "detail"), FOUND)
def test_an_event_that_is_found(question: str, event: Event, detail: str) -> None:
    found = asked(question, [event])
    assert found.state is State.ANSWERED
    assert [row[found.columns.index("detail")] for row in found.rows] == [detail]
    assert found.users == [(event.user, 1)]


@pytest.mark.parametrize(("question", "event"), [pytest.param(*row[:2], id=f"{row[0]}-{row[2]}") for row in LEFT_OUT])
def test_a_near_miss(question: str, event: Event) -> None:
    found = asked(question, [event])
    assert (found.state, found.count) == (State.ANSWERED, 0)


SECRETS = [made("get", "secrets", name=f"s{number}", at=number * 10) for number in range(5)]
REFUSED = [made("get", ("pods", "secrets", "nodes")[number % 3], code=403, at=number * 10) for number in range(20)]
DELETED = [made("delete", "pods", name=f"p{number}", at=number) for number in range(10)]


@pytest.mark.parametrize(
    ("question", "events", "details"),
    [
        pytest.param(
            *("secret-read-bursts", SECRETS, ["5 in 40 s: shop/s0, shop/s1, shop/s2, shop/s3, shop/s4"]), id="secrets"
        ),
        pytest.param("secret-read-bursts", SECRETS[:4] * 3, [], id="four secrets, often"),
        pytest.param(
            "secret-read-bursts",
            [SECRETS[0], *(made("get", "secrets", name="s9", at=1 + n % 2) for n in range(2_000)), *SECRETS[1:4]],
            ["5 in 30 s: shop/s0, shop/s1, shop/s2, shop/s3, shop/s9"],
            id="five secrets, one of them between all others",
        ),
        pytest.param(
            "secret-read-bursts",
            [made("get", "secrets", name=f"s{number}", at=number * 16) for number in range(5)],
            [],
            id="five secrets in more than a minute",
        ),
        pytest.param(
            "secret-read-bursts",
            [made("get", "secrets", f"user{number}", name=f"s{number}") for number in range(5)],
            [],
            id="five secrets, five users",
        ),
        pytest.param("forbidden-bursts", REFUSED, ["20 in 190 s: nodes, pods, secrets"], id="refused"),
        pytest.param("forbidden-bursts", REFUSED[:19], [], id="refused 19 times"),
        pytest.param("forbidden-bursts", [made(code=403, at=at) for at in range(30)], [], id="refused one resource"),
        pytest.param(
            "mass-deletion",
            DELETED,
            ["10 in 9 s: pods shop/p0, pods shop/p1, pods shop/p2, pods shop/p3, pods shop/p4 and 5 more"],
            id="deleted",
        ),
        pytest.param("mass-deletion", DELETED[:9], [], id="nine deleted"),
        pytest.param(
            "accounts-elsewhere",
            [
                token("u", "10.0.0.1"),
                token("u", "fd00::1", at=1),
                token("v", "10.0.0.2", at=2),
                token("u", "10.0.0.9", at=3),
            ],
            ["the token of a pod that was at 10.0.0.1"],
            id="a token that moved",
        ),
        pytest.param(
            "accounts-elsewhere", [token("u", "10.0.0.1"), token("u", "10.0.0.1", at=1)], [], id="a token that stayed"
        ),
    ],
)
def test_what_several_events_say(question: str, events: Sequence[Event], details: list[str]) -> None:
    found = asked(question, events)
    assert [row[found.columns.index("detail")] for row in found.rows] == details


def test_deprecated_apis() -> None:
    marks = {"k8s.io/deprecated": "true", "k8s.io/removed-release": "1.40"}
    old = [made("list", "extensions.example.com/things", annotations=marks, at=at) for at in range(2)]
    for event in old:
        event.reference = {**event.reference, "apiVersion": "v1beta1"}
    found = asked("deprecated-apis", [*old, made("list", "batch/cronjobs")])
    assert found.rows == [("things.extensions.example.com v1beta1", "1.40", "client/v1", "alice", 2)]


def test_noise_comes_with_a_rule_where_that_is_safe() -> None:
    leases = [made("update", "coordination.k8s.io/leases", KUBELET, at=at) for at in range(3)]
    found = asked("noise", [*leases, made("get", "secrets"), made("get", "/readyz/ping?x")])
    resources = "[{group: 'coordination.k8s.io', resources: [leases]}]"
    hint = f"- {{level: None, users: ['{KUBELET}'], verbs: [update], resources: {resources}}}"
    assert found.rows == [
        (KUBELET, "update", "leases.coordination.k8s.io", 3, "60.0", hint),
        ("alice", "get", "/readyz", 1, "20.0", "- {level: None, verbs: [get], nonResourceURLs: ['/readyz*']}"),
        ("alice", "get", "secrets", 1, "20.0", ""),
    ]


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        pytest.param([], [("alice", "", "all of it"), ("devs", "", "all of it")], id="nothing used"),
        pytest.param([made("get", "pods")], [("alice", "get pods", "list pods"), ("devs", "", "all of it")], id="half"),
        pytest.param(
            [made("get", "pods"), made("list", "pods", groups=["devs"]), made("get", "pods", "x", groups=["devs"])],
            [],
            id="all of it",
        ),
        pytest.param(
            [made("get", "pods", namespace="other"), made("list", "pods", code=403)],
            [("alice", "", "all of it"), ("devs", "", "all of it")],
            id="elsewhere, or refused",
        ),
        pytest.param(
            [made("get", "pods", "root", impersonatedUser={"username": "alice", "groups": ["devs"]})],
            [("alice", "get pods", "list pods"), ("devs", "get pods", "list pods")],
            id="impersonated",
        ),
    ],
)
def test_unused_permissions(events: list[Event], rows: list[tuple[str, str, str]]) -> None:
    found = asked("unused-permissions", [*events, made("get", "nodes", "x", namespace="")])
    assert [(row[0], row[3], row[4]) for row in found.rows] == rows


@pytest.mark.parametrize(
    ("question", "events", "state", "said"),
    [
        pytest.param("masters", [], State.REFUSED, "there are no events", id="an empty log"),
        pytest.param(
            "masters",
            [made(stage="RequestReceived")],
            State.REFUSED,
            "RequestReceived, so no outcome",
            id="no outcomes",
        ),
        pytest.param(
            "secret-reads", [made("create")], State.REFUSED, "no get, list or watch is in this", id="no reads"
        ),
        pytest.param("secret-reads", [made("get")], State.ANSWERED, "no event is about this", id="no secrets"),
        pytest.param("privileged-pods", [made("create")], State.REFUSED, "none of 1 events", id="no bodies"),
        pytest.param(
            "privileged-pods", [made("create"), pod(privileged(), at=1)], State.PARTLY, "1 of 2", id="some bodies"
        ),
        pytest.param(
            "powerful-bindings", [binding("patch", {"subjects": []})], State.REFUSED, "none of 1", id="half a binding"
        ),
        pytest.param("powerful-roles", [role("create", None)], State.REFUSED, "level Request", id="a role unseen"),
    ],
)
def test_what_a_log_cannot_answer(question: str, events: Sequence[Event], state: State, said: str) -> None:
    found = asked(question, events)
    assert found.state is state
    assert said in found.reason
    assert state is not State.REFUSED or not found.rows


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        pytest.param(EventSelection(), ["a", "b", "c"], id="everything"),
        pytest.param(EventSelection(since="2026-03-01T12:00:01.000000Z"), ["b", "c"], id="since"),
        pytest.param(EventSelection(until="2026-03-01T12:00:01.000000Z"), ["a"], id="until"),
        pytest.param(EventSelection(user="bob"), ["b", "c"], id="a user, or in whose name"),
        pytest.param(EventSelection(namespace="other"), ["c"], id="a namespace"),
    ],
)
def test_selections(selection: EventSelection, names: list[str]) -> None:
    events = [
        made("get", "secrets", name="a"),
        made("get", "secrets", "bob", name="b", at=1),
        made("get", "secrets", name="c", namespace="other", at=2, **acting("bob")),
    ]
    found = asked("secret-reads", events, selection)
    assert [row[found.columns.index("name")] for row in found.rows] == names


def test_all_rows_are_counted_and_some_are_listed() -> None:
    found = asked("secret-reads", [made("get", "secrets", name=f"{at}", at=at) for at in range(5)], rows=2)
    assert (len(found.rows), found.count, found.users) == (2, 5, [("alice", 5)])


def test_times_are_counted_more_coarsely_once_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "_MOST_MOMENTS", 3)
    events = [made("get", "secrets", at=at) for at in (0, 0, 1, 2)]
    later = [made("get", "secrets", at=at) for at in (61, 62)]
    seconds = [("2026-03-01T12:00:00", 2), ("2026-03-01T12:00:01", 1), ("2026-03-01T12:00:02", 1)]
    assert asked("secret-reads", events).moments == seconds
    assert asked("secret-reads", events + later).moments == [("2026-03-01T12:00", 4), ("2026-03-01T12:01", 2)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", True),
        ("/etc", True),
        ("/etc/kubernetes/pki", True),
        ("//etc/./x", True),
        ("/var/run/crio/crio.sock", True),
        ("/var/lib/kubelet", True),
        ("/opt/../etc", True),
        ("/var/lib/app", False),
        ("/etcd-data", False),
        ("/home", True),
        ("/usr/share/zoneinfo", False),
    ],
)
def test_sensitive_folders(path: str, expected: bool) -> None:
    assert is_sensitive(path) is expected


def test_every_question_has_a_row_that_it_finds_and_one_that_it_leaves_out() -> None:
    of_several = {"secret-read-bursts", "forbidden-bursts", "deprecated-apis", "noise", "unused-permissions"}
    ids = {one.id for one in QUESTIONS}
    assert [one.number for one in QUESTIONS] == list(range(1, 29))
    assert {row[0] for row in FOUND} == ids - of_several
    assert {row[0] for row in LEFT_OUT} == ids - of_several
