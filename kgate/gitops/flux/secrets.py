"""Reads Secrets that lie in a repository as they are; what is encrypted stays unknown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping

from kgate.gitops.catalogue import group
from kgate.model import Resource


def secret_data(secret: Resource) -> dict[str, str] | None:
    """The data of a Secret, ``stringData`` over ``data``; None if it is encrypted (SOPS) or malformed."""
    if secret.body.get("sops") is not None:
        return None
    try:
        return dict(_entries(secret.body))
    except (ValueError, binascii.Error):
        return None


SEALED = ("bitnami.com", "SealedSecret")
EXTERNAL = ("external-secrets.io", "ExternalSecret")
"""Objects from which operators make a Secret in the cluster."""


def whereabouts(kind: str, found: Resource | None, makers: Iterable[Resource]) -> str:
    """Where data that are not known come from, as a clause about the ConfigMap or Secret that has them; ``makers`` are
    the objects of its name from which an operator may make it."""
    if found is not None and (kind == "Secret" or _is_encrypted(found.body)):
        return "which SOPS encrypts" if _is_encrypted(found.body) else "which cannot be read"
    if kind == "Secret":
        for maker in makers:
            if group(maker) == SEALED[0]:
                return f"which is sealed ({maker.title})"
            return f"which is fetched in the cluster ({maker.title})"
    return "which is not among the manifests"


def _is_encrypted(body: Mapping[str, object]) -> bool:
    sections = (body.get("data"), body.get("stringData"))
    texts = (text for one in sections if isinstance(one, Mapping) for text in one.values())
    return body.get("sops") is not None or any(isinstance(text, str) and text.startswith("ENC[") for text in texts)


def _entries(body: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The entries, decoded. Raises ValueError."""
    for name in ("data", "stringData"):
        section = body.get(name)
        for key, text in section.items() if isinstance(section, Mapping) else ():
            if not isinstance(text, str) or text.startswith("ENC["):
                raise ValueError(key)
            yield key, base64.b64decode(text, validate=True).decode() if name == "data" else text
