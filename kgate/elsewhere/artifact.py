"""Fetches the manifests that ``flux push artifact`` has packed into a registry (fluxcd/source-controller,
OCIRepository)."""

from __future__ import annotations

import json
from dataclasses import replace

from kgate.elsewhere import trees
from kgate.elsewhere.fetched import digest_of
from kgate.elsewhere.helm import Download, newest_tag
from kgate.elsewhere.transfer import Client, TransferError
from kgate.elsewhere.upstream import Asking, Registry, needed
from kgate.elsewhere.wanted import RANGE, Wanted, is_digest

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def pull(wanted: Wanted, client: Client, version: str = "") -> Download:
    """The content of an artifact, packed, of the manifest with this digest if that is known: all that its first layer
    holds. Raises RefusedError and TransferError."""
    registry = Registry(client, replace(wanted, kind="oci"), "")
    digest = f"sha256:{version}" if version else _digest(wanted, registry)
    manifest = _content(registry, "manifests", digest)
    try:
        layer = json.loads(manifest)["layers"][0]["digest"]
    except (ValueError, LookupError, TypeError):
        layer = ""
    if not isinstance(layer, str) or not is_digest(layer):
        raise TransferError(f"{registry.origin}: has no layer; it is not an artifact of Flux")
    version = digest.removeprefix("sha256:")
    packed = trees.packed_artifact(_content(registry, "blobs", layer), wanted, version)
    return Download(version, f"{registry.origin}@{digest}", packed)


def _digest(wanted: Wanted, registry: Registry) -> str:
    """The digest of the manifest that is asked for: itself, the newest tag in a range, or a tag."""
    if wanted.requested.startswith("@"):
        digest = wanted.requested[1:]
        if not is_digest(digest):
            raise TransferError(f"'{digest:.80}' is not a digest")
        return digest
    tag = newest_tag(wanted, registry) if wanted.requested.startswith(RANGE) else wanted.requested
    return registry.digest_of(tag)


def _content(registry: Registry, kind: str, digest: str) -> bytes:
    asking = Asking("GET", f"{registry.path}/{kind}/{digest}", {"accept": _MANIFEST})
    body = needed(registry.answer(asking, "")).body
    if digest_of(body) != digest:
        raise TransferError(f"{registry.origin}: what the registry sends is not {digest}")
    return body
