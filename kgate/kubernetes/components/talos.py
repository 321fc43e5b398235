"""Reads the components that Talos Linux runs from its machine configuration (talos.dev, "v1alpha1")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kgate.kubernetes.components import configfiles, flags, mounts
from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting, assembled, of_mapping
from kgate.kubernetes.components.mounts import FileMount
from kgate.kubernetes.installers import TALOS
from kgate.kubernetes.podspec import mapping
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Container, Json, Pointer, Resource, child_pointer, pointer_tokens
from kgate.values import dataclass

TOOL = "talos"

_SECTIONS = {
    "kube-apiserver": "/cluster/apiServer",
    "kube-controller-manager": "/cluster/controllerManager",
    "kube-scheduler": "/cluster/scheduler",
    "etcd": "/cluster/etcd",
    "kube-proxy": "/cluster/proxy",
    "kubelet": "/machine/kubelet",
}
"""Where a configuration of one document speaks of each program."""

_DOCUMENTS = {
    "KubeAPIServerConfig": "kube-apiserver",
    "KubeControllerManagerConfig": "kube-controller-manager",
    "KubeSchedulerConfig": "kube-scheduler",
    "KubeProxyConfig": "kube-proxy",
    "KubeletConfig": "kubelet",
}
"""The documents of their own that newer versions have, by kind."""

KINDS: frozenset[str] = frozenset((TALOS[1], *_DOCUMENTS))

_ADDED = ("authorization-mode", "enable-admission-plugins")
"""Flags whose values Talos puts beside its own (internal/app/machined/pkg/controllers/k8s)."""

_FIXED = (
    *("anonymous-auth", "authentication-token-webhook", "authorization-mode", "client-ca-file"),
    *("protect-kernel-defaults", "rotate-certificates"),
)
"""Fields of a kubelet's configuration that Talos does not let anybody set."""

_FOLDERS = ("config", "secrets")
_LOGS = "/var/log/audit/kube"
"""The API server's folders below /system of the node, and that of its audit log (pkg/machinery/constants)."""

_IMAGE_VERSION = re.compile(r"[^@]*:v1\.(\d{1,3})\..*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Section:
    """What a configuration says of a program; ``is_whole`` if no other file completes it."""

    name: str
    body: Mapping[str, Json]
    pointer: Pointer
    is_whole: bool


def components(resource: Resource, minor: int) -> Iterator[Components]:
    """Yields the components that a configuration speaks of, of a version that it may say itself."""
    for section in _sections(resource):
        version = _version(section.body, minor)
        arguments = child_pointer(section.pointer, "extraArgs")
        found = [*_fields(section), *_flags(section, version, arguments)]
        container = None if section.name == "kubelet" else Container(section.name, "containers", {}, section.pointer)
        seen = tuple(_mounts(section)) if section.is_whole and section.name == "kube-apiserver" else None
        owner = Owner(arguments, TOOL, section.is_whole, container=container, mounts=seen)
        yield assembled(section.name, version, found, owner, resource.unknown)


def _sections(resource: Resource) -> Iterator[_Section]:
    """Yields a section for each program. Only a whole configuration has a version, or images."""
    if resource.id.kind in _DOCUMENTS:
        yield _Section(_DOCUMENTS[resource.id.kind], resource.body, "", "image" in resource.body)
        return
    for name, pointer in _SECTIONS.items():
        body: Json = resource.body
        for token in pointer_tokens(pointer):
            body = mapping(body).get(token)
        if isinstance(body, Mapping):
            yield _Section(name, body, pointer, "version" in resource.body)


def _mounts(section: _Section) -> Iterator[FileMount]:
    """Yields what the API server sees of its node: what Talos mounts itself, and more."""
    yield from mounts.of_node(section.pointer, *(f"/system/{one}/kubernetes/kube-apiserver" for one in _FOLDERS))
    yield from mounts.of_node(section.pointer, _LOGS, is_read_only=False)
    place = child_pointer(section.pointer, "extraVolumes")
    yield from mounts.of_extra_volumes(section.body.get("extraVolumes"), place, "readonly")


def _version(body: Mapping[str, Json], minor: int) -> int:
    """The version of a program, by the tag of its image; for etcd the newest."""
    image = body.get("image")
    match = _IMAGE_VERSION.fullmatch(image) if isinstance(image, str) else None
    return minor if match is None else min(int(match[1]), NEWEST_MINOR)


def _flags(section: _Section, minor: int, pointer: Pointer) -> Iterator[Setting]:
    defaults = flags.defaults(section.name, minor, TOOL)
    for one in of_mapping(section.body.get("extraArgs"), pointer):
        own = defaults.get(one.name) if isinstance(one, WrittenSetting) and one.name in _ADDED else None
        if isinstance(one, WrittenSetting) and isinstance(own, list):
            yield replace(one, value=",".join((*map(str, own), str(one.value))))
        else:
            yield one


def _fields(section: _Section) -> Iterator[Setting]:
    """Yields what a kubelet's configuration sets, which the flags overrule."""
    if section.name == "kubelet":
        for key in ("extraConfig", "config"):
            if key in section.body:
                place = child_pointer(section.pointer, key)
                yield from configfiles.fields("KubeletConfiguration", section.body[key], place, _FIXED)
