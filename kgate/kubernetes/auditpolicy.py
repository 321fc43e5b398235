"""Recognises audit policies, which the API server reads from a file, and names what rules ask about them."""

from __future__ import annotations

from kgate.model import ResourceId

GROUP = "audit.k8s.io"
KIND = "Policy"

FACTS = (
    *("faults", "unknownKeys", "effects", "unmatched", "unknownResources", "unknownIdentities", "outcomes"),
    *("disclosures", "strangers", "noise", "recorded", "stages", "bodies"),
)
"""What rules ask about a policy (kgate/audit/policy/facts.py)."""


def is_policy(who: ResourceId) -> bool:
    """True for an audit policy, in whatever version."""
    return who.kind == KIND and who.api_version.partition("/")[0] == GROUP
