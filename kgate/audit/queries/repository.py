"""Questions that a log alone cannot answer: what the repository grants in vain, and who changes what it manages."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.audit.events.event import Event
from kgate.audit.queries.forms import about
from kgate.audit.queries.question import (
    METADATA,
    AuditQuestion,
    Background,
    Collected,
    Granted,
    RequestScope,
    Row,
    RowLimits,
)
from kgate.audit.queries.tallies import EventListing
from kgate.audit.queries.who import by_hand
from kgate.rbac.permissions import Action
from kgate.rbac.words import described

_MOST_ACTIONS = 200_000
"""Different actions of all subjects together that are remembered; a permission may seem unused beyond that."""

_STATUS = frozenset({"status", "finalize", "token", "exec", "attach", "portforward", "proxy", "eviction", "binding"})
"""Subresources through which the written part of an object does not change."""


def _is_allowed(code: int) -> bool:
    """True also for what failed later, for another reason."""
    return code not in (401, 403)


class Unused:
    """What subjects did, held against what roles of the repository give them."""

    columns: tuple[str, ...] = ("subject", "namespace", "permission", "used", "unused", "place")

    def __init__(self, limits: RowLimits, background: Background) -> None:
        self.in_scope = 0
        self.undecided = 0
        self._limits = limits
        self._granted = background.granted
        self._users = {one.subject for one in background.granted if not one.is_group}
        self._groups = {one.subject for one in background.granted if one.is_group}
        self._done: dict[tuple[str, bool], dict[Action, None]] = {}
        self._left = _MOST_ACTIONS

    def see(self, event: Event) -> None:
        """Remembers what a request that was allowed used."""
        self.in_scope += 1
        user = event.acting_as or event.user
        if user in self._users:
            self._add(user, False, event)
        if self._groups:
            for group in self._groups.intersection(event.acting_groups if event.acting_as else event.groups):
                self._add(group, True, event)

    def _add(self, subject: str, is_group: bool, event: Event) -> None:
        action = _action(event)
        done = self._done.setdefault((subject, is_group), {})
        if action not in done and self._left:
            done[action] = None
            self._left -= 1

    def results(self) -> Collected:
        """Returns a row for each permission that was not used, or not all of it."""
        rows = [row for one in self._granted if (row := self._row(one)) is not None]
        return Collected(rows[: self._limits.rows], len(rows))

    def _row(self, granted: Granted) -> Row | None:
        permission = granted.permission
        done = [
            action
            for action in self._done.get((granted.subject, granted.is_group), ())
            if granted.namespace in ("", action.namespace) and permission.allows(action)
        ]
        used = sorted({_pair(action) for action in done})
        unused = sorted(set(_pairs(granted)) - set(used))
        wide = "*" in permission.verbs or any("*" in one for one in (*permission.resources, *permission.paths))
        if used and not wide and not unused:
            return None
        left = "everything else" if used and wide else ", ".join(unused) if used else "all of it"
        place = granted.namespace or "all namespaces"
        return granted.subject, place, described(permission), ", ".join(used), left, granted.place


def _action(event: Event) -> Action:
    if not event.resource:
        return Action(event.verb, path=event.target)
    return Action(event.verb, event.resource, event.subresource, event.group, event.name, event.namespace)


def _pair(action: Action) -> str:
    if action.path is not None:
        return f"{action.verb} {action.path}"
    return f"{action.verb} {action.resource}{f'/{action.subresource}' if action.subresource else ''}"


def _pairs(granted: Granted) -> Iterator[str]:
    """What a permission holds, word by word, without wildcards."""
    permission = granted.permission
    for verb in permission.verbs - {"*"}:
        for what in (*permission.resources, *permission.paths):
            if "*" not in what:
                yield f"{verb} {what}"


class Drift:
    """Judges whether somebody changed what the repository manages without changing the repository."""

    def __init__(self, background: Background) -> None:
        self._managed = background.managed
        self._deployers = background.deployers
        self._kinds = {(group, resource) for group, resource, _ in background.managed}

    def judge(self, event: Event) -> str | None:
        """Returns the place of the object in the repository; None if it is not managed, or nobody drifted."""
        key = (event.group, event.resource)
        if key not in self._kinds or event.subresource in _STATUS:
            return None
        if event.user in self._deployers:
            return None
        if event.verb == "deletecollection":
            return "whatever a selector takes, which may be managed"
        places = self._managed.get((*key, event.name), {})
        return places.get(event.namespace) or places.get("")


def _drift(limits: RowLimits, background: Background) -> EventListing:
    return EventListing(Drift(background).judge, limits)


QUESTIONS = (
    AuditQuestion(
        26,
        "unused-permissions",
        "Which permissions of the repository did nobody use?",
        METADATA,
        RequestScope(outcome=_is_allowed),
        "rules of roles that bindings of the repository give, as far as this log shows no use of them",
        "rules of which every verb and resource was used; the log says nothing of what happens once a year",
        Unused,
        lists_events=False,
        needs_repository=True,
    ),
    AuditQuestion(
        27,
        "repository-drift",
        "Who changed objects of the repository, but for those who deploy it?",
        METADATA,
        about("", "create update patch delete deletecollection", "*", by=by_hand),
        "writes to objects that the repository holds or renders to, with their place there",
        "Argo CD, Flux and whom --deployer names; programs of the control plane; the status of objects",
        _drift,
        needs_repository=True,
    ),
)
