"""Joins API servers with the audit policies, webhooks and collectors of the same repository."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from kgate.kubernetes.auditfiles import AuditCollector, AuditedServer, AuditFiles, AuditPolicyFile, AuditWebhook
from kgate.kubernetes.components.component import Component, Hint
from kgate.kubernetes.components.find import find_components
from kgate.kubernetes.podspec import list_of, mapping
from kgate.kubernetes.workload import find_workload
from kgate.model import Json, Pod, Pointer, Related, Resource, child_pointer, json_text

SERVER = "kube-apiserver"
_POLICY, _WEBHOOK, _LOG = "audit-policy-file", "audit-webhook-config-file", "audit-log-path"
_GROUP = "audit.k8s.io"
_WITH_BODIES = ("Request", "RequestResponse")
_MOST_PLACES = 10
"""API servers that one finding points at."""


def gathered(resources: Iterable[Resource]) -> AuditFiles:
    """Returns what resources of a repository have to do with audit logs."""
    servers: list[AuditedServer] = []
    policies: list[AuditPolicyFile] = []
    webhooks: list[AuditWebhook] = []
    collectors: list[AuditCollector] = []
    for resource in resources:
        if resource.id.kind == "Policy" and resource.id.api_version.partition("/")[0] == _GROUP:
            place = resource.locate("")
            policies.append(AuditPolicyFile(place.path, bool(resource.pointer), _bodies(resource)))
        elif resource.id.kind == "Config" and resource.id.api_version == "v1":
            webhooks.append(_webhook(resource))
        else:
            workload = find_workload(resource)
            found = find_components(resource, workload, 0)
            servers += (_server(resource, one) for one in found.components if _writes_log(one))
            collectors += filter(None, (_collector(resource, pod) for pod in (workload.pods if workload else ())))
    return AuditFiles(tuple(servers), tuple(policies), tuple(webhooks), tuple(collectors))


def _writes_log(component: Component) -> bool:
    flags = (_POLICY, _WEBHOOK, _LOG)
    return component.name == SERVER and any(component.settings.get(flag) for flag in flags)


def _server(resource: Resource, component: Component) -> AuditedServer:
    settings = component.settings
    place = resource.locate(component.places.get(_LOG, component.pointer))
    etcd = tuple(map(str, list_of(settings.get("etcd-servers"))))
    audit = tuple(sorted((flag, json_text(value)) for flag, value in settings.items() if flag.startswith("audit-")))
    return AuditedServer(
        place.path,
        place,
        component.minor,
        _name(component, _POLICY),
        _name(component, _WEBHOOK),
        posixpath.dirname(_on_node(component, _LOG)),
        etcd,
        audit,
    )


def _on_node(component: Component, flag: str) -> str:
    """The path on the node of the file that a flag names, as far as it is known; empty without one."""
    path = component.settings.get(flag)
    if not isinstance(path, str) or not path.startswith("/"):
        return ""
    mount = mapping(mapping(component.facts.get("mounts")).get(flag))
    return str(mount.get("host") or path)


def _name(component: Component, flag: str) -> str:
    return posixpath.basename(_on_node(component, flag))


def _bodies(policy: Resource) -> Related | None:
    for index, rule in enumerate(list_of(policy.body.get("rules"))):
        if mapping(rule).get("level") in _WITH_BODIES:
            place = policy.locate(child_pointer("/rules", index, "level"))
            return Related(place, "events with bodies")
    return None


# ---------------------------------------------------------------------------------------- webhooks


_PLAIN = re.compile(r"\s*http://", re.IGNORECASE)
_IN_CLUSTER = re.compile(r"(?:https?://)?[^/:@]+\.svc(?:\.cluster\.local)?\.?(?:[:/].*)?", re.IGNORECASE | re.DOTALL)


def _webhook(kubeconfig: Resource) -> AuditWebhook:
    """Reads a kubeconfig as the API server reads that of its webhook: the cluster of the current context."""
    who = (kubeconfig.locate("").path, bool(kubeconfig.pointer))
    body = kubeconfig.body
    context = _entry(body, "contexts", body.get("current-context"))
    if context is None:
        pointer = child_pointer("", "current-context")
        return AuditWebhook(*who, unreachable=(_at(kubeconfig, pointer, "no context is the current one"),))
    cluster = _entry(body, "clusters", mapping(context[1].get("context")).get("cluster"))
    if cluster is None:
        return AuditWebhook(*who, unreachable=(_at(kubeconfig, context[0], "its cluster is not in the file"),))
    pointer, inner = child_pointer(cluster[0], "cluster"), mapping(cluster[1].get("cluster"))
    server = str(inner.get("server", ""))
    place = child_pointer(pointer, "server")
    unverified = [_at(kubeconfig, place, "sent as plain text")] if _PLAIN.match(server) else []
    if inner.get("insecure-skip-tls-verify") is True:
        where = child_pointer(pointer, "insecure-skip-tls-verify")
        unverified.append(_at(kubeconfig, where, "accepts any certificate"))
    in_cluster = (_at(kubeconfig, place, "a name that only pods can look up"),) if _IN_CLUSTER.fullmatch(server) else ()
    unreachable = () if server else (_at(kubeconfig, pointer, "names no server"),)
    return AuditWebhook(*who, tuple(unverified), unreachable, in_cluster)


def _entry(body: Mapping[str, Json], field: str, name: Json) -> tuple[Pointer, Mapping[str, Json]] | None:
    """Returns an entry of a list by its name, with its place."""
    for index, entry in enumerate(list_of(body.get(field))):
        if isinstance(name, str) and mapping(entry).get("name") == name:
            return child_pointer("", field, index), mapping(entry)
    return None


def _at(resource: Resource, pointer: Pointer, message: str) -> Related:
    return Related(resource.locate(pointer), message)


# -------------------------------------------------------------------------------------- collectors

_COLLECTOR = re.compile(r"(?:.*/)?(?:fluentd|fluent-bit|filebeat|vector|promtail)(?:[-_:@].*)?", re.DOTALL)
"""The images of programs that send the logs of a node elsewhere."""


def _collector(resource: Resource, pod: Pod) -> AuditCollector | None:
    """Reads a DaemonSet that runs such a program; None for all else."""
    images = [mapping(one.body).get("image") for one in pod.containers]
    if resource.id.kind != "DaemonSet" or not any(isinstance(one, str) and _COLLECTOR.fullmatch(one) for one in images):
        return None
    volumes = [mapping(mapping(one).get("hostPath")).get("path") for one in list_of(mapping(pod.spec).get("volumes"))]
    return AuditCollector(resource.locate("").path, tuple(path for path in volumes if isinstance(path, str)))


def about_pod(resource: Resource, pod: Pod, files: AuditFiles) -> dict[str, Json]:
    """Returns what rules may ask of a pod that sends logs elsewhere, where API servers write audit logs on their nodes:
    ``collector`` with ``seesLog`` and ``isLogSeen``, which is true if any collector sees each log, or a webhook gets
    the same events."""
    collector = _collector(resource, pod)
    logs = [one for one in files.servers if one.folder]
    if collector is None or not logs:
        return {}
    return {"collector": {"seesLog": any(map(collector.sees, logs)), "isLogSeen": not files.has_unseen_log}}


def places_of_logs(files: AuditFiles) -> Iterator[Related]:
    """Yields where API servers say that they write their audit log, for a few of them."""
    found = (Related(one.place, "writes the audit log") for one in files.servers if one.folder)
    return islice(found, _MOST_PLACES)


# ------------------------------------------------------------------------- what is known of one server


def about(resource: Resource, component: Component, files: AuditFiles) -> dict[str, Json]:
    """Returns what the files of the repository say about an API server, as rules see it: ``recordsBodies`` of its audit
    policy, ``webhook`` with ``isUnverified`` and ``isUnreachable``, and ``differs``, true if another one of the same
    cluster has other flags about its audit log."""
    known: dict[str, Json] = {}
    if component.name != SERVER:
        return known
    path = resource.locate("").path
    policy = files.policy_of(path, _name(component, _POLICY))
    if policy is not None:
        known["recordsBodies"] = policy.bodies is not None
    webhook = files.webhook_of(path, _name(component, _WEBHOOK))
    if webhook is not None:
        unreachable = webhook.unreachable or (webhook.in_cluster and _is_on_host_network(component))
        known["webhook"] = {"isUnverified": bool(webhook.unverified), "isUnreachable": bool(unreachable)}
    if any(_others(resource, component, files)):
        known["differs"] = True
    return known


def evidence(resource: Resource, component: Component, files: AuditFiles, expression: str) -> Iterator[Related]:
    """Yields the places in other files of what a rule with this expression asks about an API server."""
    path = resource.locate("").path
    policy = files.policy_of(path, _name(component, _POLICY))
    webhook = files.webhook_of(path, _name(component, _WEBHOOK))
    if "recordsBodies" in expression and policy is not None and policy.bodies is not None:
        yield policy.bodies
    if "isUnverified" in expression and webhook is not None:
        yield from webhook.unverified
    if "isUnreachable" in expression and webhook is not None:
        yield from webhook.unreachable or webhook.in_cluster
    if "differs" in expression:
        yield from (Related(one.place, "of another node") for one in _others(resource, component, files))


def hints(resource: Resource, component: Component, files: AuditFiles) -> Iterator[Hint]:
    """Yields a hint for an audit policy that somebody names and that is nowhere in the repository."""
    name = _name(component, _POLICY)
    if component.name != SERVER or not name or _POLICY not in component.places or "defaultPolicy" in component.facts:
        return
    if files.policy_of(resource.locate("").path, name) is None:
        message = f"no file {name} with an audit policy is scanned, so nobody knows what it records"
        yield Hint(component.places[_POLICY], message)


def _is_on_host_network(component: Component) -> bool:
    """True unless a program looks up names as other pods do."""
    spec = mapping(component.pod.spec) if component.pod is not None else {"hostNetwork": True}
    return spec.get("hostNetwork") is True and spec.get("dnsPolicy") != "ClusterFirstWithHostNet"


def _others(resource: Resource, component: Component, files: AuditFiles) -> Iterator[AuditedServer]:
    """Yields a few API servers with other flags about their audit log that are surely of the same cluster, since they
    use the same etcd."""
    if not _writes_log(component):
        return
    own = _server(resource, component)
    if own.etcd and not any(map(_is_local, own.etcd)):
        yield from islice(files.others_of(own), _MOST_PLACES)


def _is_local(url: str) -> bool:
    return re.search(r"//(?:localhost|127\.|\[::1\])", url) is not None
