"""Finds the pods that a resource runs: the only place that knows where a pod spec lives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from kgate.kubernetes import argo, tekton
from kgate.kubernetes.embedded import OBJECTS_FIELDS
from kgate.kubernetes.podspec import CONTAINER_LISTS, Holder, list_of, mapping, read_pod, with_gaps
from kgate.model import Container, Gap, Json, Pod, Pointer, Resource, Workload, child_pointer
from kgate.values import dataclass

_TEMPLATE_PATHS: dict[str, tuple[str, ...]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "ScheduledJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Kinds of Kubernetes itself; every other kind is searched by shape."""

_KUBERNETES_GROUPS = ("", "apps", "batch", "extensions")

_TEMPLATES_OF_OTHERS = {"argoproj.io": "Rollout", "apps.openshift.io": "DeploymentConfig"}
"""Groups with a kind whose ``spec.template`` is the PodTemplateSpec of Kubernetes."""

_NOT_SEARCHED = ("metadata", "status")

POD_KINDS = frozenset({*_TEMPLATE_PATHS, *_TEMPLATES_OF_OTHERS.values(), *argo.SPECS})
"""Kinds that run pods by their schema, in whatever group."""

_WHOLE_KINDS: Mapping[str, tuple[str, ...]] = {
    "actions.github.com": ("AutoscalingRunnerSet", "EphemeralRunnerSet", "EphemeralRunner"),
    "agents.x-k8s.io": ("Sandbox",),
    "agones.dev": ("Fleet", "GameServerSet", "GameServer"),
    "apps.kruise.io": (
        *("AdvancedCronJob", "BroadcastJob", "CloneSet", "DaemonSet", "StatefulSet", "UnitedDeployment"),
    ),
    "apps.openshift.io": ("DeploymentConfig",),
    "argoproj.io": ("Rollout", "Experiment", "AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"),
    "batch.volcano.sh": ("Job", "CronJob"),
    "flow.volcano.sh": ("JobTemplate",),
    "game.kruise.io": ("GameServerSet",),
    "jobset.x-k8s.io": ("JobSet",),
    "keda.sh": ("ScaledJob",),
    "kubeflow.org": (*("JAXJob", "MPIJob", "MXJob", "Notebook", "PaddleJob", "PyTorchJob", "TFJob", "XGBoostJob"),),
    "leaderworkerset.x-k8s.io": ("LeaderWorkerSet",),
    "operators.coreos.com": ("ClusterServiceVersion",),
    "ray.io": ("RayCluster", "RayCronJob", "RayJob", "RayService"),
    "serving.knative.dev": ("Service", "Configuration", "Revision"),
    "sinks.knative.dev": ("JobSink",),
    "sources.knative.dev": ("ContainerSource",),
}
"""Kinds of others whose controllers run a pod template as it is written. Any other kind completes it with defaults of
its own or with another template, as charts do with values, or puts it into the pods of others (SidecarSet, PodDefault,
EventListener, RunnerDeployment); objects inside it count by their own kinds."""

_OVERLAYS = frozenset({"listenerTemplate", "patch"})
"""Fields of whole kinds whose pods are laid over others: of an AutoscalingRunnerSet, and of a UnitedDeployment."""

_PATCHING_GROUPS = ("kustomize.toolkit.fluxcd.io",)
"""API groups whose objects hold patches of other objects."""

_PODLESS_KINDS = {
    "": ("ConfigMap", "Secret"),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "policy": ("PodSecurityPolicy",),
    "extensions": ("PodSecurityPolicy",),
    "kustomize.config.k8s.io": ("Kustomization", "Component"),
    "kyverno.io": ("ClusterPolicy", "Policy", "ClusterCleanupPolicy", "CleanupPolicy", "PolicyException"),
}
_POLICIES = (("kyverno.io", "ClusterPolicy"), ("kyverno.io", "Policy"))
"""Kinds among them whose rules may also make objects, or patch those of others."""

_PODLESS_GROUPS = ("gatekeeper.sh", "policies.kyverno.io", "admissionregistration.k8s.io")
"""Kinds, and groups with their subgroups, whose objects contain schemas, patterns or patches and run no pods."""

