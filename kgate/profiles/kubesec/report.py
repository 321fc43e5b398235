"""Scores -> the JSON of kubesec, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from kgate.model import Json
from kgate.profiles.kubesec.rules import ScoringRule
from kgate.profiles.kubesec.scoring import ObjectScore

_UNSEEN = (*range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Control characters and those that reorder text, which kubesec lets a name write to a terminal."""

_ESCAPES = {code: f"\\u{code:04x}" for code in (*map(ord, "<>&\u2028\u2029"), *_UNSEEN)}
"""What Go's encoding/json escapes and Python's json does not, and what would not be seen."""


def render(found: Sequence[ObjectScore], file_name: str, beside: Callable[[ObjectScore], Json] | None = None) -> str:
    """Returns a JSON array with an object for each score; ``beside`` makes one more field of it, ``kgate``."""
    values = [_as_json(one, file_name) for one in found]
    if beside is not None:
        for value, one in zip(values, found, strict=True):
            value["kgate"] = beside(one)
    return f"{json.dumps(values, indent=2, ensure_ascii=False).translate(_ESCAPES)}\n"


def _as_json(one: ObjectScore, file_name: str) -> dict[str, Json]:
    lists = {"critical": one.critical, "passed": one.passed, "advise": one.advise}
    return {
        "object": one.object,
        "valid": one.is_valid,
        "fileName": file_name,
        "message": one.message,
        "score": one.score,
        "scoring": {name: _rules(rules) for name, rules in lists.items() if rules},
    }


def _rules(rules: Iterable[ScoringRule]) -> Json:
    return [{"id": rule.id, "selector": rule.selector, "reason": rule.reason, "points": rule.points} for rule in rules]
