"""The roles and bindings of one cluster, and who may do what by them (kubernetes, pkg/registry/rbac/validation)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kgate.kubernetes.scopes import closest
from kgate.kubernetes.selectors import matches
from kgate.model import Rendering
from kgate.rbac.objects import Account, Binding, Object, Role, Subject
from kgate.rbac.permissions import Action, Permission
from kgate.values import dataclass
from kgate.yamltree.fields import Fields

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as the API server knows them: a user and the groups that they are in."""

    user: str
    groups: frozenset[str] = frozenset()

    @classmethod
    def of_account(cls, namespace: str, name: str) -> Identity:
        """Returns the user that a service account's token stands for (apiserver, pkg/authentication/serviceaccount)."""
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return cls(f"system:serviceaccount:{namespace}:{name}", frozenset(groups))


@dataclass(frozen=True, slots=True)
class Grant:
    """The way to a permission: the binding, its subject, the role that it names, and the role in which the rule is
    written, which is another one if the named role collects rules by an aggregationRule. The permission holds in
    ``namespace``; in all of them if that is empty."""

    binding: Binding
    subject: Subject
    role: Role
    source: Role
    permission: Permission
    namespace: str


class Authorizer:
    """What applies in one cluster. An object that names no namespace counts to ``namespace``."""

    def __init__(self, objects: Iterable[Object], namespace: str = DEFAULT_NAMESPACE) -> None:
        self._namespace = namespace
        self._roles: dict[tuple[str, str, str], list[Role]] = defaultdict(list)
        self._labelled: dict[tuple[str, str], list[Role]] = defaultdict(list)
        self._bound: dict[tuple[str, str], list[tuple[Binding, Subject]]] = defaultdict(list)
        self._selected: dict[str, tuple[Role, ...]] = {}
        self.bindings: list[Binding] = []
        self.accounts: list[Account] = []
        for one in objects:
            self._add(one)

    def _add(self, one: Object) -> None:
        if isinstance(one, Account):
            self.accounts.append(one)
        elif isinstance(one, Role):
            self._roles[one.kind, self.namespace_of(one), one.name].append(one)
            for label in one.labels.items() if one.kind == "ClusterRole" else ():
                self._labelled[label].append(one)
        else:
            self.bindings.append(one)
            for subject in one.subjects:
                self._bound[self._principal(one, subject)].append((one, subject))

    def namespace_of(self, one: Role | Binding) -> str:
        """Returns the namespace of a role or binding; an empty one if it is the cluster's."""
        return "" if one.kind in ("ClusterRole", "ClusterRoleBinding") else one.namespace or self._namespace

    def _principal(self, binding: Binding, subject: Subject) -> tuple[str, str]:
        """What a subject is known by: a user, as service accounts are, or a group."""
        if subject.kind != "ServiceAccount":
            return subject.kind, subject.name
        namespace = subject.namespace or self.namespace_of(binding)
        return "User" if namespace else "", f"system:serviceaccount:{namespace}:{subject.name}"

    def allows(self, who: Identity, action: Action) -> Grant | None:
        """Returns a way by which somebody may do something, or None if they may not."""
        return next(self.grants(who, action), None)

    def grants(self, who: Identity, action: Action) -> Iterator[Grant]:
        """Yields every way by which somebody may do something. Those that hold in all namespaces come first."""
        return (held for held in self.held(who, action.namespace) if held.permission.allows(action))

    def holders(self, action: Action) -> Iterator[Grant]:
        """Yields every way by which anybody may do something: one for each subject."""
        for binding in self.bindings:
            if self._holds_in(binding, action.namespace):
                for subject in binding.subjects:
                    for held in self.grants_of(binding, subject):
                        if held.permission.allows(action):
                            yield held
                            break

    def held(self, who: Identity, namespace: str | None) -> Iterator[Grant]:
        """Yields everything that somebody may do in a namespace; None means in any."""
        keys = [("User", who.user), *(("Group", group) for group in sorted(who.groups))]
        found = [pair for key in keys for pair in self._bound.get(key, ())]
        for binding, subject in sorted(found, key=lambda pair: pair[0].kind != "ClusterRoleBinding"):
            if self._holds_in(binding, namespace):
                yield from self.grants_of(binding, subject)

    def _holds_in(self, binding: Binding, namespace: str | None) -> bool:
        own = self.namespace_of(binding)
        return not own or namespace is None or own == namespace

    def grants_of(self, binding: Binding, subject: Subject) -> Iterator[Grant]:
        """Yields everything that a binding gives a subject."""
        for role in self.roles_of(binding):
            for source, permission in self.permissions(role):
                yield Grant(binding, subject, role, source, permission, self.namespace_of(binding))

    # ------------------------------------------------------------------------------------ roles

    def roles_of(self, binding: Binding) -> tuple[Role, ...]:
        """Returns the role that a binding names: several if it is there several times, none if it is nowhere.

        Where renderings, such as the overlays of several clusters, bring roles of one name, that of the binding's own
        rendering counts; otherwise those whose files are nearest to the binding's.
        """
        namespace = self.namespace_of(binding) if binding.role_kind == "Role" else ""
        found = self._roles.get((binding.role_kind, namespace, binding.role_name), ())
        own = tuple(role for role in found if role.resource is not None and _rendering(role) == _rendering(binding))
        built_in = tuple(role for role in found if role.resource is None)
        files = own or tuple(role for role in found if role.resource is not None)
        return (*_nearest(files, binding), *built_in)

    def permissions(self, role: Role) -> Iterator[tuple[Role, Permission]]:
        """Yields what a role permits, each with the role in which it is written.

        The controller that aggregates roles overwrites the rules of one with an aggregationRule. Only where such roles
        select each other in a circle, what was written in one of them may stay.
        """
        for one in self._reached(role) if role.selectors is not None else (role,):
            if one.selectors is None or (one.permissions and any(back is one for back in self._reached(one))):
                yield from ((one, permission) for permission in one.permissions)

    def _reached(self, role: Role) -> list[Role]:
        """Returns the roles that one aggregates, directly or not; also itself, if they aggregate it."""
        found: dict[int, Role] = {}
        pending = [role]
        while pending:
            here = pending.pop()
            for one in self._selected_by(here):
                if id(one) not in found and one.name != here.name:
                    found[id(one)] = one
                    pending.append(one)
        return list(found.values())

    def _selected_by(self, role: Role) -> Iterator[Role]:
        for selector in role.selectors or ():
            key = json.dumps(selector.body, sort_keys=True, default=str)
            if key not in self._selected:
                self._selected[key] = tuple(one for one in self._candidates(selector) if matches(selector, one.labels))
            yield from self._selected[key]

    def _candidates(self, selector: Fields) -> Iterable[Role]:
        """The cluster roles that a selector may take: those with one of its labels, if it names labels."""
        for label in selector.strings("matchLabels").items():
            return self._labelled.get(label, ())
        return (one for (kind, _, _), roles in self._roles.items() if kind == "ClusterRole" for one in roles)


def _rendering(one: Role | Binding) -> Rendering | None:
    return one.resource.rendering if one.resource is not None else None


def _nearest(roles: tuple[Role, ...], binding: Binding) -> list[Role]:
    """Those whose files have the most folders in common with that of a binding."""
    return closest(roles, _path, _path(binding))


def _path(one: Role | Binding) -> str:
    return one.resource.locate("").path if one.resource is not None else ""
