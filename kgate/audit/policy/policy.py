"""An audit policy as the API server holds it, a request, and what is recorded of it."""

from __future__ import annotations

from functools import cached_property

from kgate.values import dataclass

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
"""How much is recorded, least first."""

STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
"""When events are recorded, in the order of time."""


_MANY = 16


class Words(tuple[str, ...]):
    """Words in their order, of which there may be thousands: whether one is among them is asked as of a set."""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self)

    def __contains__(self, word: object) -> bool:
        return word in self._known


@dataclass(frozen=True, slots=True)
class GroupResources:
    """Resources of one API group, which is empty for the core group; without ``resources`` all of them."""

    group: str = ""
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule of a policy: the level of the requests that match every list that is not empty. ``omits_managed_fields``
    is None where the policy decides."""

    level: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[GroupResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    omits_managed_fields: bool | None = None

    @property
    def is_about_resources(self) -> bool:
        """True if it matches no request for anything but a resource."""
        return bool(self.namespaces or self.resources)

    @property
    def cost(self) -> int:
        """What it costs to compare a request with it: 1, and as much again for each _MANY items that are tried one
        after the other."""
        return 1 + (len(self.resources) + len(self.urls)) // _MANY


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """The rules, in their order, and the stages that none of them records."""

    rules: tuple[PolicyRule, ...]
    omitted: tuple[str, ...] = ()
    omits_managed_fields: bool = False


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as the audit filter sees it (authorizer.Attributes): before impersonation and authorization.

    ``user`` is None if the authentication failed. A request for a resource has no ``path``; its ``group`` is empty for
    the core group, its ``namespace`` for what is in none and for all namespaces at once, and its ``name`` where the URL
    has none: for a ``create``, and for a ``list`` without a field selector. Of other requests, ``verb`` is the HTTP
    method in lower case.
    """

    verb: str
    user: str | None = None
    groups: tuple[str, ...] = ()
    resource: str = ""
    subresource: str = ""
    group: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """The resource as rules write it: ``pods/log``."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that it passes, ``Panic`` left out (apiserver, pkg/endpoints/filters): one that fails
        authentication has only the second, and one that is answered at once does without it."""
        received, started, completed, _ = STAGES
        if self.user is None:
            return (started,)
        return (received, started, completed) if self._is_long_running else (received, completed)

    @property
    def _is_long_running(self) -> bool:
        """True if the response begins long before it ends (kube-apiserver, BasicLongRunningRequestCheck)."""
        if self.path:
            return self.path.startswith("/debug/pprof/")
        return self.verb in ("watch", "proxy") or self.subresource in _LONG_RUNNING

    def __str__(self) -> str:
        """The request in words, without its user: ``get secrets in namespace shop``."""
        if self.path:
            return f"{self.verb} {self.path}"
        what = f"{self.full_resource}.{self.group}" if self.group else self.full_resource
        name = f" named {self.name}" if self.name and self.name != OTHER_NAME else ""
        return f"{self.verb} {what}{name}" + (f" in namespace {self.namespace}" if self.namespace else "")


OTHER_NAME = "kgate:another-name"
"""A name that no rule lists: of an object that nobody has named."""

_LONG_RUNNING = ("attach", "exec", "proxy", "log", "portforward")


@dataclass(frozen=True, slots=True)
class AuditDecision:
    """What is recorded of a request: the index of the rule that decides, None if none matches, the level, and the
    stages that are left out."""

    rule: int | None
    level: str
    omitted: tuple[str, ...]
    omits_managed_fields: bool

    def stages(self, request: ApiRequest) -> tuple[str, ...]:
        """Returns the stages at which the request is recorded."""
        return tuple(one for one in request.stages if self.level != LEVELS[0] and one not in self.omitted)
