"""The way to a permission, step by step, each with its place."""

from __future__ import annotations

from collections.abc import Hashable

from kgate.model import Location
from kgate.rbac.authorizer import Grant
from kgate.rbac.objects import Binding, Role
from kgate.rbac.words import described
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Waypoint:
    """An object on the way, by its kind, namespace and name; ``location`` is None for what Kubernetes brings."""

    kind: str
    namespace: str
    name: str
    location: Location | None

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


def who(grant: Grant) -> Waypoint:
    """Returns the subject of a grant, at its place in the binding."""
    subject = grant.subject
    namespace = (subject.namespace or grant.namespace) if subject.kind == "ServiceAccount" else ""
    return Waypoint(subject.kind, namespace, subject.name, _place(grant.binding, f"/subjects/{subject.index}"))


def steps(grant: Grant) -> tuple[Waypoint, ...]:
    """Returns the binding, the role that it names and, if that collects rules of others, the role that has the rule;
    the last one at the place of the rule."""
    found = [_step(grant.binding, "/roleRef")]
    if grant.source is not grant.role:
        found.append(_step(grant.role, "/aggregationRule"))
    return (*found, _step(grant.source, f"/rules/{grant.permission.index}"))


def permitted(grant: Grant) -> str:
    """Returns what a grant permits, and where: ``get secrets in apps``."""
    where = f"in {grant.namespace}" if grant.namespace else "everywhere"
    assumed = " (assumed, as the binding names none)" if grant.namespace and not grant.binding.namespace else ""
    return f"{described(grant.permission)} {where}{assumed}"


def key(grant: Grant) -> Hashable:
    """Returns what a grant looks like: several renderings may bring the same objects."""
    return who(grant), steps(grant), permitted(grant)


def _step(one: Binding | Role, pointer: str) -> Waypoint:
    return Waypoint(one.kind, one.namespace, one.name, _place(one, pointer))


def _place(one: Binding | Role, pointer: str) -> Location | None:
    return one.resource.locate(pointer) if one.resource is not None else None
