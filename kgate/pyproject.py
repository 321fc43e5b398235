"""Recognises settings of kgate in a ``pyproject.toml``, which most projects have for other programs."""

from __future__ import annotations

import re
from collections.abc import Mapping

TABLE = ("tool", "kgate")
MAX_BYTES = 1 << 20

_HEADER = re.compile(rb"^[ \t]*\[{1,2}[ \t]*[\"']?tool[\"']?[ \t]*\.[ \t]*[\"']?kgate[\"']?[ \t]*[\].]", re.MULTILINE)


def has_settings(data: bytes) -> bool:
    """True if a pyproject.toml has the table of kgate; of one that no TOML parser reads, if it has such a header."""
    if b"kgate" not in data:
        return False
    if len(data) > MAX_BYTES:
        return _HEADER.search(data) is not None
    import tomllib

    try:
        tool = tomllib.loads(data.decode("utf-8-sig")).get(TABLE[0])
    except (ValueError, RecursionError):
        return _HEADER.search(data) is not None
    return isinstance(tool, Mapping) and TABLE[1] in tool
