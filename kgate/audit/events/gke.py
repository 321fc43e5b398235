"""Audit events of GKE, which writes them as entries of Cloud Logging (google.cloud.audit.AuditLog)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kgate.audit.events.event import MalformedEventError
from kgate.values import dataclass

_CODES = {
    0: 200,
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    16: 401,
}
"""HTTP status of each code of gRPC (googleapis, google/rpc/code.proto)."""

_VERSION = re.compile("v[0-9][0-9a-z]*")


@dataclass(frozen=True, slots=True)
class _Path:
    """The parts of a ``resourceName``: ``apps/v1/namespaces/shop/deployments/web/scale``; all empty for ``readyz``."""

    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""


def of_entry(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the event (version v1) that an entry is about. Raises MalformedEventError."""
    payload = entry["protoPayload"]
    if not isinstance(payload, Mapping) or not isinstance(payload.get("methodName"), str):
        raise MalformedEventError("has a protoPayload without methodName")
    path = _path(str(payload.get("resourceName", "")))
    origin = _mapping(payload, "requestMetadata")
    time = entry.get("timestamp") or entry.get("receiveTimestamp")
    return {
        "auditID": entry.get("insertId", ""),
        "stage": "ResponseComplete",
        "level": _level(payload),
        "verb": payload["methodName"].rpartition(".")[2],
        "requestURI": f"/{payload.get('resourceName', '')}",
        "user": {"username": str(_mapping(payload, "authenticationInfo").get("principalEmail") or "")},
        "sourceIPs": [origin["callerIp"]] if "callerIp" in origin else [],
        "userAgent": origin.get("callerSuppliedUserAgent", ""),
        "objectRef": {
            "apiGroup": path.group,
            "apiVersion": path.version,
            "resource": path.resource,
            "namespace": path.namespace,
            "name": path.name,
            "subresource": path.subresource,
        },
        "responseStatus": {"code": _code(_mapping(payload, "status").get("code", 0))},
        "requestObject": payload.get("request"),
        "responseObject": payload.get("response"),
        "requestReceivedTimestamp": time,
        "stageTimestamp": time,
        "annotations": _mapping(entry, "labels"),
    }


def _path(name: str) -> _Path:
    group, *rest = name.strip("/").split("/")
    if len(rest) < 2 or not _VERSION.fullmatch(rest[0]):
        return _Path()
    version, *rest = rest
    namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 1 else ""
    if namespace and len(rest) > 2 and not _is_of_namespace(rest):
        rest = rest[2:]
    resource, name, subresource = (*rest, "", "", "")[:3]
    return _Path("" if group == "core" else group, version, namespace, resource, name, subresource)


def _is_of_namespace(rest: list[str]) -> bool:
    """True for a subresource of a Namespace itself: ``namespaces/shop/finalize``."""
    return len(rest) == 3 and rest[2] in ("finalize", "status")


def _level(payload: Mapping[str, Any]) -> str:
    if payload.get("response"):
        return "RequestResponse"
    return "Request" if payload.get("request") else "Metadata"


def _code(code: Any) -> int:
    if not isinstance(code, int):
        raise MalformedEventError("has a status whose code is not a number")
    return code if code >= 100 else _CODES.get(code, 500)


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}
