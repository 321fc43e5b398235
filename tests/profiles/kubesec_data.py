"""What the real kubesec answers: recorded requests, and the cases of its test suite (tests/data/NOTICE.md)."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from typing import Any

from tests.command import ROOT

DATA = ROOT / "tests" / "data"
MINOR = 31
"""The Kubernetes version of the schemas that kubesec had."""

DEVIATIONS = {
    "@multi-sep-blank": "kubesec drops the document behind '--- '; it is scored",
    "@multi-sep-comment": "kubesec drops the document behind '--- # comment'; it is scored",
    "@crlf": "kubesec drops the second document of a text with CRLF; it is scored",
    "@json-concat": "kubesec drops the second of two JSON objects; it is scored",
    "@dupkey": "kubesec takes the last of two equal keys; kubectl refuses them, and so does kgate",
}
"""The recorded bodies about which kgate says something else on purpose, and why."""

_SCHEMA = re.compile(r"jsonschema validation failed with '[^']*'")


def comparable(body: str) -> str:
    """A body without the place of the schema, which differs from server to server."""
    return _SCHEMA.sub("jsonschema validation failed", body)


@cache
def rows(name: str) -> tuple[dict[str, Any], ...]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return tuple(map(json.loads, lines))


def asset(path: str) -> bytes:
    """A file of kubesec's tests, as it was posted."""
    name = path.removeprefix("test/asset/")
    return str(next(row["request_body"] for row in rows("kubesec_http") if row["file"] == name)).encode()
