"""Reads the versions of one chart from the index of a chart repository, which may list thousands of charts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kgate.elsewhere.transfer import TransferError
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, compose
from kgate.yamltree.text import decode

MAX_VERSIONS = 10_000


@dataclass(frozen=True, slots=True)
class ChartVersion:
    """A version of a chart: the URL of its archive, from that of the repository, and its digest, if that is said."""

    version: str
    url: str
    digest: str


def versions(data: bytes, name: str, shown: str) -> list[ChartVersion]:
    """The versions that an index lists of a chart. Raises TransferError."""
    try:
        text = decode(data)
        index = _read(_part(text, name) or text)
    except (UnicodeDecodeError, ManifestError) as error:
        raise TransferError(f"{shown}: is not an index of charts: {error}") from None
    entries = index.get("entries") if isinstance(index, dict) else None
    listed = entries.get(name) if isinstance(entries, dict) else None
    found = list(_versions(listed)) if isinstance(listed, list) else []
    if not found:
        raise TransferError(f"{shown}: lists no chart {name}")
    return found


def _versions(listed: list[Any]) -> Iterator[ChartVersion]:
    for entry in listed[:MAX_VERSIONS]:
        urls = entry.get("urls") if isinstance(entry, dict) else None
        if isinstance(urls, list) and urls and isinstance(urls[0], str) and isinstance(entry.get("version"), str):
            digest = str(entry.get("digest") or "").removeprefix("sha256:")
            yield ChartVersion(entry["version"], urls[0], digest if re.fullmatch("[0-9a-f]{64}", digest) else "")


def _part(text: str, name: str) -> str:
    """The part of an index that is about a chart, as Helm writes it (sorted, two blanks deep); empty if it is written
    otherwise. The rest can be tens of megabytes."""
    start = text.find(f"\n  {name}:\n")
    before = text.find("\nentries:\n")
    if start < 0 or before < 0 or before > start:
        return ""
    end = re.compile(r"\n(?:  (?![ -])|\S)").search(text, start + 1)
    return f"entries:{text[start : end.start() + 1 if end else len(text)]}"


def _read(text: str) -> Any:
    root = next(compose(text), None)
    return root.value if root is not None else None
