"""What namespaces ask of their pods, by their Pod Security labels (kubernetes/pod-security-admission, api/)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kgate.kubernetes.pss import ENFORCE, LEVELS, NEWEST_MINOR
from kgate.model import Related, Resource, child_pointer
from kgate.values import dataclass

_VERSION = f"{ENFORCE}-version"
_MINOR = re.compile(r"v1\.(0|[1-9][0-9]{0,59})")


@dataclass(frozen=True, slots=True)
class EnforcedLevel:
    """The level that a Namespace enforces, and the Kubernetes 1.x version of it, with the place of the label; without
    the label that is *privileged*, unless the cluster has another default. ``path`` is the file of the Namespace."""

    namespace: str
    path: str
    level: str
    minor: int
    place: Related
    is_labelled: bool


def enforced_level(resource: Resource) -> EnforcedLevel | None:
    """Returns what a Namespace enforces; None if it is none, or if the API server refuses it for the value of a
    label."""
    who = resource.id
    if who.kind != "Namespace" or who.api_version != "v1":
        return None
    metadata = resource.body.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    labels = labels if isinstance(labels, Mapping) else {}
    level, minor = labels.get(ENFORCE, LEVELS[0]), _minor(labels.get(_VERSION, "latest"))
    if level not in LEVELS or minor is None:
        return None
    version = labels.get(_VERSION, "latest")
    place = resource.locate(child_pointer("/metadata/labels", ENFORCE))
    text = f"Namespace/{who.name} enforces {level} ({version}) here"
    return EnforcedLevel(who.name, resource.locate("").path, level, minor, Related(place, text), ENFORCE in labels)


def _minor(version: object) -> int | None:
    """The minor version that the label of one means: that of the newest checks for ``latest`` and what is newer."""
    match = _MINOR.fullmatch(version) if isinstance(version, str) else None
    if version == "latest":
        return NEWEST_MINOR
    return min(int(match[1]), NEWEST_MINOR) if match else None