_SETUP_GROUPS = (
    *("config.k8s.io", "kubeadm.k8s.io", "kind.x-k8s.io", "kops.k8s.io"),
    *("bootstrap.cluster.x-k8s.io", "controlplane.cluster.x-k8s.io"),
)
"""Groups, with their subgroups, whose objects set up the control plane (kgate.kubernetes.components): what looks like
a part of a pod is none, but a file that they write may be a whole object."""


def find_workload(resource: Resource) -> Workload | None:
    """Returns the workload of a resource, or None if it runs no pods.

    Kinds of Kubernetes are read where their schema has the template, so a misspelt template is judged
    too. In any other kind everything with the shape of a pod spec counts, and objects inside the object;
    Argo Workflows and Tekton, which have their own names for containers, are read by their schemas. What an
    operator or a chart completes is not whole.
    """
    parts = tuple(_parts(resource.body, resource.id.api_version, resource.id.kind, ""))
    pods = tuple(part for part in parts if isinstance(part, Pod))
    gaps = tuple(part for part in parts if isinstance(part, Gap))
    return Workload(resource, pods, gaps) if parts else None


def would_run_pods(body: Mapping[str, Json]) -> bool:
    """True if an object that lacks its apiVersion, or also its kind, would run pods if it had them.

    It is of a kind that does, or it lists containers: where an object of Kubernetes lists them or, if it has a kind,
    anywhere in its spec.
    """
    kind = body.get("kind")
    if isinstance(kind, str):
        own = {key: body[key] for key in ("spec", "template") if isinstance(body.get(key), Mapping)}
        parts = _search(own, "", Holder({}, ""), _Owner(None, is_whole=False))
        specs = [part.spec for part in parts if isinstance(part, Pod)]
        return bool(own and kind in POD_KINDS) or any(map(_lists_containers, map(mapping, specs)))
    return any(_lists_containers(_inside(body, (*path, "spec"))) for path in _TEMPLATE_PATHS.values())


def _inside(body: Mapping[str, Json], path: Iterable[str]) -> Mapping[str, Json]:
    """Returns the mapping at the end of a path; an empty one if there is none."""
    for token in path:
        body = mapping(body.get(token))
    return body


def template_path(api_version: str, kind: str) -> tuple[str, ...]:
    """Returns the way to the PodTemplateSpec of an object; empty for a kind that has none, and for a Pod."""
    group = api_version.rpartition("/")[0]
    if _TEMPLATES_OF_OTHERS.get(group) == kind:
        return ("spec", "template")
    return _TEMPLATE_PATHS.get(kind, ()) if group in _KUBERNETES_GROUPS else ()


def _parts(body: Mapping[str, Json], api_version: str, kind: str, base: Pointer) -> Iterator[Pod | Gap]:
    """Yields the pods of the object at ``base``, and a gap for each part that cannot be judged."""
    group = api_version.rpartition("/")[0]
    if kind in _TEMPLATE_PATHS and group in _KUBERNETES_GROUPS:
        pod = _builtin_pod(body, kind, base)
        yield from with_gaps(replace(pod, is_whole=not base or bool(pod.containers)))
    elif not base and _is_podless(group, kind):
        yield from _made_by_policy(body) if (group, kind) in _POLICIES else ()
    elif _is_of(group, _SETUP_GROUPS):
        yield from _in_objects(body, base)
    elif group == "argoproj.io" and kind in argo.SPECS:
        yield from argo.parts(body, kind, base)
    else:
        run_template = tekton.pod_template(body, base) if group.endswith("tekton.dev") else None
        owner = _Owner(run_template, _runs_as_written(group, kind))
        for key, member in body.items():
            if base or key not in _NOT_SEARCHED:
                parts = _search(member, child_pointer(base, key), Holder(body, base), owner)
                yield from map(_as_patch, parts) if group in _PATCHING_GROUPS else parts


