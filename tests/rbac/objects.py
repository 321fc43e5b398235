"""Roles, bindings and accounts for tests, written as users write them."""

from __future__ import annotations

from kgate.kubernetes import manifest
from kgate.rbac.authorizer import Authorizer
from kgate.rbac.objects import FaultLog, Object, read


def objects(text: str, log: FaultLog | None = None) -> tuple[Object, ...]:
    """What a text of manifests holds of these kinds; without a log it must have no fault."""
    batch = manifest.read("rbac.yaml", text.encode(), ("Role", "RoleBinding"))
    assert not batch.problems, batch.problems
    assert batch.resources
    found = FaultLog() if log is None else log
    read_ = tuple(one for resource in batch.resources if (one := read(resource, found)) is not None)
    assert log is not None or not found.problems, found.problems
    return read_


def authorizer(text: str, namespace: str = "default") -> Authorizer:
    """The cluster that a text of manifests is applied to, without anything else in it."""
    return Authorizer(objects(text), namespace)


def role(name: str, *rules: str, namespace: str = "", extra: str = "") -> str:
    """A document with a Role, or without a namespace with a ClusterRole; each rule in flow style without braces."""
    kind, where = ("Role", f", namespace: {namespace}") if namespace else ("ClusterRole", "")
    listed = "".join(f"- {{{rule}}}\n" for rule in rules)
    return f"""\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: {name}{where}}}
rules:
{listed}{extra}"""


def binding(name: str, role: str, *subjects: str, namespace: str = "") -> str:
    """A document with a RoleBinding, or without a namespace with a ClusterRoleBinding, to ``Kind/name``."""
    kind, where = ("RoleBinding", f", namespace: {namespace}") if namespace else ("ClusterRoleBinding", "")
    role_kind, _, role_name = role.partition("/")
    listed = "".join(f"- {{{subject}}}\n" for subject in subjects)
    return f"""\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: {name}{where}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {role_kind}, name: {role_name}}}
subjects:
{listed}"""
