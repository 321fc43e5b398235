"""Reads Secrets that lie in a repository as they are; what is encrypted stays unknown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping

from kgate.model import Resource


def secret_data(secret: Resource) -> dict[str, str] | None:
    """The data of a Secret, ``stringData`` over ``data``; None if it is encrypted (SOPS) or malformed."""
    if secret.body.get("sops") is not None:
        return None
    try:
        return dict(_entries(secret.body))
    except (ValueError, binascii.Error):
        return None


def _entries(body: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The entries, decoded. Raises ValueError."""
    for name in ("data", "stringData"):
        section = body.get(name)
        for key, text in section.items() if isinstance(section, Mapping) else ():
            if not isinstance(text, str) or text.startswith("ENC["):
                raise ValueError(key)
            yield key, base64.b64decode(text, validate=True).decode() if name == "data" else text
