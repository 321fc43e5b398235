"""Reads a policy as the API server does when it starts: what it refuses, and which keys it drops without a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from kgate.audit.policy.policy import LEVELS, STAGES, AuditPolicy, GroupResources, PolicyRule, Words
from kgate.kubernetes.auditpolicy import GROUP, KIND
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Json, Pointer, child_pointer, field_path
from kgate.values import dataclass
from kgate.yamltree.fields import Fields

KEYS = {
    "policy": ("apiVersion", "kind", "metadata", "omitStages", "omitManagedFields", "rules"),
    "rule": (
        *("level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs"),
        *("omitStages", "omitManagedFields"),
    ),
    "resources": ("group", "resources", "resourceNames"),
}
"""The keys of each part of a policy (k8s.io/apiserver, pkg/apis/audit/v1/types.go)."""

_REMOVED = 24
"""The version that reads ``v1`` alone; those before also read ``v1alpha1`` and ``v1beta1``."""

_ANY_GROUP = 36
"""The version since which ``*`` stands for every API group."""

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_GROUP = 253


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """A field for which the API server does not start, and the reason with what to write instead. ``id`` tells apart
    what rules of their own are about."""

    pointer: Pointer
    message: str
    id: str = "invalid"


@dataclass(frozen=True, slots=True)
class DroppedKey:
    """A key that the API server does not know and drops, and the part of the policy that it stands in: one of KEYS."""

    pointer: Pointer
    name: str
    part: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy, with which an API server starts unless there are faults, and the keys that count for nothing."""

    policy: AuditPolicy
    faults: tuple[PolicyFault, ...] = ()
    dropped: tuple[DroppedKey, ...] = ()


def load(body: Mapping[str, Json], minor: int = NEWEST_MINOR) -> Loaded:
    """Returns what an API server of a Kubernetes 1.x version makes of the first document of its policy file."""
    loader = _Loader(minor)
    policy = loader.policy(Fields(body, "", loader))
    return Loaded(policy, tuple(loader.faults), tuple(loader.dropped))


_Item = TypeVar("_Item")


