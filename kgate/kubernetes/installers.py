"""Recognises the configuration of tools that install clusters, which has no apiVersion and kind."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kgate.kubernetes.podspec import mapping
from kgate.model import Json

TALOS = ("config.talos.dev/v1alpha1", "MachineConfig")
K3S = ("k3s.io/v1", "Config")
RKE = ("rke.cattle.io/v1", "RKEConfig")
KUBESPRAY = ("kubespray.io/v1", "Variables")
"""What such a file counts as: API version and kind."""

_TALOS_KEYS = frozenset(("cluster", "debug", "machine", "persist", "version"))
_TALOS_SECTIONS = ("apiServer", "controllerManager", "etcd", "proxy", "scheduler")
_TALOS_FIELDS = frozenset(("admissionControl", "auditPolicy", "extraArgs", "extraConfig"))

_K3S_KEYS = frozenset(
    (
        *("kube-apiserver-arg", "kube-controller-manager-arg", "kube-scheduler-arg", "kubelet-arg", "kube-proxy-arg"),
        *("etcd-arg", "kube-cloud-controller-manager-arg", "protect-kernel-defaults", "secrets-encryption"),
        "audit-policy-file",
    )
)
"""Keys of config.yaml that nothing else has."""

_RKE2_PROFILE = re.compile(r"cis(?:-1\.\d{1,2})?")
"""What ``profile`` may be in config.yaml of RKE2 (docs.rke2.io, "CIS Hardening Guide")."""

_KUBESPRAY_KEYS = frozenset(("kubernetes_audit", "kubernetes_audit_webhook"))
_RKE_SERVICES = frozenset(("kube-api", "kube-controller", "kubeproxy"))


def recognised(body: Mapping[str, Json]) -> tuple[str, str] | None:
    """Returns what a file without apiVersion and kind counts as, by its keys; None if it is of no tool."""
    if body.keys() <= _TALOS_KEYS and _is_of_talos(body):
        return TALOS
    if not _K3S_KEYS.isdisjoint(body) or _RKE2_PROFILE.fullmatch(str(body.get("profile"))):
        return K3S
    if not _RKE_SERVICES.isdisjoint(mapping(body.get("services"))):
        return RKE
    if not _KUBESPRAY_KEYS.isdisjoint(body):
        return KUBESPRAY
    return None


def _is_of_talos(body: Mapping[str, Json]) -> bool:
    """True for a machine configuration, and for a patch of one that sets up a program of Kubernetes."""
    cluster, machine = mapping(body.get("cluster")), mapping(body.get("machine"))
    if body.get("version") == "v1alpha1":
        return bool(cluster or machine)
    sections = (*(cluster.get(name) for name in _TALOS_SECTIONS), machine.get("kubelet"))
    return any(not _TALOS_FIELDS.isdisjoint(mapping(section)) for section in sections)
