"""Two promises of the score, over generated workloads: more privilege never raises it, and hygiene
never lifts a workload out of its band."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from kgate.judgement.engine import Judge
from kgate.judgement.ledger import assess
from kgate.judgement.score import BANDS
from kgate.kubernetes import pss
from kgate.rules import load
from tests.manifests import HARDENED_CONTAINER, HARDENED_POD, Body, resource

JUDGE = Judge(load.load(), pss.NEWEST_MINOR)
Change = Callable[[Body, int], None]


def container(spec: Body, pick: int) -> Body:
    containers = [c for name in ("initContainers", "containers") for c in spec.get(name, [])]
    chosen: Body = containers[pick % len(containers)]
    return chosen


def context(spec: Body, pick: int) -> Body:
    own: Body = container(spec, pick).setdefault("securityContext", {})
    return own


def put(holder: Callable[[Body, int], Body], key: str, value: Any) -> Change:
    def change(spec: Body, pick: int) -> None:
        holder(spec, pick)[key] = copy.deepcopy(value)

    return change


def drop(holder: Callable[[Body, int], Body], key: str) -> Change:
    def change(spec: Body, pick: int) -> None:
        holder(spec, pick).pop(key, None)

    return change


def unset(holder: Callable[[Body, int], Body], key: str) -> Change:
    """What confines is gone; what grants stays, as the same privilege weighs less once nobody asks for it."""

    def change(spec: Body, pick: int) -> None:
        own = holder(spec, pick)
        if own.get(key) is False:
            del own[key]

    return change


def of_pod(spec: Body, pick: int) -> Body:
    return spec


def pod_context(spec: Body, pick: int) -> Body:
    own: Body = spec.setdefault("securityContext", {})
    return own


def capability(name: str) -> Change:
    def change(spec: Body, pick: int) -> None:
        context(spec, pick).setdefault("capabilities", {}).setdefault("add", []).append(name)

    return change


def host_path(path: str) -> Change:
    def change(spec: Body, pick: int) -> None:
        volumes = spec.setdefault("volumes", [])
        volumes.append({"name": f"v{len(volumes)}", "hostPath": {"path": path}})
        mounts = container(spec, pick).setdefault("volumeMounts", [])
        mounts.append({"name": volumes[-1]["name"], "mountPath": f"/m{len(mounts)}"})

    return change


def worse_path(spec: Body, pick: int) -> None:
    """An existing volume of any kind becomes the node's root."""
    volumes = spec.setdefault("volumes", [{"name": "v"}])
    volume = volumes[pick % len(volumes)]
    volumes[pick % len(volumes)] = {"name": volume["name"], "hostPath": {"path": "/"}}


def another_container(spec: Body, pick: int) -> None:
    spec["containers"].append(
        {"name": f"c{len(spec['containers'])}", "image": "x", "securityContext": {"privileged": True}}
    )


def no_hardening(spec: Body, pick: int) -> None:
    """Whatever confines a container is gone; what it grants stays."""
    own = context(spec, pick)
    own.get("capabilities", {}).pop("drop", None)
    for key, value in HARDENED_CONTAINER["securityContext"].items():
        if own.get(key) == value:
            del own[key]


