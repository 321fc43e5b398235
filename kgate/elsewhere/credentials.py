"""Reads credentials from a file in the format of Docker, as `helm registry login` writes it too."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path

from kgate.errors import ConfigError
from kgate.textfile import read_bytes


def read(path: Path) -> dict[str, str]:
    """The value of the header ``Authorization`` by host, with its port if that is not 443. Raises ConfigError, which
    shows nothing of the file's content."""
    try:
        entries = json.loads(read_bytes(path)).get("auths", {})
        return {_host(name): f"Basic {_pair(entry)}" for name, entry in entries.items()}
    except OSError as error:
        raise ConfigError(f"--registry-config {path}: cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, AttributeError, TypeError):
        wanted = (
            '{"auths": {"ghcr.io": {"auth": "…"}}}, with user:password in base64; programs that keep them are not run'
        )
        raise ConfigError(f"--registry-config {path}: must hold {wanted}") from None


def _host(name: str) -> str:
    """The host of a key, which may be a URL (as Docker writes that of its own registry)."""
    return name.partition("://")[2].partition("/")[0] or name.partition("/")[0]


def _pair(entry: dict[str, str]) -> str:
    """User and password in base64. Raises ValueError."""
    pair = base64.b64decode(entry["auth"], validate=True) if "auth" in entry else b""
    pair = pair or f"{entry['username']}:{entry['password']}".encode()
    if b":" not in pair:
        raise binascii.Error
    return base64.b64encode(pair).decode()
