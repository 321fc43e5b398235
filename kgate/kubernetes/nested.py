"""Finds the configuration of Kubernetes' own programs that other objects hold, as fields or as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kgate.kubernetes.embedded import documents
from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Batch, Json, Locator, Pointer, Resource, Unjudged, child_pointer, field_path
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError

_GROUPS = ("config.k8s.io", "kubeadm.k8s.io", "eventratelimit.admission.k8s.io")
"""How the API groups of such objects end; no API server serves them."""

_FILES = {"ConfigMap": "data", "Secret": "stringData"}
"""The fields of objects of the core group whose members are files, by kind."""

_KEY = re.compile(r"[\"']?[A-Za-z]+[\"']?:")
"""How the first line of a mapping begins, unlike that of a script that writes one."""


_API_VERSIONS = {
    **dict.fromkeys(("ClusterConfiguration", "InitConfiguration", "JoinConfiguration"), "kubeadm.k8s.io/v1beta4"),
    "KubeletConfiguration": "kubelet.config.k8s.io/v1beta1",
    "KubeProxyConfiguration": "kubeproxy.config.k8s.io/v1alpha1",
}
"""The objects that kind makes for kubeadm; a patch without an apiVersion is about any version."""


@dataclass(frozen=True, slots=True)
class Held:
    """An object that another one holds: ``pointer`` is its place in the document that ``locator`` knows,
    ``api_version`` that of one without its own. ``installer`` is that of a resource."""

    body: dict[str, Json]
    pointer: Pointer
    locator: Locator
    api_version: str = ""
    installer: str = ""


def held_by(holder: Resource) -> Iterator[Held | Batch]:
    """Yields the configuration objects in an object; what was read besides, and what cannot be read, as batches."""
    kind, body = holder.id.kind, holder.body
    if kind in _FILES and holder.id.api_version == "v1":
        for key, text in mapping(body.get(_FILES[kind])).items():
            if isinstance(text, str) and any(f"{group}/" in text for group in _GROUPS):
                yield from _in_text(holder, text, child_pointer("", _FILES[kind], key))
    elif "Cluster.kind.x-k8s.io" in holder.id.kinds:
        yield from _of_kind(holder)
    elif kind == "AdmissionConfiguration":
        for index, plugin in enumerate(list_of(body.get("plugins"))):
            inner = mapping(plugin).get("configuration")
            if isinstance(inner, dict) and _is_configuration(inner) and inner["kind"] != kind:
                place = child_pointer(holder.pointer, "plugins", index, "configuration")
                yield Held(inner, place, holder.locator)


def _of_kind(holder: Resource) -> Iterator[Held | Batch]:
    """Yields the patches of a cluster of kind: of all nodes, and of single ones."""
    nodes = list_of(holder.body.get("nodes"))
    owners = [("", holder.body), *((child_pointer("/nodes", index), node) for index, node in enumerate(nodes))]
    for pointer, owner in owners:
        for index, text in enumerate(list_of(mapping(owner).get("kubeadmConfigPatches"))):
            if isinstance(text, str):
                yield from _in_text(holder, text, child_pointer(pointer, "kubeadmConfigPatches", index), "kind")


def _in_text(holder: Resource, text: str, pointer: Pointer, installer: str = "") -> Iterator[Held | Batch]:
    """Yields the objects in a text, unless it is something else that only mentions them."""
    place = holder.pointer + pointer
    try:
        for root, locator in documents(text, place, holder.locator):
            yield Batch(values=root.weight)
            body = root.value
            if isinstance(body, dict) and (
                _is_configuration(body) or (installer and body.get("kind") in _API_VERSIONS)
            ):
                yield Held(body, place, locator, _API_VERSIONS.get(str(body["kind"]), ""), installer)
    except ManifestError as error:
        if _begins_with_key(text):
            where = holder.locate(pointer)
            what = f"{holder.id}: {field_path(pointer)}"
            yield Batch(unjudged=(Unjudged(where.path, where.start.line, f"it cannot be read: {error}", what),))


def _begins_with_key(text: str) -> bool:
    lines = (line for line in text.split("\n") if line.strip() and not line.startswith(("#", "---")))
    return _KEY.match(next(lines, "")) is not None


def _is_configuration(body: Mapping[str, Json]) -> bool:
    """True for an object of one of the groups."""
    api_version, kind = body.get("apiVersion"), body.get("kind")
    group = api_version.rpartition("/")[0] if isinstance(api_version, str) else ""
    return isinstance(kind, str) and group.endswith(_GROUPS)
