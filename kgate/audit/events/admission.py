"""Requests that a webhook recorded (kube-audit-rest), where nobody can set the audit policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_VERBS = {"CREATE": "create", "UPDATE": "update", "DELETE": "delete", "CONNECT": "create"}


def of_review(review: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns an event (version v1) for the request of an AdmissionReview: who asks for what, without its outcome.

    Only writes reach a webhook, after authorization, and there is neither an address nor a URL.
    """
    request: Mapping[str, Any] = review["request"]
    resource = request.get("requestResource") or request.get("resource")
    resource = resource if isinstance(resource, Mapping) else {}
    time = review.get("requestReceivedTimestamp")
    return {
        "auditID": request.get("uid"),
        "stage": "ResponseComplete",
        "level": "Request",
        "verb": _VERBS.get(str(request.get("operation")), str(request.get("operation")).lower()),
        "user": request.get("userInfo"),
        "objectRef": {
            "apiGroup": resource.get("group", ""),
            "apiVersion": resource.get("version", ""),
            "resource": resource.get("resource", ""),
            "subresource": request.get("requestSubResource") or request.get("subResource") or "",
            "namespace": request.get("namespace", ""),
            "name": request.get("name", ""),
        },
        "requestObject": request.get("object"),
        "requestReceivedTimestamp": time,
        "stageTimestamp": time,
    }
