"""Questions about the cluster itself: certificates, admission, mass deletion, deprecated APIs and noise."""

from __future__ import annotations

from kgate.audit.events.event import Event, target_of
from kgate.audit.queries.forms import about, listing
from kgate.audit.queries.question import METADATA, AuditQuestion, Background, Cell, RequestScope, RowLimits, whatever
from kgate.audit.queries.tallies import Bursts, Groups
from kgate.audit.queries.who import by_hand, is_system

_ADMISSION = frozenset(
    {
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
    }
)
_WRITES = "create update patch delete deletecollection"
_DELETED = "events deployments daemonsets statefulsets replicasets jobs cronjobs pods namespaces persistentvolumeclaims"
_OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version", "/openapi"})
_QUIET = frozenset({"leases", "endpoints", "endpointslices", "events", "tokenreviews", "subjectaccessreviews"})
"""Resources of which most clusters need no record at all."""


def _is_no_kubelet(user: str) -> bool:
    return by_hand(user) and not user.startswith("system:bootstrap:")


def _certificate(event: Event) -> str:
    return "approval" if event.subresource else "request"


def _admission(event: Event) -> str | None:
    if event.resource in _ADMISSION:
        return None if is_system(event.user) or event.subresource == "status" else "configuration"
    opened = next((name for name in event.annotations if name.startswith("failed-open.")), None)
    return f"failed open: {event.annotations[opened]}" if opened else None


def _deletion(event: Event) -> str:
    return f"{event.target} {event.namespace}/{event.name}"


def _collection(event: Event) -> str | None:
    return "all that a selector takes, at once" if event.verb == "deletecollection" else None


def _deletions(limits: RowLimits, _background: Background) -> Bursts:
    return Bursts(_deletion, limits, least=10, distinct=10, within=300, alone=_collection)


def _deprecated(event: Event) -> tuple[str, ...] | None:
    annotations = event.annotations
    if "k8s.io/deprecated" not in annotations:
        return None
    version = str(event.reference.get("apiVersion", ""))
    removed = str(annotations.get("k8s.io/removed-release", ""))
    return f"{event.target} {version}", removed, event.agent.partition(" ")[0], event.user


def _deprecations(limits: RowLimits, _background: Background) -> Groups:
    columns = ("api", "removed_in", "user_agent", "user", "requests")
    return Groups(columns, _deprecated, limits, lambda key, number, _total: (*key, number))


def _kind(event: Event) -> tuple[str, ...]:
    if event.resource:
        return event.user, event.verb, event.resource, event.subresource, event.group
    return event.user, event.verb, f"/{event.uri.lstrip('/').partition('/')[0].partition('?')[0]}", "", ""


def _noise(limits: RowLimits, _background: Background) -> Groups:
    columns = ("user", "verb", "resource", "requests", "percent", "hint")
    return Groups(columns, _kind, limits, _noise_row)


def _noise_row(key: tuple[str, ...], number: int, total: int) -> tuple[Cell, ...]:
    user, verb, resource, subresource, group = key
    target = target_of(resource, subresource, group)
    return user, verb, target, number, f"{100 * number / total:.1f}", _policy_hint(key)


def _policy_hint(key: tuple[str, ...]) -> str:
    """The rule of an audit policy that drops such requests; none if an attack could look like them."""
    user, verb, resource, subresource, group = key
    if resource in _OPEN_PATHS:
        return f"- {{level: None, verbs: [{verb}], nonResourceURLs: ['{resource}*']}}"
    if resource in _QUIET and not subresource and is_system(user):
        resources = f"[{{group: '{group}', resources: [{resource}]}}]"
        return f"- {{level: None, users: ['{user}'], verbs: [{verb}], resources: {resources}}}"
    return ""


QUESTIONS = (
    AuditQuestion(
        18,
        "certificate-requests",
        "Who asked for client certificates, or approved them?",
        METADATA,
        about("certificatesigningrequests", "create update patch", "*", by=_is_no_kubelet),
        "CertificateSigningRequests and their approvals",
        "kubelets that renew theirs or join, and the controllers that approve and sign those",
        listing(_certificate),
    ),
    AuditQuestion(
        19,
        "admission-changes",
        "Who changed admission, and where did a webhook fail open?",
        METADATA,
        RequestScope(verbs=frozenset(_WRITES.split())),
        "writes of webhooks, admission policies and their bindings, and requests that a broken webhook let through",
        "their status, and what the control plane writes",
        listing(_admission),
    ),
    AuditQuestion(
        20,
        "mass-deletion",
        "Who deleted much at once?",
        METADATA,
        about(_DELETED, "delete deletecollection", by=by_hand),
        "deletecollection, and ten deletions of one user within five minutes",
        "nine, what garbage collectors delete, and what was refused",
        _deletions,
    ),
    AuditQuestion(
        23,
        "deprecated-apis",
        "Which clients use APIs that will be removed?",
        METADATA,
        RequestScope(outcome=whatever),
        "requests that the API server marks as deprecated, by API and client",
        "beta APIs without that mark",
        _deprecations,
        lists_events=False,
    ),
    AuditQuestion(
        28,
        "noise",
        "What fills this log?",
        METADATA,
        RequestScope(outcome=whatever),
        "requests by user, verb and resource, the most frequent first, with a rule for the policy where that is safe",
        "nothing",
        _noise,
        lists_events=False,
    ),
)
