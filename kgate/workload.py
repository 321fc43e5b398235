"""Finds the pods that a resource runs: the only place that knows where a pod spec lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kgate.model import Container, Gap, Json, Pod, Pointer, Resource, Workload, child_pointer

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
"""In the order in which upstream's pod-security-admission visits them."""

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

_NOT_SEARCHED = ("metadata", "status")
_PODLESS_KINDS = ("CustomResourceDefinition", "ConfigMap", "Secret")
_PATTERN_GROUPS = ("kyverno.io", "gatekeeper.sh", "admissionregistration.k8s.io", "kustomize.config.k8s.io")
"""API groups (and their subgroups) whose objects hold patterns and patches of pods and run none."""


def find_workload(resource: Resource) -> Workload | None:
    """The workload that a resource is, or None if it runs no pods.

    Kinds of Kubernetes are read where their schema has the template, so a misspelt template is judged
    too; in any other kind everything that has the shape of a pod spec counts (a mapping with a list of
    containers), plus the shapes of Argo Workflows and Tekton, which name containers in their own way.
    """
    kind, group = resource.id.kind, resource.id.api_version.rpartition("/")[0]
    if kind in _TEMPLATE_PATHS and group in _KUBERNETES_GROUPS:
        return _workload(resource, (_builtin_pod(resource),))
    if kind in _PODLESS_KINDS or any(group == g or group.endswith("." + g) for g in _PATTERN_GROUPS):
        return None
    if group == "argoproj.io" and kind in _ARGO_SPECS:
        return _argo_workload(resource)
    pod_template = _tekton_pod_template(resource.body) if group == "tekton.dev" else None
    pods = tuple(_search(resource.body, "", {}, pod_template))
    return _workload(resource, pods) if pods else None


def _workload(resource: Resource, pods: tuple[Pod, ...]) -> Workload:
    """The workload, with a gap for each container list that is none."""
    gaps = tuple(
        Gap(child_pointer(pod.pointer, name), f"{name} must be a list")
        for pod in pods
        for name in CONTAINER_LISTS
        if not isinstance(_mapping(pod.spec).get(name, []), list)
    )
    return Workload(resource, pods, gaps)


def _builtin_pod(resource: Resource) -> Pod:
    template: Json = resource.body
    pointer = ""
    for token in _TEMPLATE_PATHS[resource.id.kind]:
        pointer = child_pointer(pointer, token)
        template = _mapping(template).get(token)
    template = _mapping(template)
    return _pod(template.get("spec", {}), pointer + "/spec", template.get("metadata"), pointer + "/metadata")


def _pod(spec: Json, pointer: Pointer, metadata: Json, metadata_pointer: Pointer) -> Pod:
    containers = tuple(_containers(_mapping(spec), pointer))
    return Pod(spec, pointer, _mapping(metadata), metadata_pointer, containers)


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()


def _containers(spec: Mapping[str, Json], pointer: Pointer) -> Iterator[Container]:
    for name in CONTAINER_LISTS:
        for index, body in enumerate(_list(spec.get(name))):
            yield _container(body, name, child_pointer(pointer, name, index))


def _container(body: Json, list_name: str, pointer: Pointer) -> Container:
    """A container; a null member of the list is one with every field absent."""
    name = _mapping(body).get("name")
    return Container(name if isinstance(name, str) else "", list_name, {} if body is None else body, pointer)


# ---------------------------------------------------------------------------------------- by shape


_Placed = tuple[Pointer, Mapping[str, Json]]
"""A mapping and where it stands."""


def _search(value: Json, pointer: Pointer, parent: Mapping[str, Json], tekton: _Placed | None) -> Iterator[Pod]:
    """Every pod in a value of any kind; what stands inside a pod belongs to that pod.

    ``tekton`` is the podTemplate of a Tekton object, empty if it has none, or None for other objects.
    """
    if isinstance(value, Mapping):
        if _is_pod_spec(value):
            above = pointer.rpartition("/")[0]
            yield _pod(value, pointer, parent.get("metadata"), above + "/metadata")
        elif tekton is not None and _are_containers(value.get("steps")):
            yield _tekton_pod(value, pointer, tekton)
        else:
            for key, member in value.items():
                if pointer or key not in _NOT_SEARCHED:
                    yield from _search(member, child_pointer(pointer, key), value, tekton)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _search(member, child_pointer(pointer, index), {}, tekton)


def _is_pod_spec(value: Mapping[str, Json]) -> bool:
    return any(_are_containers(value.get(name)) for name in CONTAINER_LISTS)


def _are_containers(value: Json) -> bool:
    members = _list(value)
    return all(isinstance(m, Mapping) for m in members) and any("image" in m or "name" in m for m in members)


# ------------------------------------------------------------------------------------------ Tekton


def _tekton_pod_template(body: Mapping[str, Json]) -> _Placed:
    """The podTemplate of a TaskRun or PipelineRun (tektoncd/pipeline, docs/podtemplates.md)."""
    for path in (("spec", "podTemplate"), ("spec", "taskRunTemplate", "podTemplate")):
        value: Json = body
        for token in path:
            value = _mapping(value).get(token)
        if isinstance(value, Mapping):
            return child_pointer("", *path), value
    return "", {}


