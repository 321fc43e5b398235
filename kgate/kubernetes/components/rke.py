"""Reads the components that RKE installs from its cluster.yml (rke.docs.rancher.com, "Default Kubernetes Services")."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components
from kgate.kubernetes.components.extraargs import assembled, of_mapping
from kgate.kubernetes.installers import RKE
from kgate.kubernetes.podspec import mapping
from kgate.model import Resource, child_pointer

KINDS: frozenset[str] = frozenset((RKE[1],))

_SERVICES = {
    "kube-api": "kube-apiserver",
    "kube-controller": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "kubelet": "kubelet",
    "kubeproxy": "kube-proxy",
    "etcd": "etcd",
}
"""The services of a cluster, by the program that each of them is."""


def components(resource: Resource, minor: int) -> Iterator[Components]:
    """Yields the components to which a file passes flags on. What it leaves out is up to RKE."""
    services = mapping(resource.body.get("services"))
    for service, name in _SERVICES.items():
        arguments = mapping(services.get(service)).get("extra_args")
        if arguments is not None:
            pointer = child_pointer("/services", service, "extra_args")
            owner = Owner(pointer, is_whole=False)
            yield assembled(name, minor, of_mapping(arguments, pointer), owner, resource.unknown)
