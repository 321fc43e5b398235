"""Recognises audit policies, which the API server reads from a file."""

from __future__ import annotations

from kgate.model import ResourceId

GROUP = "audit.k8s.io"
KIND = "Policy"


def is_policy(who: ResourceId) -> bool:
    """True for an audit policy, in whatever version."""
    return who.kind == KIND and who.api_version.partition("/")[0] == GROUP