def _made_by_policy(body: Mapping[str, Json]) -> Iterator[Pod | Gap]:
    """Yields the pods of the objects that rules of a policy of Kyverno make, and those in their patches."""
    for index, rule in enumerate(list_of(mapping(body.get("spec")).get("rules"))):
        base = child_pointer("", "spec", "rules", index)
        made = Holder(mapping(mapping(rule).get("generate")), child_pointer(base, "generate"))
        each = enumerate(list_of(made.body.get("foreach")))
        several = [Holder(mapping(one), child_pointer(made.pointer, "foreach", place)) for place, one in each]
        for one in (made, *several):
            data, kind = mapping(one.body.get("data")), one.body.get("kind")
            api_version = one.body.get("apiVersion", "v1")
            if data and isinstance(kind, str) and isinstance(api_version, str):
                yield from _parts(data, api_version, kind, child_pointer(one.pointer, "data"))
        patches = Holder(mapping(mapping(rule).get("mutate")), child_pointer(base, "mutate"))
        found = _search(patches.body, patches.pointer, Holder({}, base), _Owner(None, is_whole=False))
        yield from map(_as_patch, found)


@dataclass(frozen=True, slots=True)
class _Owner:
    """The object that is searched: ``run_template`` is the podTemplate of a Tekton object, empty if it has none, and
    None for other objects; ``is_whole`` says that pods run as they are written in it."""

    run_template: Holder | None
    is_whole: bool


def _runs_as_written(group: str, kind: str) -> bool:
    return group in _KUBERNETES_GROUPS or kind in _WHOLE_KINDS.get(group, ())


def _as_patch(part: Pod | Gap) -> Pod | Gap:
    return replace(part, is_whole=False) if isinstance(part, Pod) else part


def _is_podless(group: str, kind: str) -> bool:
    return kind in _PODLESS_KINDS.get(group, ()) or _is_of(group, _PODLESS_GROUPS)


def _is_of(group: str, groups: Iterable[str]) -> bool:
    """True if a group is one of others or below one."""
    return any(("." + group).endswith("." + other) for other in groups)


def _in_objects(body: Json, base: Pointer) -> Iterator[Pod | Gap]:
    """Yields the pods of the objects below a value, and of nothing else in it."""
    members = body.items() if isinstance(body, Mapping) else enumerate(list_of(body))
    for key, member in members:
        pointer = child_pointer(base, key)
        if isinstance(member, Mapping) and _is_object(member):
            yield from _parts(member, member["apiVersion"], member["kind"], pointer)
        else:
            yield from _in_objects(member, pointer)


def _builtin_pod(body: Mapping[str, Json], kind: str, base: Pointer) -> Pod:
    template = _inside(body, _TEMPLATE_PATHS[kind])
    pointer = child_pointer(base, *_TEMPLATE_PATHS[kind])
    pod = read_pod(template.get("spec", {}), pointer + "/spec", template.get("metadata"), pointer + "/metadata")
    return _with_claims(pod, body, base) if kind == "StatefulSet" else pod


def _with_claims(pod: Pod, body: Mapping[str, Json], base: Pointer) -> Pod:
    """Returns the pod of a StatefulSet with a volume for each of its claims, as its controller adds them."""
    spec, volumes = mapping(pod.spec), mapping(pod.spec).get("volumes", [])
    templates = list_of(mapping(body.get("spec")).get("volumeClaimTemplates"))
    if not templates or not isinstance(volumes, list) or not isinstance(pod.spec, Mapping):
        return pod
    names = [mapping(mapping(template).get("metadata")).get("name") for template in templates]
    added: list[Json] = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    places = (child_pointer(base, "spec", "volumeClaimTemplates", index) for index in range(len(templates)))
    origins = {f"volumes/{number}": place for number, place in enumerate(places, len(volumes))}
    return replace(pod, spec={**spec, "volumes": [*volumes, *added]}, origins=origins)


# ---------------------------------------------------------------------------------------- by shape

_CONTAINER_FIELDS = {"name", "image", "command", "args", "env", "ports", "resources", "securityContext", "volumeMounts"}
_TEKTON_FIELDS = ("steps", "sidecars", "stepTemplate", "volumes")
_HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


def _search(value: Json, pointer: Pointer, parent: Holder, owner: _Owner) -> Iterator[Pod | Gap]:
    """Yields every pod in a value of any type."""
    if isinstance(value, Mapping):
        if _is_object(value):
            yield from _parts(value, value["apiVersion"], value["kind"], pointer)
            return
        read, parts = _pods_here(value, pointer, parent, owner)
        yield from parts
        for key, member in value.items():
            if key not in read:
                yield from _search(member, child_pointer(pointer, key), Holder(value, pointer), owner)
    elif isinstance(value, str) and (field := pointer.rpartition("/")[2]) in OBJECTS_FIELDS:
        yield Gap(pointer, f"{field} cannot be read as YAML, so the objects in it are not judged")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _search(member, child_pointer(pointer, index), Holder({}, pointer), owner)


