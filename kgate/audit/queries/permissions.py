"""Questions about roles, bindings and what was refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kgate.audit.events.event import Event
from kgate.audit.queries.forms import about, listing
from kgate.audit.queries.question import (
    METADATA,
    REQUEST,
    UNDECIDED,
    AuditQuestion,
    Background,
    RequestScope,
    RowLimits,
    Undecided,
)
from kgate.audit.queries.tallies import Bursts
from kgate.audit.queries.who import ANONYMOUS, by_hand, is_other_account
from kgate.kubernetes.podspec import list_of, mapping

_ROLES = "roles clusterroles"
_BINDINGS = "rolebindings clusterrolebindings"
_POWERFUL = frozenset({"cluster-admin", "admin", "edit"})
_EVERYBODY = frozenset({"system:masters", "system:authenticated", "system:unauthenticated", ANONYMOUS})
_ESCALATING = frozenset({"escalate", "bind", "impersonate", "*"})


def _any(_event: Event) -> str:
    return ""


def _binding(event: Event) -> str | Undecided | None:
    """Judges the binding as it was stored, else as it was sent; a patch holds only what it changes."""
    whole = next((body for body in (event.response, event.request) if mapping(body).get("roleRef")), None)
    role = str(mapping(mapping(whole).get("roleRef")).get("name"))
    subjects = _changed(event.request, "subjects") if whole is None else list_of(mapping(whole).get("subjects"))
    everybody = sorted({str(mapping(one).get("name")) for one in subjects} & _EVERYBODY)
    found = [f"gives {role}"] if role in _POWERFUL else []
    found += [f"to {name}" for name in everybody]
    if found:
        return " ".join(found)
    return UNDECIDED if whole is None else None


def _role(event: Event) -> str | Undecided | None:
    if event.request is None:
        return UNDECIDED
    found = sorted(set(_words(_changed(event.request, "rules"))) & _ESCALATING)
    return ", ".join(found) or None


def _changed(body: Any, name: str) -> list[Any]:
    """The members that a body sets in one of its lists: an object, a merge patch, or a JSON patch."""
    if isinstance(body, list):
        edits = [mapping(one) for one in body]
        return [one.get("value") for one in edits if str(one.get("path", "")).startswith(f"/{name}")]
    return list(list_of(mapping(body).get(name)))


def _words(value: Any) -> Iterator[str]:
    """All texts in a value that JSON can hold, keys aside."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            pending += one
        elif isinstance(one, dict):
            pending += one.values()


def _refused(code: int) -> bool:
    return code == 403


def _many_forbidden(limits: RowLimits, _background: Background) -> Bursts:
    return Bursts(lambda event: event.target, limits, least=20, distinct=3, within=300)


def _is_program_or_stranger(user: str) -> bool:
    return is_other_account(user) or user.startswith("system:node:") or user == ANONYMOUS


def _self_review(event: Event) -> str:
    asked = mapping(mapping(mapping(event.request).get("spec")).get("resourceAttributes"))
    return " ".join(str(asked[key]) for key in ("verb", "resource") if key in asked)


QUESTIONS = (
    AuditQuestion(
        11,
        "role-writes",
        "Who changed roles or bindings?",
        METADATA,
        about(f"{_ROLES} {_BINDINGS}", "create update patch delete deletecollection", by=by_hand),
        "every successful write",
        "what the control plane does to its own roles; what was refused",
        listing(_any),
    ),
    AuditQuestion(
        12,
        "powerful-bindings",
        "Who bound cluster-admin, admin or edit, or anything to everybody?",
        REQUEST,
        about(_BINDINGS, "create update patch", by=by_hand),
        "bindings of these roles, and subjects such as system:masters, system:authenticated or system:anonymous",
        "other roles; a patch of a binding whose role the event does not hold is undecided",
        listing(_binding),
    ),
    AuditQuestion(
        13,
        "powerful-roles",
        "Who wrote roles with wildcards, escalate, bind or impersonate?",
        REQUEST,
        about(_ROLES, "create update patch", by=by_hand),
        "rules with * or one of these verbs",
        "other rules, and roles that aggregate others",
        listing(_role),
    ),
    AuditQuestion(
        15,
        "forbidden-bursts",
        "Who was refused twenty times within five minutes?",
        METADATA,
        RequestScope(outcome=_refused),
        "20 answers 403 to one user, about three resources or more, within 300 seconds",
        "fewer, or all about one or two resources, as a broken program asks",
        _many_forbidden,
    ),
    AuditQuestion(
        16,
        "permission-probing",
        "Which service accounts, nodes or strangers asked what they may do?",
        METADATA,
        about("selfsubjectaccessreviews selfsubjectrulesreviews", "create", by=_is_program_or_stranger),
        "SelfSubjectAccessReviews and SelfSubjectRulesReviews of programs, which know what they need",
        "people (kubectl auth can-i), and SubjectAccessReviews, which programs ask about others",
        listing(_self_review),
    ),
)
