"""Writes what kgate knows of Kubernetes' API, from the Go sources of each version: ``python -m upstream.kubernetes``.

``kgate/kubernetes/types.json`` holds the fields of the types that rules read, ``kgate/kubernetes/versions.json`` which
API versions are served, or read from files. Sources come through ``go mod download`` (k8s.io/api, k8s.io/apiserver, …).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kgate.kubernetes.pss import NEWEST_MINOR

OLDEST_MINOR = 17
"""The oldest version whose modules can be had; what it has counts as always there."""

FOLDER = Path(__file__).parent.parent / "kgate" / "kubernetes"

ROOTS = {
    "api/core/v1": (
        *("Pod", "PodTemplate", "ReplicationController", "ConfigMap", "Namespace", "PersistentVolume", "Service"),
        "ServiceAccount",
    ),
    "api/apps/v1": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "api/batch/v1": ("CronJob", "Job"),
    "api/networking/v1": ("Ingress", "NetworkPolicy"),
    "api/policy/v1beta1": ("PodSecurityPolicy",),
    "apiserver/pkg/apis/apiserver/v1": (
        *("AdmissionConfiguration", "AuthenticationConfiguration", "AuthorizationConfiguration"),
        "EncryptionConfiguration",
    ),
    "kube-proxy/config/v1alpha1": ("KubeProxyConfiguration",),
    "kubelet/config/v1beta1": ("KubeletConfiguration",),
    "pod-security-admission/admission/api/v1": ("PodSecurityConfiguration",),
}
"""The kinds that run pods, and those that kgate's rules are about."""

CONFIGURATION = {
    "apiserver": ("pkg/apis/apiserver", "pkg/apis/config"),
    "component-base": ("config", "logs/api", "tracing/api"),
    "kube-proxy": ("config",),
    "kube-scheduler": ("config",),
    "kubelet": ("config",),
    "pod-security-admission": ("admission/api",),
}
"""The folders of modules that hold what Kubernetes' own programs read from files."""

FIRST_MINORS = {"pod-security-admission": 22}
"""The first versions of modules that are younger than the others."""

SCALARS = {
    **dict.fromkeys(("string", "byte[]", "Time", "MicroTime", "Duration", "UID", "NodeName"), "string"),
    "bool": "boolean",
    "int32": "int32",
    "int64": "int64",
    **dict.fromkeys(("int", "uint32"), "int64"),
    "IntOrString": "int-or-string",
    "Quantity": "quantity",
    **dict.fromkeys(("float32", "float64"), "any"),
    **dict.fromkeys(("QuantityValue", "RawExtension", "TimeOrMetaDuration", "Unknown"), "any"),
    "FieldsV1": "any",
    "IdentityConfiguration": "map any",
    "ManagedFieldsEntry": "any",
}
"""Go types as kgate names them. Managed fields are written by the API server alone."""

OF_OTHER_MODULES = {
    ("apiextensions.k8s.io", "CustomResourceDefinition"): {"v1": (16, None), "v1beta1": (7, 22)},
    ("apiregistration.k8s.io", "APIService"): {"v1": (10, None), "v1beta1": (7, 22)},
}
"""What other modules hold (Kubernetes, "Deprecated API Migration Guide"): since, until."""

CONFIGURATION_GROUPS = (".config.k8s.io",)
"""How the groups of what programs read from files end."""

NOT_SERVED = ("admission.k8s.io", "apidiscovery.k8s.io", "imagepolicy.k8s.io", "internal.apiserver.k8s.io")
"""Groups of what the API server sends to others, or keeps for itself."""


@dataclass(slots=True)
class Package:
    """One Go package of types: the fields of each struct with their Go types (an embedded one under ``""``), what other
    named types stand for, and what its imports are called. ``others`` holds the kinds of further groups."""

    group: str = ""
    structs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    others: dict[str, set[str]] = field(default_factory=dict)
    introduced: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)


Packages = Mapping[str, Package]

_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"^type (\w+) =?\s*([\w.\[\]*]+)$", re.MULTILINE)
_FIELD = re.compile(r'^\t(?:(\w+)\s+)?([\w.\[\]*]+)\s+`.*?json:"([^"]*)"', re.MULTILINE)
_IMPORT = re.compile(r'^\t(?:(\w+) )?"k8s\.io/([^"]+)"$', re.MULTILINE)
_GROUP = re.compile(r'^const GroupName = "(.*)"', re.MULTILINE)
_KIND = re.compile(r"&(\w+)\{\}")
_CONFIG_GROUP = re.compile(r'^const ConfigGroupName = "(.*)"', re.MULTILINE)
_CONFIG_KINDS = re.compile(r"AddKnownTypes\(ConfigSchemeGroupVersion,([^)]*)\)")
_LIFECYCLE = re.compile(r"^func \(in \*(\w+)\) APILifecycle(Introduced|Removed)\(.*\n\treturn 1, (\d+)", re.MULTILINE)
_COMMENT = re.compile(r"^\s*//.*\n", re.MULTILINE)


