"""pss.py and the rules with a pss check: the same answer as upstream's pod-security-admission.

Every row names an edge of kubernetes/pod-security-admission, policy/ (revision v1.37).
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kgate.errors import ConfigError
from kgate.judgement.engine import Judge
from kgate.kubernetes import pss
from kgate.kubernetes.podspec import CONTAINER_LISTS
from kgate.rules import load
from tests.manifests import resource

RULES = load.load()
FIXTURES = Path(__file__).parents[1] / "data" / "pss_fixtures.jsonl.gz"
"""Fixtures of kubernetes/pod-security-admission (test/testdata), Apache-2.0: see tests/data/NOTICE.md."""

Body = dict[str, Any]


@cache
def judge(minor: int) -> Judge:
    return Judge(RULES, minor)


def level(minor: int, spec: Body, annotations: Body | None = None) -> str:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "annotations": annotations or {}},
        "spec": spec,
    }
    judgement = judge(minor).judge(resource(pod))
    assert not judgement.problems, judgement.problems
    return pss.level(judge(minor).rules, judgement.offended)


# -------------------------------------------------------------------------------- upstream's fixtures

LEVELS = ("privileged", "baseline", "restricted")


def test_agrees_with_upstreams_fixtures() -> None:
    with gzip.open(FIXTURES, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    assert len(rows) == 2235
    wrong = [row["id"] for row in rows if not _agrees(row)]
    assert not wrong


def _agrees(row: Body) -> bool:
    minor = pss.parse_version(row["version"])
    judgement = judge(minor).judge(resource(row["pod"]))
    assert not judgement.problems, (row["id"], judgement.problems)
    got = pss.level(judge(minor).rules, judgement.offended)
    passes = LEVELS.index(got) >= LEVELS.index(row["level"])
    return passes is (row["expect"] == "pass")


def test_every_check_is_implemented() -> None:
    checks = {(check.level, check.check) for rule in RULES for check in rule.pss}
    assert checks == {
        ("baseline", "appArmorProfile"),
        ("baseline", "capabilities_baseline"),
        ("baseline", "hostNamespaces"),
        ("baseline", "hostPathVolumes"),
        ("baseline", "hostPorts"),
        ("baseline", "hostProbesAndHostLifecycle"),
        ("baseline", "privileged"),
        ("baseline", "procMount"),
        ("baseline", "seLinuxOptions"),
        ("baseline", "seccompProfile_baseline"),
        ("baseline", "sysctls"),
        ("baseline", "windowsHostProcess"),
        ("restricted", "allowPrivilegeEscalation"),
        ("restricted", "capabilities_restricted"),
        ("restricted", "procMount_restricted"),
        ("restricted", "restrictedVolumes"),
        ("restricted", "runAsNonRoot"),
        ("restricted", "runAsUser"),
        ("restricted", "seccompProfile_restricted"),
    }


# -------------------------------------------------------------------------------------------- edges

GOOD_CONTEXT: Body = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(list_name: str = "containers", context: Body | None = None, **fields: Any) -> Body:
    """A restricted pod in which one container's security context and the pod's fields are changed."""
    changed = {"name": "a", "image": "x", "securityContext": {**GOOD_CONTEXT, **(context or {})}}
    good = {"name": "good", "image": "x", "securityContext": GOOD_CONTEXT}
    lists = {"containers": [good], list_name: [changed]}
    return {**lists, **fields}


def container_with(list_name: str, **fields: Any) -> Body:
    body = spec(list_name)
    body[list_name][0] |= fields
    return body


R, B, P = "restricted", "baseline", "privileged"
WAIVED_BY_USER_NAMESPACES: dict[str, Body] = {
    "runAsNonRoot": {"runAsNonRoot": None},
    "explicit root": {"runAsNonRoot": False},
    "runAsUser 0": {"runAsUser": 0},
}

POD_ROWS: list[tuple[str, int, Body, str | None]] = [
    ("a hardened pod", 37, spec(), R),
    ("hostPID", 37, spec(hostPID=True), P),
    ("hostIPC", 37, spec(hostIPC=True), P),
    ("hostNetwork", 37, spec(hostNetwork=True), P),
    ("hostNetwork false", 37, spec(hostNetwork=False), R),
    # AppArmor fields
    ("AppArmor: pod RuntimeDefault", 37, spec(securityContext={"appArmorProfile": {"type": "RuntimeDefault"}}), R),
    ("AppArmor: pod Localhost", 37, spec(securityContext={"appArmorProfile": {"type": "Localhost"}}), R),
    ("AppArmor: pod Unconfined", 37, spec(securityContext={"appArmorProfile": {"type": "Unconfined"}}), P),
    ("AppArmor: pod empty profile", 37, spec(securityContext={"appArmorProfile": {}}), P),
    ("AppArmor: pod lower case", 37, spec(securityContext={"appArmorProfile": {"type": "runtimedefault"}}), P),
    ("AppArmor fields at 1.0", 0, spec(securityContext={"appArmorProfile": {"type": "Unconfined"}}), P),
    # SELinux
    ("SELinux: container_t", 37, spec(securityContext={"seLinuxOptions": {"type": "container_t"}}), R),
    ("SELinux: empty type", 37, spec(securityContext={"seLinuxOptions": {"type": ""}}), R),
    ("SELinux: level is free", 37, spec(securityContext={"seLinuxOptions": {"level": "s0:c1"}}), R),
    ("SELinux: spc_t", 37, spec(securityContext={"seLinuxOptions": {"type": "spc_t"}}), P),
    ("SELinux: upper case", 37, spec(securityContext={"seLinuxOptions": {"type": "CONTAINER_T"}}), P),
    ("SELinux: user", 37, spec(securityContext={"seLinuxOptions": {"user": "u"}}), P),
    ("SELinux: empty user", 37, spec(securityContext={"seLinuxOptions": {"user": "", "role": ""}}), R),
    ("SELinux: role", 37, spec(securityContext={"seLinuxOptions": {"role": "r"}}), P),
    ("SELinux: engine at 1.31", 31, spec(securityContext={"seLinuxOptions": {"type": "container_engine_t"}}), R),
    ("SELinux: engine at 1.30", 30, spec(securityContext={"seLinuxOptions": {"type": "container_engine_t"}}), P),
    # sysctls, version by version
    *[
        row
        for since, names in {
            0: ("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"),
            27: ("net.ipv4.ip_local_reserved_ports",),
            29: (
                "net.ipv4.tcp_keepalive_time",
                "net.ipv4.tcp_fin_timeout",
                "net.ipv4.tcp_keepalive_intvl",
                "net.ipv4.tcp_keepalive_probes",
            ),
            32: ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
            37: ("net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat"),
        }.items()
        for name in names
        for row in [
            (f"sysctl {name} at 1.{since}", since, spec(securityContext={"sysctls": [{"name": name}]}), None),
            (f"sysctl {name} before 1.{since}", since - 1, spec(securityContext={"sysctls": [{"name": name}]}), P),
        ]
        if row[1] >= 0
    ],
    ("sysctl in slash form", 37, spec(securityContext={"sysctls": [{"name": "net/ipv4/tcp_syncookies"}]}), P),
    ("unsafe sysctl", 37, spec(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}), P),
    ("one safe, one unsafe", 37, spec(securityContext={"sysctls": [{"name": "net.ipv4.ping_group_range"}, {"name": "x"}]}), P),
    # volumes
    *[
        (f"volume {kind}", 37, spec(volumes=[{"name": "v", kind: {}}]), R)
        for kind in (
            "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
        )
    ],
    *[
        (f"volume {kind}", 37, spec(volumes=[{"name": "v", kind: {}}]), B)
        for kind in (
            "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd", "flexVolume", "cinder",
            "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk",
            "portworxVolume", "scaleIO", "storageos",
        )
    ],
    ("volume image at 1.0", 0, spec(volumes=[{"name": "v", "image": {}}]), R),
    ("volume hostPath", 37, spec(volumes=[{"name": "v", "hostPath": {"path": "/x"}}]), P),
    ("volume without source is an emptyDir", 37, spec(volumes=[{"name": "v"}]), R),
    ("volume with a null source", 37, spec(volumes=[{"name": "v", "hostPath": None}]), R),
    ("volume with a safe and an unsafe source", 37, spec(volumes=[{"name": "v", "emptyDir": {}, "nfs": {}}]), R),
    ("volume with hostPath beside a safe source", 37, spec(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {}}]), P),
    # runAsNonRoot, pod and containers
    ("pod says non-root, container nothing", 37, spec(context={"runAsNonRoot": None}, securityContext={"runAsNonRoot": True}), R),
    ("pod false, containers true", 37, spec(securityContext={"runAsNonRoot": False}), B),
    ("pod true, container false", 37, spec(context={"runAsNonRoot": False}, securityContext={"runAsNonRoot": True}), B),
    ("nobody says it", 37, spec(context={"runAsNonRoot": None}), B),
    # runAsUser
    ("pod runs as 0, containers override", 37, spec(context={"runAsUser": 1}, securityContext={"runAsUser": 0}), B),
    ("pod runs as 1", 37, spec(securityContext={"runAsUser": 1}), R),
    ("pod runs as 0 at 1.22", 22, spec(securityContext={"runAsUser": 0}), R),
    ("pod runs as 0 at 1.23", 23, spec(securityContext={"runAsUser": 0}), B),
    ("root group and fsGroup are not looked at", 37, spec(securityContext={"runAsGroup": 0, "fsGroup": 0}), R),
    # seccomp
    ("pod seccomp for a silent container", 37, spec(context={"seccompProfile": None}, securityContext={"seccompProfile": {"type": "Localhost"}}), R),
    ("no seccomp at all", 37, spec(context={"seccompProfile": None}), B),
    ("no seccomp at all at 1.18", 18, spec(context={"seccompProfile": None}), R),
    ("no seccomp at all at 1.19", 19, spec(context={"seccompProfile": None}), B),
    ("pod Unconfined, every container overrides", 37, spec(securityContext={"seccompProfile": {"type": "Unconfined"}}), P),
    ("pod with an empty profile", 37, spec(securityContext={"seccompProfile": {}}), P),
    ("pod Unconfined at 1.18: only annotations count", 18, spec(securityContext={"seccompProfile": {"type": "Unconfined"}}), R),
    # Windows
    ("pod hostProcess, containers say false", 37, spec(context={"windowsOptions": {"hostProcess": False}}, securityContext={"windowsOptions": {"hostProcess": True}}), P),
    ("pod hostProcess false", 37, spec(securityContext={"windowsOptions": {"hostProcess": False}}), R),
    ("Windows waives three checks at 1.25", 25, spec(context={"allowPrivilegeEscalation": None, "capabilities": None, "seccompProfile": None}, os={"name": "windows"}), R),
    ("Windows waives nothing at 1.24", 24, spec(context={"allowPrivilegeEscalation": None}, os={"name": "windows"}), B),
    ("Windows in capital letters is no Windows", 37, spec(context={"allowPrivilegeEscalation": None}, os={"name": "Windows"}), B),
    ("a node selector makes no Windows pod", 37, spec(context={"allowPrivilegeEscalation": None}, nodeSelector={"kubernetes.io/os": "windows"}), B),
    ("Windows: runAsNonRoot still holds", 37, spec(context={"runAsNonRoot": None}, os={"name": "windows"}), B),
    ("Windows: runAsUser still holds", 37, spec(context={"runAsUser": 0}, os={"name": "windows"}), B),
    ("Windows: volumes still hold", 37, spec(volumes=[{"name": "v", "nfs": {}}], os={"name": "windows"}), B),
    ("Windows: privileged still holds", 37, spec(context={"privileged": True}, os={"name": "windows"}), P),
    # which pass restricted and fail baseline, so they are privileged
    ("Windows in name only: SYS_ADMIN", 37, spec(context={"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}, os={"name": "windows"}), P),
    ("Windows in name only: NET_RAW at 1.25", 25, spec(context={"capabilities": {"add": ["NET_RAW"]}}, os={"name": "windows"}), P),
    ("Windows in name only: NET_RAW at 1.24", 24, spec(context={"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}, os={"name": "windows"}), P),
    ("Windows in name only: SYS_ADMIN in an init container", 37, spec("initContainers", {"capabilities": {"add": ["SYS_ADMIN"]}}, os={"name": "windows"}), P),
    ("Windows in name only: Unconfined seccomp", 37, spec(context={"seccompProfile": {"type": "Unconfined"}}, os={"name": "windows"}), P),
    ("Windows in name only: Unconfined seccomp of the pod", 37, spec(securityContext={"seccompProfile": {"type": "Unconfined"}}, os={"name": "windows"}), P),
    ("Windows with a capability that baseline allows", 37, spec(context={"capabilities": {"add": ["CHOWN"]}}, os={"name": "windows"}), R),
    # user namespaces
    *[
        row
        for name, change in WAIVED_BY_USER_NAMESPACES.items()
        for row in [
            (f"hostUsers false waives {name} at 1.35", 35, spec(context=change, hostUsers=False), R),
            (f"hostUsers false waives no {name} at 1.34", 34, spec(context=change, hostUsers=False), B),
            (f"hostUsers true waives no {name}", 35, spec(context=change, hostUsers=True), B),
            (f"hostUsers absent waives no {name}", 35, spec(context=change), B),
        ]
    ],
    ("procMount at baseline, hostUsers false, 1.35", 35, spec(context={"procMount": "Unmasked"}, hostUsers=False), B),
    ("procMount, hostUsers false, 1.34", 34, spec(context={"procMount": "Unmasked"}, hostUsers=False), P),
    ("procMount, hostUsers true, 1.35", 35, spec(context={"procMount": "Unmasked"}, hostUsers=True), P),
    ("hostUsers waives no privilege", 37, spec(context={"privileged": True}, hostUsers=False), P),
    ("hostUsers waives no capability", 37, spec(context={"capabilities": {"add": ["SYS_ADMIN"]}}, hostUsers=False), P),
]  # fmt: skip

CONTAINER_ROWS: list[tuple[str, int, Body, str]] = [
    ("privileged", 37, {"privileged": True}, P),
    ("privileged false", 37, {"privileged": False}, R),
    ("AppArmor Unconfined", 37, {"appArmorProfile": {"type": "Unconfined"}}, P),
    ("AppArmor Localhost", 37, {"appArmorProfile": {"type": "Localhost"}}, R),
    ("SELinux spc_t", 37, {"seLinuxOptions": {"type": "spc_t"}}, P),
    ("SELinux container_init_t", 37, {"seLinuxOptions": {"type": "container_init_t"}}, R),
    ("SELinux container_kvm_t", 37, {"seLinuxOptions": {"type": "container_kvm_t"}}, R),
    ("procMount Default", 37, {"procMount": "Default"}, R),
    ("procMount Unmasked", 37, {"procMount": "Unmasked"}, P),
    ("procMount empty", 37, {"procMount": ""}, P),
    ("procMount lower case", 37, {"procMount": "default"}, P),
    ("hostProcess", 37, {"windowsOptions": {"hostProcess": True}}, P),
    ("seccomp Unconfined", 37, {"seccompProfile": {"type": "Unconfined"}}, P),
    ("seccomp Unconfined at 1.19", 19, {"seccompProfile": {"type": "Unconfined"}}, P),
    ("seccomp Unconfined at 1.18", 18, {"seccompProfile": {"type": "Unconfined"}}, R),
    ("seccomp empty", 37, {"seccompProfile": {}}, P),
    ("seccomp docker/default", 37, {"seccompProfile": {"type": "docker/default"}}, P),
    ("escalation unset", 37, {"allowPrivilegeEscalation": None}, B),
    ("escalation true", 37, {"allowPrivilegeEscalation": True}, B),
    ("escalation true at 1.7", 7, {"allowPrivilegeEscalation": True}, R),
    ("escalation true at 1.8", 8, {"allowPrivilegeEscalation": True}, B),
    ("runAsUser 0", 37, {"runAsUser": 0}, B),
    ("runAsUser 0 at 1.22", 22, {"runAsUser": 0}, R),
    ("no capabilities", 37, {"capabilities": None}, B),
    ("no capabilities at 1.21", 21, {"capabilities": None}, R),
    ("no capabilities at 1.22", 22, {"capabilities": None}, B),
    ("drop all in lower case", 37, {"capabilities": {"drop": ["all"]}}, B),
    ("drop CAP_ALL", 37, {"capabilities": {"drop": ["CAP_ALL"]}}, B),
    ("drop ALL among others", 37, {"capabilities": {"drop": ["CHOWN", "ALL"]}}, R),
    ("drop everything but by name", 37, {"capabilities": {"drop": ["NET_RAW", "CHOWN"]}}, B),
    ("add NET_BIND_SERVICE", 37, {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}, R),
    ("add CHOWN", 37, {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, B),
    ("add CHOWN at 1.21", 21, {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, R),
    ("add chown", 37, {"capabilities": {"drop": ["ALL"], "add": ["chown"]}}, P),
    ("add CAP_CHOWN", 37, {"capabilities": {"drop": ["ALL"], "add": ["CAP_CHOWN"]}}, P),
    ("add CAP_NET_BIND_SERVICE", 37, {"capabilities": {"drop": ["ALL"], "add": ["CAP_NET_BIND_SERVICE"]}}, P),
    ("add ALL", 37, {"capabilities": {"drop": ["ALL"], "add": ["ALL"]}}, P),
    ("add NET_RAW at 1.0", 0, {"capabilities": {"add": ["NET_RAW"]}}, P),
]

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS: list[tuple[str, Body, bool]] = [
    (f"{where} {handler} {host!r}", _place, bool(host))
    for where in (*PROBES, "postStart", "preStop")
    for handler in ("httpGet", "tcpSocket")
    for host in ("", "127.0.0.1", "localhost", "::1", "10.0.0.1")
    for probe in [{handler: {"port": 80, "host": host}}]
    for _place in [{where: probe} if where in PROBES else {"lifecycle": {where: probe}}]
]


def ids(rows: list[Any]) -> list[str]:
    return [row[0] for row in rows]


@pytest.mark.parametrize(("label", "minor", "body", "wanted"), POD_ROWS, ids=ids(POD_ROWS))
def test_pod_edges(label: str, minor: int, body: Body, wanted: str | None) -> None:
    assert level(minor, body) == (wanted or R)


@pytest.mark.parametrize("list_name", CONTAINER_LISTS)
@pytest.mark.parametrize(("label", "minor", "context", "wanted"), CONTAINER_ROWS, ids=ids(CONTAINER_ROWS))
def test_container_edges(list_name: str, label: str, minor: int, context: Body, wanted: str) -> None:
    assert level(minor, spec(list_name, context)) == wanted


@pytest.mark.parametrize("list_name", CONTAINER_LISTS)
@pytest.mark.parametrize(("label", "fields", "is_bad"), HANDLERS, ids=ids(HANDLERS))
def test_probe_and_lifecycle_hosts(list_name: str, label: str, fields: Body, is_bad: bool) -> None:
    body = container_with(list_name, **fields)
    assert level(34, body) == (P if is_bad else R)
    assert level(33, body) == R


def test_other_handlers_have_no_host() -> None:
    headers = {"httpGet": {"port": 80, "httpHeaders": [{"name": "Host", "value": "x"}]}}
    body = container_with("containers", livenessProbe=headers, lifecycle={"preStop": {"sleep": {"seconds": 1}}})
    assert level(37, body) == R


@pytest.mark.parametrize("list_name", CONTAINER_LISTS)
@pytest.mark.parametrize(("port", "wanted"), [({}, R), ({"hostPort": 0}, R), ({"hostPort": 80}, P)])
def test_host_ports(list_name: str, port: Body, wanted: str) -> None:
    assert level(37, container_with(list_name, ports=[{"containerPort": 80, **port}])) == wanted


APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"

ANNOTATION_ROWS: list[tuple[str, int, str, str, str]] = [
    ("AppArmor runtime/default", 37, APPARMOR + "a", "runtime/default", R),
    ("AppArmor localhost/", 37, APPARMOR + "a", "localhost/x", R),
    ("AppArmor empty is fine", 37, APPARMOR + "a", "", R),
    ("AppArmor unconfined", 37, APPARMOR + "a", "unconfined", P),
    ("AppArmor unconfined at 1.0", 0, APPARMOR + "a", "unconfined", P),
    ("AppArmor docker/default is not allowed", 37, APPARMOR + "a", "docker/default", P),
    ("AppArmor of a container that does not exist", 37, APPARMOR + "nobody", "unconfined", P),
    ("AppArmor in capital letters", 37, APPARMOR + "a", "Runtime/Default", P),
    ("seccomp of the pod at 1.18", 18, SECCOMP_POD, "unconfined", P),
    ("seccomp of the pod at 1.19", 19, SECCOMP_POD, "unconfined", R),
    ("seccomp runtime/default", 18, SECCOMP_POD, "runtime/default", R),
    ("seccomp docker/default is allowed", 18, SECCOMP_POD, "docker/default", R),
    ("seccomp localhost/", 18, SECCOMP_POD, "localhost/x", R),
    ("seccomp empty is bad", 18, SECCOMP_POD, "", P),
    ("seccomp of a container", 18, SECCOMP + "a", "unconfined", P),
    ("seccomp of a container, empty", 18, SECCOMP + "a", "", P),
    ("seccomp of a container that does not exist", 18, SECCOMP + "nobody", "unconfined", R),
    ("another annotation", 18, "example.org/a", "unconfined", R),
]


@pytest.mark.parametrize("list_name", CONTAINER_LISTS)
@pytest.mark.parametrize(("label", "minor", "key", "value", "wanted"), ANNOTATION_ROWS, ids=ids(ANNOTATION_ROWS))
def test_annotations(list_name: str, label: str, minor: int, key: str, value: str, wanted: str) -> None:
    assert level(minor, spec(list_name), {key: value}) == wanted


# ----------------------------------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("latest", 37),
        ("1.0", 0),
        ("v1.25", 25),
        ("1.25", 25),
        ("1.25.3", 25),
        ("1.37", 37),
        ("1.38", 37),
        ("v1.99", 37),
    ],
)
def test_versions(text: str, minor: int) -> None:
    assert pss.parse_version(text) == minor


@pytest.mark.parametrize("text", ["", "2.0", "1", "v1.01", "1.x", "newest", "1.25-rc1", "1.99999"])
def test_invalid_versions(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write one such as 1\.37"):
        pss.parse_version(text)
