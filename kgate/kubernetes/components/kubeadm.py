"""Reads the components that kubeadm installs from its configuration (k8s.io/kubernetes, cmd/kubeadm/app/apis)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kgate.kubernetes.components import extraargs, flags, mounts
from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Component, Components, Hint, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting
from kgate.kubernetes.components.mounts import FileMount
from kgate.kubernetes.podspec import mapping
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Container, Json, Pointer, Resource, child_pointer, field_path

KINDS: frozenset[str] = frozenset(("ClusterConfiguration", "InitConfiguration", "JoinConfiguration"))
TOOL = "kubeadm"

_WITH_MAPPINGS = ("v1beta1", "v1beta2", "v1beta3")
_WITH_PAIRS = ("v1beta4", "v1")
"""The versions of the API, by how they write extra arguments."""

_SECTIONS = {
    "kube-apiserver": ("apiServer",),
    "kube-controller-manager": ("controllerManager",),
    "kube-scheduler": ("scheduler",),
    "etcd": ("etcd", "local"),
}
"""The fields of a ClusterConfiguration about each program."""

_VERSION = re.compile(r"(?:stable-|latest-|v)?1\.(\d{1,3})(?:[.+-].*)?", re.DOTALL)
_ETCD_VERSION = re.compile(r"v?3\.(\d{1,3})\..*", re.DOTALL)


def components(resource: Resource, minor: int) -> Iterator[Components]:
    """Yields the components of a configuration; ``minor`` is the version of one that does not say its own."""
    if (hint := extraargs.unknown_version(resource, (*_WITH_PAIRS, *_WITH_MAPPINGS))) is not None:
        yield Components(unread=(hint,))
    elif resource.id.kind == "ClusterConfiguration":
        yield from _of_cluster(resource, minor)
    else:
        yield _kubelet(resource, minor)


def _of_cluster(resource: Resource, minor: int) -> Iterator[Components]:
    body = resource.body
    version, doubt = _kubernetes(body.get("kubernetesVersion"), minor)
    if doubt:
        yield Components(hints=(Hint("/kubernetesVersion", doubt),))
    for name, path in _SECTIONS.items():
        pointer, section = "", body
        for token in path:
            pointer, section = child_pointer(pointer, token), mapping(section.get(token))
        is_local = name != "etcd" or "external" not in mapping(body.get("etcd"))
        if is_local and (resource.installer in ("", TOOL) or section):
            own = _etcd_minor(section, version) if name == "etcd" else version
            yield _assembled(resource, name, own, section.get("extraArgs"), child_pointer(pointer, "extraArgs"))


def _kubernetes(value: Json, minor: int) -> tuple[int, str]:
    """Returns the minor version of the control plane, and what is to be said about it; empty if nothing."""
    match = _VERSION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return minor, ""
    if int(match[1]) > NEWEST_MINOR:
        newest = f"it is judged as 1.{NEWEST_MINOR}"
        return NEWEST_MINOR, f"Kubernetes 1.{match[1]} is newer than kgate knows; {newest}"
    return int(match[1]), ""


_ETCD_MINORS = ((37, 7), (34, 6), (0, 5))
"""Since which minor version of its own kubeadm installs which one of etcd (app/constants, DefaultEtcdVersion)."""


def _etcd_minor(section: Mapping[str, Json], kubernetes: int) -> int:
    """The minor version of etcd, by its tag, else the one that kubeadm of a Kubernetes version installs."""
    tag = section.get("imageTag")
    match = _ETCD_VERSION.fullmatch(tag) if isinstance(tag, str) else None
    return int(match[1]) if match is not None else next(minor for since, minor in _ETCD_MINORS if since <= kubernetes)


def _kubelet(resource: Resource, minor: int) -> Components:
    """Returns the kubelet of a node, of which only the flags are here; its configuration is an object of its own."""
    arguments = mapping(resource.body.get("nodeRegistration")).get("kubeletExtraArgs")
    if arguments is None:
        return Components()
    return _assembled(resource, "kubelet", minor, arguments, "/nodeRegistration/kubeletExtraArgs", is_whole=False)


def _assembled(
    resource: Resource, name: str, minor: int, arguments: Json, pointer: Pointer, *, is_whole: bool = True
) -> Components:
    found = _settings(resource, name, minor, arguments, pointer)
    container = Container(name, "containers", {}, pointer) if name != "kubelet" else None
    seen = tuple(_mounts(resource.body)) if name == "kube-apiserver" else None
    owner = Owner(pointer, TOOL, is_whole and resource.installer in ("", TOOL), container=container, mounts=seen)
    whole = extraargs.assembled(name, minor, found, owner, resource.unknown)
    whole = _with_external_etcd(whole, resource.body) if name == "kube-apiserver" else whole
    return replace(whole, hints=(*whole.hints, *_unquoted(arguments, pointer)))


_SHARED = ("/etc/kubernetes/pki", "/etc/ssl/certs", "/etc/ca-certificates", "/usr/share/ca-certificates")
"""Folders that kubeadm mounts into its API server (cmd/kubeadm/app/phases/controlplane/volumes.go)."""


def _mounts(body: Mapping[str, Json]) -> Iterator[FileMount]:
    """Yields what the API server of a configuration sees of its node."""
    yield from mounts.of_node("/apiServer", *_SHARED)
    extra = mapping(body.get("apiServer")).get("extraVolumes")
    yield from mounts.of_extra_volumes(extra, "/apiServer/extraVolumes")


_ETCD_FILES = {"etcd-cafile": "caFile", "etcd-certfile": "certFile", "etcd-keyfile": "keyFile"}
"""Flags of the API server that kubeadm takes from ``etcd.external``, if the etcd is somebody else's; extra arguments
overrule them."""


def _with_external_etcd(found: Components, body: Mapping[str, Json]) -> Components:
    """An API server that proves to the etcd of somebody else who it is, if at all, and not by kubeadm's own files."""
    external = mapping(body.get("etcd")).get("external")
    if external is None:
        return found
    texts = {name: mapping(external).get(field) for name, field in _ETCD_FILES.items()}
    known = {name: value for name, value in texts.items() if isinstance(value, str) and value}
    places = {name: child_pointer("/etcd/external", _ETCD_FILES[name]) for name in known}

    def own(one: Component) -> Component:
        settings = {name: one.settings[name] for name in one.settings if name not in _ETCD_FILES or name in one.places}
        return replace(one, settings={**known, **settings}, places={**places, **one.places})

    return replace(found, components=tuple(map(own, found.components)))