def packages(minor: int) -> dict[str, Package]:
    """Returns the packages of types of a Kubernetes version by their path."""
    found = {}
    for module, folder in (("api", "."), ("apimachinery", "pkg/apis/meta/v1")):
        root = downloaded(f"k8s.io/{module}@v0.{minor}.0")
        for file in sorted((root / folder).rglob("register.go")):
            path = f"{module}/{file.parent.relative_to(root).as_posix()}"
            found[path] = _package(file.parent)
    for module, folders in CONFIGURATION.items():
        if minor >= FIRST_MINORS.get(module, OLDEST_MINOR):
            root = downloaded(f"k8s.io/{module}@v0.{minor}.0")
            for parent in sorted({file.parent for folder in folders for file in (root / folder).rglob("types.go")}):
                found[f"{module}/{parent.relative_to(root).as_posix()}"] = _package(parent)
    return found


def downloaded(module: str) -> Path:
    """Returns the folder of a Go module, ``path@version``, which is downloaded if it is not there yet."""
    command = ("go", "mod", "download", "-json", module)
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
    return Path(json.loads(done.stdout)["Dir"])


def _package(folder: Path) -> Package:
    package = Package()
    for file in sorted(folder.glob("*.go")):
        text = _COMMENT.sub("", file.read_text(encoding="utf-8"))
        if file.name == "register.go":
            package.group = _GROUP.search(text)[1] if _GROUP.search(text) else ""  # type: ignore[index]
            package.kinds |= set(_KIND.findall(_CONFIG_KINDS.sub("", text)))
            if group := _CONFIG_GROUP.search(text):
                package.others[group[1]] = {
                    kind for kinds in _CONFIG_KINDS.findall(text) for kind in _KIND.findall(kinds)
                }
        elif file.name == "zz_generated.prerelease-lifecycle.go":
            for kind, step, minor in _LIFECYCLE.findall(text):
                (package.introduced if step == "Introduced" else package.removed)[kind] = int(minor)
        elif not file.name.startswith(("zz_", "generated", "types_swagger")) and not file.name.endswith("_test.go"):
            package.imports |= {name or path.rpartition("/")[2]: path for name, path in _IMPORT.findall(text)}
            package.names |= dict(_NAMED.findall(text))
            for name, body in _STRUCT.findall(text):
                package.structs[name] = [
                    ("" if ",inline" in tag else tag.partition(",")[0], kind)
                    for _, kind, tag in _FIELD.findall(body)
                    if tag != "-"
                ]
    return package


# ------------------------------------------------------------------------------------------ types


class Types:
    """The types that the roots reach in one version, by name: fields and what they hold."""

    def __init__(self, found: Packages) -> None:
        self._packages = found
        self.fields: dict[str, dict[str, str]] = {}

    def add(self, path: str, name: str) -> None:
        """Adds a struct and all that it reaches."""
        if name not in self.fields:
            self.fields[name] = dict.fromkeys(("apiVersion", "kind"), "string") if name in _KINDS else {}
            for key, kind in self._fields(path, name):
                self.fields[name][key] = kind

    def _fields(self, path: str, name: str) -> Iterator[tuple[str, str]]:
        for key, kind in self._packages[path].structs[name]:
            if key:
                yield key, "any" if key == "status" and name in _KINDS else self._shape(path, kind)
            else:
                yield from self._fields(*self._resolved(path, kind))

    def _shape(self, path: str, kind: str) -> str:
        """Returns what a Go type holds, as kgate writes it; adds the structs in it."""
        kind = kind.lstrip("*")
        if kind == "[]byte":
            return "string"
        if kind.startswith("[]"):
            return f"[]{self._shape(path, kind[2:])}"
        if kind.startswith("map["):
            return f"map {self._shape(path, kind.partition(']')[2])}"
        short = kind.rpartition(".")[2]
        if short in SCALARS:
            return SCALARS[short]
        path, name = self._resolved(path, kind)
        package = self._packages[path]
        if name in package.structs:
            self.add(path, name)
            return name
        return self._shape(path, package.names[name])

    def _resolved(self, path: str, kind: str) -> tuple[str, str]:
        alias, _, name = kind.lstrip("*").rpartition(".")
        return (self._packages[path].imports[alias] if alias else path), name


