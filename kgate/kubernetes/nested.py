"""Finds the configuration of Kubernetes' own programs that other objects hold, as fields or as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kgate.kubernetes.embedded import documents
from kgate.kubernetes.installers import RKE, TALOS
from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Batch, Json, Locator, Pointer, Resource, Unjudged, child_pointer, field_path, value_at
from kgate.values import dataclass
from kgate.yamltree.nodes import MAX_DEPTH, TOO_DEEP, ManifestError

_GROUPS = ("config.k8s.io", "kubeadm.k8s.io", "eventratelimit.admission.k8s.io", "audit.k8s.io")
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
class NestedObject:
    """An object that another one holds: ``pointer`` is its place in the document that ``locator`` knows,
    ``api_version`` that of one without its own. ``installer`` is that of a resource."""

    body: dict[str, Json]
    pointer: Pointer
    locator: Locator
    api_version: str = ""
    installer: str = ""


def held_by(holder: Resource) -> Iterator[NestedObject | Batch]:
    """Yields the configuration objects in an object; what was read besides, and what cannot be read, as batches."""
    kind, api_version = holder.id.kind, holder.id.api_version
    group = api_version.partition("/")[0]
    if kind in _FILES and api_version == "v1":
        yield from _of_members(holder, _FILES[kind])
    elif "Cluster.kind.x-k8s.io" in holder.id.kinds:
        yield from _of_kind(holder)
    elif group.endswith(".cluster.x-k8s.io"):
        yield from _of_cluster_api(holder)
    elif group == "kops.k8s.io":
        yield from _of_files(holder, mapping(holder.body.get("spec")).get("fileAssets"), "/spec/fileAssets")
    elif (api_version, kind) == RKE:
        yield from _of_field(holder, "/services/kube-api/audit_log/configuration/policy")
    elif (api_version, kind) == TALOS or api_version == "v1alpha1":
        yield from _of_talos(holder)
    elif kind == "AdmissionConfiguration":
        yield from _of_plugins(holder)


def _of_members(holder: Resource, field: str) -> Iterator[NestedObject | Batch]:
    """Yields the objects in the files that an object has as members of a field."""
    for key, text in mapping(holder.body.get(field)).items():
        if isinstance(text, str) and any(f"{group}/" in text for group in _GROUPS):
            yield from _in_text(holder, text, child_pointer("", field, key))


def _of_plugins(holder: Resource) -> Iterator[NestedObject]:
    """Yields the configuration of plugins of the API server."""
    for index, plugin in enumerate(list_of(holder.body.get("plugins"))):
        inner = mapping(plugin).get("configuration")
        if isinstance(inner, dict) and _is_configuration(inner) and inner["kind"] != holder.id.kind:
            place = child_pointer(holder.pointer, "plugins", index, "configuration")
            yield NestedObject(inner, place, holder.locator)


def _of_kind(holder: Resource) -> Iterator[NestedObject | Batch]:
    """Yields the patches of a cluster of kind: of all nodes, and of single ones."""
    nodes = list_of(holder.body.get("nodes"))
    owners = [("", holder.body), *((child_pointer("/nodes", index), node) for index, node in enumerate(nodes))]
    for pointer, owner in owners:
        for index, text in enumerate(list_of(mapping(owner).get("kubeadmConfigPatches"))):
            if isinstance(text, str):
                yield from _in_text(holder, text, child_pointer(pointer, "kubeadmConfigPatches", index), "kind")


_KUBEADM_SPECS = {
    "KubeadmConfig": ("spec",),
    "KubeadmConfigTemplate": ("spec", "template", "spec"),
    "KubeadmControlPlane": ("spec", "kubeadmConfigSpec"),
    "KubeadmControlPlaneTemplate": ("spec", "template", "spec", "kubeadmConfigSpec"),
}
"""Where the objects of Cluster API hold a configuration of kubeadm, by kind."""

_KUBEADM_FIELDS = ("clusterConfiguration", "initConfiguration", "joinConfiguration")


def _of_cluster_api(holder: Resource) -> Iterator[NestedObject | Batch]:
    """Yields the configuration that Cluster API gives to kubeadm, as lists of arguments since v1beta2, and the files
    that it writes for it."""
    spec, pointer = holder.body, ""
    for token in _KUBEADM_SPECS.get(holder.id.kind, ()):
        spec, pointer = mapping(spec.get(token)), child_pointer(pointer, token)
    has_lists = holder.id.api_version.endswith("/v1beta2")
    version = mapping(holder.body.get("spec")).get("version")
    for field in _KUBEADM_FIELDS if pointer else ():
        if isinstance(body := spec.get(field), dict):
            kind = field[0].upper() + field[1:]
            own = {"apiVersion": f"kubeadm.k8s.io/{'v1beta4' if has_lists else 'v1beta3'}", "kind": kind}
            known = {"kubernetesVersion": version} if isinstance(version, str) and field == _KUBEADM_FIELDS[0] else {}
            place = child_pointer(holder.pointer + pointer, field)
            yield NestedObject({**known, **body, **own}, place, holder.locator, installer="kubeadm")
    if pointer:
        yield from _of_files(holder, spec.get("files"), child_pointer(pointer, "files"), "kubeadm")


def _of_files(holder: Resource, files: Json, pointer: Pointer, installer: str = "") -> Iterator[NestedObject | Batch]:
    """Yields the objects in files that a tool writes on its nodes."""
    for index, file in enumerate(list_of(files)):
        text = mapping(file).get("content")
        if isinstance(text, str) and any(f"{group}/" in text for group in _GROUPS):
            yield from _in_text(holder, text, child_pointer(pointer, index, "content"), installer)


def _of_field(holder: Resource, pointer: Pointer) -> Iterator[NestedObject]:
    """Yields the object that a field holds as it is."""
    held = value_at(holder.body, pointer)
    if isinstance(held, dict) and _is_configuration(held):
        yield NestedObject(held, holder.pointer + pointer, holder.locator)


_TALOS_FIELDS = {
    "KubeAdmissionControlConfig": ("configuration", {}),
    "KubeAuditPolicyConfig": ("configuration", {}),
    "KubeAuthenticationConfig": (
        "configuration",
        {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"},
    ),
    "KubeEtcdEncryptionConfig": (
        "config",
        {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration"},
    ),
}
"""The fields of documents of Talos that hold an object, by kind, with what it is where it does not say so."""


def _of_talos(holder: Resource) -> Iterator[NestedObject]:
    """Yields the configuration of the API server that Talos hands on."""
    yield from _of_field(holder, "/cluster/apiServer/auditPolicy")
    field, default = _TALOS_FIELDS.get(holder.id.kind, ("", {}))
    inner: list[tuple[Pointer, Json]] = []
    if isinstance(body := holder.body.get(field), dict):
        inner.append((child_pointer("", field), {**default, **body}))
    plugins = list_of(mapping(mapping(holder.body.get("cluster")).get("apiServer")).get("admissionControl"))
    for index, plugin in enumerate(plugins):
        place = child_pointer("/cluster/apiServer/admissionControl", index, "configuration")
        inner.append((place, mapping(plugin).get("configuration")))
    for place, held in inner:
        if isinstance(held, dict) and _is_configuration(held):
            yield NestedObject(held, holder.pointer + place, holder.locator)


def _in_text(holder: Resource, text: str, pointer: Pointer, installer: str = "") -> Iterator[NestedObject | Batch]:
    """Yields the objects in a text, unless it is something else that only mentions them."""
    place = holder.pointer + pointer
    if place.count("/") > MAX_DEPTH:
        yield _unread(holder, pointer, TOO_DEEP)
        return
    try:
        for root, locator in documents(text, place, holder.locator):
            yield Batch(values=root.weight)
            body = root.value
            if isinstance(body, dict) and (
                _is_configuration(body) or (installer and body.get("kind") in _API_VERSIONS)
            ):
                yield NestedObject(body, place, locator, _API_VERSIONS.get(str(body["kind"]), ""), installer)
    except ManifestError as error:
        if _begins_with_key(text):
            yield _unread(holder, pointer, str(error))


def _unread(holder: Resource, pointer: Pointer, reason: str) -> Batch:
    where = holder.locate(pointer)
    what = f"{holder.id}: {field_path(pointer)}"
    return Batch(unjudged=(Unjudged(where.path, where.start.line, f"it cannot be read: {reason}", what),))


def _begins_with_key(text: str) -> bool:
    lines = (line for line in text.split("\n") if line.strip() and not line.startswith(("#", "---")))
    return _KEY.match(next(lines, "")) is not None


def _is_configuration(body: Mapping[str, Json]) -> bool:
    """True for an object of one of the groups."""
    api_version, kind = body.get("apiVersion"), body.get("kind")
    group = api_version.rpartition("/")[0] if isinstance(api_version, str) else ""
    return isinstance(kind, str) and group.endswith(_GROUPS)
