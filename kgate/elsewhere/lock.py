"""Reads and writes kgate.lock: what was fetched, in which version and with which digest."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from kgate.elsewhere.wanted import KINDS, Locked, Wanted, is_digest
from kgate.errors import ConfigError

if TYPE_CHECKING:
    from kgate.yamltree.fields import FileFields

NAME = "kgate.lock"
"""The file, in the root of the repository."""

SCHEMA = "kgate-lock/1"
_HEAD = f'# Written by "kgate pull": what this repository deploys from elsewhere. Commit it.\nschema: {SCHEMA}\n'
_FIELDS = ("kind", "repository", "name", "requested", "version", "digest", "origin")
ANEW = "delete the file, and run kgate pull"
MAX_ENTRIES = 5_000
_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,127}")


def parse(data: bytes, path: str = NAME) -> dict[Wanted, Locked]:
    """The entries of a lock file. Raises ConfigError with file and line."""
    from kgate.yamltree.fields import UserFile

    fields = UserFile.parse(data, path, ConfigError).fields()
    fields.only(("schema", "fetched"))
    if fields.needed("schema") != SCHEMA:
        fields.fault(f"schema must be {SCHEMA}: another version of kgate wrote this file; {ANEW}", "schema")
    found: dict[Wanted, Locked] = {}
    for entry in fields.sections("fetched", "mappings"):
        locked = _entry(entry)
        if locked.wanted in found:
            entry.fault(f"{entry.name()} names {locked.wanted.label} a second time; {ANEW}")
        found[locked.wanted] = locked
    if len(found) > MAX_ENTRIES:
        fields.fault(f"fetched holds more than {MAX_ENTRIES:,} entries", "fetched")
    return found


def _entry(entry: FileFields) -> Locked:
    entry.only(_FIELDS)
    kind = next((one for one in KINDS if one == entry.one_of("kind", KINDS)), None)
    if kind is None:
        entry.fault(f"{entry.name('kind')} is missing", "kind")
    name = entry.needed("name") if kind in ("helm", "oci") else entry.text("name")
    wanted = Wanted(kind, entry.needed("repository"), name, entry.needed("requested"))
    digest, version = entry.needed("digest"), entry.needed("version")
    is_name = _WORD.fullmatch(name) is not None if kind in ("helm", "oci") else _is_path(name)
    for field, text, is_right in (("name", name, is_name), ("version", version, _WORD.fullmatch(version) is not None)):
        if not is_right:
            entry.fault(f"{entry.name(field)}: '{text:.60}' is not a {field} of something fetched; {ANEW}", field)
    if not is_digest(digest):
        entry.fault(f"{entry.name('digest')} must be sha256: and 64 hexadecimal digits; {ANEW}", "digest")
    return Locked(wanted, version, digest, entry.text("origin"))


def _is_path(name: str) -> bool:
    """True for a path as ``Wanted.git`` writes it; the root is empty."""
    return posixpath.normpath(f"/{name}").strip("/") == name and name.isprintable()


def text_of(entries: Mapping[Wanted, Locked]) -> str:
    """The lock file with these entries: the same text for the same entries."""
    lines = "".join(_lines(sorted(entries.values())))
    return f"{_HEAD}fetched:\n{lines}" if lines else f"{_HEAD}fetched: []\n"


def _lines(entries: Iterable[Locked]) -> Iterator[str]:
    for one in entries:
        wanted = one.wanted
        values = (wanted.kind, wanted.repository, wanted.name, wanted.requested, one.version, one.digest, one.origin)
        pairs = [(name, value) for name, value in zip(_FIELDS, values, strict=True) if value]
        for index, (name, value) in enumerate(pairs):
            yield f"{'- ' if index == 0 else '  '}{name}: {_scalar(value)}\n"


def _scalar(value: str) -> str:
    """A string of YAML in quotes, as JSON has it."""
    import json

    return json.dumps(value)
