"""Rules about the programs of a cluster: what real static pods are told, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.rules.load import load
from tests.command import ROOT, kgate
from tests.hostile import write

HEAD = """\
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: kube-system}
spec:
  hostNetwork: true
  containers:
  - name: a
    image: registry.k8s.io/kube-apiserver:v1.31.2
"""
ALWAYS = "api-server-always-allow"


def report(folder: Path, text: str, *arguments: str) -> Any:
    write(folder, {"pod.yaml": text})
    return json.loads(kgate("scan", ".", "-f", "json", *arguments, cwd=folder).out)


def places(found: Any, rule: str = ALWAYS) -> list[tuple[int, int, str | None]]:
    return [
        (finding["location"]["line"], finding["location"]["column"], finding["container"])
        for finding in found["findings"]
        if finding["rule"] == rule
    ]


@pytest.mark.parametrize(
    ("command", "place"),
    [
        pytest.param(
            "    command:\n    - kube-apiserver\n    - --authorization-mode=AlwaysAllow\n", (11, 7), id="a flag"
        ),
        pytest.param(
            "    command: [kube-apiserver]\n    args: [--authorization-mode, AlwaysAllow]\n", (10, 12), id="two words"
        ),
        pytest.param(
            "    command: [kube-apiserver]\n    args:\n    - --profiling\n", (10, 5), id="missing in the arguments"
        ),
        pytest.param("    command:\n    - kube-apiserver\n", (9, 5), id="missing in the command"),
        pytest.param("    command: [sh, -c, 'kube-apiserver --v=2']\n", (9, 5), id="missing in a script"),
    ],
)
def test_a_finding_points_at_the_flag_or_at_the_list_that_lacks_it(
    tmp_path: Path, command: str, place: tuple[int, int]
) -> None:
    found = report(tmp_path, HEAD + command, "--select", ALWAYS)
    assert places(found) == [(*place, "a")]


def test_a_fingerprint_survives_other_flags(tmp_path: Path) -> None:
    prints = {
        report(tmp_path, f"{HEAD}    command: [kube-apiserver, {flag}]\n", "--select", ALWAYS)["findings"][0][
            "fingerprint"
        ]
        for flag in ("--v=2", "--v=2, --authorization-mode=AlwaysAllow", "--profiling, --v=4")
    }
    assert len(prints) == 1


def test_it_counts_for_the_score_and_can_be_waived(tmp_path: Path) -> None:
    text = (
        HEAD
        + "    command:\n    - kube-apiserver\n    - --profiling # kgate: allow[control-plane-profiling] it is needed\n"
    )
    found = report(tmp_path, text, "--select", "control-plane-profiling")
    (finding,) = found["findings"]
    assert finding["waived"]["reason"] == "it is needed"
    (workload,) = report(tmp_path, text, "--select", ALWAYS)["workloads"]
    assert workload["score"] < 30


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(
            "[kube-apiserver, --authorization-mode=$(MODE)]\n    env: [{name: MODE, valueFrom: {}}]",
            "the value of --authorization-mode of kube-apiserver is not known",
            id="a value of the cluster",
        ),
        pytest.param("[sh, -c, 'kube-apiserver $ARGS']", "what $ARGS stands for is not known", id="flags of the shell"),
        pytest.param(
            "[sh, -c, 'kube-apiserver \"open']", "the shell script cannot be read", id="a script that cannot be read"
        ),
    ],
)
def test_what_cannot_be_known_is_unjudged(tmp_path: Path, command: str, message: str) -> None:
    found = report(tmp_path, f"{HEAD}    command: {command}\n", "--select", ALWAYS)
    assert not found["findings"]
    assert [message in one["why"] for one in found["unjudged"]] == [True]
    assert found["verdict"]["incomplete"]


def test_a_rule_is_silent_where_it_reads_what_is_not_known(tmp_path: Path) -> None:
    command = "[kube-apiserver, --authorization-config=$(FILE)]\n    env: [{name: FILE, valueFrom: {}}]"
    found = report(tmp_path, f"{HEAD}    command: {command}\n", "--select", ALWAYS)
    assert not found["findings"]
    assert ["--authorization-config" in one["why"] for one in found["unjudged"]] == [True]


def test_a_value_that_no_rule_reads_does_not_matter(tmp_path: Path) -> None:
    command = "[kube-apiserver, --advertise-address=$(IP)]\n    env: [{name: IP, valueFrom: {}}]"
    assert not report(tmp_path, f"{HEAD}    command: {command}\n", "--select", ALWAYS)["unjudged"]


def test_a_refused_value_and_an_unknown_flag(tmp_path: Path) -> None:
    command = "[kube-apiserver, --profiling=maybe, --anonymous-aut=false]"
    found = report(tmp_path, f"{HEAD}    command: {command}\n")
    assert any("--profiling" in one["message"] and "true or false" in one["message"] for one in found["problems"])
    assert any("did you mean --anonymous-auth?" in one["message"] for one in found["notes"])
    assert not places(found, "control-plane-profiling")


OF_ANY_API_SERVER = {
    *("api-server-admits-external-ips", "api-server-extends-tokens", "api-server-trusts-any-kubelet"),
    *("api-server-without-audit", "api-server-without-encryption", "api-server-without-event-limit"),
    "api-server-without-image-pulls",
    "control-plane-profiling",
}


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        pytest.param("kubeadm/etcd.yaml", set(), id="etcd of kubeadm"),
        pytest.param(
            "kubeadm/kube-apiserver.yaml", {"api-server-anonymous-auth", *OF_ANY_API_SERVER}, id="API server of kubeadm"
        ),
        pytest.param("kubeadm/kube-controller-manager.yaml", {"control-plane-profiling"}, id="controllers of kubeadm"),
        pytest.param("kubeadm/kube-scheduler.yaml", {"control-plane-profiling"}, id="scheduler of kubeadm"),
        pytest.param("kops/kube-apiserver.yaml", OF_ANY_API_SERVER, id="API server of kops"),
        pytest.param(
            "kops/kube-controller-manager.yaml",
            {"control-plane-profiling", "control-plane-bind-address"},
            id="controllers of kops",
        ),
        pytest.param("kops/kube-scheduler.yaml", set(), id="scheduler of kops, which has a file"),
        pytest.param("kops/kube-proxy.yaml", set(), id="kube-proxy of kops"),
    ],
)
def test_what_an_installer_leaves_open(path: str, rules: set[str]) -> None:
    """What kube-bench finds in a cluster that kubeadm made, and nothing else."""
    found = json.loads(
        kgate("scan", f"tests/data/control_plane/{path}", "-f", "json", "--persona", "pedantic", cwd=ROOT).out
    )
    about = {rule.id for rule in load() if rule.components}
    assert {finding["rule"] for finding in found["findings"]} & about == rules
    assert not found["unjudged"]
    assert not [note for note in found["notes"] if "flag" in note["message"] or "judged as" in note["message"]]


JUDGE = Judge([rule for rule in load() if rule.components], NEWEST_MINOR)
SERVER, MANAGER, SCHEDULER, ETCD = "kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"
OLD = "image=registry.k8s.io/kube-apiserver:v1.18.0"


def found_with(program: str, *changes: str) -> set[str]:
    """The rules that the static pod of kubeadm offends with other flags: ``--a=b`` and ``--a`` instead of what it has,
    ``-a`` removes one, and ``image=`` names another image."""
    (resource,) = manifest.read(
        "a.yaml", (ROOT / f"tests/data/control_plane/kubeadm/{program}.yaml").read_bytes()
    ).resources
    container = resource.body["spec"]["containers"][0]
    for change in changes:
        name = change.lstrip("-").partition("=")[0]
        if name == "image":
            container["image"] = change.partition("=")[2]
        else:
            kept = [word for word in container["command"] if word.partition("=")[0] != f"--{name}"]
            container["command"] = [*kept, *([change] if change.startswith("--") else [])]
    return {finding.rule.id for finding in JUDGE.judge(resource).findings}


@pytest.mark.parametrize(
    ("program", "changes", "rule"),
    [
        pytest.param(SERVER, ("--token-auth-file=/a",), "api-server-static-credentials", id="1.2.2"),
        pytest.param(SERVER, (OLD, "--basic-auth-file=/a"), "api-server-static-credentials", id="passwords"),
        pytest.param(SERVER, (OLD, "--kubelet-https=false"), "api-server-kubelet-http", id="kubelets without TLS"),
        pytest.param(SERVER, ("-kubelet-client-certificate",), "api-server-without-kubelet-certificate", id="1.2.4"),
        pytest.param(SERVER, ("-kubelet-client-key",), "api-server-without-kubelet-certificate", id="1.2.4, the key"),
        pytest.param(SERVER, ("--authorization-mode=Node,AlwaysAllow",), "api-server-always-allow", id="1.2.6"),
        pytest.param(SERVER, ("-authorization-mode",), "api-server-always-allow", id="1.2.6, by default"),
        pytest.param(SERVER, ("--authorization-mode=RBAC",), "api-server-without-node-authorizer", id="1.2.7"),
        pytest.param(SERVER, ("--authorization-mode=Node",), "api-server-without-rbac", id="1.2.8"),
        pytest.param(SERVER, ("--enable-admission-plugins=AlwaysAdmit",), "api-server-always-admits", id="1.2.10"),
        pytest.param(
            SERVER, ("--disable-admission-plugins=PodSecurity",), "api-server-without-pod-admission", id="no levels"
        ),
        pytest.param(SERVER, (OLD,), "api-server-without-pod-admission", id="no policies of pods"),
        pytest.param(SERVER, ("--disable-admission-plugins=ServiceAccount",), "api-server-admission-off", id="1.2.12"),
        pytest.param(
            SERVER, ("--disable-admission-plugins=NamespaceLifecycle",), "api-server-admission-off", id="1.2.13"
        ),
        pytest.param(SERVER, ("-enable-admission-plugins",), "api-server-without-node-restriction", id="1.2.14"),
        pytest.param(SERVER, (OLD,), "api-server-insecure-port", id="the insecure port, by default"),
        pytest.param(SERVER, (OLD, "--insecure-port=8080"), "api-server-insecure-port", id="the insecure port"),
        pytest.param(SERVER, ("--secure-port=0",), "api-server-without-secure-port", id="the secure port"),
        pytest.param(SERVER, ("--request-timeout=10m",), "api-server-request-timeout", id="1.2.20"),
        pytest.param(SERVER, ("--service-account-lookup=false",), "api-server-keeps-deleted-accounts", id="1.2.21"),
        pytest.param(SERVER, ("-service-account-key-file",), "api-server-without-token-key", id="1.2.22"),
        pytest.param(SERVER, ("-etcd-certfile",), "api-server-without-etcd-certificate", id="1.2.23"),
        pytest.param(SERVER, ("-etcd-keyfile",), "api-server-without-etcd-certificate", id="1.2.23, the key"),
        pytest.param(SERVER, ("-tls-cert-file",), "api-server-without-certificate", id="1.2.24"),
        pytest.param(SERVER, ("-tls-private-key-file",), "api-server-without-certificate", id="1.2.24, the key"),
        pytest.param(SERVER, ("-client-ca-file",), "api-server-without-client-authority", id="1.2.25"),
        pytest.param(SERVER, ("-etcd-cafile",), "api-server-trusts-any-etcd", id="1.2.26"),
        pytest.param(SERVER, ("--tls-cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA",), "weak-tls", id="1.2.29"),
        pytest.param(
            SERVER, ("--etcd-cafile=/etc/kubernetes/pki/ca.crt",), "api-server-shares-etcd-authority", id="2.7"
        ),
        pytest.param(MANAGER, ("--terminated-pod-gc-threshold=0",), "controller-manager-keeps-pods", id="1.3.1"),
        pytest.param(
            MANAGER, ("-use-service-account-credentials",), "controller-manager-shared-credentials", id="1.3.3"
        ),
        pytest.param(
            MANAGER, ("-service-account-private-key-file",), "controller-manager-without-token-key", id="1.3.4"
        ),
        pytest.param(MANAGER, ("-root-ca-file",), "controller-manager-without-root-authority", id="1.3.5"),
        pytest.param(
            MANAGER,
            ("--feature-gates=RotateKubeletServerCertificate=false",),
            "kubelet-serving-rotation-off",
            id="1.3.6",
        ),
        pytest.param(MANAGER, ("-bind-address",), "control-plane-bind-address", id="1.3.7"),
        pytest.param(SCHEDULER, ("--bind-address=0.0.0.0",), "control-plane-bind-address", id="1.4.2"),
        pytest.param(ETCD, ("-cert-file",), "etcd-without-tls", id="2.1"),
        pytest.param(ETCD, ("-key-file",), "etcd-without-tls", id="2.1, the key"),
        pytest.param(ETCD, ("-client-cert-auth",), "etcd-without-client-certificates", id="2.2"),
        pytest.param(ETCD, ("--auto-tls=true",), "etcd-self-signed", id="2.3"),
        pytest.param(ETCD, ("-peer-cert-file",), "etcd-peers-without-tls", id="2.4"),
        pytest.param(ETCD, ("-peer-key-file",), "etcd-peers-without-tls", id="2.4, the key"),
        pytest.param(ETCD, ("--peer-client-cert-auth=false",), "etcd-peers-without-certificates", id="2.5"),
        pytest.param(ETCD, ("--peer-auto-tls",), "etcd-self-signed", id="2.6"),
    ],
)
def test_each_paragraph_of_the_benchmark(program: str, changes: tuple[str, ...], rule: str) -> None:
    """A real file passes what it does right, and fails it once the flag is another."""
    assert rule not in found_with(program)
    assert rule in found_with(program, *changes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        pytest.param(("--anonymous-auth=false",), "api-server-anonymous-auth", id="1.2.1"),
        pytest.param(
            ("--enable-admission-plugins=DenyServiceExternalIPs",), "api-server-admits-external-ips", id="1.2.3"
        ),
        pytest.param(("--kubelet-certificate-authority=/a",), "api-server-trusts-any-kubelet", id="1.2.5"),
        pytest.param(("--enable-admission-plugins=EventRateLimit",), "api-server-without-event-limit", id="1.2.9"),
        pytest.param(("--enable-admission-plugins=AlwaysPullImages",), "api-server-without-image-pulls", id="1.2.11"),
        pytest.param(("--profiling=false",), "control-plane-profiling", id="1.2.15"),
        pytest.param(("--encryption-provider-config=/a",), "api-server-without-encryption", id="1.2.27"),
        pytest.param(("--service-account-extend-token-expiration=false",), "api-server-extends-tokens", id="1.2.30"),
    ],
)
def test_each_paragraph_that_kubeadm_fails(changes: tuple[str, ...], rule: str) -> None:
    assert rule in found_with(SERVER)
    assert rule not in found_with(SERVER, *changes)
