"""reach.py: as which account pods run, whether they have its token, and what is bound to it."""

from __future__ import annotations

import pytest

from kgate.kubernetes import manifest
from kgate.kubernetes.clusters import DeployedTo
from kgate.kubernetes.workload import find_workload
from kgate.rbac.objects import FaultLog, Object, read
from kgate.rbac.reach import AccountReach, reaches
from kgate.sources.clusters import ClusterFolders
from tests.rbac.objects import binding, role

PODS = "verbs: [get], apiGroups: [''], resources: [pods]"
SUBJECT = "kind: ServiceAccount, name: web, namespace: apps"
VOLUME = "volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: token}}]}}], "
OTHER_VOLUME = "volumes: [{name: t, projected: {sources: [{configMap: {name: a}}]}}, {name: u, emptyDir: {}}], "


def reached(text: str) -> AccountReach:
    """The reach of the only workload of a text."""
    batch = manifest.read("a.yaml", text.encode())
    assert not batch.problems
    log = FaultLog()
    objects: list[Object] = [one for resource in batch.resources if (one := read(resource, log)) is not None]
    workloads = [found for resource in batch.resources if (found := find_workload(resource)) is not None]
    (workload,) = workloads
    (reach,) = reaches(workload, workloads, objects)
    return reach


def pod(spec: str = "serviceAccountName: web, ", namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    head = f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a{where}}}\n"
    return f"{head}spec: {{{spec}containers: [{{name: a, image: b}}]}}\n"


def account(more: str = "", namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return f"---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: web{where}}}\n{more}\n"


REFUSES = "automountServiceAccountToken: false"


@pytest.mark.parametrize(
    ("text", "has_token"),
    [
        pytest.param(pod(), True, id="by default"),
        pytest.param(pod(f"{REFUSES}, "), False, id="the pod refuses it"),
        pytest.param(pod() + account(REFUSES), False, id="the account refuses it"),
        pytest.param(pod("serviceAccount: web, ") + account(REFUSES), False, id="the older field"),
        pytest.param(
            pod("serviceAccountName: web, automountServiceAccountToken: true, ") + account(REFUSES), True, id="asks"
        ),
        pytest.param(pod(f"{REFUSES}, {VOLUME}"), True, id="a projected volume"),
        pytest.param(pod(f"{REFUSES}, {OTHER_VOLUME}"), False, id="volumes with other things"),
        pytest.param(pod() + account(REFUSES, "a") + account("", "b"), True, id="accounts of other namespaces"),
        pytest.param(pod(namespace="a") + account(REFUSES, "b"), True, id="an account of another namespace"),
        pytest.param(pod(namespace="a") + account(REFUSES, "a"), False, id="the account of its namespace"),
    ],
)
def test_token(text: str, has_token: bool) -> None:
    found = reached(text)
    assert found.has_token is has_token
    assert found.token


@pytest.mark.parametrize(
    ("text", "namespace", "is_assumed"),
    [
        pytest.param(pod(namespace="a"), "a", False, id="written"),
        pytest.param(pod(), "default", True, id="nothing names it"),
        pytest.param(pod() + account(namespace="b"), "b", True, id="that of the account"),
        pytest.param(
            pod() + binding("b", "ClusterRole/r", "kind: ServiceAccount, name: web, namespace: c"),
            "c",
            True,
            id="a subject's",
        ),
        pytest.param(
            pod() + binding("b", "Role/r", "kind: ServiceAccount, name: web", namespace="d"),
            "d",
            True,
            id="a binding's",
        ),
        pytest.param(pod() + account(namespace="b") + account(namespace="c"), "default", True, id="two"),
    ],
)
def test_namespace(text: str, namespace: str, is_assumed: bool) -> None:
    found = reached(text)
    assert (found.namespace, found.is_assumed) == (namespace, is_assumed)


def test_what_belongs_to_another_cluster_does_not_count() -> None:
    texts = {
        "prod/a.yaml": pod(namespace="apps"),
        "prod/b.yaml": binding("b", "ClusterRole/all", SUBJECT),
        "staging/b.yaml": binding("c", "ClusterRole/all", SUBJECT),
        "roles.yaml": role("all", PODS),
    }
    resources = [one for path, text in texts.items() for one in manifest.read(path, text.encode()).resources]
    objects = [one for resource in resources if (one := read(resource, FaultLog())) is not None]
    (workload,) = [found for resource in resources if (found := find_workload(resource)) is not None]
    clusters = [ClusterFolders.of(name, (f"{name}/",)) for name in ("prod", "staging")]
    grants = [
        [one.binding.name for one in reach.grants]
        for known in (DeployedTo(), DeployedTo(clusters))
        for reach in reaches(workload, [workload], objects, known)
    ]
    assert grants == [["b", "c"], ["b"]]


def test_grants() -> None:
    text = (
        pod(namespace="apps")
        + role("here", PODS, namespace="apps")
        + role("all", PODS)
        + binding("b", "Role/here", SUBJECT, namespace="apps")
        + binding("c", "ClusterRole/all", SUBJECT)
        + binding("d", "ClusterRole/all", "kind: ServiceAccount, name: other, namespace: apps")
    )
    assert [(one.binding.name, one.namespace) for one in reached(text).grants] == [("c", ""), ("b", "apps")]
