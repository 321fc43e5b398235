"""Knows which API versions a Kubernetes version serves, and which ones its programs read from files (versions.json,
which upstream/kubernetes.py writes)."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TypeAlias

import orjson

from kgate.kubernetes.nearest import nearest
from kgate.values import dataclass

_Kinds: TypeAlias = Mapping[str, tuple[int, int | None]]
"""Kinds, with since and until when they are served."""


_OF_FILES = ".config.k8s.io"
"""How the groups end whose objects are read from files."""

_OF_TOOLS = ("config.talos.dev",)
"""Groups of files of other tools that rules ask about."""


@dataclass(frozen=True, slots=True)
class Unserved:
    """The field of an object, ``apiVersion`` or ``kind``, for which no API server serves it or reads it, and why."""

    field: str
    message: str


def is_in_files(kind: str) -> bool:
    """True if objects of a kind (``Kind.group``) are only read from files: no API server ever gets one."""
    group = kind.partition(".")[2]
    return group.endswith(_OF_FILES.removeprefix(".")) or group in _OF_TOOLS or kind == "EncryptionConfig.core"


@cache
def complaint(api_version: str, kind: str, minor: int) -> Unserved | None:
    """Says why a Kubernetes version serves no objects of an API version and kind, and what to write.

    Returns None if it does, and for whatever may be a custom resource or no object of a cluster at all.
    """
    group, _, version = api_version.rpartition("/")
    versions = _data().get(group)
    if versions is None:
        return _misspelt_group(api_version, group, kind, minor)
    if not any(kind in kinds for kinds in versions.values()):
        return _unknown_kind(api_version, kind, minor)
    if is_served(api_version, kind, minor):
        return None
    since, until = versions.get(version, {}).get(kind, (0, 0))
    when = f" (added in 1.{since})" if minor < since else f" (removed in 1.{until})" if until else ""
    message = f"{_refusal(kind, api_version, minor)}{when}; {_advice(kind, minor, group)}"
    return Unserved("apiVersion", message)


def is_served(api_version: str, kind: str, minor: int) -> bool:
    """True if a Kubernetes version serves an API version and kind without a custom resource definition."""
    group, _, version = api_version.rpartition("/")
    since, until = _data().get(group, {}).get(version, {}).get(kind, (0, 0))
    return since <= minor and (until is None or minor < until)


def is_own(api_version: str) -> bool:
    """True for an API of Kubernetes itself, in whatever version; False for one that only custom resources have."""
    return api_version.rpartition("/")[0] in _data()


def _refusal(kind: str, api_version: str, minor: int) -> str:
    verb = "read" if api_version.rpartition("/")[0].endswith(_OF_FILES) else "serve"
    return f"Kubernetes 1.{minor} does not {verb} {kind} as {api_version}"


def _advice(kind: str, minor: int, group: str) -> str:
    others = list(_served_as(kind, minor, group))
    if others:
        return f"use {others[0]}"
    if kind == "PodSecurityPolicy" and minor >= 25:
        return "label namespaces for Pod Security admission instead"
    return "no other API version of it is served either"


def _served_as(kind: str, minor: int, group: str) -> Iterator[str]:
    """Yields the API versions that serve a kind: those of the group first, the most stable and newest first."""
    for name in sorted(_data(), key=lambda name: (name != group, name)):
        versions = _data()[name]
        for version in sorted(versions, key=_stability, reverse=True):
            since, until = versions[version].get(kind, (0, 0))
            if since <= minor and (until is None or minor < until):
                yield f"{name}/{version}".removeprefix("/")


def _stability(version: str) -> tuple[bool, bool, list[int]]:
    """Returns a key that sorts versions as Kubernetes does: ``v1alpha1``, ``v1beta2``, ``v1``, ``v2``."""
    return "alpha" not in version, "beta" not in version, [int(number) for number in re.findall(r"\d+", version)]


def _unknown_kind(api_version: str, kind: str, minor: int) -> Unserved | None:
    """Complains about a kind that another group has, or that is almost the name of a kind."""
    group = api_version.rpartition("/")[0]
    elsewhere = list(_served_as(kind, minor, group))
    if elsewhere:
        message = f"{_refusal(kind, api_version, minor)}; use {elsewhere[0]}"
        return Unserved("apiVersion", message)
    near = nearest(kind, _kinds(group)) or nearest(kind, _all_kinds())
    served = list(_served_as(near, minor, group)) if near else []
    if not served:
        return None
    where = "" if served[0] == api_version else f" of {served[0]}"
    return Unserved("kind", f"{api_version} has no kind {kind}; did you mean {near}{where}?")


def _misspelt_group(api_version: str, group: str, kind: str, minor: int) -> Unserved | None:
    """Complains about a group that is almost the name of one that has the kind."""
    near = nearest(group, (name for name in _data() if kind in _kinds(name)))
    served = list(_served_as(kind, minor, near)) if near else []
    if not served:
        return None
    return Unserved("apiVersion", f"Kubernetes has no API version {api_version}; did you mean {served[0]}?")


def _kinds(group: str) -> set[str]:
    return {kind for kinds in _data()[group].values() for kind in kinds}


def _all_kinds() -> set[str]:
    return {kind for group in _data() for kind in _kinds(group)}


@cache
def _data() -> Mapping[str, Mapping[str, _Kinds]]:
    """Returns the kinds of each version of each group."""
    content = pkgutil.get_data("kgate.kubernetes", "versions.json") or b""
    data: Mapping[str, Mapping[str, _Kinds]] = orjson.loads(content)
    return data


@cache
def resource_groups(minor: int) -> Mapping[str, tuple[str, ...]]:
    """Returns the API groups of each resource that a Kubernetes version serves, by its name (``pods``)."""
    found: dict[str, set[str]] = {}
    for group, versions in _data().items():
        for kinds in versions.values() if not group.endswith(_OF_FILES) else ():
            for kind, (since, until) in kinds.items():
                if since <= minor and (until is None or minor < until):
                    found.setdefault(_plural(kind.lower()), set()).add(group)
    return {name: tuple(sorted(groups)) for name, groups in found.items()}


def _plural(word: str) -> str:
    """The resource of a kind (apimachinery, UnsafeGuessKindToResource)."""
    if word == "endpoints":
        return word
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith("s") else f"{word}s"
