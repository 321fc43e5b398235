"""Writes the flags of the programs of a cluster, from the Go sources of each version: ``python -m upstream.flags``.

``kgate/kubernetes/components/flags.json`` says which flags a program has, since and until when, and what they hold.
Sources come through ``go mod download`` (k8s.io/kubernetes and the modules that it shares flags with, go.etcd.io/etcd).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from kgate.kubernetes.pss import NEWEST_MINOR
from upstream.kubernetes import OLDEST_MINOR, downloaded

FILE = Path(__file__).parent.parent / "kgate" / "kubernetes" / "components" / "flags.json"

SHARED = ("component-base",)
SERVING = ("apiserver/pkg/server/options", "apiserver/pkg/util/feature", *SHARED)
ELECTION = "kubernetes/pkg/client/leaderelectionconfig"
CREDENTIALS = "kubernetes/pkg/credentialprovider"
CONTROLLING = ("controller-manager", "cloud-provider/options", "cloud-provider/config", "kubernetes/pkg/controller")
FOLDERS = {
    "kube-apiserver": (
        *("kubernetes/cmd/kube-apiserver", "kubernetes/pkg/kubeapiserver", "kubernetes/pkg/controlplane"),
        *("kubernetes/pkg/master", "kubernetes/pkg/features", "apiserver/pkg/admission"),
        *("kubernetes/pkg/cloudprovider", "kubernetes/pkg/serviceaccount", CREDENTIALS, *SERVING),
    ),
    "kube-controller-manager": (
        *("kubernetes/cmd/kube-controller-manager", "kubernetes/cmd/controller-manager", *CONTROLLING, ELECTION),
        *(CREDENTIALS, *SERVING),
    ),
    "kube-scheduler": ("kubernetes/cmd/kube-scheduler", ELECTION, *SERVING),
    "kubelet": ("kubernetes/cmd/kubelet", "kubernetes/pkg/kubelet", CREDENTIALS, *SHARED),
    "kube-proxy": ("kubernetes/cmd/kube-proxy", "kubernetes/pkg/proxy", *SHARED),
}
"""Where the flags of a program are defined, as module and folder; a folder that a version lacks counts as empty."""

OPTIONAL = {"controller-manager": 20}
"""Modules that are younger than OLDEST_MINOR, and since when there are flags in them."""

PATCHES = {("controller-manager", 27): 1}
"""Releases that stand for an x.0 that the checksum database does not know."""

LOGGING = {
    **dict.fromkeys(("add-dir-header", "alsologtostderr", "logtostderr", "one-output", "skip-headers"), "bool"),
    **dict.fromkeys(("skip-log-headers",), "bool"),
    **dict.fromkeys(("log-backtrace-at", "log-dir", "log-file", "stderrthreshold", "vmodule"), "text"),
    "log-file-max-size": "int",
}
"""Flags of k8s.io/klog, which programs had up to LAST_LOGGING."""

LAST_LOGGING = 25
ALWAYS = {"help": "bool", "v": "int", "version": "text"}
IMPORTED = {
    "etcd": {"config-file": "text", "help": "bool", "version": "bool"},
    "kube-apiserver": {"default-not-ready-toleration-seconds": "int", "default-unreachable-toleration-seconds": "int"},
    "kubelet": {"housekeeping-interval": "duration"},
}
"""Flags that other modules define, and that the help of etcd only mentions."""

INSECURE = ("deprecated_insecure_serving.go", 24)
"""A file of flags that no program has since a version."""

ETCD_RELEASES = {5: 35, 6: 16, 7: 3}
"""The releases of etcd that are read: patches of 3.5 have new flags, too."""

ETCD_LISTS = re.compile(r".*-urls|cipher-suites|cors|host-whitelist|discovery-endpoints|initial-cluster")

ETCD_SWITCHES = ("memory-mlock", "experimental-memory-mlock", "enable-grpc-gateway", "strict-reconfig-check")
"""Flags of etcd that are true or false, which its help does not say."""

_KINDS = {
    **dict.fromkeys(("Int", "Int32", "Int64", "Uint", "Uint32"), "int"),
    **dict.fromkeys(("Float32", "Float64"), "float"),
    "Bool": "bool",
    "Duration": "duration",
    "StringSlice": "list",
    "StringToString": "map",
}
_DEFINITION = re.compile(
    r"\b\w+\.(Var|\w+Var)P?\("
    r"\s*((?:[^,\"`()]|\([^()]*\))*),\s*(?:fmt\.Sprintf\()?(?:\"([\w%.-]+)\"|(\w+))\s*,"
)
"""A call that defines a flag: its function, the variable, and the name as a text, ``%s`` for a part, or a constant."""

_GLOBAL = re.compile(r'[rR]egister\w*\((?:global, )?local, "([a-z0-9_-]+)"')
_CONSTANT = re.compile(r'^\s*(?:const\s+)?(\w+)\s*(?:string\s*)?=\s*"([a-z0-9]+(?:-[a-z0-9]+)*)"', re.MULTILINE)
_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
_ETCD_FLAG = re.compile(r"^  (?:-\w, )?--([a-z0-9-]+)(?:[ =]'?([^'\n]*)'?)?", re.MULTILINE)
_AUDIT_PLUGINS = ("log", "webhook")


def flags_of(component: str, minor: int) -> dict[str, str]:
    """Returns what each flag of a program of a Kubernetes version holds."""
    found = dict(LOGGING) if minor <= LAST_LOGGING else {}
    for folder in FOLDERS[component]:
        module, _, inner = folder.partition("/")
        if minor >= OPTIONAL.get(module, 0):
            major, patch = int(module == "kubernetes"), PATCHES.get((module, minor), 0)
            root = downloaded(f"k8s.io/{module}@v{major}.{minor}.{patch}")
            for file in sorted((root / inner).rglob("*.go")):
                is_old = file.name == INSECURE[0] and minor >= INSECURE[1]
                if not is_old and not file.name.endswith("_test.go") and "testing" not in file.parts:
                    found |= dict(_defined(file.read_text(encoding="utf-8")))
    return found | ALWAYS | IMPORTED.get(component, {})


def _defined(text: str) -> Iterator[tuple[str, str]]:
    """Yields the flags that a Go file defines, with what they hold."""
    text = _COMMENT.sub("", text)
    constants = dict(_CONSTANT.findall(text))
    for match in _DEFINITION.finditer(text):
        function, value, literal, constant = match.groups(default="")
        name = literal or constants.get(constant, "")
        for part in _AUDIT_PLUGINS if "%s" in name else ("",):
            if name:
                yield name.replace("%s", part).replace("_", "-"), _held(function, value)
    yield from ((name.replace("_", "-"), "text") for name in _GLOBAL.findall(text))


def _held(function: str, value: str) -> str:
    """Returns the type of a flag by the function that defines it, and by the value that this is given."""
    if "MapStringBool" in value or value in ("f", "r.featureGatesConfigFlags"):
        return "switches"
    if "MapStringString" in value:
        return "map"
    return _KINDS.get(function.removesuffix("Var"), "text")


def etcd_flags(minor: int) -> dict[str, str]:
    """Returns what each flag of etcd 3.x holds, as its help says."""
    folder = downloaded(f"go.etcd.io/etcd/server/v3@v3.{minor}.{ETCD_RELEASES[minor]}")
    text = (folder / "etcdmain" / "help.go").read_text(encoding="utf-8")
    return {name: _etcd_type(name, default) for name, default in _ETCD_FLAG.findall(text)} | IMPORTED["etcd"]


def _etcd_type(name: str, default: str) -> str:
    if ETCD_LISTS.fullmatch(name):
        return "words"
    return "bool" if default in ("true", "false") or name in ETCD_SWITCHES else "text"


def _spans(versions: Mapping[int, Mapping[str, str]]) -> dict[str, object]:
    """Returns each flag with its type; with since and until as well, if not all versions have it."""
    seen: dict[str, list[int]] = defaultdict(list)
    types: dict[str, str] = {}
    for minor, flags in sorted(versions.items()):
        for name, kind in flags.items():
            seen[name].append(minor)
            types[name] = kind
    oldest, newest = min(versions), max(versions)
    return {name: _span(types[name], minors, oldest, newest) for name, minors in sorted(seen.items())}


def _span(kind: str, minors: list[int], oldest: int, newest: int) -> object:
    since = 0 if minors[0] == oldest else minors[0]
    until = None if minors[-1] == newest else minors[-1] + 1
    return kind if not since and until is None else [kind, since, until]


def main() -> None:
    """Writes the file: one line for each program."""
    minors = range(OLDEST_MINOR, NEWEST_MINOR + 1)
    found = {name: _spans({minor: flags_of(name, minor) for minor in minors}) for name in FOLDERS}
    found["etcd"] = _spans({minor: etcd_flags(minor) for minor in ETCD_RELEASES})
    lines = [f"{json.dumps(name)}: {json.dumps(found[name], separators=(',', ':'))}" for name in sorted(found)]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
