"""Reads the components that kOps installs from its Cluster (k8s.io/kops, pkg/apis/kops/componentconfig.go)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting, assembled, unknown_version
from kgate.kubernetes.components.flags import flags
from kgate.kubernetes.podspec import mapping
from kgate.model import Gap, Json, Pointer, Resource, child_pointer, field_path, json_text

KINDS: frozenset[str] = frozenset(("Cluster", "InstanceGroup"))

_VERSIONS = ("v1alpha3", "v1alpha2")

_SECTIONS = {
    "kubeAPIServer": "kube-apiserver",
    "kubeControllerManager": "kube-controller-manager",
    "kubeScheduler": "kube-scheduler",
    "kubeProxy": "kube-proxy",
    "kubelet": "kubelet",
    "controlPlaneKubelet": "kubelet",
    "masterKubelet": "kubelet",
}
"""The fields of a spec whose own fields become flags of a program."""

_OTHER_NAMES = {"podPidsLimit": "pod-max-pids", "eventQPS": "event-qps", "enableProfiling": "profiling"}
"""Fields that are not called like their flag."""

_VERSION = re.compile(r"v?1\.(\d{1,3})(?:\..*)?", re.DOTALL)
_CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def components(resource: Resource, minor: int) -> Iterator[Components]:
    """Yields the components that a cluster or a group of its nodes speaks of. What they leave out is up to kOps."""
    if (hint := unknown_version(resource, _VERSIONS)) is not None:
        yield Components(unread=(hint,))
        return
    spec = mapping(resource.body.get("spec"))
    version = spec.get("kubernetesVersion")
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    own = minor if match is None else int(match[1])
    for field, name in _SECTIONS.items():
        pointer = child_pointer("/spec", field)
        found = [*_settings(name, mapping(spec.get(field)), pointer)]
        found += _authorization(spec) if name == "kube-apiserver" else ()
        if found:
            yield assembled(name, own, found, Owner(pointer, is_whole=False), resource.unknown)


def _authorization(spec: Mapping[str, Json]) -> Iterator[WrittenSetting]:
    if "alwaysAllow" in mapping(spec.get("authorization")):
        yield WrittenSetting("authorization-mode", ["AlwaysAllow"], "/spec/authorization/alwaysAllow")


def _settings(name: str, section: Mapping[str, Json], pointer: Pointer) -> Iterator[Setting]:
    """Yields what the fields of a section set; those that are no flag are for kOps itself."""
    known = flags(name)
    for field, value in section.items():
        setting = _OTHER_NAMES.get(field) or _CAPITALS.sub("-", field).lower()
        if setting in known:
            place = child_pointer(pointer, field)
            if isinstance(value, Mapping) and known[setting].kind not in ("map", "switches"):
                yield Gap(place, f"`{field_path(place)}` must be the value of --{setting}")
            elif setting == "feature-gates":
                gates = ",".join(f"{gate}={json_text(text)}" for gate, text in mapping(value).items())
                yield WrittenSetting(setting, gates, place)
            else:
                yield WrittenSetting(setting, value, place)
