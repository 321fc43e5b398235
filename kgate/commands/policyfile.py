"""Reads the file of an audit policy for the commands that are given one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgate.audit.policy.file import PolicyFile


def policy_file(path: str, version: str | None) -> PolicyFile:
    """Reads a policy for a version of Kubernetes, None for the newest. Raises ConfigError for what is no YAML, and
    OSError for what is no regular file, or too large."""
    from kgate.audit.policy.file import MAX_BYTES, read
    from kgate.kubernetes.pss import parse_version
    from kgate.textfile import read_bytes

    return read(path, read_bytes(Path(path), MAX_BYTES), parse_version(version or "latest"))
