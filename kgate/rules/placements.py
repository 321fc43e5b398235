"""Puts an example of a rule file into every workload kind and container list."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeAlias

from kgate.kubernetes.podspec import CONTAINER_LISTS
from kgate.model import Example, Rule
from kgate.values import dataclass

Body: TypeAlias = dict[str, Any]

HARDENED_CONTAINER: Body = {
    "name": "hardened",
    "image": "registry.example.org/app@sha256:" + "0" * 64,
    "imagePullPolicy": "Always",
    "resources": {
        "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
        "requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
    },
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsGroup": 20000,
        "runAsNonRoot": True,
        "runAsUser": 20000,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
"""A container in which no rule finds anything."""

HARDENED_POD: Body = {"automountServiceAccountToken": False, "serviceAccountName": "app"}
"""The pod-level fields of a hardened pod (without a user namespace, which waives other rules)."""

_TEMPLATED = {
    "apps/v1": ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"),
    "apps/v1beta1": ("Deployment", "StatefulSet"),
    "apps/v1beta2": ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"),
    "extensions/v1beta1": ("Deployment", "ReplicaSet", "DaemonSet"),
    "batch/v1": ("Job",),
    "v1": ("ReplicationController",),
    "apps.openshift.io/v1": ("DeploymentConfig",),
    "argoproj.io/v1alpha1": ("Rollout",),
    "serving.knative.dev/v1": ("Service",),
}
_CRON = {"batch/v1": ("CronJob",), "batch/v1beta1": ("CronJob",), "batch/v2alpha1": ("CronJob", "ScheduledJob")}


def workloads(pod: Body, metadata: Body | None = None) -> Iterator[Body]:
    """A pod spec (and its metadata) as every kind that holds a whole pod template."""
    template = {"metadata": {"labels": {"app": "example"}, **(metadata or {})}, "spec": pod}
    yield _object("v1", "Pod", {"spec": pod}, metadata)
    yield _object("v1", "PodTemplate", {"template": template})
    for api_version, kinds in _TEMPLATED.items():
        for kind in kinds:
            yield _object(api_version, kind, {"spec": {"template": template}})
    for api_version, kinds in _CRON.items():
        for kind in kinds:
            yield _object(api_version, kind, {"spec": {"jobTemplate": {"spec": {"template": template}}}})
    yield _object("keda.sh/v1alpha1", "ScaledJob", {"spec": {"jobTargetRef": {"template": template}}})
    yield _object("kubeflow.org/v1", "TFJob", {"spec": {"tfReplicaSpecs": {"Worker": {"template": template}}}})
    yield _object("apps.kruise.io/v1", "CloneSet", {"spec": {"parts": [{"deeply": {"podTemplate": template}}]}})


def _object(api_version: str, kind: str, body: Body, metadata: Body | None = None) -> Body:
    identity = {"name": "example", "namespace": "shop", **(metadata or {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": identity, **body}


@dataclass(frozen=True, slots=True)
class Placement:
    """An object that holds an example, the kind and container list in words, and that list if there is one."""

    label: str
    body: Body
    list: str | None


def placements(rule: Rule, example: Example) -> Iterator[Placement]:
    """An example in every object that can hold it.

    An example with ``kind`` is a whole object, one with ``spec`` a pod template, one with ``containers``
    (or of a rule about pods) a pod spec, any other one a container; of a rule about components, that of a static pod.
    """
    body = copy.deepcopy(example.body)
    if "kind" in body:
        yield Placement(f"{body['kind']}", body, None)
        return
    if rule.components:
        yield Placement("static Pod", _static_pod(body), None)
        return
    for list_name in CONTAINER_LISTS:
        template = _template(rule, body, list_name)
        for workload in workloads(template["spec"], template.get("metadata")):
            label = f"{workload['kind']} of {workload['apiVersion']}, {list_name}"
            yield Placement(label, workload, list_name)


def _static_pod(container: Body) -> Body:
    """A program of the control plane as the kubelet of its node starts it."""
    spec = {"hostNetwork": True, "containers": [{"name": "example", **container}]}
    return _object("v1", "Pod", {"spec": spec}, {"namespace": "kube-system"})


def _template(rule: Rule, body: Body, list_name: str) -> Body:
    """The pod template of an example, with its containers in one of the lists, and a hardened one if it has none."""
    if "spec" in body:
        template = copy.deepcopy(body)
    elif "containers" in body or "container" not in rule.targets or _looks_like_pod(body):
        template = {"spec": copy.deepcopy(body)}
    else:
        template = {"spec": {"containers": [{"name": "example", **body}]}}
    spec = {**HARDENED_POD, **template["spec"]}
    own = spec.pop("containers", None)
    if own is not None and list_name != "containers":
        spec[list_name] = own
    spec.setdefault("containers", own if own is not None and list_name == "containers" else [HARDENED_CONTAINER])
    return {**template, "spec": spec}


_POD_FIELDS = (
    "volumes",
    "hostUsers",
    "os",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "initContainers",
    "ephemeralContainers",
)


def _looks_like_pod(body: Body) -> bool:
    return any(field in body for field in _POD_FIELDS)
