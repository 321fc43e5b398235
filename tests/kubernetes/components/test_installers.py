"""kubernetes/installers and components: what k3s, RKE, Talos, kOps, kind and Cluster API make of the programs."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from kgate.kubernetes import manifest
from kgate.kubernetes.components.component import Component, Components
from kgate.kubernetes.components.find import find_components
from kgate.model import Batch, Json


def read(text: str) -> Batch:
    return manifest.read("cluster.yaml", textwrap.dedent(text).encode())


def found_in(text: str, minor: int = 37) -> Components:
    return Components.joined(find_components(resource, None, minor) for resource in read(text).resources)


def components(text: str) -> dict[str, Component]:
    return {one.name: one for one in found_in(text).components}


K3S = """\
    # https://docs.k3s.io/installation/configuration#configuration-file
    write-kubeconfig-mode: "0644"
    tls-san: [foo.local]
    secrets-encryption: true
    protect-kernel-defaults: true
    kube-apiserver-arg:
    - anonymous-auth=true
    - --authorization-mode=Node,RBAC,Webhook
    - enable-admission-plugins=NodeRestriction,EventRateLimit
    kube-controller-manager-arg: terminated-pod-gc-threshold=10
    kubelet-arg:
    - read-only-port=10255
"""
RKE = """\
    nodes: [{address: 1.2.3.4, role: [controlplane]}]
    services:
      kube-api:
        extra_args:
          anonymous-auth: true
          authorization-mode: [Node, RBAC, Webhook]
      kubelet:
        extra_args: {read-only-port: "10255"}
"""
TALOS = """\
    version: v1alpha1
    machine:
      type: controlplane
      kubelet:
        image: ghcr.io/siderolabs/kubelet:v1.31.2
        extraArgs: {rotate-server-certificates: true}
        extraConfig: {readOnlyPort: 10255, rotateCertificates: false}
    cluster:
      secretboxEncryptionSecret: ZXhhbXBsZSBleGFtcGxlIGV4YW1wbGUgZXhhbXBsZSE=
      apiServer:
        image: registry.k8s.io/kube-apiserver:v1.31.2
        extraArgs:
          anonymous-auth: true
          authorization-mode: Webhook
        admissionControl:
        - name: PodSecurity
          configuration:
            apiVersion: pod-security.admission.config.k8s.io/v1alpha1
            kind: PodSecurityConfiguration
            defaults: {enforce: baseline}
"""
KOPS = """\
    apiVersion: kops.k8s.io/v1alpha2
    kind: Cluster
    metadata: {name: a.example.org}
    spec:
      kubernetesVersion: 1.31.2
      authorization: {rbac: {}}
      kubeAPIServer:
        anonymousAuth: true
        authorizationMode: [Node, RBAC, Webhook]
        featureGates: {SomeGate: "true"}
        cpuRequest: 100m
      kubelet: {readOnlyPort: 10255}
"""
KIND = """\
    apiVersion: kind.x-k8s.io/v1alpha4
    kind: Cluster
    featureGates: {SomeGate: true}
    kubeadmConfigPatchesJSON6902:
    - group: kubeadm.k8s.io
      version: v1beta3
      kind: ClusterConfiguration
      patch: |
        - {op: add, path: /apiServer/extraArgs/anonymous-auth, value: "true"}
        - {op: add, path: /apiServer/extraArgs/-, value: {name: authorization-mode, value: "Node,RBAC,Webhook"}}
        - {op: add, path: /apiServer/certSANs/-, value: a}
"""
CLUSTER_API = """\
    apiVersion: controlplane.cluster.x-k8s.io/v1beta1
    kind: KubeadmControlPlane
    metadata: {name: a}
    spec:
      version: v1.31.2
      kubeadmConfigSpec:
        clusterConfiguration:
          apiServer:
            extraArgs: {anonymous-auth: "true", authorization-mode: "Node,RBAC,Webhook"}
        initConfiguration:
          nodeRegistration:
            kubeletExtraArgs: {read-only-port: "10255"}
