"""Names as the generators of an ApplicationSet normalise them."""

from __future__ import annotations

import re


def normalise_name(name: str) -> str:
    """A name of a DNS subdomain (argo-cd, utils.SanitizeName)."""
    return re.sub(r"[^-a-z0-9.]", "-", name.lower())[:253].strip("-.")
