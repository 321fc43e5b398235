"""Reviews for tests, as an API server sends them, and the objects in them."""

from __future__ import annotations

import json
from typing import Any

from tests.manifests import HARDENED_CONTAINER, HARDENED_POD, Body

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
GROUPS = {"apps/v1": ("apps", "v1"), "batch/v1": ("batch", "v1"), "v1": ("", "v1")}


def container(**fields: Any) -> Body:
    """A container that runs as the restricted level asks for, but for some fields."""
    return {**HARDENED_CONTAINER, "name": "app", **fields}


def privileged(name: str = "app") -> Body:
    """A container that runs privileged."""
    return container(name=name, securityContext={"privileged": True})


def pod_spec(*containers: Body, **fields: Any) -> Body:
    """A pod spec that is restricted, if its containers are."""
    return {**HARDENED_POD, "containers": list(containers or (container(),)), **fields}


def workload(kind: str, spec: Body, name: str = "web", namespace: str = "shop", **metadata: Any) -> Body:
    """An object that runs a pod."""
    metadata = {"name": name, "namespace": namespace, **metadata}
    if kind == "Pod":
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
    template: Body = {"metadata": {"labels": {"app": name}}, "spec": spec}
    if kind in ("CronJob", "Job"):
        template["spec"] = {**spec, "restartPolicy": "Never"}
    if kind == "CronJob":
        job: Body = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": metadata, "spec": job}
    group = {"Job": "batch/v1", "ReplicationController": "v1", "PodTemplate": "v1"}.get(kind, "apps/v1")
    own: Body = {"template": template} if kind == "PodTemplate" else {"spec": {"template": template}}
    if group == "apps/v1":
        own["spec"]["selector"] = {"matchLabels": {"app": name}}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, **own}


def review(body: Body | None, operation: str = "CREATE", old: Body | None = None, **request: Any) -> bytes:
    """The review of an operation on an object."""
    return json.dumps(envelope(body, operation, old, **request)).encode()


def envelope(body: Body | None, operation: str = "CREATE", old: Body | None = None, **request: Any) -> Body:
    """The same, to be changed."""
    shown = body or old or {"apiVersion": "v1", "kind": "Pod", "metadata": {}}
    group, _, version = shown["apiVersion"].rpartition("/")
    metadata = shown["metadata"]
    said = {
        "uid": UID,
        "kind": {"group": group, "version": version, "kind": shown["kind"]},
        "resource": {"group": group, "version": version, "resource": f"{shown['kind'].lower()}s"},
        "name": metadata.get("name", ""),
        "namespace": metadata.get("namespace", ""),
        "operation": operation,
        "userInfo": {"username": "alice", "groups": ["devs", "system:authenticated"]},
        "object": body,
        "oldObject": old,
        "dryRun": False,
        "options": None,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**said, **request}}
