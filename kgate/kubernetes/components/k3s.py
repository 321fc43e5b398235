"""Reads the components that k3s and RKE2 run from their config.yaml (docs.k3s.io, "Configuration File")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting, assembled, of_words
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
            owner = Owner(pointer, "k3s", is_whole=name != "etcd")
            yield assembled(name, minor, found, owner, resource.unknown)


_PROFILE = "cis"
"""The beginning of the profiles of RKE2, with which the kubelet leaves the kernel as it is."""


def _switched(name: str, body: Mapping[str, Json]) -> Iterator[Setting]:
    if name == "kubelet" and str(body.get("profile", "")).startswith(_PROFILE):
        yield WrittenSetting("protect-kernel-defaults", True, "/profile")
    for key, (program, setting, value) in _SWITCHES.items():
        if program == name and key in body:
            pointer = child_pointer("", key)
            if not isinstance(body[key], bool):
                yield Gap(pointer, f"`{key}` must be true or false")
            elif body[key]:
                yield WrittenSetting(setting, value, pointer)
