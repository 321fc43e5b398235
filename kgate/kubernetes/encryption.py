"""Recognises what is encrypted: single values by SOPS, whole files by git-crypt, age, PGP and Ansible Vault."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kgate.kubernetes.workload import find_workload
from kgate.model import Batch, Json, Pointer, Resource, Unjudged, Unknown, child_pointer

_TOKEN = re.compile(r"ENC\[AES256_GCM,data:[^\[\]\s]*+\]")
"""A value that SOPS has encrypted (sops, aes/cipher.go); data, iv, tag and type are base64 and a word."""

_HEADERS = (
    (b"\0GITCRYPT\0", "git-crypt", "git-crypt unlock"),
    (b"age-encryption.org/v1", "age", ""),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age", ""),
    (b"-----BEGIN PGP MESSAGE-----", "PGP", ""),
    (b"$ANSIBLE_VAULT;", "Ansible Vault", ""),
)
"""How encrypted files begin, by what, and what decrypts them in place."""

_REASON = "is encrypted by SOPS, so its value is not known"


def tokens(text: str) -> tuple[str, ...]:
    """The encrypted values in a text."""
    return tuple(_TOKEN.findall(text)) if "ENC[" in text else ()


def is_one(value: Json) -> bool:
    """True if a value is encrypted as a whole."""
    return isinstance(value, str) and _TOKEN.fullmatch(value.strip()) is not None


def whole_file(path: str, data: bytes, what: str) -> Unjudged | None:
    """What is not judged since a whole file is encrypted; None if it is not. ``what`` is what depends on it."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    for header, program, command in _HEADERS:
        if start.startswith(header):
            return Unjudged(path, None, f"it is encrypted by {program}, so nobody knows what it holds", what, command)
    return None


def with_unknown(batch: Batch) -> Batch:
    """A batch whose resources know which of their fields are encrypted: these are no strings that decide anything. An
    object whose kind is encrypted is not judged, but for the pods that can be seen in it."""
    hidden = [one for one in batch.resources if _is_of_unknown_kind(one)]
    kept = tuple(_marked(one) for one in batch.resources if not _is_of_unknown_kind(one) or find_workload(one))
    return replace(batch, resources=kept, unjudged=(*batch.unjudged, *map(_of_unknown_kind, hidden)))


def _is_of_unknown_kind(resource: Resource) -> bool:
    return bool(tokens(resource.id.kind) or tokens(resource.id.api_version))


def _of_unknown_kind(resource: Resource) -> Unjudged:
    place = resource.locate("/kind")
    return Unjudged(place.path, place.start.line, "its kind is encrypted by SOPS", "an object of unknown kind")


_KEY = re.compile(r"/resources/\d+/providers/\d+/\w+/keys/\d+/secret|/cluster/\w+EncryptionSecret")
"""Where keys of the encryption at rest stand, of which it is enough to know that they are encrypted."""


def _marked(resource: Resource) -> Resource:
    fields = encrypted_fields(resource.body)
    unknown = {pointer: Unknown(found[0], _REASON) for pointer, found in fields if not _KEY.fullmatch(pointer)}
    return replace(resource, unknown={**resource.unknown, **unknown}) if unknown else resource


def encrypted_fields(body: Json) -> Iterator[tuple[Pointer, tuple[str, ...]]]:
    """The fields of a body that hold encrypted values, with these; what SOPS notes for itself left out."""
    pending: list[tuple[Pointer, Json]] = [("", body)]
    while pending:
        pointer, value = pending.pop()
        if isinstance(value, Mapping):
            own = ((child_pointer(pointer, key), member) for key, member in value.items())
            pending += [(place, member) for place, member in own if place != "/sops"]
        elif isinstance(value, list):
            pending += [(child_pointer(pointer, index), member) for index, member in enumerate(value)]
        elif isinstance(value, str) and (found := tokens(value)):
            yield pointer, found