def _tekton_pod(spec: Mapping[str, Json], pointer: Pointer, pod_template: _Placed) -> Pod:
    """The pod of a TaskSpec: its steps, with ``stepTemplate`` as default, its sidecars and volumes
    (tektoncd/pipeline, docs/tasks.md)."""
    outer_pointer, outer = pod_template
    default = _mapping(spec.get("stepTemplate"))
    steps = (
        _tekton_step(_mapping(step), default, pointer, index) for index, step in enumerate(_list(spec.get("steps")))
    )
    sidecars = (
        _container(body, "containers", child_pointer(pointer, "sidecars", index))
        for index, body in enumerate(_list(spec.get("sidecars")))
    )
    containers = (*steps, *sidecars)
    pod = {
        **outer,
        "volumes": [*_list(outer.get("volumes")), *_list(spec.get("volumes"))],
        "containers": [container.body for container in containers],
    }
    origins = {key: child_pointer(outer_pointer, key) for key in outer}
    origins |= _volume_origins((outer_pointer, outer), (pointer, spec))
    return Pod(pod, pointer, {}, pointer, containers, origins)


def _tekton_step(step: Mapping[str, Json], default: Mapping[str, Json], pointer: Pointer, index: int) -> Container:
    origins = {path: child_pointer(pointer, "stepTemplate", *path.split("/")) for path in _missing(step, default)}
    place = child_pointer(pointer, "steps", index)
    return Container(str(step.get("name", "")), "containers", _with_defaults(step, default), place, origins)


def _with_defaults(value: Mapping[str, Json], default: Mapping[str, Json]) -> dict[str, Json]:
    """A mapping with absent fields, at any depth, taken from another one."""
    merged = dict(value)
    for key, member in default.items():
        if key not in merged:
            merged[key] = member
        elif isinstance(member, Mapping) and isinstance(merged[key], Mapping):
            merged[key] = _with_defaults(merged[key], member)
    return merged


def _missing(value: Mapping[str, Json], default: Mapping[str, Json], prefix: str = "") -> Iterator[str]:
    """The paths, such as ``securityContext/privileged``, that only the default has."""
    for key, member in default.items():
        if key not in value:
            yield prefix + key
        elif isinstance(member, Mapping) and isinstance(value[key], Mapping):
            yield from _missing(value[key], member, f"{prefix}{key}/")


def _volume_origins(*sources: tuple[Pointer, Mapping[str, Json]]) -> dict[str, Pointer]:
    """Where each member of a volume list stands that was put together from several pod specs."""
    pointers = [
        child_pointer(pointer, "volumes", index)
        for pointer, spec in sources
        for index in range(len(_list(spec.get("volumes"))))
    ]
    return {f"volumes/{index}": pointer for index, pointer in enumerate(pointers)}


# ---------------------------------------------------------------------------------- Argo Workflows

_ARGO_SPECS: dict[str, tuple[str, ...]] = {
    "Workflow": ("spec",),
    "WorkflowTemplate": ("spec",),
    "ClusterWorkflowTemplate": ("spec",),
    "CronWorkflow": ("spec", "workflowSpec"),
    "WorkflowEventBinding": ("spec", "submit"),
}
_ARGO_POD_FIELDS = (
    "automountServiceAccountToken",
    "hostAliases",
    "hostNetwork",
    "securityContext",
    "serviceAccountName",
)
"""Fields of a PodSpec that a WorkflowSpec, a template, or both hold (argoproj/argo-workflows, fields.md)."""


def _argo_workload(resource: Resource) -> Workload | None:
    """The pods of a workflow's templates. What a ``podSpecPatch`` changes cannot be judged: a gap."""
    spec: Json = resource.body
    pointer = ""
    for token in _ARGO_SPECS[resource.id.kind]:
        spec, pointer = _mapping(spec).get(token), child_pointer(pointer, token)
    spec = _mapping(spec)
    templates = [
        *((_mapping(t), child_pointer(pointer, "templates", i)) for i, t in enumerate(_list(spec.get("templates")))),
        (_mapping(spec.get("templateDefaults")), child_pointer(pointer, "templateDefaults")),
    ]
    pods = tuple(pod for t, where in templates for pod in _argo_pods(t, where, spec, pointer))
    gaps = tuple(
        Gap(child_pointer(where, "podSpecPatch"), "podSpecPatch changes the pod at run time and is not judged")
        for holder, where in ((spec, pointer), *templates)
        if "podSpecPatch" in holder
    )
    return Workload(resource, pods, gaps) if pods or gaps else None


def _argo_pods(
    template: Mapping[str, Json], where: Pointer, spec: Mapping[str, Json], pointer: Pointer
) -> Iterator[Pod]:
    containers = tuple(_argo_containers(template, where))
    if not containers:
        return
    pod, origins = {}, {}
    for key in _ARGO_POD_FIELDS:
        for holder, holder_pointer in ((template, where), (spec, pointer)):
            if key in holder and key not in pod:
                pod[key], origins[key] = holder[key], child_pointer(holder_pointer, key)
    pod["volumes"] = [*_list(spec.get("volumes")), *_list(template.get("volumes"))]
    for name in CONTAINER_LISTS:
        pod[name] = [c.body for c in containers if c.list == name]
    origins |= _volume_origins((pointer, spec), (where, template))
    holder, holder_pointer = (template, where) if "metadata" in template else (spec, pointer)
    key = "metadata" if holder is template else "podMetadata"
    yield Pod(pod, where, _mapping(holder.get(key)), child_pointer(holder_pointer, key), containers, origins)


def _argo_containers(template: Mapping[str, Json], where: Pointer) -> Iterator[Container]:
    for index, body in enumerate(_list(template.get("initContainers"))):
        yield _container(body, "initContainers", child_pointer(where, "initContainers", index))
    for key in ("container", "script"):
        if key in template:
            container = _container(template[key], "containers", child_pointer(where, key))
            yield replace(container, name=container.name or "main")
    for index, body in enumerate(_list(_mapping(template.get("containerSet")).get("containers"))):
        yield _container(body, "containers", child_pointer(where, "containerSet", "containers", index))
    for index, body in enumerate(_list(template.get("sidecars"))):
        yield _container(body, "containers", child_pointer(where, "sidecars", index))