"""


@pytest.mark.parametrize(
    ("text", "minor", "has_kubelet"),
    [
        pytest.param(K3S, 37, True, id="k3s"),
        pytest.param(RKE, 37, True, id="RKE"),
        pytest.param(TALOS, 31, True, id="Talos"),
        pytest.param(KOPS, 31, True, id="kOps"),
        pytest.param(KIND, 37, False, id="kind, by a JSON patch"),
        pytest.param(CLUSTER_API, 31, True, id="Cluster API"),
    ],
)
def test_the_flags_are_found(text: str, minor: int, has_kubelet: bool) -> None:
    found = components(text)
    server = found["kube-apiserver"]
    assert server.minor == minor
    assert server.settings["anonymous-auth"] is True
    assert server.settings["authorization-mode"] == ["Node", "RBAC", "Webhook"]
    assert not has_kubelet or found["kubelet"].settings["read-only-port"] == 10255
    assert {"anonymous-auth", "authorization-mode"} <= server.places.keys()


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        pytest.param(K3S, "kube-apiserver", {"profiling": False, "encryption-provider-config": "k3s"}, id="k3s"),
        pytest.param(K3S, "kubelet", {"protect-kernel-defaults": True, "anonymous-auth": False}, id="kubelet of k3s"),
        pytest.param(K3S, "kube-controller-manager", {"terminated-pod-gc-threshold": 10}, id="one flag alone"),
        pytest.param(TALOS, "kube-apiserver", {"profiling": False, "enable-admission-plugins": ["NodeRestriction"]}, id="Talos"),
        pytest.param(TALOS, "kubelet", {"rotate-certificates": True, "rotate-server-certificates": True}, id="kubelet of Talos"),
        pytest.param(CLUSTER_API, "kube-scheduler", {"bind-address": "127.0.0.1"}, id="kubeadm in Cluster API"),
    ],
)  # fmt: skip
def test_what_is_not_written_is_what_the_tool_sets(text: str, name: str, settings: dict[str, Json]) -> None:
    found = components(text)[name]
    assert {setting: found.settings[setting] for setting in settings} == settings


@pytest.mark.parametrize("text", [RKE, KOPS, KIND], ids=["RKE", "kOps", "kind"])
def test_what_is_up_to_the_tool_is_not_judged(text: str) -> None:
    assert not any(one.is_whole for one in components(text).values())


@pytest.mark.parametrize(
    ("text", "program", "setting"),
    [
        pytest.param(CLUSTER_API.replace("Node,RBAC,Webhook", "${MODES}"), "kube-apiserver", "authorization-mode", id="a variable"),
        pytest.param(K3S.replace("read-only-port=10255", "read-only-port={{ port }}"), "kubelet", "read-only-port", id="a template"),
        pytest.param(TALOS.replace("readOnlyPort: 10255", "readOnlyPort: '${PORT}'"), "kubelet", "read-only-port", id="a field"),
        pytest.param(K3S.replace("read-only-port=10255", "ENC[AES256_GCM,data:Zm9v,iv:Zm9v,tag:Zm9v,type:str]"), "kubelet", "", id="a flag that is encrypted"),
    ],
)  # fmt: skip
def test_a_placeholder_is_no_value(text: str, program: str, setting: str) -> None:
    found = found_in(text)
    (one,) = (one for one in found.components if one.name == program)
    assert found.gaps == ()
    assert one.unknown == (frozenset((setting,)) if setting else frozenset())


@pytest.mark.parametrize("text", [KIND.replace("v1alpha4", "v1"), KOPS.replace("v1alpha2", "v1")], ids=["kind", "kOps"])
def test_an_unknown_version_is_not_judged(text: str) -> None:
    found = found_in(text)
    assert found.components == ()
    assert [hint.message.partition(";")[0] for hint in found.unread] == ["kgate does not know this version of Cluster"]


def test_a_profile_of_rke2() -> None:
    kubelet = components("profile: cis-1.23\nkubelet-arg: [read-only-port=0]\n")["kubelet"]
    assert kubelet.settings["protect-kernel-defaults"] is True


def test_a_patch_of_talos_is_not_whole() -> None:
    patch = "cluster:\n  apiServer:\n    extraArgs: {anonymous-auth: true}\n"
    (found,) = components(patch).values()
    assert (found.settings, found.is_whole) == ({"anonymous-auth": True}, False)


def test_documents_of_talos() -> None:
    text = """\
        apiVersion: v1alpha1
        kind: KubeAPIServerConfig
        image: registry.k8s.io/kube-apiserver:v1.31.2
        extraArgs: {anonymous-auth: true}
        ---
        apiVersion: v1alpha1
        kind: KubeletConfig
        config: {readOnlyPort: 10255}
        ---
        apiVersion: v1alpha1
        kind: KubeEtcdEncryptionConfig
        config:
          resources: [{resources: [secrets], providers: [{identity: {}}]}]
        ---
        apiVersion: v1alpha1
        kind: HostnameConfig
    """
    found = components(text)
    assert (found["kube-apiserver"].minor, found["kube-apiserver"].settings["profiling"]) == (31, False)
    assert (found["kubelet"].settings, found["kubelet"].is_whole) == ({"read-only-port": 10255}, False)
    inner = [one for one in read(text).resources if one.id.kind == "EncryptionConfiguration"]
    assert [one.locate("/resources/0/providers").start.line for one in inner] == [13]


def test_a_list_of_arguments_in_newer_versions_of_cluster_api() -> None:
    text = CLUSTER_API.replace("v1beta1", "v1beta2").replace(
        'extraArgs: {anonymous-auth: "true", authorization-mode: "Node,RBAC,Webhook"}',
        'extraArgs: [{name: anonymous-auth, value: "true"}]',
    )
    assert components(text)["kube-apiserver"].settings["anonymous-auth"] is True


def test_files_that_cluster_api_writes() -> None:
    text = f"""\
{CLUSTER_API}\
        files:
        - path: /etc/kubernetes/encryption.yaml
          content: |
            apiVersion: apiserver.config.k8s.io/v1
            kind: EncryptionConfiguration
            resources: []
        - {{path: /etc/motd, content: see kubelet.config.k8s.io/v1beta1}}
