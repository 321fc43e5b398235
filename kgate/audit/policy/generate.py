"""Writes audit policies to begin with."""

from __future__ import annotations

import pkgutil

PROFILES = ("cis", "falco")
"""What a policy is for, which is also the name of its file in ``profiles``."""


def policy(profile: str) -> str:
    """Returns the text of a policy, with comments."""
    content = pkgutil.get_data("kgate.audit.policy", f"profiles/{profile}.yaml")
    assert content is not None
    return content.decode("utf-8")
