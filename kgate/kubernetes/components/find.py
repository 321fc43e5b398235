"""Finds the programs of a cluster that a resource starts or configures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from kgate.kubernetes.components.component import Components
from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Json, Pod, Resource, ResourceId, Workload

NOTHING = Components()

_PROGRAM = re.compile(r"kube-apiserver|kube-controller-manager|kube-scheduler|kube-proxy|kubelet|hyperkube|etcd")


def find_components(resource: Resource, workload: Workload | None, minor: int) -> Components:
    """Returns the components of a resource; ``minor`` is the Kubernetes 1.x version of those that do not say theirs."""
    reader = _reader(resource.id)
    if reader is not None:
        return Components.joined(reader(resource, minor))
    pods = [pod for pod in (workload.pods if workload is not None else ()) if _may_run_one(pod)]
    if not pods:
        return NOTHING
    return Components.joined(_of_pods(resource, pods, minor))


def _reader(who: ResourceId) -> Callable[[Resource, int], Iterable[Components]] | None:
    """Returns what reads the components of a kind of configuration, imported when it is first needed."""
    group = who.api_version.rpartition("/")[0]
    if group == "kubeadm.k8s.io":
        from kgate.kubernetes.components.kubeadm import KINDS, components
    elif group == "kind.x-k8s.io":
        from kgate.kubernetes.components.kind import KINDS, components
    elif group == "kops.k8s.io":
        from kgate.kubernetes.components.kops import KINDS, components
    elif group == "k3s.io":
        from kgate.kubernetes.components.k3s import KINDS, components
    elif group == "rke.cattle.io":
        from kgate.kubernetes.components.rke import KINDS, components
    elif group == "kubespray.io":
        from kgate.kubernetes.components.kubespray import KINDS, components
    elif group == "config.talos.dev" or who.api_version == "v1alpha1":
        from kgate.kubernetes.components.talos import KINDS, components
    elif group == "apiserver.config.k8s.io":
        from kgate.kubernetes.components.admission import KINDS, components
    elif group.endswith(".config.k8s.io"):
        from kgate.kubernetes.components.configfiles import KINDS, components
    else:
        return None
    return components if who.kind in KINDS else None


def _of_pods(resource: Resource, pods: list[Pod], minor: int) -> Iterator[Components]:
    from kgate.kubernetes.components import staticpods  # few workloads need it

    for pod in pods:
        yield from staticpods.components(resource, pod, minor)


def _may_run_one(pod: Pod) -> bool:
    return any(map(_is_mention, _texts(pod)))


def _texts(pod: Pod) -> Iterator[Json]:
    """Yields what the containers of a pod run."""
    for container in pod.containers:
        body = mapping(container.body)
        yield from list_of(body.get("command"))
        yield from list_of(body.get("args"))
        yield body.get("image")


def _is_mention(item: Json) -> bool:
    return isinstance(item, str) and _PROGRAM.search(item) is not None