def _is_object(value: Mapping[str, Json]) -> bool:
    """True if a mapping is a whole object inside another one; a mere reference has no spec."""
    named = isinstance(value.get("apiVersion"), str) and isinstance(value.get("kind"), str)
    return named and ("spec" in value or "template" in value)


def _pods_here(
    value: Mapping[str, Json], pointer: Pointer, parent: Holder, owner: _Owner
) -> tuple[Collection[str], Iterable[Pod | Gap]]:
    """Returns the fields of a mapping that were read as a pod, and the pods and gaps found in them."""
    if owner.run_template is not None and "steps" in value and not _lists_containers(value):
        return _TEKTON_FIELDS, tekton.parts(value, pointer, owner.run_template)
    if _lists_containers(value) or _misspells_containers(value, pointer):
        metadata = parent.body.get("metadata")
        pod = read_pod(value, pointer, metadata, parent.pointer + "/metadata")
        is_whole = owner.is_whole and _OVERLAYS.isdisjoint(pointer.split("/"))
        return (*CONTAINER_LISTS, "volumes"), with_gaps(replace(pod, is_whole=is_whole))
    return (), (*_host_access(value, pointer), *_granting_containers(value, pointer))


def _lists_containers(value: Mapping[str, Json]) -> bool:
    members = (member for name in CONTAINER_LISTS for member in list_of(value.get(name)))
    return any(isinstance(member, Mapping) and _CONTAINER_FIELDS & member.keys() for member in members)


def _misspells_containers(value: Mapping[str, Json], pointer: Pointer) -> bool:
    """True if the spec of a pod template has a container list that is not a list."""
    *_, above, key = ("", "", *pointer.split("/"))
    wrong = any(not isinstance(value.get(name, []), list) for name in CONTAINER_LISTS)
    return wrong and key == "spec" and above.lower().endswith("template")


def _host_access(value: Mapping[str, Json], pointer: Pointer) -> Iterator[Pod]:
    """Yields a pod for fields of a mapping, such as a podTemplate without containers, that give access to the node."""
    spec: dict[str, Json] = {
        name: value[name]
        for name in _HOST_NAMESPACES
        if isinstance(value.get(name), (bool, str, int)) and value[name] is not False
    }
    volumes = [
        (volume, child_pointer(pointer, key, index))
        for key in value
        if key.endswith(("volumes", "Volumes"))
        for index, volume in enumerate(list_of(value[key]))
        if isinstance(volume, Mapping) and "hostPath" in volume
    ]
    if volumes:
        spec["volumes"] = [volume for volume, _ in volumes]
    if spec:
        origins = {f"volumes/{index}": place for index, (_, place) in enumerate(volumes)}
        yield Pod(spec, pointer, {}, pointer, (), origins, is_whole=False)


def _granting_containers(value: Mapping[str, Json], pointer: Pointer) -> Iterator[Pod]:
    """Yields a pod with one container for each security context of a mapping that grants a privilege."""
    for key, context in value.items():
        if key.endswith(("securityContext", "SecurityContext")) and _grants(mapping(context)):
            name = value.get("name") if isinstance(value.get("name"), str) else pointer.rpartition("/")[2]
            origins = {"securityContext": child_pointer(pointer, key)}
            container = Container(str(name), "containers", {"securityContext": context}, pointer, origins)
            yield Pod({}, pointer, {}, pointer, (container,), is_whole=False)


def _grants(context: Mapping[str, Json]) -> bool:
    """True if a security context has a field that the baseline level may refuse."""
    return (
        context.get("privileged") not in (None, False)
        or bool(mapping(context.get("capabilities")).get("add"))
        or mapping(context.get("windowsOptions")).get("hostProcess") not in (None, False)
        or context.get("procMount") not in (None, "Default")
        or mapping(context.get("seccompProfile")).get("type") == "Unconfined"
    )
