"""kubernetes/components/kubeadm and configfiles: what kubeadm, kind and configuration files make of the programs."""

from __future__ import annotations

import textwrap

import pytest

from kgate.kubernetes import manifest
from kgate.kubernetes.components.component import Component, Components
from kgate.kubernetes.components.find import find_components
from kgate.model import Json, Resource

V1BETA3 = """\
    apiVersion: kubeadm.k8s.io/v1beta3
    kind: ClusterConfiguration
    kubernetesVersion: v1.28.4
    apiServer:
      extraArgs:
        authorization-mode: Node,RBAC,Webhook
        anonymous-auth: "false"
    controllerManager:
      extraArgs: {bind-address: 0.0.0.0}
    etcd: {local: {imageTag: 3.5.9-0, dataDir: /var/lib/etcd}}
"""
V1BETA4 = """\
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    kubernetesVersion: stable-1.31
    apiServer:
      extraArgs:
      - name: authorization-mode
        value: Node,RBAC,Webhook
      - {name: anonymous-auth, value: "true"}
      - {name: anonymous-auth, value: "false"}
    controllerManager:
      extraArgs:
      - name: bind-address
        value: 0.0.0.0
"""
KIND = """\
    kind: Cluster
    apiVersion: kind.x-k8s.io/v1alpha4
    kubeadmConfigPatches:
    - |
      kind: ClusterConfiguration
      apiServer:
        extraArgs:
          authorization-mode: Node,RBAC,Webhook
          anonymous-auth: "false"
      controllerManager:
        extraArgs: {bind-address: 0.0.0.0}
"""
OF_A_NODE = """\
    kind: Cluster
    apiVersion: kind.x-k8s.io/v1alpha4
    nodes:
    - role: control-plane
      kubeadmConfigPatches:
      - |
        kind: ClusterConfiguration
        apiServer:
          extraArgs:
            authorization-mode: Node,RBAC,Webhook
            anonymous-auth: "false"
        controllerManager:
          extraArgs: {bind-address: 0.0.0.0}
"""


def resources(text: str) -> tuple[Resource, ...]:
    batch = manifest.read("kubeadm.yaml", textwrap.dedent(text).encode())
    assert (batch.problems, batch.unjudged) == ((), ())
    return batch.resources


def found_in(text: str) -> Components:
    return Components.joined(find_components(resource, None, 37) for resource in resources(text))


def component(text: str, name: str) -> Component:
    (found,) = (one for one in found_in(text).components if one.name == name)
    return found


def line(text: str, name: str, setting: str) -> int:
    """The line of a setting."""
    for resource in resources(text):
        for one in find_components(resource, None, 37).components:
            if one.name == name:
                return resource.locate(one.places[setting]).start.line
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("text", "minor", "lines"),
    [
        pytest.param(V1BETA3, 28, (6, 7, 9), id="a mapping"),
        pytest.param(V1BETA4, 31, (7, 9, 13), id="a list of names and values, one of them twice"),
        pytest.param(KIND, 37, (8, 9, 11), id="a patch of kind"),
        pytest.param(OF_A_NODE, 37, (10, 11, 13), id="of a node"),
    ],
)
def test_extra_arguments_are_flags(text: str, minor: int, lines: tuple[int, int, int]) -> None:
    server, manager = (component(text, name) for name in ("kube-apiserver", "kube-controller-manager"))
    assert (server.minor, server.settings["authorization-mode"]) == (minor, ["Node", "RBAC", "Webhook"])
    assert (server.settings["anonymous-auth"], manager.settings["bind-address"]) == (False, "0.0.0.0")
    places = (("kube-apiserver", "authorization-mode"), ("kube-apiserver", "anonymous-auth"))
    assert tuple(line(text, *place) for place in (*places, ("kube-controller-manager", "bind-address"))) == lines


def test_what_is_not_written_is_what_kubeadm_writes() -> None:
    found = {one.name: one for one in found_in(V1BETA3).components}
    assert set(found) == {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}
    assert found["kube-apiserver"].settings["enable-admission-plugins"] == ["NodeRestriction"]
    assert found["kube-apiserver"].settings["profiling"] is True
    assert found["kube-scheduler"].settings["bind-address"] == "127.0.0.1"
    assert (found["etcd"].minor, found["etcd"].settings["client-cert-auth"]) == (5, True)
    assert all(one.is_whole for one in found.values())


