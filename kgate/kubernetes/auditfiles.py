"""Knows which API servers of a repository write audit logs, and which of its files their flags name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from kgate.kubernetes.scopes import closest
from kgate.model import Location, Pointer, Related
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class AuditedServer:
    """An API server and the names of the files that its flags name, without their folders; empty for a flag that is not
    there. ``minor`` is its version, 0 if it does not say so. ``folder`` is that of its log on the node. ``etcd`` and
    ``settings`` are what its flags say of etcd and of the audit log."""

    path: str
    place: Location
    minor: int
    policy: str = ""
    webhook: str = ""
    folder: str = ""
    etcd: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AuditCollector:
    """A DaemonSet that sends logs elsewhere, and the folders of its nodes that it sees."""

    path: str
    folders: tuple[str, ...]

    def sees(self, server: AuditedServer) -> bool:
        """True if it sees the audit log of an API server on the same node."""
        return any(f"{server.folder}/".startswith(f"{folder.rstrip('/')}/") for folder in self.folders)


@dataclass(frozen=True, slots=True)
class AuditPolicyFile:
    """An audit policy. ``is_inside`` says it is a part of an object in its file; ``bodies`` is where the first rule
    records bodies, if any does."""

    path: str
    is_inside: bool
    bodies: Related | None = None


@dataclass(frozen=True, slots=True)
class AuditWebhook:
    """A kubeconfig, which may be that of a webhook (``is_inside`` as above). ``unverified`` are the places by which
    others can read what is sent, ``unreachable`` those by which nothing is sent, and ``in_cluster`` those by which
    nothing is sent from the network of a node."""

    path: str
    is_inside: bool
    unverified: tuple[Related, ...] = ()
    unreachable: tuple[Related, ...] = ()
    in_cluster: tuple[Related, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditFiles:
    """The API servers of a repository with an audit log, and the files that these may name."""

    servers: tuple[AuditedServer, ...] = ()
    policies: tuple[AuditPolicyFile, ...] = ()
    webhooks: tuple[AuditWebhook, ...] = ()
    collectors: tuple[AuditCollector, ...] = ()

    def policy_of(self, path: str, name: str) -> AuditPolicyFile | None:
        """Returns the policy that an API server in a file reads from one with this name: that in its own file, or the
        nearest one. None if there is none, or if several are as near."""
        return _meant(self.policies, path, name)

    def webhook_of(self, path: str, name: str) -> AuditWebhook | None:
        """Returns the kubeconfig with this name, likewise."""
        return _meant(self.webhooks, path, name)

    def minor_of(self, path: str, pointer: Pointer) -> int | None:
        """Returns the oldest version of the API servers that read the policy in a file, which is a part of that file
        unless ``pointer`` is empty; None if nobody says it."""
        policy = next((one for one in self.policies if one.path == path and one.is_inside == bool(pointer)), None)
        readers = (one for one in self.servers if one.policy and self.policy_of(one.path, one.policy) == policy)
        return min((one.minor for one in readers if policy is not None and one.minor), default=None)


_File = TypeVar("_File", AuditPolicyFile, AuditWebhook)


def _meant(files: Sequence[_File], path: str, name: str) -> _File | None:
    inside = [one for one in files if one.is_inside and one.path == path]
    named = [one for one in files if not one.is_inside and one.path.rpartition("/")[2] == name]
    found = inside or closest(named, lambda one: one.path, path)
    return found[0] if name and len(found) == 1 else None
