"""The values of fields of source k8s_audit in an audit event, as the plugins k8saudit and json extract them
(falcosecurity/plugins, plugins/k8saudit/pkg/k8saudit/extract.go)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from kgate.falco.conditions import EventField
from kgate.falco.fields import AUDIT_FIELDS, AUDIT_SOURCE
from kgate.model import Json, unescaped

Values: TypeAlias = tuple[str, ...]
"""The values of a field; one for fields that hold no list. Without a value, no comparison holds."""

UNMODELLED = tuple(name for name in AUDIT_FIELDS if name.startswith("evt.") and name != "evt.source")
"""Fields that hang on the Falco that runs, and not on the event alone."""

_ABSENT = object()
"""What is not there; null is a value of its own."""

_PLAIN = {
    "ka.auditid": ("auditID",),
    "ka.stage": ("stage",),
    "ka.auth.decision": ("annotations", "authorization.k8s.io/decision"),
    "ka.auth.reason": ("annotations", "authorization.k8s.io/reason"),
    "ka.auth.openshift.decision": ("annotations", "authentication.openshift.io/decision"),
    "ka.auth.openshift.username": ("annotations", "authentication.openshift.io/username"),
    "ka.validations.admission.policy.failure": (
        "annotations",
        "validation.policy.admission.k8s.io/validation_failure",
    ),
    "ka.security.pod.violations": ("annotations", "pod-security.kubernetes.io/audit-violations"),
    "ka.user.name": ("user", "username"),
    "ka.user.groups": ("user", "groups"),
    "ka.impuser.name": ("impersonatedUser", "username"),
    "ka.verb": ("verb",),
    "ka.uri": ("requestURI",),
    "ka.target.name": ("objectRef", "name"),
    "ka.target.namespace": ("objectRef", "namespace"),
    "ka.target.resource": ("objectRef", "resource"),
    "ka.target.subresource": ("objectRef", "subresource"),
    "ka.req.binding.subjects": ("requestObject", "subjects"),
    "ka.req.binding.role": ("requestObject", "roleRef", "name"),
    "ka.req.configmap.name": ("objectRef", "name"),
    "ka.req.configmap.obj": ("requestObject", "data"),
    "ka.req.pod.host_ipc": ("requestObject", "spec", "hostIPC"),
    "ka.req.pod.host_network": ("requestObject", "spec", "hostNetwork"),
    "ka.req.container.host_network": ("requestObject", "spec", "hostNetwork"),
    "ka.req.pod.host_pid": ("requestObject", "spec", "hostPID"),
    "ka.req.pod.run_as_user": ("requestObject", "spec", "securityContext", "runAsUser"),
    "ka.req.pod.run_as_group": ("requestObject", "spec", "securityContext", "runAsGroup"),
    "ka.req.pod.fs_group": ("requestObject", "spec", "securityContext", "fsGroup"),
    "ka.req.pod.supplemental_groups": ("requestObject", "spec", "securityContext", "supplementalGroups"),
    "ka.req.role.rules": ("requestObject", "rules"),
    "ka.req.service.type": ("requestObject", "spec", "type"),
    "ka.resp.name": ("responseObject", "metadata", "name"),
    "ka.response.code": ("responseStatus", "code"),
    "ka.response.reason": ("responseStatus", "reason"),
    "ka.useragent": ("userAgent",),
    "ka.cluster.name": ("annotations", "cluster_name"),
}
"""Fields that are one value of the event, with its path."""

_ACROSS = {
    "ka.req.service.ports": ("requestObject", "spec", "ports"),
    "ka.req.pod.volumes.hostpath": ("requestObject", "spec", "volumes", "hostPath", "path"),
    "ka.req.pod.volumes.flexvolume_driver": ("requestObject", "spec", "volumes", "flexVolume", "driver"),
}
"""Fields that are values in all members of lists."""

_OF_CONTAINERS = {
    "privileged": ("securityContext", "privileged"),
    "allow_privilege_escalation": ("securityContext", "allowPrivilegeEscalation"),
    "read_only_fs": ("securityContext", "readOnlyRootFilesystem"),
    "run_as_user": ("securityContext", "runAsUser"),
    "run_as_group": ("securityContext", "runAsGroup"),
    "proc_mount": ("securityContext", "procMount"),
    "add_capabilities": ("securityContext", "capabilities", "add"),
}
_SUBJECTS = {
    "ka.req.binding.subjects.user_names": "User",
    "ka.req.binding.subjects.group_names": "Group",
    "ka.req.binding.subjects.serviceaccount_names": "ServiceAccount",
    "ka.req.binding.subjects.serviceaccount_ns_names": "ServiceAccount",
}


class _MissingError(Exception):
    """The event has no such value, or one of another type than the plugin expects."""


def extract(field: EventField, event: Json) -> Values | None:
    """Returns the values of a field; None if the event has none. An event without auditID has no values of ka."""
    try:
        if field.name.startswith("ka."):
            return _audit(field, event) or None if _get(event, "auditID") is not _ABSENT else None
        return (_of_event(field, event),)
    except _MissingError:
        return None


def _audit(field: EventField, event: Json) -> Values:
    name = field.name
    index = _index(field.argument or "")
    if name in _PLAIN:
        value = _get(event, *_PLAIN[name])
        return _members(value) if AUDIT_FIELDS[name].is_list else (_text(value),)
    if name in _ACROSS:
        return _texts(_across(event, index, _ACROSS[name]))
    if name in _SUBJECTS:
        return tuple(_subjects(event, _SUBJECTS[name], with_namespace=name.endswith("_ns_names")))
    if name.startswith("ka.req.role.rules.") or name == "ka.sourceips":
        key = "sourceIPs" if name == "ka.sourceips" else name.rpartition(".")[2]
        found = _across(event, index, ("requestObject", "rules", key))
        return tuple(text for value in found if isinstance(value, list) for text in map(_text, value))
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        if name.startswith(f"ka.req.pod.{kind}."):
            return _of_containers(event, kind, name.removeprefix(f"ka.req.pod.{kind}."), index)
    return _SPECIAL[name](event, field.argument or "")


def _of_containers(event: Json, kind: str, what: str, index: int | None) -> Values:
    base = ("requestObject", "spec", kind)
    if what in _OF_CONTAINERS:
        return _texts(_across(event, index, (*base, *_OF_CONTAINERS[what])))
    if what in ("command", "args"):
        found = [value for value in _across(event, index, (*base, what)) if value is not _ABSENT]
        return tuple(" ".join(_strings(value)) for value in found)
    if what == "host_port":
        ports = [value for value in _across(event, index, (*base, "ports")) if value is not _ABSENT]
        return tuple(text for value in ports for text in _ports(value))
    if what in ("eff_run_as_user", "eff_run_as_group"):
        key = "runAsUser" if what == "eff_run_as_user" else "runAsGroup"
        of_pod = _get(event, "requestObject", "spec", key)
        default = "0" if of_pod is _ABSENT else _text(of_pod)
        return tuple(default if value is _ABSENT else _text(value) for value in _across(event, index, (*base, key)))
    texts = tuple(_text(value) for value in _across(event, index, (*base, what.partition(".")[0])))
    return tuple(map(_repository, texts)) if what == "image.repository" else texts


def _ports(value: Json) -> Iterator[str]:
    if not isinstance(value, list):
        raise _MissingError
    for port in value:
        number = _get(port, "hostPort")
        number = _get(port, "containerPort") if number is _ABSENT else number
        if number is not _ABSENT:
            yield _text(number)


def _strings(value: Json) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _MissingError
    return value


def _repository(image: str) -> str:
    """Returns what the plugin takes for the repository: the text before the first colon, also that of a port."""
    return image.split(":", maxsplit=1)[0].split("@", maxsplit=1)[0]


def _subjects(event: Json, kind: str, *, with_namespace: bool) -> Iterator[str]:
    subjects = _get(event, "requestObject", "subjects")
    if subjects is _ABSENT:
        return
    if not isinstance(subjects, list):
        raise _MissingError
    for subject in subjects:
        name, namespace = _get(subject, "name"), _get(subject, "namespace")
        if _get(subject, "kind") == kind and name is not _ABSENT:
            if not with_namespace:
                yield _text(name)
            elif namespace is not _ABSENT:
                yield f"{_text(namespace)}:{_text(name)}"


def _parameter(event: Json, key: str) -> Values:
    uri = _get(event, "requestURI")
    try:
        query = parse_qs(urlsplit(_text(uri)).query, keep_blank_values=True)
    except ValueError:
        raise _MissingError from None
    return tuple(query.get(key, ())[:1])


def _pod_name(event: Json, _: str) -> Values:
    is_pod = _get(event, "objectRef", "resource") == "pods"
    is_whole = _get(event, "objectRef", "subresource") in (_ABSENT, "")
    return (_text(_get(event, "responseObject", "metadata", "name")),) if is_pod and is_whole else ()


def _is_privileged(event: Json, _: str) -> Values:
    found = _across(event, None, ("requestObject", "spec", "containers", "securityContext", "privileged"))
    return ("true" if any(value is True for value in found) else "false",)


def _has_host_path(event: Json, path: str) -> Values:
    found = _texts(_across(event, None, _ACROSS["ka.req.pod.volumes.hostpath"]))
    is_prefix = path.endswith("*")
    return ("true" if any(one == path or (is_prefix and one.startswith(path[:-1])) for one in found) else "false",)


def _volume_types(event: Json, index: int | None) -> Values:
    volumes = _get(event, "requestObject", "spec", "volumes")
    if volumes is _ABSENT:
        raise _MissingError
    chosen = volumes if isinstance(volumes, list) else [volumes]
    chosen = chosen if index is None else chosen[index : index + 1]
    return tuple(key for volume in chosen if isinstance(volume, dict) for key in volume if key != "name")


_SPECIAL: dict[str, Callable[[Json, str], Values]] = {
    "ka.uri.param": _parameter,
    "ka.target.pod.name": _pod_name,
    "ka.req.binding.subject.has_name": lambda _event, _name: ("true",),
    "ka.req.container.image": lambda event, _: _of_containers(event, "containers", "image", 0)[:1],
    "ka.req.container.image.repository": (
        lambda event, _: _of_containers(event, "containers", "image.repository", 0)[:1]
    ),
    "ka.req.container.privileged": _is_privileged,
    "ka.req.volume.hostpath": _has_host_path,
    "ka.req.pod.volumes.volume_type": (lambda event, index: _volume_types(event, _index(index))),
}
"""Fields that are more than values at a path."""


def _of_event(field: EventField, event: Json) -> str:
    """Returns the value of a field of the plugin json, or of every event."""
    what = field.name.partition(".")[2]
    if field.name == "evt.source":
        return AUDIT_SOURCE
    if what == "rawtime":
        return str(nanoseconds(event))
    if what == "obj":
        return json.dumps(event, ensure_ascii=False, indent=2)
    value = event
    for token in (field.argument or "").removeprefix("/").split("/") if field.argument else ():
        value = _get(value, unescaped(token))
    return _text(value)


def nanoseconds(event: Json) -> int:
    """Returns when an event happened, since 1970; 0 if it does not say so."""
    text = _get(event, "stageTimestamp")
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        when = None
    if when is None:
        return 0
    whole = when if when.tzinfo else when.replace(tzinfo=UTC)
    return int(whole.replace(microsecond=0).timestamp()) * 10**9 + whole.microsecond * 1000


def _index(text: str) -> int | None:
    """Returns a text as an index; None if it is none. No list is so long that it has one with more than 9 digits."""
    return int(text[:10]) if text.isascii() and text.isdecimal() else None


def _get(value: Json, *keys: str) -> Json:
    """Returns a value below another one, as fastjson does: keys of lists are indexes."""
    for key in keys:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and (index := _index(key)) is not None and index < len(value):
            value = value[index]
        else:
            return _ABSENT
    return value


def _across(value: Json, index: int | None, keys: tuple[str, ...]) -> list[Json]:
    """Returns the values at a path in all members of the lists on the way, or in one of them; absent ones count as
    _ABSENT. Raises _MissingError."""
    for position, key in enumerate(keys):
        if isinstance(value, list):
            if index is None:
                return [found for member in value for found in _across_member(member, keys[position:])]
            if index >= len(value):
                raise _MissingError
            value = value[index]
        value = _get(value, key)
        if value is _ABSENT:
            raise _MissingError
    return [value]


def _across_member(member: Json, keys: tuple[str, ...]) -> list[Json]:
    try:
        return _across(member, None, keys)
    except _MissingError:
        return [_ABSENT]


def _texts(values: list[Json]) -> Values:
    return tuple(_text(value) for value in values if value is not _ABSENT)


def _members(value: Json) -> Values:
    if not isinstance(value, list):
        raise _MissingError
    return tuple(map(_text, value))


def _text(value: Json) -> str:
    """Returns a value as the plugin gives it to Falco: text as it is, all else as JSON."""
    if value is _ABSENT:
        raise _MissingError
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
