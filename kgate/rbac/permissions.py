"""What one rule of a role permits (kubernetes, pkg/apis/rbac/v1/evaluation_helpers.go)."""

from __future__ import annotations

from kgate.values import dataclass

ANY = "*"


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody asks of the API server: a verb on a resource, or on a ``path`` that is not one (``/metrics``).

    ``group`` is the API group of the resource, ``name`` that of the object; each is empty where the action has none.
    An empty ``namespace`` means the whole cluster, None any namespace.
    """

    verb: str
    resource: str = ""
    subresource: str = ""
    group: str = ""
    name: str = ""
    namespace: str | None = ""
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"{self.verb} {self.path}"
        resource = "/".join(part for part in (self.resource, self.subresource) if part)
        resource = f"{resource}.{self.group}" if self.group else resource
        return f"{self.verb} {resource} {self.name}".rstrip()


@dataclass(frozen=True, slots=True)
class Permission:
    """One rule of a role; ``index`` is its number in the role that it is written in."""

    index: int
    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()

    def allows(self, action: Action) -> bool:
        """True if the rule permits an action, apart from the namespace, which the binding decides."""
        if action.verb not in self.verbs and ANY not in self.verbs:
            return False
        return self._reaches_path(action.path) if action.path is not None else self._reaches_resource(action)

    def _reaches_resource(self, action: Action) -> bool:
        if action.group not in self.groups and ANY not in self.groups:
            return False
        if self.names and action.name not in self.names:
            return False
        whole = f"{action.resource}/{action.subresource}" if action.subresource else action.resource
        if whole in self.resources or ANY in self.resources:
            return True
        return bool(action.subresource) and f"*/{action.subresource}" in self.resources

    def _reaches_path(self, path: str) -> bool:
        if path in self.paths or ANY in self.paths:
            return True
        return any(one.endswith(ANY) and path.startswith(one.rstrip(ANY)) for one in self.paths)