def _settings(resource: Resource, name: str, minor: int, arguments: Json, pointer: Pointer) -> Iterator[Setting]:
    version = resource.id.api_version.rpartition("/")[2]
    is_patch = resource.installer not in ("", TOOL)
    if version in _WITH_MAPPINGS or (is_patch and isinstance(arguments, Mapping)):
        yield from extraargs.of_mapping(arguments, pointer)
        return
    defaults = flags.defaults(name, minor, TOOL)
    members = arguments if isinstance(arguments, list) else []
    for one in extraargs.of_pairs(arguments, pointer):
        before = defaults.get(one.name) if isinstance(one, WrittenSetting) else None
        if isinstance(one, WrittenSetting) and isinstance(before, list):
            argument = mapping(members[int(one.pointer.removeprefix(pointer).split("/")[1])])
            yield replace(one, value=_merged(",".join(before), str(one.value), argument.get("mergeMethod")))
        else:
            yield one


def _merged(before: str, value: str, method: Json) -> str:
    """Returns the value of an argument that may be put beside that of kubeadm (kubeadm, MergeArgWithBase)."""
    return {"append": before + value, "prepend": value + before}.get(str(method), value)


def _unquoted(arguments: Json, pointer: Pointer) -> Iterator[Hint]:
    """Yields a hint for each value of a mapping that is not text."""
    for name, value in mapping(arguments).items():
        if isinstance(value, (bool, int, float)):
            place = child_pointer(pointer, name)
            yield Hint(place, f"`{field_path(place)}` is not text, so kubeadm refuses the file; put it in quotes")
