"""Reads the components that a cluster of kind speaks of, but for its merge patches, which are objects of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components, Hint, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting, assembled, unknown_version
from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Gap, Json, Pointer, Resource, child_pointer, field_path, json_text
from kgate.yamltree.nodes import ManifestError, compose

KINDS: frozenset[str] = frozenset(("Cluster",))

_VERSIONS = ("v1alpha4", "v1alpha3")
_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
_ARGUMENTS = re.compile(r"/(apiServer|controllerManager|scheduler)/extraArgs/([^/]+)")
_SECTIONS = {
    "apiServer": "kube-apiserver",
    "controllerManager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
}


def components(resource: Resource, minor: int) -> Iterator[Components]:
    """Yields the components that a cluster speaks of, of a Kubernetes version. What it leaves out is up to kind."""
    if (hint := unknown_version(resource, _VERSIONS)) is not None:
        yield Components(unread=(hint,))
        return
    found: dict[str, list[Setting]] = {name: [] for name in _PROGRAMS}
    for field, setting, programs in (
        ("featureGates", "feature-gates", _PROGRAMS),
        ("runtimeConfig", "runtime-config", _PROGRAMS[:1]),
    ):
        if field in resource.body:
            one = _pairs(setting, resource.body[field], child_pointer("", field))
            for name in programs:
                found[name].append(one)
    for pointer, patch in _patches(resource.body):
        try:
            for name, one in _changes(patch, pointer):
                found[name].append(one)
        except ManifestError as error:
            yield Components(unread=(Hint(pointer, f"it cannot be read: {error}"),))
    for name, settings in found.items():
        if settings:
            yield assembled(name, minor, settings, Owner("", is_whole=False), resource.unknown)


def _pairs(setting: str, value: Json, pointer: Pointer) -> Setting:
    if not isinstance(value, Mapping):
        return Gap(pointer, f"`{field_path(pointer)}` must be a mapping")
    pairs = ",".join(f"{name}={json_text(text)}" for name, text in value.items())
    return WrittenSetting(setting, pairs, pointer)


def _patches(body: Mapping[str, Json]) -> Iterator[tuple[Pointer, str]]:
    """Yields the JSON patches of kubeadm's ClusterConfiguration, of all nodes and of single ones, with their places."""
    nodes = list_of(body.get("nodes"))
    owners = [("", body), *((child_pointer("/nodes", index), node) for index, node in enumerate(nodes))]
    for pointer, owner in owners:
        for index, patch in enumerate(list_of(mapping(owner).get("kubeadmConfigPatchesJSON6902"))):
            text = mapping(patch).get("patch")
            if isinstance(text, str) and mapping(patch).get("kind") == "ClusterConfiguration":
                yield child_pointer(pointer, "kubeadmConfigPatchesJSON6902", index, "patch"), text


def _changes(patch: str, pointer: Pointer) -> Iterator[tuple[str, WrittenSetting]]:
    """Yields the flags that a patch sets, with their programs: by name in a mapping, or as a member of a list. Raises
    ManifestError."""
    for root in compose(patch):
        for step in map(mapping, list_of(root.value)):
            match = _ARGUMENTS.fullmatch(str(step.get("path")))
            value = step.get("value")
            if match is None or step.get("op") not in ("add", "replace"):
                continue
            name, text = (value.get("name"), value.get("value")) if isinstance(value, Mapping) else (match[2], value)
            if isinstance(name, str) and isinstance(text, str):
                yield _SECTIONS[match[1]], WrittenSetting(name, text, pointer)
