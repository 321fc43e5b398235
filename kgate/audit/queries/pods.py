"""Questions about pods: commands in them, ways into them, and privileged ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from kgate.audit.events.event import Event
from kgate.audit.queries.forms import about, listing
from kgate.audit.queries.question import METADATA, REQUEST, UNDECIDED, AuditQuestion, Undecided
from kgate.audit.queries.who import by_hand
from kgate.kubernetes.podspec import containers_of, list_of, mapping

_VIOLATIONS = "pod-security.kubernetes.io/audit-violations"
_ENFORCED = "pod-security.kubernetes.io/enforce-policy"
_FAILURES = "validation.policy.admission.k8s.io/validation_failure"
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_SENSITIVE = (
    *("/", "/boot", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/usr", "/var/lib/containerd"),
    *("/var/lib/etcd", "/var/lib/kubelet", "/var/lib/docker", "/var/log", "/var/run", "/var/lib", "/var"),
)
"""Folders of the node from which a pod gets further, each with all below it."""

_EXACT = frozenset({"/", "/var", "/var/lib", "/home", "/usr"})
"""Those of them that also hold what is harmless, so that only they themselves count."""


def _command(event: Event) -> str | None:
    query = parse_qs(event.uri.partition("?")[2])
    return " ".join(query.get("command", ()))


def _any(_event: Event) -> str:
    return ""


def _ephemeral(event: Event) -> str:
    found = mapping(mapping(event.request).get("spec")).get("ephemeralContainers")
    images = [str(mapping(one).get("image", "")) for one in list_of(found)]
    return ", ".join(filter(None, images))


def _privileged(event: Event) -> str | Undecided | None:
    spec = _spec(event)
    if spec is not None:
        return ", ".join(_privileges(spec)) or None
    words = [
        *(word for word in _HOST if f"{word}=true" in _text(event, _VIOLATIONS)),
        *(["privileged"] if "privileged (" in _text(event, _VIOLATIONS) else []),
        *_failed_policies(event, "privileged-container", "host-network", "host-pid", "host-ipc"),
    ]
    return ", ".join(words) or _without_body(event)


def _privileges(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from (word for word in _HOST if spec.get(word) is True)
    for container in containers_of(spec, ""):
        if mapping(mapping(container.body).get("securityContext")).get("privileged") is True:
            yield f"privileged container {mapping(container.body).get('name', '')}"


def _host_paths(event: Event) -> str | Undecided | None:
    spec = _spec(event)
    if spec is not None:
        sources = (mapping(mapping(volume).get("hostPath")).get("path") for volume in list_of(spec.get("volumes")))
        return ", ".join(path for path in sources if isinstance(path, str) and is_sensitive(path)) or None
    named = [*_failed_policies(event, "host-path-volume")]
    if "hostPath volumes (" in _text(event, _VIOLATIONS) or named:
        return "a hostPath volume; at this level the event does not hold its path"
    return _without_body(event)


def is_sensitive(path: str) -> bool:
    """True for a path of a node from which a pod gets further."""
    plain = f"/{'/'.join(part for part in path.split('/') if part not in ('', '.'))}"
    return ".." in plain or any(
        plain == one or (one not in _EXACT and plain.startswith(f"{one}/")) for one in _SENSITIVE
    )


def _spec(event: Event) -> Mapping[str, Any] | None:
    """The spec of the pod that is made, as it was stored if that is known."""
    for body in (event.response, event.request):
        found = mapping(body).get("spec")
        if isinstance(found, Mapping):
            return found
    return None


def _without_body(event: Event) -> Undecided | None:
    """What an event without a body says: violations are listed in full, and a namespace that enforces a level admits no
    such pod."""
    is_allowed = _text(event, _ENFORCED).startswith(("baseline:", "restricted:"))
    return None if is_allowed or _text(event, _VIOLATIONS) else UNDECIDED


def _text(event: Event, name: str) -> str:
    value = event.annotations.get(name)
    return value if isinstance(value, str) else ""


def _failed_policies(event: Event, *rules: str) -> Iterator[str]:
    """The policies that kgate exports for these rules and that the object does not meet."""
    found = _text(event, _FAILURES)
    return (rule for rule in rules if f'"kgate-{rule}"' in found)


def _in_system_namespace(event: Event) -> str | None:
    return "" if event.namespace in ("kube-system", "kube-public", "kube-node-lease") else None


QUESTIONS = (
    AuditQuestion(
        1,
        "commands-in-pods",
        "Who ran commands in pods, or attached to them?",
        METADATA,
        about("pods", "get create", "exec attach"),
        "exec and attach, by WebSocket (get) or SPDY (create), with the command",
        "what was refused",
        listing(_command),
    ),
    AuditQuestion(
        2,
        "tunnels",
        "Who forwarded ports, or went through the proxy to pods, services or nodes?",
        METADATA,
        about("pods services nodes", "", "portforward proxy", by=by_hand),
        "port-forward and proxy of any verb",
        "what was refused, and what programs of the control plane do",
        listing(_any),
    ),
    AuditQuestion(
        3,
        "ephemeral-containers",
        "Who added ephemeral containers to pods?",
        METADATA,
        about("pods", "update patch", "ephemeralcontainers"),
        "kubectl debug; with the image if the level is Request",
        "what was refused",
        listing(_ephemeral),
    ),
    AuditQuestion(
        4,
        "privileged-pods",
        "Which pods were created with privileged containers or namespaces of the node?",
        REQUEST,
        about("pods", "create"),
        "privileged, hostNetwork, hostPID, hostIPC in the body; or, at level Metadata, in annotations of Pod Security "
        "and of policies that kgate exports",
        "what was refused; where a namespace enforces baseline, no body is needed",
        listing(_privileged),
    ),
    AuditQuestion(
        5,
        "host-path-pods",
        "Which pods were created with sensitive folders of the node?",
        REQUEST,
        about("pods", "create"),
        "hostPath volumes of folders from which a pod gets further; at level Metadata any that annotations name",
        "what was refused, and folders such as /opt/data",
        listing(_host_paths),
    ),
    AuditQuestion(
        21,
        "pods-in-system-namespaces",
        "Who created pods in kube-system or kube-public by hand?",
        METADATA,
        about("pods", "create", by=by_hand),
        "pods made by anybody but controllers and kubelets",
        "pods of controllers, which have service accounts of kube-system, and other namespaces",
        listing(_in_system_namespace),
    ),
)
