"""Questions about secrets, configuration and tokens."""

from __future__ import annotations

from kgate.audit.events.event import Event
from kgate.audit.queries.forms import about, listing
from kgate.audit.queries.question import METADATA, AuditQuestion, Background, RowLimits
from kgate.audit.queries.tallies import Bursts
from kgate.audit.queries.who import account_of, by_hand, is_other_account

_READS = "get list watch"
_PUBLIC = frozenset({"kube-root-ca.crt", "extension-apiserver-authentication"})
_STEERING = frozenset({"coredns", "aws-auth"})


def _secret(event: Event) -> str:
    if event.name:
        return ""
    return f"all secrets of {event.namespace or 'all namespaces'}"


def _read_secret(event: Event) -> str:
    return f"{event.namespace or '*'}/{event.name or '*'}"


def _many_secrets(limits: RowLimits, _background: Background) -> Bursts:
    return Bursts(_read_secret, limits, least=5, distinct=5, within=60)


def _system_configuration(event: Event) -> str | None:
    if event.namespace not in ("", "kube-system") or event.name in _PUBLIC:
        return None
    return "" if event.namespace else "all namespaces"


def _token(event: Event) -> str | None:
    return None if account_of(event.user) == (event.namespace, event.name) else ""


def _steering(event: Event) -> str | None:
    return "" if event.namespace == "kube-system" and event.name in _STEERING else None


QUESTIONS = (
    AuditQuestion(
        8,
        "secret-reads",
        "Who read secrets?",
        METADATA,
        about("secrets", _READS, by=by_hand),
        "get, list and watch, also of all namespaces at once",
        "kubelets, programs of the control plane and accounts of kube-system; what was refused",
        listing(_secret),
    ),
    AuditQuestion(
        9,
        "secret-read-bursts",
        "Who read five secrets or more within a minute?",
        METADATA,
        about("secrets", _READS, by=by_hand),
        "five different secrets of one user within 60 seconds",
        "four, one of them often, and whom secret-reads leaves out",
        _many_secrets,
    ),
    AuditQuestion(
        10,
        "system-configuration-reads",
        "Which service accounts read ConfigMaps of kube-system?",
        METADATA,
        about("configmaps", _READS, by=is_other_account),
        "get, list and watch in kube-system, or of all namespaces",
        "accounts of kube-system, and what everybody may read (kube-root-ca.crt, extension-apiserver-authentication)",
        listing(_system_configuration),
    ),
    AuditQuestion(
        17,
        "token-requests",
        "Who made tokens of service accounts?",
        METADATA,
        about("serviceaccounts", "create", "token", by=by_hand),
        "TokenRequests of anybody for another account",
        "kubelets and the controller manager, and an account that renews its own token",
        listing(_token),
    ),
    AuditQuestion(
        25,
        "cluster-configuration-writes",
        "Who changed the ConfigMaps coredns or aws-auth of kube-system?",
        METADATA,
        about("configmaps", "create update patch delete"),
        "writes of what steers names, or who is who on EKS",
        "other ConfigMaps, and those of other namespaces",
        listing(_steering),
    ),
)
