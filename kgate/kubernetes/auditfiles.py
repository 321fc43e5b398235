"""Knows which API servers of a repository write audit logs, and which of its files their flags name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TypeVar, cast

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
    _known: dict[Hashable, object] = field(default_factory=dict, compare=False, repr=False)

    def policy_of(self, path: str, name: str) -> AuditPolicyFile | None:
        """Returns the policy that an API server in a file reads from one with this name: that in its own file, or the
        nearest one. None if there is none, or if several are as near."""
        return self._once(("policy", path, name), lambda: _meant(self.policies, path, name))

    def webhook_of(self, path: str, name: str) -> AuditWebhook | None:
        """Returns the kubeconfig with this name, likewise."""
        return self._once(("webhook", path, name), lambda: _meant(self.webhooks, path, name))

    def minor_of(self, path: str, pointer: Pointer) -> int | None:
        """Returns the oldest version of the API servers that read the policy in a file, which is a part of that file
        unless ``pointer`` is empty; None if nobody says it."""
        policy = next((one for one in self.policies if one.path == path and one.is_inside == bool(pointer)), None)
        return self._once("readers", self._find_readers).get(policy) if policy is not None else None

    @property
    def has_unseen_log(self) -> bool:
        """True if an API server writes a log on its node that no collector sees, and sends its events nowhere else."""
        return self._once("unseen", self._find_unseen)

    def others_of(self, server: AuditedServer) -> Iterator[AuditedServer]:
        """Yields API servers that use the same etcd, one for each way to write an audit log but that of this one."""
        same = self._once("etcd", self._by_etcd).get(server.etcd, {})
        return (one for settings, one in same.items() if settings != server.settings)

    def _once(self, key: Hashable, find: Callable[[], _Found]) -> _Found:
        """What is asked for each API server or policy, and takes a look at all the others."""
        if key not in self._known:
            self._known[key] = find()
        return cast("_Found", self._known[key])

    def _find_readers(self) -> Mapping[AuditPolicyFile, int]:
        """The oldest version of the API servers that read each policy."""
        found: dict[AuditPolicyFile, int] = {}
        for one in self.servers:
            policy = self.policy_of(one.path, one.policy) if one.policy and one.minor else None
            if policy is not None:
                found[policy] = min(one.minor, found.get(policy, one.minor))
        return found

    def _find_unseen(self) -> bool:
        logs = {one.folder: one for one in self.servers if one.folder and not one.webhook}
        seers = {one.folders: one for one in self.collectors}
        return not all(any(seer.sees(one) for seer in seers.values()) for one in logs.values())

    def _by_etcd(self) -> Mapping[tuple[str, ...], Mapping[tuple[tuple[str, str], ...], AuditedServer]]:
        found = defaultdict[tuple[str, ...], dict[tuple[tuple[str, str], ...], AuditedServer]](dict)
        for one in self.servers:
            found[one.etcd].setdefault(one.settings, one)
        return found


_Found = TypeVar("_Found")
_File = TypeVar("_File", AuditPolicyFile, AuditWebhook)


def _meant(files: Sequence[_File], path: str, name: str) -> _File | None:
    inside = [one for one in files if one.is_inside and one.path == path]
    named = [one for one in files if not one.is_inside and one.path.rpartition("/")[2] == name]
    found = inside or closest(named, lambda one: one.path, path)
    return found[0] if name and len(found) == 1 else None
