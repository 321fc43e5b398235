"""Reads the components that k3s and RKE2 run from their config.yaml (docs.k3s.io, "Configuration File")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting, assembled, of_value, of_words
from kgate.kubernetes.installers import K3S
from kgate.model import Gap, Json, Resource, child_pointer

KINDS: frozenset[str] = frozenset((K3S[1],))

_ARGUMENTS = {
    "kube-apiserver": "kube-apiserver-arg",
    "kube-controller-manager": "kube-controller-manager-arg",
    "kube-scheduler": "kube-scheduler-arg",
    "kubelet": "kubelet-arg",
    "kube-proxy": "kube-proxy-arg",
    "etcd": "etcd-arg",
}
"""The keys whose flags are passed on, by program."""

_SWITCHES = {
    "protect-kernel-defaults": ("kubelet", "protect-kernel-defaults", True),
    "secrets-encryption": ("kube-apiserver", "encryption-provider-config", "k3s"),
}
"""Keys that set a flag, to which value."""


def components(resource: Resource, minor: int) -> Iterator[Components]:
    """Yields the components about which a file says something; all else has the defaults of k3s."""
    for name, key in _ARGUMENTS.items():
        pointer = child_pointer("", key)
        found = [*_switched(name, resource.body), *of_words(resource.body.get(key), pointer)]
        if found:
            known = {"defaultPolicy": "None"} if name == "kube-apiserver" and _has_default_policy(resource.body) else {}
            owner = Owner(pointer, "k3s", is_whole=name != "etcd", facts=known)
            yield assembled(name, minor, found, owner, resource.unknown)


_PROFILE = "cis"
"""How the profiles of RKE2 begin, with which the kubelet leaves the kernel as it is, and requests are audited."""

_POLICY = "audit-policy-file"
"""The key of RKE2 for its audit policy, of level None unless somebody has written another one."""

_AUDIT = {
    "audit-policy-file": "/etc/rancher/rke2/audit-policy.yaml",
    "audit-log-path": "/var/lib/rancher/rke2/server/logs/audit.log",
    "audit-log-maxage": 30,
    "audit-log-maxbackup": 10,
    "audit-log-maxsize": 100,
}
"""What RKE2 sets with an audit policy or a profile (pkg/executor/staticpod, pkg/podtemplate)."""


def _is_hardened(body: Mapping[str, Json]) -> bool:
    return str(body.get("profile", "")).startswith(_PROFILE)


def _has_default_policy(body: Mapping[str, Json]) -> bool:
    """True if RKE2 writes the audit policy, unless its file is there."""
    arguments = of_words(body.get("kube-apiserver-arg"), "")
    is_named = any(isinstance(one, WrittenSetting) and one.name == _POLICY for one in arguments)
    return _is_hardened(body) and _POLICY not in body and not is_named


def _audited(body: Mapping[str, Json]) -> Iterator[Setting]:
    """Yields what RKE2 sets of the audit log; what a file passes on comes later and wins."""
    key = _POLICY if _POLICY in body else "profile"
    if key == _POLICY or _is_hardened(body):
        pointer = child_pointer("", key)
        for name, value in _AUDIT.items():
            yield of_value(name, body[_POLICY] if name == key else value, pointer)


def _switched(name: str, body: Mapping[str, Json]) -> Iterator[Setting]:
    if name == "kube-apiserver":
        yield from _audited(body)
    if name == "kubelet" and _is_hardened(body):
        yield WrittenSetting("protect-kernel-defaults", True, "/profile")
    for key, (program, setting, value) in _SWITCHES.items():
        if program == name and key in body:
            pointer = child_pointer("", key)
            if not isinstance(body[key], bool):
                yield Gap(pointer, f"`{key}` must be true or false")
            elif body[key]:
                yield WrittenSetting(setting, value, pointer)
