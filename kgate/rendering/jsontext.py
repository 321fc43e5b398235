"""Writes JSON that helm and kustomize, which read it as YAML, take for the same values."""

from __future__ import annotations

import json
import re

from kgate.model import Json
from kgate.regexp import decodable

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def json_text(content: Json, indent: int | None = None) -> str:
    """Returns a value as JSON that is YAML too: without pairs of surrogates, and only with printable characters.

    Half of a pair becomes a replacement character, as for Go (encoding/json).
    """
    text = decodable(json.dumps(content, indent=indent, ensure_ascii=False))
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
