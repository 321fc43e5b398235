"""Reads the components that RKE installs from its cluster.yml (rke.docs.rancher.com, "Default Kubernetes Services")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting, assembled, of_mapping, of_value
from kgate.kubernetes.installers import RKE
from kgate.kubernetes.podspec import mapping
from kgate.model import Json, Pointer, Resource, child_pointer

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
        section, place = mapping(services.get(service)), child_pointer("/services", service)
        audit = section.get("audit_log") if name == "kube-apiserver" else None
        arguments = section.get("extra_args")
        if arguments is not None or audit is not None:
            pointer = child_pointer(place, "extra_args")
            found = [*_audit(mapping(audit), child_pointer(place, "audit_log")), *of_mapping(arguments, pointer)]
            known = {"defaultPolicy": "Metadata"} if _has_default_policy(mapping(audit)) else {}
            yield assembled(name, minor, found, Owner(pointer, is_whole=False, facts=known), resource.unknown)


_AUDIT = {
    "max_age": "audit-log-maxage",
    "max_backup": "audit-log-maxbackup",
    "max_size": "audit-log-maxsize",
    "path": "audit-log-path",
    "format": "audit-log-format",
}
"""The fields of ``audit_log.configuration``, by the flag of the same meaning."""


def _has_default_policy(section: Mapping[str, Json]) -> bool:
    """True if RKE writes its own audit policy."""
    return "policy" not in mapping(section.get("configuration"))


def _audit(section: Mapping[str, Json], pointer: Pointer) -> Iterator[Setting]:
    """Yields what a file sets of the audit log, which RKE writes with a policy of its own unless that is switched
    off (rke.docs.rancher.com, "Audit Log")."""
    if section.get("enabled") is False:
        yield WrittenSetting("audit-log-path", "", child_pointer(pointer, "enabled"))
        return
    configuration = mapping(section.get("configuration"))
    place = child_pointer(pointer, "configuration")
    if section:
        yield WrittenSetting("audit-policy-file", _POLICY, child_pointer(place, "policy"))
        yield WrittenSetting("audit-log-path", _LOG, place)
    for field, name in _AUDIT.items():
        if field in configuration:
            yield of_value(name, configuration[field], child_pointer(place, field))


_POLICY = "/etc/kubernetes/audit-policy.yaml"
_LOG = "/var/log/kube-audit/audit-log.json"
"""Where RKE keeps its audit policy and the log."""
