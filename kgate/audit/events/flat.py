"""The flat schema: one row for each event, for SQL and for Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import orjson

from kgate.audit.events.event import LEVELS, Event, MalformedEventError, utc
from kgate.values import dataclass

VERSION = 1
"""Rises when a column changes its name, type or meaning; a new column at the end is no change."""

TEXT = "text"
TEXTS = "list of texts"
NUMBER = "whole number"
TIME = "time in UTC, microseconds"
JSON = "JSON as text"

_LEVELS = {rank: name for name, rank in LEVELS.items()}
_EXTRA = "authentication.kubernetes.io/"
_DECISION = "authorization.k8s.io/"
_END = object()


@dataclass(frozen=True, slots=True)
class FlatColumn:
    """A column: its name, which is no reserved word in any of the engines that kgate writes DDL for, and its type."""

    name: str
    type: str
    meaning: str


COLUMNS = (
    FlatColumn("stage_time", TIME, "when the stage was reached"),
    FlatColumn("received_time", TIME, "when the API server received the request"),
    FlatColumn("audit_id", TEXT, "id of the request, which its client may choose"),
    FlatColumn("stage", TEXT, "`RequestReceived`, `ResponseStarted`, `ResponseComplete` or `Panic`"),
    FlatColumn("audit_level", TEXT, "`Metadata`, `Request` or `RequestResponse`"),
    FlatColumn("verb", TEXT, "verb of a resource, or HTTP method in lower case"),
    FlatColumn("username", TEXT, "who authenticated; empty if nobody did"),
    FlatColumn("user_groups", TEXTS, "groups of that user"),
    FlatColumn("impersonated_user", TEXT, "in whose name the user acted; empty if in the own one"),
    FlatColumn("impersonated_groups", TEXTS, "groups of the impersonated user"),
    FlatColumn("source_ips", TEXTS, "addresses; only the last one is not the client's to choose"),
    FlatColumn("user_agent", TEXT, "what the client says it is"),
    FlatColumn("request_uri", TEXT, "path and query"),
    FlatColumn("api_group", TEXT, "API group; empty for the core group"),
    FlatColumn("api_version", TEXT, "version of the API"),
    FlatColumn("resource_type", TEXT, "plural of the kind; empty for a path that is no resource"),
    FlatColumn("subresource", TEXT, "such as `exec`"),
    FlatColumn("namespace", TEXT, "namespace; empty for all of them, and for what is in none"),
    FlatColumn("object_name", TEXT, "name of the object; empty for a list"),
    FlatColumn("response_code", NUMBER, "HTTP status; null without a response"),
    FlatColumn("response_reason", TEXT, "reason of a failure, such as `Forbidden`"),
    FlatColumn("response_message", TEXT, "what the response says of a failure"),
    FlatColumn("decision", TEXT, "`allow` or `forbid`, by the authorizer"),
    FlatColumn("decision_reason", TEXT, "why; RBAC names the binding"),
    FlatColumn("pod_name", TEXT, "pod that the token is bound to"),
    FlatColumn("node_name", TEXT, "node that the token is bound to"),
    FlatColumn("credential_id", TEXT, "id of the credential that was used"),
    FlatColumn("annotations", JSON, "annotations of authorizers, admission and policies; a mapping"),
    FlatColumn("request_object", JSON, "body of the request; null below the level Request"),
    FlatColumn("response_object", JSON, "body of the response; null below the level RequestResponse"),
)


def flat(event: Event) -> dict[str, Any]:
    """Returns an event by the names of COLUMNS: texts, lists of texts, numbers, and times as texts."""
    body, reference, extra = event.body, event.reference, event.extra
    annotations = event.annotations
    status = body.get("responseStatus") or {}
    values = (
        *(event.time, _time(body.get("requestReceivedTimestamp")), event.audit_id, event.stage, _LEVELS[event.level]),
        *(event.verb, event.user, event.groups, event.acting_as, event.acting_groups, _texts(body.get("sourceIPs"))),
        *(event.agent, event.uri, event.group, _text(reference.get("apiVersion")), event.resource, event.subresource),
        *(event.namespace, event.name, event.code or None, _text(status.get("reason")), event.message),
        *(_text(annotations.get(f"{_DECISION}decision")), _text(annotations.get(f"{_DECISION}reason"))),
        *(_first(extra.get(f"{_EXTRA}{name}")) for name in ("pod-name", "node-name", "credential-id")),
        *(_json(annotations), _json(event.request), _json(event.response)),
    )
    return {column.name: value for column, value in zip(COLUMNS, values, strict=True)}


def _time(value: Any) -> str | None:
    try:
        return utc(value) if isinstance(value, str) else None
    except MalformedEventError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _first(value: Any) -> str:
    return next(iter(_texts(value)), "")


def _json(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # it reads 1024 levels and writes 254
        return "".join(_deep_json(value))


def _deep_json(value: Any) -> Iterator[str]:
    """Yields the JSON of a value of any depth in pieces, without recursion."""
    waiting: list[Iterator[tuple[str, Any]]] = [iter((("", value),))]
    closings = [""]
    while waiting:
        before, one = next(waiting[-1], (closings[-1], _END))
        yield before
        if one is _END:
            waiting.pop()
            closings.pop()
        elif isinstance(one, dict) and one:
            colons = (f"{',' if number else '{'}{orjson.dumps(name).decode()}:" for number, name in enumerate(one))
            waiting.append(zip(colons, one.values(), strict=True))
            closings.append("}")
        elif isinstance(one, list) and one:
            waiting.append(zip(chain("[", repeat(",")), one, strict=False))
            closings.append("]")
        else:
            yield orjson.dumps(one).decode()
