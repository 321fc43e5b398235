"""What keeps a release from being made."""

from __future__ import annotations


class ReleaseError(Exception):
    """A sentence for whoever releases: what is wrong and what to do."""
