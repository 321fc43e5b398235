"""Finds the pods of Tekton objects, whose containers are called steps and sidecars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kgate.kubernetes.podspec import Holder, list_of, mapping, not_lists, read_container, volume_origins
from kgate.model import Container, Gap, Json, Pod, Pointer, child_pointer
from kgate.yamltree.merge import deep_merge


def pod_template(body: Mapping[str, Json], base: Pointer) -> Holder:
    """Returns the podTemplate of a TaskRun or PipelineRun (tektoncd/pipeline, docs/podtemplates.md); empty if none."""
    for path in (("spec", "podTemplate"), ("spec", "taskRunTemplate", "podTemplate")):
        value: Json = body
        for token in path:
            value = mapping(value).get(token)
        if mapping(value):
            return Holder(mapping(value), child_pointer(base, *path))
    return Holder({}, base)


def parts(spec: Mapping[str, Json], pointer: Pointer, template: Holder) -> Iterator[Pod | Gap]:
    """Yields the pod of a TaskSpec: its steps, with ``stepTemplate`` as default, its sidecars and its volumes
    (tektoncd/pipeline, docs/tasks.md)."""
    yield from not_lists(spec, pointer, ("steps", "sidecars", "volumes"))
    default = spec.get("stepTemplate", {})
    if not isinstance(default, Mapping):
        yield Gap(child_pointer(pointer, "stepTemplate"), "stepTemplate must be a mapping")
    steps = (
        _step(mapping(step), mapping(default), pointer, index) for index, step in enumerate(list_of(spec.get("steps")))
    )
    sidecars = (
        read_container(body, "containers", child_pointer(pointer, "sidecars", index))
        for index, body in enumerate(list_of(spec.get("sidecars")))
    )
    containers = (*steps, *sidecars)
    outer = template.body
    pod = {
        **outer,
        "volumes": [*list_of(outer.get("volumes")), *list_of(spec.get("volumes"))],
        "containers": [container.body for container in containers],
    }
    origins = {key: child_pointer(template.pointer, key) for key in outer}
    origins |= volume_origins(template, Holder(spec, pointer))
    yield Pod(pod, pointer, {}, pointer, containers, origins)


def _step(step: Mapping[str, Json], default: Mapping[str, Json], pointer: Pointer, index: int) -> Container:
    origins = {path: child_pointer(pointer, "stepTemplate", *path.split("/")) for path in _missing(step, default)}
    place = child_pointer(pointer, "steps", index)
    return Container(str(step.get("name", "")), "containers", deep_merge(default, step), place, origins)


def _missing(value: Mapping[str, Json], default: Mapping[str, Json], prefix: str = "") -> Iterator[str]:
    """Yields the paths, such as ``securityContext/privileged``, that only the default has."""
    for key, member in default.items():
        if key not in value:
            yield prefix + key
        elif isinstance(member, Mapping) and isinstance(value[key], Mapping):
            yield from _missing(value[key], member, f"{prefix}{key}/")
