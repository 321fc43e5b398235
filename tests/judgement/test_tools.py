"""Files of tools that install clusters: every flag of the CIS benchmark, in real files, at its own line."""

from __future__ import annotations

import functools

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest, pss
from kgate.rules import load
from tests.command import ROOT

FOLDER = ROOT / "tests/data/control_plane/tools"

API, MANAGER, SCHEDULER = "kube-apiserver", "kube-controller-manager", "kube-scheduler"

ROWS = (
    (API, "anonymous-auth", "true", "api-server-anonymous-auth"),
    (API, "authorization-mode", "AlwaysAllow", "api-server-always-allow"),
    (API, "authorization-mode", "RBAC", "api-server-without-node-authorizer"),
    (API, "authorization-mode", "Node", "api-server-without-rbac"),
    (API, "disable-admission-plugins", "NamespaceLifecycle", "api-server-admission-off"),
    (API, "disable-admission-plugins", "PodSecurity", "api-server-without-pod-admission"),
    (API, "disable-admission-plugins", "ServiceAccount", "api-server-admission-off"),
    (API, "enable-admission-plugins", "AlwaysAdmit", "api-server-always-admits"),
    (API, "enable-admission-plugins", "AlwaysPullImages", "api-server-without-node-restriction"),
    (API, "enable-admission-plugins", "NodeRestriction", "api-server-admits-external-ips"),
    (API, "enable-admission-plugins", "NodeRestriction", "api-server-without-event-limit"),
    (API, "enable-admission-plugins", "NodeRestriction", "api-server-without-image-pulls"),
    (API, "profiling", "true", "control-plane-profiling"),
    (API, "request-timeout", "0", "api-server-request-timeout"),
    (API, "secure-port", "0", "api-server-without-secure-port"),
    (API, "service-account-extend-token-expiration", "true", "api-server-extends-tokens"),
    (API, "service-account-lookup", "false", "api-server-keeps-deleted-accounts"),
    (API, "tls-cipher-suites", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "weak-tls"),
    (API, "token-auth-file", "/etc/tokens.csv", "api-server-static-credentials"),
    (MANAGER, "bind-address", "0.0.0.0", "control-plane-bind-address"),
    (MANAGER, "feature-gates", "RotateKubeletServerCertificate=false", "kubelet-serving-rotation-off"),
    (MANAGER, "profiling", "true", "control-plane-profiling"),
    (MANAGER, "terminated-pod-gc-threshold", "0", "controller-manager-keeps-pods"),
    (MANAGER, "use-service-account-credentials", "false", "controller-manager-shared-credentials"),
    (SCHEDULER, "bind-address", "0.0.0.0", "control-plane-bind-address"),
    (SCHEDULER, "profiling", "true", "control-plane-profiling"),
    ("etcd", "auto-tls", "true", "etcd-self-signed"),
    ("etcd", "client-cert-auth", "false", "etcd-without-client-certificates"),
    ("etcd", "peer-auto-tls", "true", "etcd-self-signed"),
    ("kubelet", "anonymous-auth", "true", "kubelet-anonymous-auth"),
    ("kubelet", "authorization-mode", "AlwaysAllow", "kubelet-always-allow"),
    ("kubelet", "event-qps", "0", "kubelet-unlimited-events"),
    ("kubelet", "feature-gates", "RotateKubeletServerCertificate=false", "kubelet-serving-rotation-off"),
    ("kubelet", "hostname-override", "node", "kubelet-hostname-override"),
    ("kubelet", "make-iptables-util-chains", "false", "kubelet-without-iptables-chains"),
    ("kubelet", "pod-max-pids", "-1", "kubelet-unlimited-pids"),
    ("kubelet", "protect-kernel-defaults", "false", "kubelet-changes-kernel"),
    ("kubelet", "read-only-port", "10255", "kubelet-read-only-port"),
    ("kubelet", "rotate-certificates", "false", "kubelet-without-rotation"),
    ("kubelet", "streaming-connection-idle-timeout", "0", "kubelet-idle-connections"),
)
"""Program, flag, value, and the rule that finds it, of every row that a flag can offend that is there."""

_V1BETA4 = "extraArgs: [{name: FLAG, value: 'VALUE'}]"
_NODE = "nodeRegistration:\n  kubeletExtraArgs: [{name: FLAG, value: 'VALUE'}]"

