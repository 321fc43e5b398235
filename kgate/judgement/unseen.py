"""What is said of roles and bindings that are not among what is deployed together with what refers to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from kgate.kubernetes.facts import Facts, UndefinedRole, account_of
from kgate.model import Note, Resource, Unjudged, Workload


def unjudged_role(role: UndefinedRole, defined: Collection[tuple[str, str, str]]) -> Unjudged:
    """Returns what nobody knows of a binding whose role is not known; ``defined`` has the kind, namespace and name of
    every role of the scan."""
    namespaces = {namespace for kind, namespace, name in defined if (kind, name) == (role.kind, role.name)}
    is_known = bool(namespaces) and (not role.namespace or not namespaces.isdisjoint(("", role.namespace)))
    why = "is nowhere defined; scan its manifest, too"
    if is_known and role.cluster:
        why = f"is not defined in the cluster {role.cluster}, or rendered for it by something else"
    elif is_known:
        why = "is rendered by something else, which a scan does not join with it; kgate reach does"
    return Unjudged(role.path, role.line, f"{role.kind}/{role.name} {why}", f"what {role.binding} gives")


def unseen_role(role: UndefinedRole) -> Note:
    """Returns the same where somebody named the files that are scanned."""
    why = "is not in the files that were scanned, so what the binding gives is not known"
    return Note(role.path, role.line, f"{role.binding}: {role.kind}/{role.name} {why}")


def unseen_bindings(resource: Resource, workload: Workload, facts: Facts) -> Iterator[Note]:
    """Yields a note for each account of a workload to which other files may bind roles."""
    for pod in workload.pods:
        name = account_of(pod)
        has_token = not isinstance(pod.spec, Mapping) or pod.spec.get("automountServiceAccountToken") is not False
        if name != "default" and has_token and not facts.reached_by(resource, pod):
            place = resource.locate(pod.pointer)
            who = resource.shown(f"{resource.id}: ServiceAccount/{name}")
            message = f"{who} is judged without what other files bind to it; scan the folder"
            yield Note(place.path, place.start.line, message)
