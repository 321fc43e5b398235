"""Assembles the pods of Argo Workflows from a template, its defaults and the workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kgate.kubernetes.podspec import (
    CONTAINER_LISTS,
    Holder,
    list_of,
    mapping,
    not_lists,
    read_container,
    volume_origins,
)
from kgate.model import Container, Gap, Json, Pod, Pointer, child_pointer, pointer_tokens

SPECS: dict[str, tuple[str, ...]] = {
    "Workflow": ("spec",),
    "WorkflowTemplate": ("spec",),
    "ClusterWorkflowTemplate": ("spec",),
    "CronWorkflow": ("spec", "workflowSpec"),
}
_POD_FIELDS = (
    "automountServiceAccountToken",
    "hostAliases",
    "hostNetwork",
    "securityContext",
    "serviceAccountName",
)
"""Fields of a PodSpec that a WorkflowSpec, a template, or both have (argoproj/argo-workflows, fields.md)."""


def parts(body: Mapping[str, Json], kind: str, base: Pointer) -> Iterator[Pod | Gap]:
    """Yields the pods of a workflow's templates. A ``podSpecPatch``, whose changes cannot be judged, is a gap."""
    spec: Json = body
    pointer = child_pointer(base, *SPECS[kind])
    for token in SPECS[kind]:
        spec = mapping(spec).get(token)
    workflow = Holder(mapping(spec), pointer)
    defaults = Holder(mapping(workflow.body.get("templateDefaults")), child_pointer(pointer, "templateDefaults"))
    yield from not_lists(workflow.body, pointer, ("templates", "volumes"))
    for place in _places_of(workflow.body, pointer, "podSpecPatch"):
        yield Gap(place, "podSpecPatch changes the pod at run time and is not judged")
    for template in _templates(workflow):
        yield from _template_parts(template, defaults, workflow)


def _templates(workflow: Holder) -> Iterator[Holder]:
    """Yields the templates of a workflow, including those written inline in steps and tasks."""
    for index, template in enumerate(list_of(workflow.body.get("templates"))):
        yield Holder(mapping(template), child_pointer(workflow.pointer, "templates", index))
    for place in _places_of(workflow.body, workflow.pointer, "inline"):
        value: Json = workflow.body
        for token in pointer_tokens(place.removeprefix(workflow.pointer)):
            value = value[int(token)] if isinstance(value, list) else value[token]
        yield Holder(mapping(value), place)
    yield Holder(mapping(workflow.body.get("templateDefaults")), child_pointer(workflow.pointer, "templateDefaults"))


def _places_of(value: Json, pointer: Pointer, wanted: str) -> Iterator[Pointer]:
    """Yields the pointers of all fields with the wanted name, at any depth."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            place = child_pointer(pointer, key)
            if key == wanted:
                yield place
            yield from _places_of(member, place, wanted)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _places_of(member, child_pointer(pointer, index), wanted)


def _template_parts(template: Holder, defaults: Holder, workflow: Holder) -> Iterator[Pod | Gap]:
    yield from not_lists(template.body, template.pointer, ("initContainers", "sidecars", "volumes"))
    group = mapping(template.body.get("containerSet"))
    yield from not_lists(group, child_pointer(template.pointer, "containerSet"), ("containers",))
    if "manifest" in mapping(template.body.get("resource")):
        place = child_pointer(template.pointer, "resource", "manifest")
        yield Gap(place, "the workflow creates an object from this text, which is not judged")
    containers = tuple(_containers(template.body, template.pointer))
    if not containers:
        return
    holders = (template, defaults, workflow) if defaults.pointer != template.pointer else (template, workflow)
    pod: dict[str, Json] = {}
    origins: dict[str, Pointer] = {}
    for key in _POD_FIELDS:
        for holder in holders:
            if key in holder.body and key not in pod:
                pod[key], origins[key] = holder.body[key], child_pointer(holder.pointer, key)
    pod["volumes"] = [volume for holder in holders[::-1] for volume in list_of(holder.body.get("volumes"))]
    for name in CONTAINER_LISTS:
        pod[name] = [container.body for container in containers if container.list == name]
    origins |= volume_origins(*holders[::-1])
    holder, key = (template, "metadata") if "metadata" in template.body else (workflow, "podMetadata")
    metadata = mapping(holder.body.get(key))
    yield Pod(pod, template.pointer, metadata, child_pointer(holder.pointer, key), containers, origins)


def _containers(template: Mapping[str, Json], where: Pointer) -> Iterator[Container]:
    for index, body in enumerate(list_of(template.get("initContainers"))):
        yield read_container(body, "initContainers", child_pointer(where, "initContainers", index))
    for key in ("container", "script"):
        if key in template:
            container = read_container(template[key], "containers", child_pointer(where, key))
            yield replace(container, name=container.name or "main")
    for index, body in enumerate(list_of(mapping(template.get("containerSet")).get("containers"))):
        yield read_container(body, "containers", child_pointer(where, "containerSet", "containers", index))
    for index, body in enumerate(list_of(template.get("sidecars"))):
        yield read_container(body, "containers", child_pointer(where, "sidecars", index))
