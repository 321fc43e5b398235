"""Questions about who somebody is: strangers, impersonation, and service accounts in other hands."""

from __future__ import annotations

import ipaddress

from kgate.audit.events.event import Event
from kgate.audit.queries.forms import listing
from kgate.audit.queries.question import METADATA, AuditQuestion, Background, RequestScope, RowLimits, whatever
from kgate.audit.queries.tallies import EventListing
from kgate.audit.queries.who import ANONYMOUS, by_hand, is_other_account

_OPEN_PATHS = ("/healthz", "/livez", "/readyz", "/version")
_DECISION = "authorization.k8s.io/decision"
_TOOLS = ("kubectl/", "curl/", "Wget/", "python-requests/", "k9s/", "helm/", "Helm/", "Go-http-client/")
_POD = "authentication.kubernetes.io/pod-uid"
_MOST_PODS = 100_000


def _anonymous(event: Event) -> str | None:
    if event.annotations.get(_DECISION, "allow") != "allow":
        return None
    return None if not event.resource and event.target.startswith(_OPEN_PATHS) else ""


def _is_unauthenticated(user: str, code: int) -> bool:
    return not user or code == 401


def _unauthenticated(event: Event) -> str:
    return event.message


def _impersonating(event: Event) -> str | None:
    return event.acting_as if "impersonatedUser" in event.body else None


def _master(event: Event) -> str | None:
    return "" if "system:masters" in event.groups else None


class _Accounts:
    """Remembers from where the tokens of each pod are used, of the latest pods."""

    def __init__(self) -> None:
        self._addresses: dict[tuple[str, int], str] = {}

    def judge(self, event: Event) -> str | None:
        """Says what is unusual about a service account's request."""
        agent = event.agent
        if agent.startswith(_TOOLS):
            return f"as {agent.partition(' ')[0]}"
        try:
            address = ipaddress.ip_address(event.address)
        except ValueError:
            return None
        if address.is_global:
            return "from an address of the internet"
        return self._moved(event, address.version)

    def _moved(self, event: Event, version: int) -> str | None:
        """A token that is bound to a pod is used from its address; a pod has one of each version of IP."""
        uid = event.extra.get(_POD)
        if not isinstance(uid, list) or not uid:
            return None
        first = self._addresses.setdefault((str(uid[0]), version), event.address)
        if len(self._addresses) > _MOST_PODS:
            del self._addresses[next(iter(self._addresses))]
        return f"the token of a pod that was at {first}" if first != event.address else None


def _accounts_elsewhere(limits: RowLimits, _background: Background) -> EventListing:
    return EventListing(_Accounts().judge, limits)


QUESTIONS = (
    AuditQuestion(
        6,
        "anonymous-requests",
        "What could anybody do without a name?",
        METADATA,
        RequestScope(is_about=ANONYMOUS.__eq__),
        "requests of system:anonymous that were allowed",
        "health checks and the version, and what was refused",
        listing(_anonymous),
    ),
    AuditQuestion(
        7,
        "failed-authentication",
        "Who could not prove who they are?",
        METADATA,
        RequestScope(outcome=whatever, both=_is_unauthenticated),
        "answers 401, and requests without a user",
        "answers 403: somebody whom the API server knows",
        listing(_unauthenticated),
    ),
    AuditQuestion(
        14,
        "impersonation",
        "Who acted as somebody else?",
        METADATA,
        RequestScope(outcome=whatever),
        "requests with an impersonated user, whatever came of them",
        "the same users in their own name",
        listing(_impersonating),
    ),
    AuditQuestion(
        22,
        "accounts-elsewhere",
        "Which service accounts were used by hand, or from elsewhere?",
        METADATA,
        RequestScope(is_about=is_other_account),
        "accounts with kubectl, curl and the like, from the internet, or with a pod's token from another address",
        "accounts of kube-system, and clients of programs from one private address",
        _accounts_elsewhere,
    ),
    AuditQuestion(
        24,
        "masters",
        "Who used system:masters, which no role limits?",
        METADATA,
        RequestScope(is_about=by_hand),
        "requests of members of the group",
        "programs of the control plane, which are members, too",
        listing(_master),
    ),
)