"""
    (inner,) = (one for one in read(text).resources if one.id.kind == "EncryptionConfiguration")
    assert inner.locate("/resources").start.line == 18


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("cluster: {name: a, etcd: {replicas: 3}}", id="values of a chart"),
        pytest.param("cluster: {apiServer: {extraArgs: {a: b}}}\nother: 1", id="more than Talos has"),
        pytest.param("machine: {kubelet: [extraArgs]}", id="a kubelet of a wrong type"),
        pytest.param("services: {web: {kube-api: {}}}", id="services of something else"),
        pytest.param("services: [kube-api]", id="a list of services"),
        pytest.param("kubelet: {kubelet-arg: a}", id="a key of k3s deeper inside"),
        pytest.param("version: v1alpha1", id="a version alone"),
    ],
)
def test_other_files_are_ignored(text: str) -> None:
    batch = read(text)
    assert (batch.resources, batch.ignored, batch.problems) == ((), 1, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("kubelet-arg: 1", "`kubelet-arg` must be text such as profiling=false", id="a number for flags"),
        pytest.param("kubelet-arg: [{a: b}]", "`kubelet-arg[0]` must be text such as profiling=false", id="no flag"),
        pytest.param("protect-kernel-defaults: maybe", "`protect-kernel-defaults` must be true or false", id="a switch"),
        pytest.param("cluster: {apiServer: {extraArgs: [a]}}", "`cluster.apiServer.extraArgs` must be a mapping", id="a list"),
        pytest.param("services: {kube-api: {extra_args: a}}", "`services.kube-api.extra_args` must be a mapping", id="text"),
        pytest.param(KOPS.replace("anonymousAuth: true", "anonymousAuth: {}"), "must be the value of --anonymous-auth", id="a mapping"),
        pytest.param(KIND.replace("{SomeGate: true}", "[SomeGate]"), "`featureGates` must be a mapping", id="a list of gates"),
    ],
)  # fmt: skip
def test_wrong_types_are_gaps(text: str, message: str) -> None:
    assert all(message in gap.message for gap in found_in(text).gaps)
    assert found_in(text).gaps


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        pytest.param(KIND.replace("- {op: add, path: /api", "- [{op: add, path: /api", 1), "/kubeadmConfigPatchesJSON6902/0/patch", id="a JSON patch"),
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_read_is_said(text: str, pointer: str) -> None:
    (hint,) = found_in(text).unread
    assert (hint.pointer, hint.message.startswith("it cannot be read: ")) == (pointer, True)


@pytest.mark.parametrize(
    "kind", ["KubeadmControlPlane", "KubeadmControlPlaneTemplate", "KubeadmConfig", "KubeadmConfigTemplate"]
)
@pytest.mark.parametrize(
    "spec",
    ["[]", "a", "{kubeadmConfigSpec: []}", "{files: [a], template: {spec: {files: {}}}}", "{clusterConfiguration: a}"],
)
def test_wrong_types_around_it_count_as_absent(kind: str, spec: str) -> None:
    text = f"apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n"
    batch: Any = read(text)
    assert [one.id.kind for one in batch.resources] == [kind]


def test_many_flags_are_read_in_time() -> None:
    text = "kube-apiserver-arg:\n" + "- profiling=false\n" * 20_000
    assert components(text)["kube-apiserver"].settings["profiling"] is False
