"""Reads and writes an AdmissionReview of version v1 (k8s.io/api, admission/v1/types.go)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

import orjson

from kgate.model import Json
from kgate.values import dataclass

API_VERSION = "admission.k8s.io/v1"
OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")
_WITH_OBJECT = ("CREATE", "UPDATE")

MAX_WARNING = 256
"""Code points of one warning, beyond which an API server may cut it."""

MAX_WARNINGS = 4096
"""Code points of all warnings of an answer, beyond which an API server drops some."""

_FORBIDDEN = 403


class ReviewError(Exception):
    """What is wrong with a review, and what to do."""


@dataclass(frozen=True, slots=True)
class User:
    """Who makes a request, as the API server has found out."""

    name: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """What somebody asks an API server for. ``object`` is what will be stored, ``old`` what an update replaces; None
    where there is none. Both have their apiVersion and kind, and the namespace of the request. A dry run is judged as
    any other request, and a name that is still to be generated is empty."""

    uid: str
    operation: str
    kind: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    user: User = User()
    object: Mapping[str, Json] | None = field(default=None, hash=False)
    old: Mapping[str, Json] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class AdmissionResponse:
    """The answer to the request with this ``uid``; it has a ``message`` if it is refused. ``annotations`` go into the
    audit log of the API server, ``warnings`` to whoever asked."""

    uid: str
    allowed: bool = True
    message: str = ""
    warnings: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)


def parse(data: bytes) -> AdmissionRequest:
    """Returns the request of a review. Raises ReviewError for what is not a review of version v1, and for one that
    lacks what its operation needs."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ReviewError(f"the body is not JSON: {error}; send an AdmissionReview") from None
    if not isinstance(body, dict) or body.get("kind") != "AdmissionReview":
        raise ReviewError("the body is not an AdmissionReview; only an API server sends requests here")
    if body.get("apiVersion") != API_VERSION:
        found = f"{body.get('apiVersion')!s:.100}"
        raise ReviewError(f"the review is of {found}, not {API_VERSION}; write admissionReviewVersions: [v1]")
    return _request(_Fields(body, "").mapping("request"))


def _request(fields: _Fields) -> AdmissionRequest:
    operation = fields.text("operation")
    if operation not in OPERATIONS:
        raise ReviewError(f"request.operation is '{operation:.100}'; it must be one of {', '.join(OPERATIONS)}")
    if not fields.text("uid"):
        raise ReviewError("request.uid is missing")
    kind, user = fields.mapping("kind"), fields.mapping_if_any("userInfo")
    namespace = fields.text("namespace")
    typed = _Type(kind.text("group"), kind.text("version"), kind.text("kind"), namespace)
    if not typed.kind or not typed.version:
        raise ReviewError("request.kind must have a version and a kind")
    old = typed.completed(fields, "oldObject")
    found = AdmissionRequest(
        fields.text("uid"),
        operation,
        typed.kind,
        namespace,
        fields.text("name"),
        fields.text("subResource"),
        User(user.text("username"), user.texts("groups")),
        typed.completed(fields, "object"),
        old if operation == "UPDATE" else None,
    )
    if found.operation in _WITH_OBJECT and found.object is None:
        raise ReviewError(f"request.object is missing, which a request with operation {operation} has")
    return found


@dataclass(frozen=True, slots=True)
class _Type:
    """The kind that a request is about, and its namespace."""

    group: str
    version: str
    kind: str
    namespace: str

    def completed(self, fields: _Fields, name: str) -> Mapping[str, Json] | None:
        """Returns an object with what the request says of it; None if there is none. Raises ReviewError if the object
        says something else."""
        if fields.body.get(name) is None:
            return None
        body = dict(fields.mapping(name).body)
        identity = {"apiVersion": f"{self.group}/{self.version}".lstrip("/"), "kind": self.kind}
        for key, value in identity.items():
            if body.setdefault(key, value) != value:
                raise ReviewError(f"request.{name}.{key} is '{body[key]!s:.100}', and request.kind says '{value:.100}'")
        metadata = body.get("metadata")
        if self.namespace and self.kind != "Namespace" and isinstance(metadata, dict):
            body["metadata"] = {"namespace": self.namespace, **metadata}
        return body


@dataclass(frozen=True, slots=True)
class _Fields:
    """A mapping of a review, and where it stands."""

    body: Mapping[str, Json]
    path: str

    def mapping(self, name: str) -> _Fields:
        """Returns a mapping. Raises ReviewError if it is missing or something else."""
        value = self.body.get(name)
        if not isinstance(value, dict):
            raise ReviewError(f"{self.path}{name} {'is missing' if value is None else 'must be a mapping'}")
        return _Fields(value, f"{self.path}{name}.")

    def mapping_if_any(self, name: str) -> _Fields:
        """Returns a mapping; an empty one if it is missing. Raises ReviewError if it is something else."""
        return _Fields({}, "") if self.body.get(name) is None else self.mapping(name)

    def text(self, name: str) -> str:
        """Returns a string; an empty one if it is missing. Raises ReviewError if it is something else."""
        value = self.body.get(name)
        if not isinstance(value, str | None):
            raise ReviewError(f"{self.path}{name} must be a string")
        return value or ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Returns strings; none if they are missing. Raises ReviewError if it is something else."""
        value = self.body.get(name)
        members = [] if value is None else value
        if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
            raise ReviewError(f"{self.path}{name} must be a list of strings")
        return tuple(members)


def render(response: AdmissionResponse) -> bytes:
    """Returns the review that holds an answer."""
    body: dict[str, Json] = {"uid": response.uid, "allowed": response.allowed}
    if not response.allowed:
        status = {"status": "Failure", "message": response.message, "reason": "Forbidden", "code": _FORBIDDEN}
        body["status"] = status
    if response.warnings:
        body["warnings"] = list(response.warnings)
    if response.annotations:
        body["auditAnnotations"] = dict(response.annotations)
    return orjson.dumps({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": body})


def within_limits(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Returns as many of the warnings as an API server hands on, each as long as it may be; the last one says how many
    there are besides."""
    listed: list[str] = []
    left = MAX_WARNINGS - MAX_WARNING
    for number, text in enumerate(warnings):
        shown = text if len(text) <= MAX_WARNING else f"{text[: MAX_WARNING - 1]}…"
        left -= len(shown)
        if left < 0:
            return (*listed, f"and {len(warnings) - number} more")
        listed.append(shown)
    return tuple(listed)
