"""Finds the pods that a resource runs: the only place that knows where a pod spec lives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kgate.model import Container, Gap, Json, Pod, Pointer, Resource, Workload, child_pointer, pointer_tokens

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

_PODLESS_KINDS = {
    "": ("ConfigMap", "Secret"),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "policy": ("PodSecurityPolicy",),
    "extensions": ("PodSecurityPolicy",),
    "kustomize.config.k8s.io": ("Kustomization", "Component"),
    "kyverno.io": ("ClusterPolicy", "Policy", "ClusterCleanupPolicy", "CleanupPolicy", "PolicyException"),
}
_PODLESS_GROUPS = ("gatekeeper.sh", "policies.kyverno.io", "admissionregistration.k8s.io")
"""Kinds, and groups with their subgroups, whose objects hold schemas, patterns or patches and run no pod."""


def find_workload(resource: Resource) -> Workload | None:
    """The workload that a resource is, or None if it runs no pods.

    Kinds of Kubernetes are read where their schema has the template, so a misspelt template is judged
    too. In any other kind everything that has the shape of a pod spec counts, and objects inside the
    object; Argo Workflows and Tekton, which name containers in their own way, are read by their schemas.
    """
    parts = tuple(_parts(resource.body, resource.id.api_version, resource.id.kind, ""))
    pods = tuple(part for part in parts if isinstance(part, Pod))
    gaps = tuple(part for part in parts if isinstance(part, Gap))
    return Workload(resource, pods, gaps) if parts else None


def _parts(body: Mapping[str, Json], api_version: str, kind: str, base: Pointer) -> Iterator[Pod | Gap]:
    """The pods of an object that stands at ``base``, and what in it cannot be judged."""
    group = api_version.rpartition("/")[0]
    if kind in _TEMPLATE_PATHS and group in _KUBERNETES_GROUPS:
        pod = _builtin_pod(body, kind, base)
        yield from _with_gaps(replace(pod, is_whole=not base or bool(pod.containers)))
    elif not base and _is_podless(group, kind):
        return
    elif group == "argoproj.io" and kind in _ARGO_SPECS:
        yield from _argo_parts(body, kind, base)
    else:
        tekton = _tekton_pod_template(body, base) if group.endswith("tekton.dev") else None
        for key, member in body.items():
            if base or key not in _NOT_SEARCHED:
                yield from _search(member, child_pointer(base, key), _Parent(body, base), tekton)


def _is_podless(group: str, kind: str) -> bool:
    return kind in _PODLESS_KINDS.get(group, ()) or any(("." + group).endswith("." + g) for g in _PODLESS_GROUPS)


def _builtin_pod(body: Mapping[str, Json], kind: str, base: Pointer) -> Pod:
    template: Json = body
    pointer = child_pointer(base, *_TEMPLATE_PATHS[kind])
    for token in _TEMPLATE_PATHS[kind]:
        template = _mapping(template).get(token)
    template = _mapping(template)
    return _pod(template.get("spec", {}), pointer + "/spec", template.get("metadata"), pointer + "/metadata")


def _pod(spec: Json, pointer: Pointer, metadata: Json, metadata_pointer: Pointer) -> Pod:
    containers = tuple(_containers(_mapping(spec), pointer))
    return Pod(spec, pointer, _mapping(metadata), metadata_pointer, containers)


def _with_gaps(pod: Pod) -> Iterator[Pod | Gap]:
    """The pod, and a gap for each container list that is none."""
    yield pod
    yield from _not_lists(_mapping(pod.spec), pod.pointer, CONTAINER_LISTS)


def _not_lists(holder: Mapping[str, Json], pointer: Pointer, names: Iterable[str]) -> Iterator[Gap]:
    for name in names:
        if not isinstance(holder.get(name, []), list):
            yield Gap(child_pointer(pointer, name), f"{name} must be a list")


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

_CONTAINER_FIELDS = {"name", "image", "command", "args", "env", "ports", "resources", "securityContext", "volumeMounts"}
_TEKTON_FIELDS = ("steps", "sidecars", "stepTemplate", "volumes")
_HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


@dataclass(frozen=True, slots=True)
class _Parent:
    """The mapping that holds a value, and where it stands."""

    body: Mapping[str, Json]
    pointer: Pointer


def _search(value: Json, pointer: Pointer, parent: _Parent, tekton: _Parent | None) -> Iterator[Pod | Gap]:
    """Every pod in a value of any kind.

    ``tekton`` is the podTemplate of a Tekton object, empty if it has none, or None for other objects.
    """
    if isinstance(value, Mapping):
        if _is_object(value):
            yield from _parts(value, value["apiVersion"], value["kind"], pointer)
            return
        read, parts = _pods_here(value, pointer, parent, tekton)
        yield from parts
        for key, member in value.items():
            if key not in read:
                yield from _search(member, child_pointer(pointer, key), _Parent(value, pointer), tekton)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _search(member, child_pointer(pointer, index), _Parent({}, pointer), tekton)


def _is_object(value: Mapping[str, Json]) -> bool:
    """Whether a mapping is a whole object inside another one; a mere reference has no spec."""
    named = isinstance(value.get("apiVersion"), str) and isinstance(value.get("kind"), str)
    return named and ("spec" in value or "template" in value)


def _pods_here(
    value: Mapping[str, Json], pointer: Pointer, parent: _Parent, tekton: _Parent | None
) -> tuple[Collection[str], Iterable[Pod | Gap]]:
    """The pod that a mapping is, if it is one, and the fields that were read with it."""
    if tekton is not None and "steps" in value and not _lists_containers(value):
        return _TEKTON_FIELDS, _tekton_parts(value, pointer, tekton)
    if _lists_containers(value) or _misspells_containers(value, pointer):
        metadata = parent.body.get("metadata")
        pod = _pod(value, pointer, metadata, parent.pointer + "/metadata")
        return (*CONTAINER_LISTS, "volumes"), _with_gaps(pod)
    return (), (*_host_access(value, pointer), *_granting_containers(value, pointer))


def _lists_containers(value: Mapping[str, Json]) -> bool:
    members = (member for name in CONTAINER_LISTS for member in _list(value.get(name)))
    return any(isinstance(member, Mapping) and _CONTAINER_FIELDS & member.keys() for member in members)


def _misspells_containers(value: Mapping[str, Json], pointer: Pointer) -> bool:
    """Whether the spec of a pod template has a container list that is no list."""
    *_, above, key = ("", "", *pointer.split("/"))
    wrong = any(not isinstance(value.get(name, []), list) for name in CONTAINER_LISTS)
    return wrong and key == "spec" and above.lower().endswith("template")


def _host_access(value: Mapping[str, Json], pointer: Pointer) -> Iterator[Pod]:
    """The fields of a mapping, such as a podTemplate without containers, that give a pod the node."""
    spec: dict[str, Json] = {
        name: value[name]
        for name in _HOST_NAMESPACES
        if isinstance(value.get(name), (bool, str, int)) and value[name] is not False
    }
    volumes = [
        (volume, child_pointer(pointer, key, index))
        for key in value
        if key.endswith(("volumes", "Volumes"))
        for index, volume in enumerate(_list(value[key]))
        if isinstance(volume, Mapping) and "hostPath" in volume
    ]
    if volumes:
        spec["volumes"] = [volume for volume, _ in volumes]
    if spec:
        origins = {f"volumes/{index}": place for index, (_, place) in enumerate(volumes)}
        yield Pod(spec, pointer, {}, pointer, (), origins, is_whole=False)


def _granting_containers(value: Mapping[str, Json], pointer: Pointer) -> Iterator[Pod]:
    """A container for each security context of a mapping that grants something."""
    for key, context in value.items():
        if key.endswith(("securityContext", "SecurityContext")) and _grants(_mapping(context)):
            name = value.get("name") if isinstance(value.get("name"), str) else pointer.rpartition("/")[2]
            origins = {"securityContext": child_pointer(pointer, key)}
            container = Container(str(name), "containers", {"securityContext": context}, pointer, origins)
            yield Pod({}, pointer, {}, pointer, (container,), is_whole=False)


def _grants(context: Mapping[str, Json]) -> bool:
    """Whether a security context has a field that the baseline level may refuse."""
    return (
        context.get("privileged") not in (None, False)
        or bool(_mapping(context.get("capabilities")).get("add"))
        or _mapping(context.get("windowsOptions")).get("hostProcess") not in (None, False)
        or context.get("procMount") not in (None, "Default")
        or _mapping(context.get("seccompProfile")).get("type") == "Unconfined"
    )


# ------------------------------------------------------------------------------------------ Tekton


def _tekton_pod_template(body: Mapping[str, Json], base: Pointer) -> _Parent:
    """The podTemplate of a TaskRun or PipelineRun (tektoncd/pipeline, docs/podtemplates.md)."""
    for path in (("spec", "podTemplate"), ("spec", "taskRunTemplate", "podTemplate")):
        value: Json = body
        for token in path:
            value = _mapping(value).get(token)
        if _mapping(value):
            return _Parent(_mapping(value), child_pointer(base, *path))
    return _Parent({}, base)


def _tekton_parts(spec: Mapping[str, Json], pointer: Pointer, template: _Parent) -> Iterator[Pod | Gap]:
    """The pod of a TaskSpec: its steps, with ``stepTemplate`` as default, its sidecars and volumes
    (tektoncd/pipeline, docs/tasks.md)."""
    yield from _not_lists(spec, pointer, ("steps", "sidecars", "volumes"))
    default = spec.get("stepTemplate", {})
    if not isinstance(default, Mapping):
        yield Gap(child_pointer(pointer, "stepTemplate"), "stepTemplate must be a mapping")
    steps = (
        _tekton_step(_mapping(step), _mapping(default), pointer, index)
        for index, step in enumerate(_list(spec.get("steps")))
    )
    sidecars = (
        _container(body, "containers", child_pointer(pointer, "sidecars", index))
        for index, body in enumerate(_list(spec.get("sidecars")))
    )
    containers = (*steps, *sidecars)
    outer = template.body
    pod = {
        **outer,
        "volumes": [*_list(outer.get("volumes")), *_list(spec.get("volumes"))],
        "containers": [container.body for container in containers],
    }
    origins = {key: child_pointer(template.pointer, key) for key in outer}
    origins |= _volume_origins(template, _Parent(spec, pointer))
    yield Pod(pod, pointer, {}, pointer, containers, origins)


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


def _volume_origins(*sources: _Parent) -> dict[str, Pointer]:
    """Where each member of a volume list stands that was put together from several pod specs."""
    pointers = [
        child_pointer(source.pointer, "volumes", index)
        for source in sources
        for index in range(len(_list(source.body.get("volumes"))))
    ]
    return {f"volumes/{index}": pointer for index, pointer in enumerate(pointers)}


# ---------------------------------------------------------------------------------- Argo Workflows

_ARGO_SPECS: dict[str, tuple[str, ...]] = {
    "Workflow": ("spec",),
    "WorkflowTemplate": ("spec",),
    "ClusterWorkflowTemplate": ("spec",),
    "CronWorkflow": ("spec", "workflowSpec"),
}
_ARGO_POD_FIELDS = (
    "automountServiceAccountToken",
    "hostAliases",
    "hostNetwork",
    "securityContext",
    "serviceAccountName",
)
"""Fields of a PodSpec that a WorkflowSpec, a template, or both hold (argoproj/argo-workflows, fields.md)."""


def _argo_parts(body: Mapping[str, Json], kind: str, base: Pointer) -> Iterator[Pod | Gap]:
    """The pods of a workflow's templates. What a ``podSpecPatch`` changes cannot be judged: a gap."""
    spec: Json = body
    pointer = child_pointer(base, *_ARGO_SPECS[kind])
    for token in _ARGO_SPECS[kind]:
        spec = _mapping(spec).get(token)
    workflow = _Parent(_mapping(spec), pointer)
    defaults = _Parent(_mapping(workflow.body.get("templateDefaults")), child_pointer(pointer, "templateDefaults"))
    yield from _not_lists(workflow.body, pointer, ("templates", "volumes"))
    for place in _places_of(workflow.body, pointer, "podSpecPatch"):
        yield Gap(place, "podSpecPatch changes the pod at run time and is not judged")
    for template in _argo_templates(workflow):
        yield from _argo_template_parts(template, defaults, workflow)


