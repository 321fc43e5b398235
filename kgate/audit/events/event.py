"""One audit event of the API server (apiserver, pkg/apis/audit/v1, Event)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

READS = frozenset({"get", "list", "watch"})
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
LEVELS = {"None": 0, "Metadata": 1, "Request": 2, "RequestResponse": 3}
STAGES = frozenset({"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"})
ACCOUNT = "system:serviceaccount:"

_NOTHING: dict[str, Any] = {}
"""What is read of a field that is absent. JSON makes nothing but ``dict``, which is quicker to tell than a Mapping."""
_MOST_CODES = 1_000
_MICROSECONDS = len("2026-01-02T15:04:05.000000Z")


class MalformedEventError(Exception):
    """What is not an audit event; the message completes "line 3 …"."""


class Event:
    """An event: what most questions ask for, checked; the rest is read from ``body`` when it is asked for.

    Not a dataclass: a million of them are made in a few seconds, and setting the fields of a frozen one takes longer
    than reading them. ``time`` is when the stage was reached, as RFC 3339 in UTC with microseconds, so that texts
    compare as times do. ``code`` is 0 where there is no response, ``resource`` empty for a path such as ``/healthz``.
    """

    __slots__ = ("body", "code", "level", "reference", "resource", "stage", "subresource", "time", "user", "verb")

    def __init__(self, body: Mapping[str, Any]) -> None:
        """Reads an event of version v1, and of v1beta1 as far as it is the same. Raises MalformedEventError."""
        self.body = body
        try:
            self.verb, self.stage, level = body["verb"], body["stage"], body["level"]
        except KeyError as error:
            raise MalformedEventError(f"has no field {error}") from None
        who = body.get("user") or _NOTHING
        reference = body.get("objectRef") or _NOTHING
        status = body.get("responseStatus") or _NOTHING
        if not (type(who) is type(reference) is type(status) is dict):
            raise MalformedEventError("has a user, objectRef or responseStatus that is not a mapping")
        self.reference = reference
        self.user = who.get("username") or ""
        self.resource = reference.get("resource") or ""
        self.subresource = reference.get("subresource") or ""
        self.code = status.get("code") or 0
        if not (type(self.verb) is type(self.user) is type(self.resource) is type(self.subresource) is str):
            raise MalformedEventError("has a verb, user or resource that is not a text")
        if not (type(self.stage) is type(level) is str):
            raise MalformedEventError("has a stage or level that is not a text")
        if type(self.code) is not int or not 0 <= self.code < _MOST_CODES:
            raise MalformedEventError("has a code that does not exist")
        if self.stage not in STAGES or level not in LEVELS:
            raise MalformedEventError("has a stage or level that does not exist")
        self.level = LEVELS[level]
        time = body.get("stageTimestamp") or body.get("timestamp") or body.get("requestReceivedTimestamp")
        if type(time) is not str:
            raise MalformedEventError("has no time")
        self.time = time if _is_usual(time) else utc(time)

    @property
    def namespace(self) -> str:
        """The namespace of the object; empty for what is in none, and for a list of all namespaces."""
        return _text(self.reference, "namespace")

    @property
    def name(self) -> str:
        """The name of the object as the URL has it: empty for a list, and for most of what is created."""
        return _text(self.reference, "name")

    @property
    def group(self) -> str:
        """The API group of the object; empty for the core group."""
        value = self.reference.get("apiGroup")  # asked of every event
        return value if type(value) is str else ""

    @property
    def uri(self) -> str:
        """The path and query of the request."""
        return _text(self.body, "requestURI")

    @property
    def groups(self) -> Sequence[str]:
        """The groups that the user is in."""
        return _texts(_mapping(self.body, "user").get("groups"))

    @property
    def extra(self) -> Mapping[str, Any]:
        """What else the authenticator knows of the user: lists of texts by key."""
        return _mapping(_mapping(self.body, "user"), "extra")

    @property
    def acting_as(self) -> str:
        """The user that is impersonated; empty if none is."""
        return _text(_mapping(self.body, "impersonatedUser"), "username")

    @property
    def acting_groups(self) -> Sequence[str]:
        """The groups of the user that is impersonated."""
        return _texts(_mapping(self.body, "impersonatedUser").get("groups"))

    @property
    def address(self) -> str:
        """The address that the request came from: the last one, which alone no client can choose."""
        found = _texts(self.body.get("sourceIPs"))
        return found[-1] if found else ""

    @property
    def agent(self) -> str:
        """What the client says it is."""
        return _text(self.body, "userAgent")

    @property
    def annotations(self) -> Mapping[str, Any]:
        """What authorizers and admission say about the request."""
        value = self.body.get("annotations")  # asked of every event
        return value if type(value) is dict else _NOTHING

    @property
    def audit_id(self) -> str:
        """The id of the request, which a client may choose."""
        return _text(self.body, "auditID")

    @property
    def key(self) -> tuple[str, str, str]:
        """What all stages of a request share, and no other one; the server chooses the time."""
        return self.audit_id, _text(self.body, "requestReceivedTimestamp"), self.user

    @property
    def request(self) -> Any:
        """The body of the request: of a patch, the patch. None below the level Request."""
        return self.body.get("requestObject")

    @property
    def response(self) -> Any:
        """The body of the response. None below the level RequestResponse."""
        return self.body.get("responseObject")

    @property
    def message(self) -> str:
        """What the response says of itself, if it failed."""
        return _text(_mapping(self.body, "responseStatus"), "message")

    @property
    def target(self) -> str:
        """What the request is about: ``pods/exec``, ``deployments.apps``, or a path."""
        if not self.resource:
            return self.uri.partition("?")[0]
        return target_of(self.resource, self.subresource, self.group)


def target_of(resource: str, subresource: str, group: str) -> str:
    """Returns a resource as kubectl writes it."""
    whole = f"{resource}.{group}" if group else resource
    return f"{whole}/{subresource}" if subresource else whole


@lru_cache(1 << 10)
def utc(text: str) -> str:
    """Returns a time of RFC 3339 in UTC with microseconds. Raises MalformedEventError."""
    try:
        found = datetime.fromisoformat(text)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedEventError("has a time that is not one of RFC 3339") from None
    return f"{found.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _is_usual(time: str) -> bool:
    """True for a time that exists, written as the API server writes it and as ``utc`` does."""
    if not (len(time) == _MICROSECONDS and time[-1] == "Z" and time[19] == "." and time[10] == "T"):
        return False
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True


def seconds(time: str) -> float:
    """Returns the seconds since 1970 of a time that ``utc`` gives."""
    return datetime.fromisoformat(time).timestamp()


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else ()


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if type(value) is dict else _NOTHING