@pytest.mark.parametrize(("kubernetes", "etcd"), [(33, 5), (34, 6), (36, 6), (37, 7)])
def test_the_etcd_of_a_version_of_kubeadm(kubernetes: int, etcd: int) -> None:
    text = V1BETA3.replace("v1.28.4", f"v1.{kubernetes}.0").replace("imageTag: 3.5.9-0, ", "")
    assert component(text, "etcd").minor == etcd


def test_what_a_patch_does_not_say_is_not_judged() -> None:
    found = found_in(KIND).components
    assert {one.name for one in found} == {"kube-apiserver", "kube-controller-manager"}
    assert not any(one.is_whole or "profiling" in one.settings for one in found)


def test_an_etcd_of_somebody_else() -> None:
    external = "external: {endpoints: ['https://a:2379'], caFile: /a/ca.crt}"
    text = V1BETA3.replace("local: {imageTag: 3.5.9-0, dataDir: /var/lib/etcd}", external)
    assert "etcd" not in {one.name for one in found_in(text).components}
    server = component(text, "kube-apiserver")
    assert server.settings["etcd-cafile"] == "/a/ca.crt"
    assert "etcd-certfile" not in server.settings
    assert line(text, "kube-apiserver", "etcd-cafile") == 10


def test_extra_arguments_overrule_an_etcd_of_somebody_else() -> None:
    external = "etcd: {external: {caFile: /a}}\n"
    pairs = "[{name: etcd-cafile, value: /b}, {name: etcd-certfile, value: /b}]"
    server = component(f"{CLUSTER}{external}apiServer: {{extraArgs: {pairs}}}", "kube-apiserver")
    assert (server.settings["etcd-cafile"], server.settings["etcd-certfile"]) == ("/b", "/b")


@pytest.mark.parametrize(
    ("method", "value", "wanted"),
    [
        ("append", ",Webhook", ["Node", "RBAC", "Webhook"]),
        ("prepend", "Webhook,", ["Webhook", "Node", "RBAC"]),
        ("replace", "Webhook", ["Webhook"]),
    ],
)
def test_a_value_beside_the_default(method: str, value: str, wanted: list[str]) -> None:
    text = V1BETA4.replace("value: Node,RBAC,Webhook", f"value: '{value}'\n        mergeMethod: {method}")
    assert component(text, "kube-apiserver").settings["authorization-mode"] == wanted


def test_the_flags_of_a_kubelet() -> None:
    text = """\
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: JoinConfiguration
        nodeRegistration:
          kubeletExtraArgs:
          - {name: anonymous-auth, value: "true"}
    """
    kubelet = component(text, "kubelet")
    assert (kubelet.settings, kubelet.is_whole) == ({"anonymous-auth": True}, False)


KUBELET = """\
    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
    authentication:
      anonymous: {enabled: true}
    authorization: {mode: ""}
    readOnlyPort: 10255
    streamingConnectionIdleTimeout: 0s
    tlsCipherSuites: [TLS_RSA_WITH_AES_128_CBC_SHA]
    featureGates: {RotateKubeletServerCertificate: false}
    rotateCertificates: false
"""


def test_the_fields_of_a_kubelet() -> None:
    kubelet = component(KUBELET, "kubelet")
    wanted: dict[str, Json] = {
        "anonymous-auth": True,
        "authorization-mode": "Webhook",
        "feature-gates": {"RotateKubeletServerCertificate": False},
        "read-only-port": 10255,
        "rotate-certificates": False,
        "streaming-connection-idle-timeout": 14400.0,
        "tls-cipher-suites": ["TLS_RSA_WITH_AES_128_CBC_SHA"],
    }
    assert {name: kubelet.settings[name] for name in wanted} == wanted
    assert line(KUBELET, "kubelet", "anonymous-auth") == 4
    assert "client-ca-file" not in kubelet.settings


def test_kubeadm_completes_the_configuration_of_a_kubelet_in_its_file() -> None:
    kubelet = component(f"{KUBELET}    ---\n{V1BETA3}", "kubelet")
    assert kubelet.settings["client-ca-file"] == "/etc/kubernetes/pki/ca.crt"
    assert kubelet.settings["rotate-certificates"] is True, "whatever the file says"
    assert kubelet.settings["anonymous-auth"] is True


