"""Which workload an object belongs to, where the controller that runs it says so itself.

Anybody can write an owner reference, so it is believed only in a request by the account of the controller that would
write it. It excuses nothing: the object is judged as any other, but waivers and gates that name the owner are about it
too, as they would otherwise let a Deployment in and refuse its pods.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kgate.admission.review import AdmissionRequest
from kgate.kubernetes.accounts import MANAGER, controller
from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Json, ResourceId

_CONTROLLERS = {
    ("apps", "Deployment"): "deployment-controller",
    ("apps", "ReplicaSet"): "replicaset-controller",
    ("apps", "StatefulSet"): "statefulset-controller",
    ("apps", "DaemonSet"): "daemon-set-controller",
    ("batch", "CronJob"): "cronjob-controller",
    ("batch", "Job"): "job-controller",
    ("", "ReplicationController"): "replication-controller",
}
"""The accounts of the controllers that run the objects of these groups and kinds (controller-manager, app)."""

_HASH = "pod-template-hash"
"""The label whose value a Deployment appends to its own name for that of a ReplicaSet."""

_SCHEDULED = re.compile(r"(.+)-[0-9]{8,10}")
"""The name of a Job that a CronJob made: with the minute, since 1970, of which it is the run."""


def owners(request: AdmissionRequest) -> tuple[ResourceId, ...]:
    """Returns what the object of a request belongs to, the closest first; none if nobody who knows says so.

    The owner of an owner is known by its name. It cannot be made up: the ReplicaSet or Job with that name was judged
    itself, and belonged to nothing unless a controller made it.
    """
    metadata = mapping((request.object or {}).get("metadata"))
    for reference in map(mapping, list_of(metadata.get("ownerReferences"))):
        if reference.get("controller") is True:
            owner = _owner(reference, request)
            return () if owner is None else (owner, *_above(owner, mapping(metadata.get("labels"))))
    return ()


def _owner(reference: Mapping[str, Json], request: AdmissionRequest) -> ResourceId | None:
    api_version, kind, name = (reference.get(key) for key in ("apiVersion", "kind", "name"))
    if not (isinstance(api_version, str) and isinstance(kind, str) and isinstance(name, str)):
        return None
    account = _CONTROLLERS.get((api_version.rpartition("/")[0], kind))
    if account is None or request.user.name not in (MANAGER, controller(account)):
        return None
    return ResourceId(api_version, kind, request.namespace, name)


def _above(owner: ResourceId, labels: Mapping[str, Json]) -> Iterator[ResourceId]:
    suffix = f"-{labels.get(_HASH)}"
    if owner.kind == "ReplicaSet" and owner.name.endswith(suffix) and owner.name != suffix:
        yield ResourceId(owner.api_version, "Deployment", owner.namespace, owner.name.removesuffix(suffix))
    if owner.kind == "Job" and (match := _SCHEDULED.fullmatch(owner.name)):
        yield ResourceId(owner.api_version, "CronJob", owner.namespace, match[1])