EDITS = {
    "kubeadm-v1beta4": {
        API: ("apiServer: {}", f"apiServer:\n  {_V1BETA4}"),
        MANAGER: ("controllerManager: {}", f"controllerManager:\n  {_V1BETA4}"),
        SCHEDULER: ("scheduler: {}", f"scheduler:\n  {_V1BETA4}"),
        "etcd": ("  local:", f"  local:\n    {_V1BETA4}"),
        "kubelet": ("nodeRegistration:", _NODE),
    },
    "kubeadm-v1beta3": {
        API: ("    enable-admission-plugins:", "    FLAG: 'VALUE'\n    audit-log-path:"),
        MANAGER: ("    allocate-node-cidrs:", "    FLAG: 'VALUE'\n    allocate-node-cidrs:"),
        SCHEDULER: ("scheduler:\n  extraArgs:", "scheduler:\n  extraArgs:\n    FLAG: 'VALUE'"),
        "etcd": ("      proxy-refresh-interval:", "      FLAG: 'VALUE'\n      proxy-refresh-interval:"),
        "kubelet": ("    node-ip:", "    FLAG: 'VALUE'\n    node-ip:"),
    },
    "kind": {
        API: ('          encryption-provider-config: "', "          FLAG: 'VALUE'\n          encryption-provider-config: \""),
        MANAGER: ('      controllerManager:\n        extraArgs:\n          v: "5"', "      controllerManager: {extraArgs: {FLAG: 'VALUE'}}"),
        SCHEDULER: ('      scheduler:\n        extraArgs:\n          v: "5"', "      scheduler: {extraArgs: {FLAG: 'VALUE'}}"),
        "kubelet": ("  kubeadmConfigPatches:", "  kubeadmConfigPatches:\n    - |\n      kind: InitConfiguration\n      nodeRegistration:\n        kubeletExtraArgs: {FLAG: 'VALUE'}"),
    },
    "k3s": {
        API: ("kube-apiserver-arg:", "kube-apiserver-arg:\n  - FLAG=VALUE"),
        MANAGER: ("kube-controller-manager-arg:", "kube-controller-manager-arg:\n  - FLAG=VALUE"),
        SCHEDULER: ("kubelet-arg:", "kube-scheduler-arg: FLAG=VALUE\nkubelet-arg:"),
        "etcd": ("kubelet-arg:", "etcd-arg:\n- FLAG=VALUE\nkubelet-arg:"),
        "kubelet": ("kubelet-arg:", "kubelet-arg:\n  - FLAG=VALUE"),
    },
    "talos": {
        API: ("      enable-aggregator-routing: true", "      FLAG: VALUE"),
        MANAGER: ("  controllerManager:\n    extraArgs:\n      bind-address: 0.0.0.0", "  controllerManager:\n    extraArgs:\n      FLAG: VALUE"),
        SCHEDULER: ("  scheduler:\n    extraArgs:\n      bind-address: 0.0.0.0", "  scheduler:\n    extraArgs:\n      FLAG: VALUE"),
        "etcd": ("      listen-metrics-urls:", "      FLAG: VALUE\n      listen-metrics-urls:"),
        "kubelet": ("  kubelet:", "  kubelet:\n    extraArgs: {FLAG: VALUE}"),
    },
}  # fmt: skip
"""By file and program, a text and what takes its place, so that the program gets a flag."""

ADDED_BY_TALOS = (
    "api-server-without-node-authorizer",
    "api-server-without-rbac",
    "api-server-without-node-restriction",
)
"""Rows that no value offends where it is put beside that of the tool."""

CASES = [
    pytest.param(file, row, id=f"{file}-{row[0]}-{row[1]}-{row[3]}")
    for file, edits in EDITS.items()
    for row in ROWS
    if row[0] in edits and not (file == "talos" and row[3] in ADDED_BY_TALOS)
]


@functools.cache
def judge() -> Judge:
    """Judges by the rules about components alone."""
    return Judge([rule for rule in load.load() if rule.components], pss.NEWEST_MINOR)


def findings(text: str) -> list[tuple[str, int]]:
    """The rules that find something in a file, each with its line."""
    batch = manifest.read("cluster.yaml", text.encode())
    assert (batch.problems, batch.unjudged) == ((), ())
    judged = [judge().judge(resource) for resource in batch.resources]
    assert [problem for one in judged for problem in one.problems] == []
    return sorted((found.rule.id, found.location.start.line) for one in judged for found in one.findings)


