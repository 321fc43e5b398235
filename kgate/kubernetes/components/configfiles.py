"""Reads the components that have a configuration file: the kubelet, kube-proxy and the scheduler."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from kgate.kubernetes.components.assemble import Owner
from kgate.kubernetes.components.component import Components, WrittenSetting
from kgate.kubernetes.components.extraargs import Setting, assembled, is_placeholder
from kgate.kubernetes.components.flags import Flag, flags
from kgate.model import Gap, Json, Pointer, Resource, child_pointer, field_path
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class _File:
    """What a kind of file configures: ``settings`` are the names of flags by the field that has their value."""

    program: str
    settings: Mapping[str, str]


_FILES = {
    "KubeletConfiguration": _File(
        "kubelet",
        {
            "address": "address",
            "allowedUnsafeSysctls": "allowed-unsafe-sysctls",
            "authentication.anonymous.enabled": "anonymous-auth",
            "authentication.webhook.enabled": "authentication-token-webhook",
            "authentication.x509.clientCAFile": "client-ca-file",
            "authorization.mode": "authorization-mode",
            "enableDebuggingHandlers": "enable-debugging-handlers",
            "eventRecordQPS": "event-qps",
            "featureGates": "feature-gates",
            "makeIPTablesUtilChains": "make-iptables-util-chains",
            "podPidsLimit": "pod-max-pids",
            "protectKernelDefaults": "protect-kernel-defaults",
            "readOnlyPort": "read-only-port",
            "rotateCertificates": "rotate-certificates",
            "seccompDefault": "seccomp-default",
            "serverTLSBootstrap": "rotate-server-certificates",
            "streamingConnectionIdleTimeout": "streaming-connection-idle-timeout",
            "tlsCertFile": "tls-cert-file",
            "tlsCipherSuites": "tls-cipher-suites",
            "tlsMinVersion": "tls-min-version",
            "tlsPrivateKeyFile": "tls-private-key-file",
        },
    ),
    "KubeProxyConfiguration": _File(
        "kube-proxy",
        {
            "bindAddress": "bind-address",
            "enableProfiling": "profiling",
            "featureGates": "feature-gates",
            "healthzBindAddress": "healthz-bind-address",
            "metricsBindAddress": "metrics-bind-address",
        },
    ),
    "KubeSchedulerConfiguration": _File(
        "kube-scheduler", {"enableProfiling": "profiling", "featureGates": "feature-gates"}
    ),
}
"""The files, by kind."""

KINDS: frozenset[str] = frozenset(_FILES)

_WANTED = {"bool": (bool, "true or false"), "int": (int, "a whole number"), "switches": (dict, "a mapping")}
_LISTS = ("list", "words")
_NOTHING = {"text": ("",), "duration": ("", "0", "0s", "0m0s", "0h0m0s")}
"""Texts that stand for the default, as an absent field does, by what a flag holds."""

_SET_BY_KUBEADM = ("rotate-certificates",)
"""Settings of the kubelet that kubeadm sets whatever the file says (cmd/kubeadm/app/componentconfigs/kubelet.go)."""


def components(resource: Resource, minor: int) -> Iterator[Components]:
    """Yields the component that a file configures, of a Kubernetes version.

    A file of the scheduler leaves its addresses to the flags, and a patch of kind all that it does not say.
    """
    name = resource.id.kind
    file = _FILES[name]
    left_out = _SET_BY_KUBEADM if resource.installer == "kubeadm" else ()
    found = [*fields(name, resource.body, "", left_out)]
    if file.program == "kube-scheduler" and "enableProfiling" not in resource.body:
        found.append(WrittenSetting("profiling", True, ""))
    is_whole = file.program != "kube-scheduler" and resource.installer in ("", "kubeadm")
    tool = resource.installer or name
    yield assembled(file.program, minor, found, Owner("", tool, is_whole), resource.unknown)


def fields(kind: str, body: Json, base: Pointer, left_out: Collection[str] = ()) -> Iterator[Setting]:
    """Yields what the fields of a file of a kind set, which stands at ``base``, but for some settings."""
    known = flags(_FILES[kind].program)
    for path, setting in _FILES[kind].settings.items():
        found = _value(body, base, path)
        if found is None or setting in left_out or found.value in _NOTHING.get(known[setting].kind, ()):
            continue
        fault = "a mapping" if found.is_around else _fault(known[setting], found.value)
        if fault:
            yield Gap(found.pointer, f"`{field_path(found.pointer)}` must be {fault}")
        else:
            yield WrittenSetting(setting, found.value, found.pointer)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a field holds; with ``is_around``, what stands around it in place of a mapping."""

    value: Json
    pointer: Pointer
    is_around: bool = False


def _value(body: Json, pointer: Pointer, path: str) -> _Found | None:
    """Returns what a field holds, or what stands in its way; None if it is absent."""
    for token in path.split("."):
        if not isinstance(body, Mapping):
            return _Found(body, pointer, is_around=True)
        if token not in body:
            return None
        body, pointer = body[token], child_pointer(pointer, token)
    return _Found(body, pointer)


def _fault(flag: Flag, value: Json) -> str:
    """Returns what a value must be that has a wrong type; empty for a right one, and for a placeholder of one."""
    if is_placeholder(value):
        return ""
    kind, wanted = _WANTED.get(flag.kind, (list, "a list") if flag.kind in _LISTS else (str, "text"))
    is_right = type(value) is kind or (kind is list and isinstance(value, list))
    return "" if is_right else wanted
