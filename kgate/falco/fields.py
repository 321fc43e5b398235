"""The fields that a rule can ask of an event, by the source of the event, and which operators fit them."""

from __future__ import annotations

from enum import Enum

from kgate.falco.conditions import Check, EventField, Transformed
from kgate.values import dataclass

AUDIT_SOURCE = "k8s_audit"
SYSCALL_SOURCE = "syscall"
SOURCES = (
    SYSCALL_SOURCE,
    *("aws_cloudtrail", "awselb", "box", "coding_agent", "collector", "dnscollector", "docker", "edera_zone"),
    *("gcp_auditlog", "github", "gitlab", "journal", "kafka", "keycloak", "k8s_audit", "nginx", "nomad", "okta"),
    *("salesforce", "seccompagent", "syslogsrv"),
)
"""The sources of Falco itself and of the plugins that are registered (falcosecurity/plugins, registry.yaml)."""


class ArgumentKind(Enum):
    """What may stand in brackets behind a field."""

    NONE = "none"
    KEY = "key"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class FieldType:
    """What a field holds: ``kind`` is text, number or truth. An index may be left out, a key may not."""

    argument: ArgumentKind = ArgumentKind.NONE
    is_list: bool = False
    kind: str = "text"


_TEXT, _KEYED = FieldType(), FieldType(ArgumentKind.KEY)
_LIST, _INDEXED = FieldType(is_list=True), FieldType(ArgumentKind.INDEX, is_list=True)
_NUMBER = FieldType(kind="number")

_OF_CONTAINERS = (
    *("args", "command", "name", "image", "image.repository", "host_port", "privileged", "allow_privilege_escalation"),
    *("read_only_fs", "run_as_user", "eff_run_as_user", "run_as_group", "eff_run_as_group", "proc_mount"),
    "add_capabilities",
)

_AUDIT = {
    **dict.fromkeys(
        (
            *("auditid", "stage", "auth.decision", "auth.reason", "auth.openshift.decision", "auth.openshift.username"),
            *("validations.admission.policy.failure", "security.pod.violations", "user.name", "impuser.name", "verb"),
            *("uri", "target.name", "target.namespace", "target.resource", "target.subresource", "target.pod.name"),
            *("req.binding.role", "req.configmap.name", "req.configmap.obj", "req.container.image"),
            *("req.container.image.repository", "req.pod.host_ipc", "req.pod.host_network"),
            *("req.container.host_network", "req.pod.host_pid", "req.container.privileged", "req.pod.run_as_user"),
            *("req.pod.run_as_group", "req.pod.fs_group", "req.service.type", "resp.name", "response.code"),
            *("response.reason", "useragent", "cluster.name"),
        ),
        _TEXT,
    ),
    **dict.fromkeys(("uri.param", "req.binding.subject.has_name", "req.volume.hostpath"), _KEYED),
    **dict.fromkeys(
        (
            *("user.groups", "req.binding.subjects", "req.binding.subjects.user_names"),
            *("req.binding.subjects.serviceaccount_names", "req.binding.subjects.serviceaccount_ns_names"),
            *("req.binding.subjects.group_names", "req.role.rules", "req.pod.supplemental_groups"),
        ),
        _LIST,
    ),
    **dict.fromkeys(
        (
            *("req.role.rules.apiGroups", "req.role.rules.nonResourceURLs", "req.role.rules.verbs"),
            *("req.role.rules.resources", "req.service.ports", "req.pod.volumes.hostpath", "sourceips"),
            *("req.pod.volumes.flexvolume_driver", "req.pod.volumes.volume_type"),
            *(f"req.pod.containers.{name}" for name in _OF_CONTAINERS),
            *(f"req.pod.initContainers.{name}" for name in _OF_CONTAINERS),
            *(f"req.pod.ephemeralContainers.{name}" for name in _OF_CONTAINERS if name != "host_port"),
        ),
        _INDEXED,
    ),
}
_EVENT = {
    **dict.fromkeys(
        (
            *("time", "time.s", "time.iso8601", "datetime", "datetime.s", "pluginname", "plugininfo", "source"),
            *("asynctype", "hostname"),
        ),
        _TEXT,
    ),
    **dict.fromkeys(("num", "rawtime", "rawtime.s", "rawtime.ns", "reltime", "reltime.s", "reltime.ns"), _NUMBER),
    "is_async": FieldType(kind="truth"),
}
_JSON = {"value": _KEYED, "obj": _TEXT, "rawtime": _TEXT}

AUDIT_FIELDS = {
    **{f"ka.{name}": known for name, known in _AUDIT.items()},
    **{f"{prefix}.{name}": known for prefix in ("json", "jevt") for name, known in _JSON.items()},
    **{f"evt.{name}": known for name, known in _EVENT.items()},
}
"""The fields of source k8s_audit: those of the plugins k8saudit and json, and of every event."""

_OF_LISTS = ("in", "intersects", "exists")
_OF_NUMBERS = ("=", "==", "!=", "<", "<=", ">", ">=", "in", "intersects", "exists")
_OF_TRUTH = ("=", "==", "!=", "in", "intersects", "exists")
_NOT_OF_TEXT = ("bcontains", "bstartswith")

DEPRECATED = {
    "evt.dir": "since Falco has no enter events, 'evt.dir = <' is always true and 'evt.dir = >' never; remove it",
    **dict.fromkeys(
        ("evt.latency", "evt.latency.s", "evt.latency.ns", "evt.latency.human", "evt.wait_latency"),
        "the field has no value since Falco has no enter events; remove it",
    ),
}


def fault_of_field(field: EventField) -> str | None:
    """Returns what is wrong with a field of source k8s_audit, if anything is."""
    known = AUDIT_FIELDS.get(field.name)
    if known is None:
        from kgate.yamltree.fields import suggestion

        return f"source {AUDIT_SOURCE} has no field {field.name}{suggestion(field.name, AUDIT_FIELDS)}"
    if field.argument is None:
        return f"{field.name} needs an argument: {field.name}[…]" if known.argument is ArgumentKind.KEY else None
    if known.argument is ArgumentKind.NONE:
        return f"{field.name} takes no argument; write {field.name}"
    if known.argument is ArgumentKind.INDEX and not _is_index(field.argument):
        return f"the argument of {field.name} must be an index such as 0"
    return None


def fault_of_operator(check: Check) -> str | None:
    """Returns why an operator does not fit a field of source k8s_audit, if it does not; of what transformers make of a
    field nothing is known."""
    if isinstance(check.left, Transformed):
        return None
    known = AUDIT_FIELDS[check.left.name]
    operator, _, modifier = check.operator.partition(" ")
    if known.is_list:
        if operator in _OF_LISTS and not modifier:
            return None
        return f"{check.left.name} holds a list, for which there are only {', '.join(_OF_LISTS)}"
    fitting = {"number": _OF_NUMBERS, "truth": _OF_TRUTH}.get(known.kind)
    if operator in _NOT_OF_TEXT or (fitting is not None and operator not in fitting):
        return f"operator {operator} does not fit {check.left.name}, which holds a {known.kind}"
    return None


def _is_index(argument: str) -> bool:
    return argument.isascii() and argument.isdecimal() and (argument == "0" or argument[0] != "0")