def test_a_configuration_in_a_config_map() -> None:
    text = """\
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: kube-proxy, namespace: kube-system}
        data:
          config.conf: |-
            apiVersion: kubeproxy.config.k8s.io/v1alpha1
            bindAddress: 0.0.0.0
            kind: KubeProxyConfiguration
            metricsBindAddress: 0.0.0.0:10249
    """
    assert component(text, "kube-proxy").settings["metrics-bind-address"] == "0.0.0.0:10249"
    assert line(text, "kube-proxy", "metrics-bind-address") == 9
    empty = text.replace("metricsBindAddress: 0.0.0.0:10249", 'metricsBindAddress: ""')
    assert component(empty, "kube-proxy").settings["metrics-bind-address"] == "127.0.0.1:10249"


@pytest.mark.parametrize(("written", "wanted"), [("", True), ("enableProfiling: false", False)])
def test_a_scheduler_leaves_its_addresses_to_the_flags(written: str, wanted: bool) -> None:
    text = f"apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n{written}\n"
    scheduler = component(text, "kube-scheduler")
    assert (scheduler.settings, scheduler.is_whole) == ({"profiling": wanted}, False)


CLUSTER = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"{CLUSTER}apiServer: {{extraArgs: {{a: b}}}}", "`apiServer.extraArgs` must be a list", id="a mapping in v1beta4"),
        pytest.param(f"{CLUSTER}apiServer: {{extraArgs: [a]}}", "`apiServer.extraArgs[0]` must be a mapping with a name", id="no pair"),
        pytest.param(f"{CLUSTER}apiServer: {{extraArgs: [{{name: 1}}]}}", "`apiServer.extraArgs[0]` must be a mapping with a name", id="no name"),
        pytest.param(f"{CLUSTER}apiServer: {{extraArgs: [{{name: profiling, value: {{}}}}]}}", "must be text: the value of a flag", id="a value"),
        pytest.param(f"{CLUSTER.replace('4', '3')}apiServer: {{extraArgs: [a]}}", "`apiServer.extraArgs` must be a mapping", id="a list in v1beta3"),
        pytest.param(f"{CLUSTER}etcd: {{local: {{extraArgs: [{{name: auto-tls, value: maybe}}]}}}}", '--auto-tls of etcd is "maybe"', id="a wrong value"),
        pytest.param(KUBELET.replace("enabled: true", 'enabled: "true"'), "`authentication.anonymous.enabled` must be true or false", id="text for a truth value"),
        pytest.param(KUBELET.replace("{enabled: true}", "yes"), "`authentication.anonymous` must be a mapping", id="no mapping around it"),
        pytest.param(KUBELET.replace("10255", "true"), "`readOnlyPort` must be a whole number", id="a truth value for a number"),
        pytest.param(KUBELET.replace("[TLS_RSA_WITH_AES_128_CBC_SHA]", "a"), "`tlsCipherSuites` must be a list", id="text for a list"),
    ],
)  # fmt: skip
def test_wrong_types_are_gaps(text: str, message: str) -> None:
    (gap,) = found_in(text).gaps
    assert message in gap.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"{CLUSTER}apiServer: {{extraArgs: [{{name: anonymus-auth, value: a}}]}}", "unknown flag --anonymus-auth for kube-apiserver 1.37; did you mean --anonymous-auth?", id="an unknown flag"),
        pytest.param(f"{CLUSTER}kubernetesVersion: v1.99.0", "Kubernetes 1.99 is newer than kgate knows; it is judged as 1.37", id="an unknown version"),
        pytest.param(V1BETA3.replace('"false"', "false"), "`apiServer.extraArgs.anonymous-auth` is not text, so kubeadm refuses the file; put it in quotes", id="no quotes"),
    ],
)  # fmt: skip
def test_what_is_worth_a_note(text: str, message: str) -> None:
    assert [hint.message for hint in found_in(text).hints] == [message]


def test_an_unknown_version_of_kubeadm_is_not_judged() -> None:
    found = found_in(CLUSTER.replace("v1beta4", "v2"))
    assert found.components == ()
    assert [hint.message for hint in found.unread] == [
        "kgate does not know this version of ClusterConfiguration; use kubeadm.k8s.io/v1beta4"
    ]


@pytest.mark.parametrize(
    "body",
    ["apiServer: []", "apiServer: a", "etcd: [a]", "etcd: {local: 1}", "kubernetesVersion: [1]", "etcd: {local: {imageTag: 3}}"],
)  # fmt: skip
def test_wrong_types_around_it_count_as_absent(body: str) -> None:
    found = found_in(f"{CLUSTER}{body}")
    assert len(found.components) == 4
    assert found.gaps == ()
