"""served.py: which API versions a cluster serves, and what to write instead."""

from __future__ import annotations

import pytest

from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.kubernetes.served import complaint

N = f"Kubernetes 1.{NEWEST_MINOR} does not serve"


@pytest.mark.parametrize(
    ("api_version", "kind", "message"),
    [
        pytest.param("extensions/v1beta1", "Deployment", f"{N} Deployment as extensions/v1beta1 (removed in 1.16); use apps/v1", id="another group"),
        pytest.param("apps/v1beta2", "DaemonSet", f"{N} DaemonSet as apps/v1beta2 (removed in 1.16); use apps/v1", id="a beta"),
        pytest.param("batch/v1beta1", "CronJob", f"{N} CronJob as batch/v1beta1 (removed in 1.25); use batch/v1", id="CronJob"),
        pytest.param("batch/v2alpha1", "CronJob", f"{N} CronJob as batch/v2alpha1 (removed in 1.21); use batch/v1", id="an alpha"),
        pytest.param("extensions/v1beta1", "Ingress", f"{N} Ingress as extensions/v1beta1 (removed in 1.22); use networking.k8s.io/v1", id="Ingress"),
        pytest.param("policy/v1beta1", "PodDisruptionBudget", f"{N} PodDisruptionBudget as policy/v1beta1 (removed in 1.25); use policy/v1", id="PodDisruptionBudget"),
        pytest.param("autoscaling/v2beta2", "HorizontalPodAutoscaler", f"{N} HorizontalPodAutoscaler as autoscaling/v2beta2 (removed in 1.26); use autoscaling/v2", id="the newest of several"),
        pytest.param("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", f"{N} CustomResourceDefinition as apiextensions.k8s.io/v1beta1 (removed in 1.22); use apiextensions.k8s.io/v1", id="CustomResourceDefinition"),
        pytest.param("policy/v1beta1", "PodSecurityPolicy", f"{N} PodSecurityPolicy as policy/v1beta1 (removed in 1.25); label namespaces for Pod Security admission instead", id="PodSecurityPolicy"),
        pytest.param("settings.k8s.io/v1alpha1", "PodPreset", f"{N} PodPreset as settings.k8s.io/v1alpha1 (removed in 1.20); no other API version of it is served either", id="gone without a successor"),
        pytest.param("apps/v2", "Deployment", f"{N} Deployment as apps/v2; use apps/v1", id="a version that never was"),
        pytest.param("v1", "Deployment", f"{N} Deployment as v1; use apps/v1", id="the wrong group"),
        pytest.param("apps/v1", "Ingress", f"{N} Ingress as apps/v1; use networking.k8s.io/v1", id="another wrong group"),
        pytest.param("extensions/v1beta1", "Job", f"{N} Job as extensions/v1beta1; use batch/v1", id="before the oldest known version"),
        pytest.param("apps/v1", "Deploymnet", "apps/v1 has no kind Deploymnet; did you mean Deployment?", id="letters swapped"),
        pytest.param("apps/v1", "deployment", "apps/v1 has no kind deployment; did you mean Deployment?", id="another case"),
        pytest.param("apps/v1", "StatefullSet", "apps/v1 has no kind StatefullSet; did you mean StatefulSet?", id="a letter too much"),
        pytest.param("v1", "Pods", "v1 has no kind Pods; did you mean Pod?", id="plural"),
        pytest.param("v1", "Deploymnet", "v1 has no kind Deploymnet; did you mean Deployment of apps/v1?", id="misspelt in the wrong group"),
        pytest.param("app/v1", "Deployment", "Kubernetes has no API version app/v1; did you mean apps/v1?", id="a misspelt group"),
        pytest.param("Apps/v1", "Deployment", "Kubernetes has no API version Apps/v1; did you mean apps/v1?", id="a group in another case"),
        pytest.param("networking.k8s.oi/v1", "Ingress", "Kubernetes has no API version networking.k8s.oi/v1; did you mean networking.k8s.io/v1?", id="a long group"),
        pytest.param("kubelet.config.k8s.io/v1", "KubeletConfiguration", "Kubernetes 1.37 does not read KubeletConfiguration as kubelet.config.k8s.io/v1; use kubelet.config.k8s.io/v1beta1", id="a version of a file that never was"),
        pytest.param("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfigurtaion", "kubeproxy.config.k8s.io/v1alpha1 has no kind KubeProxyConfigurtaion; did you mean KubeProxyConfiguration?", id="a misspelt kind of a file"),
    ],
)  # fmt: skip
def test_what_is_not_served(api_version: str, kind: str, message: str) -> None:
    found = complaint(api_version, kind, NEWEST_MINOR)
    assert found is not None
    assert found.message == message
    assert found.field == ("kind" if "has no kind" in message else "apiVersion")


@pytest.mark.parametrize(
    ("api_version", "kind", "minor", "message"),
    [
        ("batch/v1beta1", "CronJob", 24, None),
        ("batch/v1beta1", "CronJob", 25, "(removed in 1.25); use batch/v1"),
        ("batch/v1", "CronJob", 20, "(added in 1.21); use batch/v1beta1"),
        ("batch/v1", "CronJob", 21, None),
        ("policy/v1beta1", "PodSecurityPolicy", 24, None),
        ("extensions/v1beta1", "PodSecurityPolicy", 24, "(removed in 1.16); use policy/v1beta1"),
        ("extensions/v1beta1", "Deployment", 15, None),
        ("networking.k8s.io/v1", "Ingress", 18, "(added in 1.19); use networking.k8s.io/v1beta1"),
        ("apps/v1", "Deployment", 9, None),
        (
            "apiserver.config.k8s.io/v1",
            "AuthenticationConfiguration",
            33,
            "(added in 1.34); use apiserver.config.k8s.io/v1beta1",
        ),
        ("apiserver.config.k8s.io/v1beta1", "AuthenticationConfiguration", 33, None),
    ],
)
def test_the_version_of_the_cluster_counts(api_version: str, kind: str, minor: int, message: str | None) -> None:
    found = complaint(api_version, kind, minor)
    assert found is None if message is None else found is not None and found.message.endswith(message)


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "Pod"),
        ("v1", "List"),
        ("apps/v1", "Deployment"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("v1", "DeploymentConfig"),  # OpenShift 3 has kinds without a group
        ("v1", "SecurityContextConstraints"),
        ("v1", "Template"),
        ("v1", "Config"),  # a kubeconfig
        ("v1", "Route"),
        ("apps.kruise.io/v1alpha1", "DaemonSet"),
        ("apps.openshift.io/v1", "DeploymentConfig"),
        ("networking.istio.io/v1", "Gateway"),
        ("gateway.networking.k8s.io/v1", "Gateway"),
        ("config.openshift.io/v1", "Ingress"),
        ("extensions.istio.io/v1alpha1", "WasmPlugin"),
        ("admission.k8s.io/v1beta1", "AdmissionReview"),  # a sample of what the API server sends
        ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
        ("v1", "EncryptionConfig"),
        ("example.com/v1", "Deploymnet"),
        ("skaffold/v4beta6", "Config"),
        ("serving.knative.dev/v1", "Service"),
    ],
)
def test_what_may_be_right(api_version: str, kind: str) -> None:
    assert complaint(api_version, kind, NEWEST_MINOR) is None