def _argo_templates(workflow: _Parent) -> Iterator[_Parent]:
    """The templates of a workflow, those written inline in steps and tasks included."""
    for index, template in enumerate(_list(workflow.body.get("templates"))):
        yield _Parent(_mapping(template), child_pointer(workflow.pointer, "templates", index))
    for place in _places_of(workflow.body, workflow.pointer, "inline"):
        value: Json = workflow.body
        for token in pointer_tokens(place.removeprefix(workflow.pointer)):
            value = value[int(token)] if isinstance(value, list) else value[token]
        yield _Parent(_mapping(value), place)
    yield _Parent(_mapping(workflow.body.get("templateDefaults")), child_pointer(workflow.pointer, "templateDefaults"))


def _places_of(value: Json, pointer: Pointer, wanted: str) -> Iterator[Pointer]:
    """The pointers of all fields with a name, at any depth."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            place = child_pointer(pointer, key)
            if key == wanted:
                yield place
            yield from _places_of(member, place, wanted)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _places_of(member, child_pointer(pointer, index), wanted)


def _argo_template_parts(template: _Parent, defaults: _Parent, workflow: _Parent) -> Iterator[Pod | Gap]:
    yield from _not_lists(template.body, template.pointer, ("initContainers", "sidecars", "volumes"))
    group = _mapping(template.body.get("containerSet"))
    yield from _not_lists(group, child_pointer(template.pointer, "containerSet"), ("containers",))
    if "manifest" in _mapping(template.body.get("resource")):
        place = child_pointer(template.pointer, "resource", "manifest")
        yield Gap(place, "the workflow creates an object from this text, which is not judged")
    containers = tuple(_argo_containers(template.body, template.pointer))
    if not containers:
        return
    holders = (template, defaults, workflow) if defaults.pointer != template.pointer else (template, workflow)
    pod: dict[str, Json] = {}
    origins: dict[str, Pointer] = {}
    for key in _ARGO_POD_FIELDS:
        for holder in holders:
            if key in holder.body and key not in pod:
                pod[key], origins[key] = holder.body[key], child_pointer(holder.pointer, key)
    pod["volumes"] = [volume for holder in holders[::-1] for volume in _list(holder.body.get("volumes"))]
    for name in CONTAINER_LISTS:
        pod[name] = [container.body for container in containers if container.list == name]
    origins |= _volume_origins(*holders[::-1])
    holder, key = (template, "metadata") if "metadata" in template.body else (workflow, "podMetadata")
    metadata = _mapping(holder.body.get(key))
    yield Pod(pod, template.pointer, metadata, child_pointer(holder.pointer, key), containers, origins)


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
