"""Fills in what the API server does before a policy is asked: the defaults that policies ask about most.

kubernetes, pkg/apis/core/v1/defaults.go, and those of apps, batch and storage. Fields of other kinds stay as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from kgate.kubernetes.podspec import CONTAINER_LISTS, list_of
from kgate.kubernetes.workload import template_path
from kgate.model import Json
from kgate.vap.reading import Admission

_POD: Mapping[str, Json] = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
_CONTAINER: Mapping[str, Json] = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_SPECS: Mapping[str, Mapping[str, Json]] = {
    "CronJob": {"concurrencyPolicy": "Allow", "suspend": False},
    "DaemonSet": {"revisionHistoryLimit": 10},
    "Deployment": {"progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10},
    "Job": {"backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False},
    "PersistentVolume": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
    "PersistentVolumeClaim": {"volumeMode": "Filesystem"},
    "Pod": {"enableServiceLinks": True},
    "ReplicaSet": {"replicas": 1},
    "ReplicationController": {"replicas": 1},
    "Service": {"sessionAffinity": "None", "type": "ClusterIP"},
    "StatefulSet": {"podManagementPolicy": "OrderedReady", "replicas": 1, "revisionHistoryLimit": 10},
}
"""Fields of ``spec``, by kind."""

_ROOTS: Mapping[str, Mapping[str, Json]] = {
    "ClusterRole": {"rules": None},
    "Role": {"rules": None},
    "StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
}
"""Fields of the object itself. The server writes ``rules: null`` for a role without any."""

_GROUPS = ("", "apps", "batch", "rbac.authorization.k8s.io", "storage.k8s.io")


def with_defaults(body: Mapping[str, Json], admission: Admission) -> Mapping[str, Json]:
    """Returns the object of a request, as it is or as it was, with its namespace and, if it is of a kind of Kubernetes,
    with its defaults."""
    api_version, kind = admission.resource.id.api_version, admission.resource.id.kind
    filled: dict[str, Any] = copy.deepcopy(dict(body))
    if admission.namespace:
        _fill(filled.setdefault("metadata", {}), {"namespace": admission.namespace})
    if admission.group not in _GROUPS:
        return filled
    _fill(filled, _ROOTS.get(kind, {}))
    spec = filled.get("spec")
    if isinstance(spec, dict):
        _fill(spec, _SPECS.get(kind, {}))
    if kind == "Service" and isinstance(spec, dict):
        for port in list_of(spec.get("ports")):
            _fill(port, {"protocol": "TCP"})
    path = template_path(api_version, kind)
    if path or kind == "Pod":
        _fill_pod(filled, path)
    return filled


def _fill_pod(body: dict[str, Any], path: tuple[str, ...]) -> None:
    """Fills the pod spec below the template at the end of a path, if there is one."""
    template: Any = body
    for name in path:
        template = template.get(name) if isinstance(template, dict) else None
    pod = template.get("spec") if isinstance(template, dict) else None
    if not isinstance(pod, dict):
        return
    _fill(pod, _POD)
    for name in CONTAINER_LISTS:
        for container in list_of(pod.get(name)):
            _fill_container(container)
    for volume in list_of(pod.get("volumes")):
        if isinstance(volume, dict) and set(volume) == {"name"}:
            volume["emptyDir"] = {}


def _fill_container(container: Any) -> None:
    """Fills a container; an image without a tag, or the latest one, is always pulled."""
    _fill(container, _CONTAINER)
    image = container.get("image") if isinstance(container, dict) else None
    if isinstance(image, str):
        tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        is_latest = tag == "latest" or not (tag or "@" in image)
        _fill(container, {"imagePullPolicy": "Always" if is_latest else "IfNotPresent"})
        for port in list_of(container.get("ports")):
            _fill(port, {"protocol": "TCP"})


def _fill(value: Any, defaults: Mapping[str, Json]) -> None:
    if isinstance(value, dict):
        for name, default in defaults.items():
            value.setdefault(name, copy.copy(default))