MORE_PRIVILEGE: dict[str, Change] = {
    "hostPID": put(of_pod, "hostPID", True),
    "hostIPC": put(of_pod, "hostIPC", True),
    "hostNetwork": put(of_pod, "hostNetwork", True),
    "hostUsers": put(of_pod, "hostUsers", True),
    "no hostUsers": unset(of_pod, "hostUsers"),
    "token": put(of_pod, "automountServiceAccountToken", True),
    "token by default": unset(of_pod, "automountServiceAccountToken"),
    "shared processes": put(of_pod, "shareProcessNamespace", True),
    "pod non-root false": put(pod_context, "runAsNonRoot", False),
    "pod root": put(pod_context, "runAsUser", 0),
    "pod root group": put(pod_context, "runAsGroup", 0),
    "pod seccomp": put(pod_context, "seccompProfile", {"type": "Unconfined"}),
    "pod AppArmor": put(pod_context, "appArmorProfile", {"type": "Unconfined"}),
    "sysctl": put(pod_context, "sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
    "privileged": put(context, "privileged", True),
    "escalation": put(context, "allowPrivilegeEscalation", True),
    "escalation by default": unset(context, "allowPrivilegeEscalation"),
    "root": put(context, "runAsUser", 0),
    "non-root false": put(context, "runAsNonRoot", False),
    "seccomp off": put(context, "seccompProfile", {"type": "Unconfined"}),
    "procMount": put(context, "procMount", "Unmasked"),
    "hostProcess": put(context, "windowsOptions", {"hostProcess": True}),
    "SELinux": put(context, "seLinuxOptions", {"type": "spc_t"}),
    "no hardening": no_hardening,
    "writable root": put(context, "readOnlyRootFilesystem", False),
    "host port": put(container, "ports", [{"containerPort": 80, "hostPort": 80}]),
    "probe": put(container, "livenessProbe", {"httpGet": {"host": "10.0.0.1", "port": 80}}),
    "CHOWN": capability("CHOWN"),
    "NET_RAW": capability("NET_RAW"),
    "SYS_ADMIN": capability("SYS_ADMIN"),
    "sys_admin": capability("cap_sys_admin"),
    "a path": host_path("/data"),
    "etc": host_path("/etc/"),
    "docker": host_path("/var/run//docker.sock"),
    "aws": host_path("/root/.aws"),
    "worse path": worse_path,
    "another container": another_container,
}

HYGIENE: dict[str, Change] = {
    "limits": put(container, "resources", HARDENED_CONTAINER["resources"]),
    "digest": put(container, "image", HARDENED_CONTAINER["image"]),
    "pull policy": put(container, "imagePullPolicy", "Always"),
    "read-only root": put(context, "readOnlyRootFilesystem", True),
    "user": put(context, "runAsUser", 20000),
    "group": put(context, "runAsGroup", 20000),
    "account": put(of_pod, "serviceAccountName", "app"),
    "no token": put(of_pod, "automountServiceAccountToken", False),
    "no aliases": drop(of_pod, "hostAliases"),
}


def bare() -> Body:
    return {"containers": [{"name": "app", "image": "app:1"}]}


def hardened() -> Body:
    return {
        **copy.deepcopy(HARDENED_POD),
        "containers": [copy.deepcopy(HARDENED_CONTAINER)],
        "initContainers": [{**copy.deepcopy(HARDENED_CONTAINER), "name": "init"}],
    }


STEPS = st.lists(st.tuples(st.sampled_from(sorted(MORE_PRIVILEGE | HYGIENE)), st.integers(0, 3)), max_size=8)


@st.composite
def pods(draw: st.DrawFn) -> Body:
    """A bare or a hardened pod after some steps up and down."""
    spec: Body = draw(st.sampled_from([bare, hardened]))()
    for name, pick in draw(STEPS):
        (MORE_PRIVILEGE | HYGIENE)[name](spec, pick)
    return spec


def score(spec: Body) -> int:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    _, assessment, problems = assess(JUDGE, resource(pod), 60)
    assert not problems
    assert assessment is not None
    return assessment.score.value


def band(value: int) -> tuple[int, int]:
    return next(bounds for bounds in BANDS.values() if bounds[0] <= value <= bounds[1])


@given(pods(), st.sampled_from(sorted(MORE_PRIVILEGE)), st.integers(0, 3))
@example(bare(), "another container", 0)
def test_more_privilege_never_raises_the_score(spec: Body, name: str, pick: int) -> None:
    before = score(spec)
    MORE_PRIVILEGE[name](spec, pick)
    assert score(spec) <= before


@given(pods(), st.sampled_from(sorted(HYGIENE)), st.integers(0, 3))
def test_hygiene_never_buys_back_privilege(spec: Body, name: str, pick: int) -> None:
    before = score(spec)
    if name == "user" and context(spec, pick).get("runAsUser") == 0:
        return
    HYGIENE[name](spec, pick)
    assert band(score(spec)) == band(before)