_KINDS = {kind for kinds in ROOTS.values() for kind in kinds}


def types(versions: Mapping[int, Packages]) -> dict[str, dict[str, object]]:
    """Returns the fields of each type in all versions; with the versions that have it, if not all do: since, until."""
    seen: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    shapes: dict[tuple[str, str], str] = {}
    for minor, found in sorted(versions.items()):
        one = Types(found)
        for path, kinds in ROOTS.items():
            for kind in kinds:
                if path in found and kind in found[path].structs:
                    one.add(path, kind)
        for name, fields in one.fields.items():
            known = seen[name]  # a type may have no fields
            for key, shape in fields.items():
                known[key].append(minor)
                shapes[name, key] = shape
    return {
        name: {
            key: _ranged(shapes[name, key], minors, seen[name].values()) for key, minors in sorted(seen[name].items())
        }
        for name in sorted(_reached(shapes))
    }


def _reached(shapes: Mapping[tuple[str, str], str]) -> set[str]:
    """Returns the types that the roots still reach: some have another name in newer versions."""
    below: dict[str, set[str]] = defaultdict(set)
    for (name, _), shape in shapes.items():
        below[name].add(shape.removeprefix("[]").removeprefix("map "))
    reached: set[str] = set()
    pending = set(_KINDS)
    while pending:
        reached |= pending
        pending = {shape for name in pending for shape in below[name] if shape[0].isupper()} - reached
    return reached


def _ranged(shape: str, minors: list[int], siblings: Collection[list[int]]) -> object:
    """Returns a field with the versions that have it, if others have its type: since, until."""
    since = 0 if minors[0] == min(map(min, siblings)) else minors[0]
    until = None if minors[-1] == max(map(max, siblings)) else minors[-1] + 1
    return shape if not since and until is None else [shape, since, until]


# --------------------------------------------------------------------------------------- versions


def served(versions: Mapping[int, Packages]) -> dict[str, dict[str, dict[str, tuple[int, int | None]]]]:
    """Returns by group, version and kind since and until when it is served."""
    found: dict[str, dict[str, dict[str, tuple[int, int | None]]]] = {}
    for minor, one in sorted(versions.items()):
        for path, package in one.items():
            version = path.rpartition("/")[2]
            for group, kinds in {package.group: _named_kinds(package), **package.others}.items():
                if _is_of_interest(path, group):
                    here = found.setdefault(group, {}).setdefault(version, {})
                    here |= {kind: _span(package, kind, minor, here.get(kind)) for kind in kinds}
    for (group, kind), spans in OF_OTHER_MODULES.items():
        found[group] = {version: {kind: span} for version, span in spans.items()}
    return found


def _is_of_interest(path: str, group: str) -> bool:
    """True for a group that API servers serve, or of files that programs read, in a package of its versions."""
    is_served = path.startswith("api/") and group not in NOT_SERVED
    return is_served or (group.endswith(CONFIGURATION_GROUPS) and path.rpartition("/")[2].startswith("v"))


def _named_kinds(package: Package) -> set[str]:
    return {
        kind for kind in package.kinds if not (kind.endswith("List") and kind.removesuffix("List") in package.kinds)
    }


def _span(package: Package, kind: str, minor: int, before: tuple[int, int | None] | None) -> tuple[int, int | None]:
    since = before[0] if before else 0 if minor == OLDEST_MINOR else minor
    since = package.introduced.get(kind, since)
    until = None if minor == NEWEST_MINOR else minor + 1
    removed = package.removed.get(kind)
    if removed is not None and removed <= NEWEST_MINOR:
        until = removed if until is None else min(until, removed)
    return since, until


def main() -> None:
    """Writes both files."""
    versions = {minor: packages(minor) for minor in range(OLDEST_MINOR, NEWEST_MINOR + 1)}
    groups = {path: package.group for found in versions.values() for path, package in found.items()}
    roots = {f"{groups[path]}/{path.rpartition('/')[2]}".strip("/"): list(kinds) for path, kinds in ROOTS.items()}
    _write("types.json", {"": roots, **types(versions)})
    _write("versions.json", served(versions))


def _write(name: str, value: Mapping[str, Mapping[str, object]]) -> None:
    """Writes one line for each type, or each version of a group."""
    lines = [
        f"{json.dumps(key)}: {json.dumps(value[key], sort_keys=True, separators=(',', ':'))}" for key in sorted(value)
    ]
    (FOLDER / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
