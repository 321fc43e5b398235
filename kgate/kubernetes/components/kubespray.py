"""Reads the audit log of the API server from the variables of Kubespray (kubespray, roles/kubernetes/control-plane)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting, assembled, of_value
from kgate.kubernetes.installers import KUBESPRAY
from kgate.model import Json, Pointer, Resource, child_pointer

KINDS: frozenset[str] = frozenset((KUBESPRAY[1],))

_Defaults: TypeAlias = Mapping[str, tuple[str, Json]]
"""Flags, with the values that hold unless a file says others, by variable (roles/kubernetes/control-plane/defaults)."""

_POLICY: _Defaults = {
    "audit_policy_file": ("audit-policy-file", "/etc/kubernetes/audit-policy/apiserver-audit-policy.yaml"),
}
_LOG: _Defaults = {
    "audit_log_path": ("audit-log-path", "/var/log/audit/kube-apiserver-audit.log"),
    "audit_log_maxage": ("audit-log-maxage", 30),
    "audit_log_maxbackups": ("audit-log-maxbackup", 10),
    "audit_log_maxsize": ("audit-log-maxsize", 100),
}
_HOOK: _Defaults = {
    "audit_webhook_config_file": (
        "audit-webhook-config-file",
        "/etc/kubernetes/audit-policy/apiserver-audit-webhook-config.yaml",
    ),
    "audit_webhook_mode": ("audit-webhook-mode", "batch"),
    "audit_webhook_batch_max_size": ("audit-webhook-batch-max-size", 100),
}

SWITCHES: Mapping[str, _Defaults] = {"kubernetes_audit": _LOG, "kubernetes_audit_webhook": _HOOK}
"""What each variable switches on; both need the policy."""


def components(resource: Resource, minor: int) -> Iterator[Components]:
    """Yields the API server, of which only the audit log is set up here. Kubespray mounts what that needs."""
    pointer = child_pointer("", next(name for name in SWITCHES if name in resource.body))
    owner = Owner(pointer, is_whole=False, facts={"defaultPolicy": "RequestResponse"})
    yield assembled("kube-apiserver", minor, _settings(resource.body, pointer), owner, resource.unknown)


def _settings(body: Mapping[str, Json], pointer: Pointer) -> Iterator[Setting]:
    on = [name for name in SWITCHES if body.get(name) is True]
    if not on:
        yield WrittenSetting("audit-log-path", "", pointer, isinstance(body[pointer[1:]], bool))
        return
    yield from _read(_POLICY, body, child_pointer("", on[0]))
    for name in on:
        yield from _read(SWITCHES[name], body, child_pointer("", name))


def _read(variables: _Defaults, body: Mapping[str, Json], pointer: Pointer) -> Iterator[Setting]:
    """Yields the flags of variables; those that are not written stand where they are switched on."""
    for name, (flag, value) in variables.items():
        yield of_value(flag, body.get(name, value), child_pointer("", name) if name in body else pointer)