@pytest.mark.parametrize(("file", "row"), CASES)
def test_a_flag_is_found_at_its_line(file: str, row: tuple[str, str, str, str]) -> None:
    program, flag, value, rule = row
    before, after = EDITS[file][program]
    text = (FOLDER / f"{file}.yaml").read_text(encoding="utf-8")
    assert before in text
    text = "".join(line for line in text.splitlines(keepends=True) if f"{flag}=" not in line)  # k3s takes the last one
    edited = text.replace(before, after.replace("FLAG", flag).replace("VALUE", value), 1)
    lines = [number for number, line in enumerate(edited.split("\n"), 1) if flag in line and value in line]
    assert lines
    found = [line for name, line in findings(edited) if name == rule]
    assert set(found) & set(lines), found


def test_there_are_many() -> None:
    assert len(CASES) > 150
    assert len({row[3] for row in ROWS}) > 30


FIELDS = (
    ("authentication:\n  anonymous:\n    enabled: false", "authentication:\n  anonymous:\n    enabled: true", "kubelet-anonymous-auth"),
    ("  mode: Webhook", "  mode: AlwaysAllow", "kubelet-always-allow"),
    ("rotateCertificates: true", "readOnlyPort: 10255", "kubelet-read-only-port"),
    ("rotateCertificates: true", "eventRecordQPS: 0", "kubelet-unlimited-events"),
    ("rotateCertificates: true", "makeIPTablesUtilChains: false", "kubelet-without-iptables-chains"),
    ("rotateCertificates: true", "protectKernelDefaults: false", "kubelet-changes-kernel"),
    ("rotateCertificates: true", "podPidsLimit: -1", "kubelet-unlimited-pids"),
    ("rotateCertificates: true", "featureGates: {RotateKubeletServerCertificate: false}", "kubelet-serving-rotation-off"),
    ("rotateCertificates: true", "tlsCipherSuites: [TLS_RSA_WITH_3DES_EDE_CBC_SHA]", "weak-tls"),
    ('metricsBindAddress: ""', "metricsBindAddress: 0.0.0.0:10249", "kube-proxy-metrics-address"),
)  # fmt: skip


@pytest.mark.parametrize(("before", "after", "rule"), FIELDS, ids=[row[2] for row in FIELDS])
def test_a_field_is_found_at_its_line(before: str, after: str, rule: str) -> None:
    text = (FOLDER / "kubeadm-v1beta4.yaml").read_text(encoding="utf-8")
    edited = text.replace(before, after, 1)
    wanted = edited[: edited.index(after) + len(after)].count("\n") + 1
    assert (rule, wanted) in findings(edited)


def test_a_kubelet_without_kubeadm_rotates_nothing_by_itself() -> None:
    text = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nrotateCertificates: false\n"
    names = dict(findings(text))
    assert (names["kubelet-without-rotation"], names["kubelet-without-client-authority"]) == (3, 1)


_OF_THE_SERVER = [
    *("api-server-admits-external-ips", "api-server-without-event-limit", "api-server-without-image-pulls"),
    *("api-server-anonymous-auth", "api-server-extends-tokens", "api-server-trusts-any-kubelet"),
    *("api-server-without-audit", "api-server-without-encryption", "control-plane-profiling"),
]
_PROFILING = ["control-plane-profiling"]
_OF_A_KUBELET = ["kubelet-changes-kernel", "kubelet-unlimited-pids", "kubelet-without-certificate"]

WANTED = {
    "kubeadm-v1beta4": {
        29: sorted(_OF_THE_SERVER),
        35: _PROFILING,
        48: _PROFILING,
        50: _OF_A_KUBELET,
    },
    "kubeadm-v1beta3": {
        24: _OF_THE_SERVER[3:],
        25: _OF_THE_SERVER[:3],
        27: _PROFILING,
        31: _PROFILING,
        47: _OF_A_KUBELET,
        69: ["kube-proxy-metrics-address"],
    },
    "kind": {},
    "k3s": {4: ["api-server-admits-external-ips", "api-server-without-image-pulls"], 14: ["kubelet-unlimited-pids"]},
    "talos": {9: ["control-plane-bind-address"], 19: ["control-plane-bind-address"]},
}
"""What the files offend as they are, by line."""


@pytest.mark.parametrize("file", EDITS)
def test_all_that_a_real_file_offends(file: str) -> None:
    found: dict[int, list[str]] = {}
    for rule, line in findings((FOLDER / f"{file}.yaml").read_text(encoding="utf-8")):
        found.setdefault(line, []).append(rule)
    assert found == WANTED[file]
