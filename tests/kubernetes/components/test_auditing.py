"""kubernetes/components/auditing: which files of a repository an API server reads, and what they say."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from kgate.judgement.engine import NO_FACTS, Judge
from kgate.kubernetes import manifest
from kgate.kubernetes.auditfiles import AuditCollector, AuditedServer, AuditFiles, AuditPolicyFile, AuditWebhook
from kgate.kubernetes.components import auditing
from kgate.model import Finding, Location, Position
from kgate.rules.load import load
from tests.command import kgate
from tests.hostile import write

RULES = (
    *(
        "audit-collector-not-on-control-plane",
        "audit-events-oversized",
        "audit-flags-differ",
        "audit-log-not-collected",
    ),
    *("audit-policy-any-group", "audit-webhook-unreachable", "audit-webhook-unverified"),
)
JUDGE = Judge([rule for rule in load() if rule.id in RULES], 37)

BODIES = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n- level: Request\n"
NO_BODIES = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"


def server(*flags: str, volumes: str = "") -> str:
    words = "".join(f"    - {flag}\n" for flag in flags)
    return (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: kube-system}\nspec:\n  hostNetwork: true\n"
        f"  containers:\n  - name: a\n    command:\n    - kube-apiserver\n{words}{volumes}"
    )


AUDITED = server("--audit-policy-file=/etc/audit/policy.yaml", "--audit-webhook-config-file=/etc/audit/hook.yaml")
RENAMED = server(
    "--audit-policy-file=/etc/audit/policy.yaml",
    "--audit-webhook-config-file=/etc/audit/hook.yaml",
    volumes="    volumeMounts: [{name: a, mountPath: /etc/audit/policy.yaml}]\n"
    "  volumes: [{name: a, hostPath: {path: /etc/kubernetes/bodies.yaml}}]\n",
)


def kubeconfig(server: str, context: str = "a") -> str:
    return (
        f"apiVersion: v1\nkind: Config\ncurrent-context: {context}\ncontexts:\n- {{name: a, context: {{cluster: a}}}}\n"
        f"clusters:\n- name: a\n  cluster:\n    server: {server}\n"
    )


def judged(files: Mapping[str, str]) -> tuple[list[Finding], list[str]]:
    """The findings and notes of a repository."""
    resources = [one for path, text in files.items() for one in manifest.read(path, text.encode()).resources]
    facts = replace(NO_FACTS, audit=auditing.gathered(resources))
    judgements = [JUDGE.judge(one, facts) for one in resources]
    notes = [note.message for one in judgements for note in one.notes if "audit policy" in note.message]
    return [finding for one in judgements for finding in one.findings], notes


def places(files: Mapping[str, str]) -> list[str]:
    """The rules that find something, with the other places of the finding."""
    return [
        " ".join(
            (one.rule.id, *(f"{other.location.path}:{other.location.start.line}" for other in one.location.related))
        )
        for one in judged(files)[0]
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"a.yaml": AUDITED, "policy.yaml": BODIES}, ["policy.yaml:5"], id="a policy with bodies"),
        pytest.param({"a.yaml": AUDITED, "policy.yaml": NO_BODIES}, [], id="a policy without bodies"),
        pytest.param({"a.yaml": AUDITED, "bodies.yaml": BODIES}, [], id="another name"),
        pytest.param({"a.yaml": RENAMED, "bodies.yaml": BODIES}, ["bodies.yaml:5"], id="the name on the node"),
        pytest.param(
            {"a/pod.yaml": AUDITED, "a/policy.yaml": BODIES, "b/policy.yaml": NO_BODIES},
            ["a/policy.yaml:5"],
            id="the nearest one",
        ),
        pytest.param({"a.yaml": AUDITED, "b/policy.yaml": BODIES, "c/policy.yaml": BODIES}, [], id="two as near"),
    ],
)
def test_which_policy_an_api_server_reads(files: dict[str, str], expected: list[str]) -> None:
    assert places(files) == [f"audit-events-oversized {place}" for place in expected]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"policy.yaml": NO_BODIES}, [], id="it is there"),
        pytest.param(
            {"other.yaml": NO_BODIES},
            ["no file policy.yaml with an audit policy is scanned, so nobody knows what it records"],
            id="it is not there",
        ),
    ],
)
def test_a_policy_that_is_not_in_the_repository_is_a_note(files: dict[str, str], expected: list[str]) -> None:
    assert judged({"a.yaml": AUDITED, **files})[1] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(kubeconfig("https://a.example.org"), [], id="over TLS"),
        pytest.param(kubeconfig("http://a.example.org"), ["unverified hook.yaml:9"], id="as plain text"),
        pytest.param(
            f"{kubeconfig('https://a.example.org')}    insecure-skip-tls-verify: true\n",
            ["unverified hook.yaml:10"],
            id="with any certificate",
        ),
        pytest.param(kubeconfig("https://a.b.svc:443/x"), ["unreachable hook.yaml:9"], id="a Service"),
        pytest.param(kubeconfig("https://a.b.svc.cluster.local"), ["unreachable hook.yaml:9"], id="its whole name"),
        pytest.param(kubeconfig("https://a.svc.example.org"), [], id="svc inside of a name"),
        pytest.param(kubeconfig("https://asvc.example.org"), [], id="a name that only looks like it"),
        pytest.param(kubeconfig("https://a", "b"), ["unreachable hook.yaml:3"], id="another context"),
        pytest.param("apiVersion: v1\nkind: Config\n", ["unreachable hook.yaml:1"], id="nothing in it"),
        pytest.param(
            kubeconfig("https://a").replace("cluster: a}", "cluster: b}"),
            ["unreachable hook.yaml:5"],
            id="no such cluster",
        ),
        pytest.param(
            "apiVersion: v1\nkind: Config\ncurrent-context: []\ncontexts: 3\n",
            ["unreachable hook.yaml:3"],
            id="wrong types",
        ),
    ],
)
def test_the_kubeconfig_of_a_webhook(text: str, expected: list[str]) -> None:
    found = [one for one in places({"a.yaml": AUDITED, "hook.yaml": text}) if "webhook" in one]
    assert found == [f"audit-webhook-{one}" for one in expected]


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        pytest.param("https://10.0.0.1:2379", "https://10.0.0.1:2379", True, id="one etcd"),
        pytest.param("https://10.0.0.1:2379", "https://10.0.0.2:2379", False, id="two"),
        pytest.param("https://127.0.0.1:2379", "https://127.0.0.1:2379", False, id="each its own"),
    ],
)
def test_flags_of_two_api_servers(first: str, second: str, differ: bool) -> None:
    files = {
        "a.yaml": server(f"--etcd-servers={first}", "--audit-log-path=/a.log"),
        "b.yaml": server(f"--etcd-servers={second}", "--audit-log-path=/b.log"),
    }
    assert places(files) == (["audit-flags-differ b.yaml:11", "audit-flags-differ a.yaml:11"] if differ else [])


ANY_GROUP = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n  resources: [{group: '*'}]\n"


def of_version(minor: int) -> str:
    """An API server that says its version, and which names a policy."""
    image = f"    image: registry.k8s.io/kube-apiserver:v1.{minor}.0\n    command"
    return server("--audit-policy-file=/a/policy.yaml").replace("    command", image)


def of_kops(minor: int) -> str:
    """A cluster of kOps with the policy inside."""
    return (
        f"apiVersion: kops.k8s.io/v1alpha2\nkind: Cluster\nmetadata: {{name: a}}\nspec:\n"
        f"  kubernetesVersion: 1.{minor}.0\n  kubeAPIServer: {{auditPolicyFile: /a.yaml}}\n"
        f"  fileAssets:\n  - name: a\n    content: |\n{textwrap.indent(ANY_GROUP, ' ' * 6)}"
    )


@pytest.mark.parametrize(
    ("files", "is_found"),
    [
        pytest.param({"a.yaml": of_version(36), "policy.yaml": ANY_GROUP}, False, id="since 1.36"),
        pytest.param({"a.yaml": of_version(35), "policy.yaml": ANY_GROUP}, True, id="up to 1.35"),
        pytest.param(
            {"a.yaml": of_version(36), "b.yaml": of_version(35), "policy.yaml": ANY_GROUP}, True, id="one is older"
        ),
        pytest.param({"a.yaml": of_version(35), "other.yaml": ANY_GROUP}, False, id="another file"),
        pytest.param({"a.yaml": of_kops(36)}, False, id="kOps since 1.36"),
        pytest.param({"a.yaml": of_kops(35)}, True, id="kOps up to 1.35"),
        pytest.param({"a.yaml": f"{AUDITED}---\n{of_kops(35)}"}, True, id="in a later document of a file"),
    ],
)
def test_a_policy_is_judged_for_the_version_that_reads_it(files: dict[str, str], is_found: bool) -> None:
    found = [one.rule.id for one in judged(files)[0] if one.rule.id == "audit-policy-any-group"]
    assert found == ["audit-policy-any-group"] * is_found


def collector(folder: str, image: str = "fluent/fluentd-kubernetes-daemonset:v1", kind: str = "DaemonSet") -> str:
    return (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: logs}}\nspec:\n  selector: {{}}\n  template:\n"
        f"    spec:\n      containers: [{{name: a, image: '{image}'}}]\n"
        f"      volumes: [{{name: a, hostPath: {{path: {folder}}}}}]\n"
    )


MISSES_LOG = "audit-log-not-collected a.yaml:10"
MISSES_NODE = "audit-collector-not-on-control-plane a.yaml:10"


@pytest.mark.parametrize(
    ("flags", "files", "expected"),
    [
        pytest.param((), [collector("/var/log/audit")], [MISSES_NODE], id="its folder"),
        pytest.param((), [collector("/var/log/")], [MISSES_NODE], id="a folder around it"),
        pytest.param((), [collector("/")], [MISSES_NODE], id="the whole node"),
        pytest.param((), [collector("/var/log/audi")], [MISSES_LOG], id="a folder that begins alike"),
        pytest.param((), [collector("/var/lib", "docker.io/timberio/vector:0.50.0-alpine")], [MISSES_LOG], id="vector"),
        pytest.param((), [collector("/var/lib", "filebeat@sha256:0")], [MISSES_LOG], id="filebeat, by digest"),
        pytest.param((), [collector("/var/lib", "example.org/vectors:1")], [], id="another program"),
        pytest.param((), [collector("/var/lib", kind="Deployment")], [], id="on one node"),
        pytest.param((), [collector("/var/lib"), collector("/var/log")], [MISSES_NODE], id="another one sees it"),
        pytest.param(("--audit-webhook-config-file=/a",), [collector("/var/lib")], [], id="a webhook gets them"),
    ],
)
def test_collectors(flags: tuple[str, ...], files: list[str], expected: list[str]) -> None:
    others = {f"logs{index}.yaml": text for index, text in enumerate(files)}
    assert places({"a.yaml": server("--audit-log-path=/var/log/audit/a.log", *flags), **others}) == expected


def test_a_scan_joins_the_files(tmp_path: Path) -> None:
    write(tmp_path, {"pods/a.yaml": AUDITED, "audit/policy.yaml": BODIES, "audit/hook.yaml": kubeconfig("http://a")})
    found = json.loads(kgate("scan", ".", "-f", "json", "--select", ",".join(RULES), cwd=tmp_path).out)
    related = {one["rule"]: [(place["path"], place["line"]) for place in one["related"]] for one in found["findings"]}
    assert related == {
        "audit-events-oversized": [("audit/policy.yaml", 5)],
        "audit-webhook-unverified": [("audit/hook.yaml", 9)],
    }


def test_many_api_servers_take_no_longer_each() -> None:
    """Nor does what is said of one name all others."""
    number = 400
    place = Location("a.yaml", Position(1, 1), Position(1, 1))
    servers = [
        AuditedServer(f"{n}/a.yaml", place, 30, "p.yaml", "h.yaml", f"/var/log/{n}", ("https://e",), (("a", str(n)),))
        for n in range(number)
    ]
    servers += [replace(one, webhook="") for one in servers]
    files = AuditFiles(
        tuple(servers),
        tuple(AuditPolicyFile(f"{n}/p.yaml", is_inside=False) for n in range(number)),
        tuple(AuditWebhook(f"{n}/h.yaml", is_inside=False) for n in range(number)),
        tuple(AuditCollector("c.yaml", (f"/var/other/{n}",)) for n in range(number)),
    )
    start = time.process_time()
    assert {files.minor_of(one.path, "") for one in files.policies} == {30}
    assert all(files.has_unseen_log for _ in files.collectors)
    assert {sum(1 for _ in files.others_of(one)) for one in servers} == {number - 1}
    assert len(list(auditing.places_of_logs(files))) < 20
    assert time.process_time() - start < 10
