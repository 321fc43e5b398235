"""Takes audit events out of what clouds and collectors wrap them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from kgate.audit.events.admission import of_review
from kgate.audit.events.event import MalformedEventError
from kgate.audit.events.gke import of_entry

_LISTS = ("items", "logEvents", "events", "records", "entries")
"""Lists of events or envelopes: EventList; CloudWatch, as it subscribes and as it answers; Azure; Google."""

_TEXTS = ("message", "@message", "log")
"""Fields that hold an event, as text or as a mapping: CloudWatch and collectors of files."""

_DEEPEST = 8
"""Envelopes in each other; there are three in what Azure gives to its event hubs."""


def bodies(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yields the audit events (version v1) in a parsed value: a bare event, an EventList, a list, or one of AKS, EKS
    (CloudWatch), GKE (Cloud Logging) or kube-audit-rest. Raises MalformedEventError for anything else.
    """
    if depth > _DEEPEST:
        raise MalformedEventError("is an envelope in too many others")
    if isinstance(value, list):
        for one in value:
            yield from bodies(one, depth + 1)
    elif isinstance(value, Mapping):
        yield from _inside(value, depth + 1)
    else:
        raise MalformedEventError("is neither a mapping nor a list")


def _inside(value: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    if "stage" in value or value.get("kind") == "Event":
        yield value
    elif "protoPayload" in value:
        yield of_entry(value)
    elif isinstance(value.get("request"), Mapping) and value.get("kind") == "AdmissionReview":
        yield of_review(value)
    else:
        yield from bodies(_content(value), depth)


def _content(value: Mapping[str, Any]) -> Any:
    for name in _LISTS:
        if isinstance(value.get(name), list):
            return value[name]
    properties = value.get("properties")
    for where in (value, properties if isinstance(properties, Mapping) else {}):
        for name in _TEXTS:
            if name in where:
                return _parsed(where[name])
    raise MalformedEventError("is neither an audit event nor an envelope that kgate knows")


def _parsed(content: Any) -> Any:
    if not isinstance(content, str):
        return content
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise MalformedEventError("is an envelope around something that is not JSON") from None
