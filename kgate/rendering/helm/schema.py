"""Takes schemas of values out of a copy whose references Helm would follow to other files and addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from kgate.model import Json, Note
from kgate.rendering.helm.copy import ChartCopy
from kgate.textfile import read_bytes

NAME = "values.schema.json"
_KNOWN_DRAFTS = re.compile(r"https?://json-schema\.org/(draft-0[3-7]|draft/20(19-09|20-12))/schema#?")
"""The meta-schemas that Helm carries with it."""

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def remove_foreign(copy: ChartCopy) -> list[Note]:
    """Removes every schema of a chart or sub-chart that may refer to anything but itself. Returns a note for each.

    Helm checks values against the others. It would read any file and ask any address that a reference names.
    """
    notes = []
    for path in sorted(copy.folder.rglob(NAME)):
        reason = _reason(path)
        if reason:
            mount = copy.mount(path.parent).child(NAME)
            path.unlink()
            notes.append(Note(mount.file, None, f"the values are not checked against it: {reason}"))
    return notes


def _reason(path: Path) -> str:
    """Why a schema is not given to Helm; empty if it refers only to itself."""
    if not path.is_file():
        return "it is not a file"
    try:
        pairs = _pairs(json.loads(read_bytes(path), object_pairs_hook=_Pairs))
        foreign = next(
            (f"{key} {json.dumps(value)}" for key, value, depth in pairs if _leads_out(key, value, depth)), ""
        )
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except (ValueError, RecursionError):
        return "it is not JSON that can be checked"
    return f"it refers to another file or address, {foreign}" if foreign else ""


class _Pairs(list[tuple[str, Json]]):
    """The members of a JSON object, also those of which a later one has the same name."""


def _pairs(value: Json) -> Iterator[tuple[str, Json, int]]:
    """Every member of every object, and how deep it is nested."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, _Pairs):
            yield from ((key, member, depth) for key, member in item)
            pending += [(member, depth + 1) for _, member in item]
        elif isinstance(item, list):
            pending += [(member, depth + 1) for member in item]


def _leads_out(key: str, value: Json, depth: int) -> bool:
    """True if a member may make a validator read another document."""
    if not isinstance(value, str):
        return False
    if key in _REFERENCES:
        return not value.startswith("#")
    if key == "$schema":
        return _KNOWN_DRAFTS.fullmatch(value) is None
    if key in ("$id", "id"):
        return "://" in value and (depth > 0 or not value.startswith(("http://", "https://")))
    return False
