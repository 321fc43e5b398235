"""Audit events as the API server writes them, with what a test is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from kgate.audit.events.census import Census
from kgate.audit.events.event import Event
from kgate.audit.events.lines import Line
from kgate.audit.events.read import events
from kgate.audit.events.requests import requests

Body = dict[str, Any]
ACCOUNT = "system:serviceaccount:shop:web"


def body(verb: str = "get", what: str = "pods", user: str = "alice", code: int = 200, **more: Any) -> Body:
    """An event of level Metadata: a verb on a resource (``apps/deployments/scale``) or a path (``/metrics``).

    ``name``, ``namespace``, ``at`` (seconds after noon) and ``groups`` are shorthands, all else fields of the event.
    """
    seconds = more.pop("at", 0)
    time = f"2026-03-01T12:{seconds // 60:02d}:{seconds % 60:02d}.000000Z"
    found: Body = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{seconds}-{user}-{more.get('name', '')}",
        "stage": "ResponseComplete",
        "requestURI": what if what.startswith("/") else f"/api/v1/{what}",
        "verb": verb,
        "user": {"username": user, "groups": [*more.pop("groups", ()), "system:authenticated"]},
        "sourceIPs": ["10.0.0.1"],
        "userAgent": "client/v1",
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": time,
        "stageTimestamp": time,
        "annotations": {"authorization.k8s.io/decision": "forbid" if code == 403 else "allow"},
    }
    namespace, name = more.pop("namespace", "shop"), more.pop("name", "")
    if not what.startswith("/"):
        group, resource, subresource = _parts(what)
        reference = {"resource": resource, "subresource": subresource, "namespace": namespace, "name": name}
        found["objectRef"] = {key: value for key, value in {**reference, "apiGroup": group}.items() if value}
    found["annotations"] |= more.pop("annotations", {})
    return {**found, **more}


def _parts(what: str) -> tuple[str, str, str]:
    """Group, resource and subresource; a group has a dot, or is apps."""
    first, _, rest = what.partition("/")
    group, whole = (first, rest) if first == "apps" or "." in first else ("", what)
    resource, _, subresource = whole.partition("/")
    return group, resource, subresource


def made(verb: str = "get", what: str = "pods", user: str = "alice", code: int = 200, **more: Any) -> Event:
    """The event that the reader makes of such a body."""
    return Event(body(verb, what, user, code, **more))


def read(lines: Iterable[bytes]) -> tuple[list[Event], Census]:
    """The events of lines, and what was counted."""
    census = Census()
    numbered: Iterable[Line] = enumerate(lines, 1)
    found = list(requests(events(numbered, "a.log", census), census))
    return found, census


def written(*bodies: Body) -> bytes:
    """The lines of a log."""
    return b"".join(orjson.dumps(one) + b"\n" for one in bodies)