class _Loader:
    """Reads one policy and records what is wrong with it; faults of types come from Fields."""

    def __init__(self, minor: int) -> None:
        self.faults: list[PolicyFault] = []
        self.dropped: list[DroppedKey] = []
        self._minor = minor

    def add(self, pointer: Pointer, message: str) -> None:
        """Records a fault."""
        self.faults.append(PolicyFault(pointer, message))

    def policy(self, fields: Fields) -> AuditPolicy:
        self._identity(fields)
        self._drop(fields, "policy")
        fields.section("metadata")
        rules = tuple(self._structs(fields, "rules", self._rule))
        if not rules and isinstance(fields.body.get("rules", []), list):
            fields.fault("`rules` is missing or empty, so the API server does not start; add a rule", "rules")
        return AuditPolicy(rules, self._stages(fields), fields.flag("omitManagedFields"))

    def _identity(self, fields: Fields) -> None:
        """Checks ``apiVersion`` and ``kind``."""
        api_version, kind = fields.text("apiVersion"), fields.text("kind")
        group, _, version = api_version.rpartition("/")
        wanted = f"write `apiVersion: {GROUP}/v1` and `kind: {KIND}`"
        if group == GROUP and version in ("v1alpha1", "v1beta1"):
            if self._minor >= _REMOVED:
                message = f"`{api_version}` was removed in Kubernetes 1.{_REMOVED}; write `{GROUP}/v1`"
                self.faults.append(PolicyFault("/apiVersion", message, "removed"))
        elif api_version != f"{GROUP}/v1":
            what = f"`{api_version}` is not" if api_version else "`apiVersion` is missing, which says that this is"
            fields.fault(f"{what} an audit policy; {wanted}", "apiVersion")
        if kind != KIND:
            what = f"`{kind}` is not the kind" if kind else "`kind` is missing, which says that this is that"
            fields.fault(f"{what} of an audit policy; {wanted}", "kind")

    def _rule(self, fields: Fields) -> PolicyRule:
        self._drop(fields, "rule")
        rule = PolicyRule(
            self._level(fields),
            self._texts(fields, "users"),
            self._texts(fields, "userGroups"),
            self._texts(fields, "verbs"),
            tuple(self._structs(fields, "resources", self._group)),
            self._texts(fields, "namespaces"),
            self._texts(fields, "nonResourceURLs"),
            self._stages(fields),
            fields.flag("omitManagedFields") if fields.has("omitManagedFields") else None,
        )
        for index, url in enumerate(rule.urls):
            self._check_url(fields, index, url)
        if rule.urls and rule.is_about_resources:
            message = "a rule is about resources or about URLs, not about both; make it two rules"
            fields.fault(message, "nonResourceURLs")
        return rule

    def _level(self, fields: Fields) -> str:
        level, known = fields.text("level"), ", ".join(LEVELS)
        if level not in LEVELS and isinstance(fields.body.get("level", ""), str):
            what = f"`{level}` is not a level" if level else f"`{fields.name('level')}` is missing"
            fields.fault(f"{what}; write one of {known}", "level")
        return level

    def _check_url(self, fields: Fields, index: int, url: str) -> None:
        if url == "*":
            return
        if not url.startswith("/"):
            fields.fault(f"the URL `{url}` must begin with a slash", "nonResourceURLs", index)
        if "*" in url[:-1]:
            message = f"the `*` in `{url}` must be its last character, which stands for any rest"
            fields.fault(message, "nonResourceURLs", index)

    def _group(self, fields: Fields) -> GroupResources:
        self._drop(fields, "resources")
        group = fields.text("group")
        if group == "*" and self._minor < _ANY_GROUP:
            message = f"`*` stands for all groups only since Kubernetes 1.{_ANY_GROUP}; list the groups"
            self.faults.append(PolicyFault(child_pointer(fields.pointer, "group"), message, "any-group"))
        elif group not in ("", "*") and not (len(group) <= _LONGEST_GROUP and _SUBDOMAIN.fullmatch(group)):
            advice = f"write `{group.partition('/')[0].lower()}`" if "/" in group else "write it as in an apiVersion"
            fields.fault(f"`{group}` is not the name of an API group; {advice}", "group")
        found = GroupResources(group, self._texts(fields, "resources"), self._texts(fields, "resourceNames"))
        if found.names and not found.resources:
            fields.fault("`resourceNames` needs `resources` beside it; name the resources", "resourceNames")
        return found

    def _stages(self, fields: Fields) -> tuple[str, ...]:
        stages = self._texts(fields, "omitStages")
        for index, stage in enumerate(stages):
            if stage not in STAGES:
                fields.fault(f"`{stage}` is not a stage; write one of {', '.join(STAGES)}", "omitStages", index)
        return stages

    def _texts(self, fields: Fields, name: str) -> Words:
        """Returns the strings of a list; a null item is an empty one, as Go reads it."""
        found: list[str] = []
        for index, value in enumerate(fields.items(name, "strings")):
            if value is None or isinstance(value, str):
                found.append(value or "")
            else:
                where = field_path(child_pointer(fields.pointer, name, index))
                fields.fault(f"`{where}` must be a string; put it in quotes", name, index)
        return Words(found)

    def _structs(self, fields: Fields, name: str, read: Callable[[Fields], _Item]) -> Iterator[_Item]:
        """Yields what the mappings of a list hold; a null item is an empty one."""
        for index, value in enumerate(fields.items(name)):
            if value is None or isinstance(value, dict):
                yield read(Fields(value or {}, child_pointer(fields.pointer, name, index), self))
            else:
                fields.fault(f"`{fields.name(name, index)}` must be a mapping", name, index)

    def _drop(self, fields: Fields, part: str) -> None:
        names = (name for name in fields.body if name not in KEYS[part])
        self.dropped += [DroppedKey(child_pointer(fields.pointer, name), name, part) for name in names]
