"""deployers.py: what objects deploy that is not followed is named, at the field that says it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kgate.kubernetes.deployers import DEPLOYERS, unfollowed
from kgate.kubernetes.embedded import expanded
from kgate.kubernetes.manifest import read
from kgate.kubernetes.workload import find_workload
from kgate.model import field_path

CONTAINER = "{name: c, image: x, securityContext: {privileged: true}}"
POD = f"{{hostPID: true, containers: [{CONTAINER}]}}"
OBJECT = f"{{apiVersion: v1, kind: Pod, metadata: {{name: e}}, spec: {POD}}}"


def head(kind: str) -> str:
    """The beginning of an object of a kind, which is written as in the table: ``Kind.group``."""
    name, _, group = kind.partition(".")
    return f"apiVersion: {group}/v1\nkind: {name}\nmetadata: {{name: a}}\n"


ROWS = [
    ("HelmChart.helm.cattle.io", "spec: {chartContent: H4sIAA}", "spec.chartContent"),
    ("HelmChartConfig.helm.cattle.io", "spec: {valuesContent: 'a: 1'}", "spec.valuesContent"),
    ("GitRepo.fleet.cattle.io", "spec: {repo: https://git.example, paths: [x]}", "spec.repo"),
    ("RootSync.configsync.gke.io", "spec: {sourceType: oci, oci: {image: x}}", "spec.oci"),
    ("RepoSync.configsync.gke.io", "spec: {git: {repo: x}}", "spec.git"),
    ("App.kappctrl.k14s.io", "spec: {fetch: [{git: {url: x}}], template: [{ytt: {}}]}", "spec.fetch"),
    ("PackageInstall.packaging.carvel.dev", "spec: {packageRef: {refName: x}}", "spec.packageRef"),
    ("ClusterPolicy.kyverno.io", "spec: {rules: [{}, {mutate: {patchesJson6902: x}}]}", "spec.rules[1].mutate"),
    ("Policy.kyverno.io", "spec: {rules: [{generate: {clone: {name: x}}}]}", "spec.rules[0].generate.clone"),
    (
        "ClusterPolicy.kyverno.io",
        "spec: {rules: [{generate: {foreach: [{cloneList: {kinds: [v1/Secret]}}]}}]}",
        "spec.rules[0].generate.foreach[0].cloneList",
    ),
    ("MutatingPolicy.policies.kyverno.io", "spec: {mutations: [{patchType: JSONPatch}]}", "spec.mutations"),
    ("Assign.mutations.gatekeeper.sh", "spec: {location: spec.hostPID}", "spec"),
    ("ModifySet.mutations.gatekeeper.sh", "spec: {location: spec.args}", "spec"),
    ("MutatingAdmissionPolicy.admissionregistration.k8s.io", "spec: {mutations: [{}]}", "spec.mutations"),
    ("Composition.apiextensions.crossplane.io", "spec: {pipeline: [{step: a}]}", "spec.pipeline"),
    (
        "Composition.apiextensions.crossplane.io",
        "spec: {resources: [{base: {}}, {patches: [{}]}]}",
        "spec.resources[1].patches",
    ),
    ("Release.helm.crossplane.io", "spec: {forProvider: {chart: {name: x}}}", "spec.forProvider.chart"),
    ("Workspace.tf.upbound.io", "spec: {forProvider: {module: x}}", "spec.forProvider.module"),
    ("Workspace.app.terraform.io", "spec: {organization: x}", "spec"),
    ("Terraform.infra.contrib.fluxcd.io", "spec: {path: ./tf}", "spec"),
    ("AnsibleJob.tower.ansible.com", "spec: {job_template_name: x}", "spec"),
    ("Subscription.operators.coreos.com", "spec: {name: x, source: y}", "spec.name"),
    ("ClusterResourceSet.addons.cluster.x-k8s.io", "spec: {resources: [{kind: ConfigMap}]}", "spec.resources"),
    ("ClusterProfile.config.projectsveltos.io", "spec: {policyRefs: [{kind: ConfigMap}]}", "spec.policyRefs"),
    ("FluxInstance.fluxcd.controlplane.io", "spec: {sync: {path: a}}", "spec.sync"),
    ("FluxInstance.fluxcd.controlplane.io", "spec: {kustomize: {patches: [{}]}}", "spec.kustomize"),
    (
        "MutatingWebhookConfiguration.admissionregistration.k8s.io",
        "webhooks: [{clientConfig: {service: {}}}, {clientConfig: {url: 'https://a.example'}}]",
        "webhooks[1].clientConfig.url",
    ),
    (
        "ClusterConfig.k0s.k0sproject.io",
        "spec: {extensions: {helm: {charts: [{chartname: a/b}]}}}",
        "spec.extensions.helm.charts[0].chartname",
    ),
    ("Chart.helm.k0sproject.io", "spec: {chartName: a/b}", "spec.chartName"),
    ("KluctlDeployment.gitops.kluctl.io", "spec: {source: {git: {url: x}}}", "spec.source"),
    ("ClusterPackage.packages.glasskube.dev", "spec: {packageInfo: {name: x}}", "spec.packageInfo"),
    ("InfrastructureProvider.operator.cluster.x-k8s.io", "spec: {version: v1}", "spec"),
    (
        "Sensor.argoproj.io",
        "spec: {triggers: [{template: {k8s: {source: {git: {url: x}}}}}]}",
        "spec.triggers[0].template.k8s.source.git",
    ),
    ("ClusterOverridePolicy.policy.karmada.io", "spec: {overrideRules: [{}]}", "spec.overrideRules"),
]


@pytest.mark.parametrize(("kind", "spec", "field"), ROWS, ids=[f"{row[0]} {row[2]}" for row in ROWS])
def test_what_is_not_followed_is_named(kind: str, spec: str, field: str) -> None:
    (resource,) = read("a.yaml", f"{head(kind)}{spec}\n".encode()).resources
    (found,) = unfollowed(resource)
    assert (found.path, found.line, found.what) == ("a.yaml", 4, f"{kind.partition('.')[0]}/a")
    assert found.message.startswith(f"{field} ")


def test_each_kind_names_its_fields() -> None:
    assert len(DEPLOYERS) > 50
    assert all(one.fields and one.why for deployers in DEPLOYERS.values() for one in deployers)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        pytest.param("ClusterPolicy.kyverno.io", "spec: {rules: [{validate: {pattern: {spec: {}}}}]}", id="validation"),
        pytest.param("ClusterPolicy.kyverno.io", "spec: {rules: [{generate: {kind: Pod, data: {}}}]}", id="data"),
        pytest.param("Policy.kyverno.io", "spec: {rules: [{mutate: {}}, 3, {mutate: null}]}", id="empty rules"),
        pytest.param("HelmChart.example.org", "spec: {chart: x}", id="another group"),
        pytest.param("App.kappctrl.k14s.io", "spec: 3", id="a wrong type"),
        pytest.param(
            "Object.kubernetes.crossplane.io", f"spec: {{forProvider: {{manifest: {OBJECT}}}}}", id="all inside"
        ),
        pytest.param("ManifestWork.work.open-cluster-management.io", f"spec: {{manifests: [{OBJECT}]}}", id="a list"),
        pytest.param("Kustomization.kustomize.toolkit.fluxcd.io", "spec: {patches: []}", id="what is followed"),
    ],
)
def test_what_holds_all_that_it_deploys_is_not(kind: str, spec: str) -> None:
    (resource,) = read("a.yaml", f"{head(kind)}{spec}\n".encode()).resources
    assert list(unfollowed(resource)) == []


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        pytest.param("HelmRelease.helm.toolkit.fluxcd.io", "HelmRelease/b in Object/a", id="Flux"),
        pytest.param("Application.argoproj.io", "Application/b in Object/a", id="Argo CD"),
        pytest.param("GitRepo.fleet.cattle.io", "GitRepo/b in Object/a", id="Fleet"),
    ],
)
def test_a_deployer_in_another_object_is_named(kind: str, what: str) -> None:
    name, _, group = kind.partition(".")
    inner = f"{{apiVersion: {group}/v1, kind: {name}, metadata: {{name: b}}, spec: {{repo: x}}}}"
    text = f"{head('Object.kubernetes.crossplane.io')}spec:\n  forProvider:\n    manifest: {inner}\n"
    (resource,) = read("a.yaml", text.encode()).resources
    (found,) = unfollowed(resource)
    assert (found.what, found.line) == (what, 6)


TEXT = f"|\n        apiVersion: v1\n        kind: Pod\n        metadata: {{name: e}}\n        spec: {POD}\n"

EMBEDDED = [
    (
        "Object.kubernetes.crossplane.io",
        f"spec: {{forProvider: {{manifest: {OBJECT}}}}}",
        "spec.forProvider.manifest.spec",
    ),
    (
        "ManifestWork.work.open-cluster-management.io",
        f"spec: {{workload: {{manifests: [{OBJECT}]}}}}",
        "spec.workload.manifests[0].spec",
    ),
    ("Work.work.karmada.io", f"spec: {{workload: {{manifests: [{OBJECT}]}}}}", "spec.workload.manifests[0].spec"),
    ("ResourceSet.fluxcd.controlplane.io", f"spec: {{resources: [{OBJECT}]}}", "spec.resources[0].spec"),
    (
        "Composition.apiextensions.crossplane.io",
        f"spec: {{resources: [{{base: {{spec: {{forProvider: {{manifest: {OBJECT}}}}}}}}}]}}",
        "spec.resources[0].base.spec.forProvider.manifest.spec",
    ),
    (
        "ConfigurationPolicy.policy.open-cluster-management.io",
        f"spec: {{object-templates: [{{objectDefinition: {OBJECT}}}]}}",
        "spec.object-templates[0].objectDefinition.spec",
    ),
    (
        "ClusterServiceVersion.operators.coreos.com",
        f"spec: {{install: {{spec: {{deployments: [{{name: a, spec: {{template: {{spec: {POD}}}}}}}]}}}}}}",
        "spec.install.spec.deployments[0].spec.template.spec",
    ),
    ("HelmChart.helm.cattle.io", f"spec: {{valuesContent: 'pod: {POD}'}}", "spec.valuesContent.pod"),
    (
        "App.kappctrl.k14s.io",
        f"spec:\n  fetch:\n  - inline:\n      paths:\n       p.yml: {TEXT}",
        "spec.fetch[0].inline.paths[p.yml][0].spec",
    ),
    (
        "Bundle.fleet.cattle.io",
        f"spec:\n resources:\n - name: a/p.yaml\n   content: {TEXT}",
        "spec.resources[0].content[0].spec",
    ),
    (
        "KubeadmConfig.bootstrap.cluster.x-k8s.io",
        f"spec:\n files:\n - path: /etc/kubernetes/manifests/p.yaml\n   content: {TEXT}",
        "spec.files[0].content[0].spec",
    ),
    (
        "Cluster.provisioning.cattle.io",
        f"spec:\n rkeConfig:\n   additionalManifest: {TEXT}",
        "spec.rkeConfig.additionalManifest[0].spec",
    ),
    (
        "ClusterPolicy.kyverno.io",
        f"spec: {{rules: [{{generate: {{apiVersion: v1, kind: Pod, data: {{spec: {POD}}}}}}}]}}",
        "spec.rules[0].generate.data.spec",
    ),
    (
        "Policy.kyverno.io",
        f"spec: {{rules: [{{generate: {{foreach: [{{kind: Pod, apiVersion: v1, data: {{spec: {POD}}}}}]}}}}]}}",
        "spec.rules[0].generate.foreach[0].data.spec",
    ),
    (
        "ClusterPolicy.kyverno.io",
        f"spec: {{rules: [{{mutate: {{patchStrategicMerge: {{spec: {POD}}}}}}}]}}",
        "spec.rules[0].mutate.patchStrategicMerge.spec",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "pod"), EMBEDDED, ids=[f"{row[0]} {row[2]}" for row in EMBEDDED])
def test_what_it_holds_is_judged_by_its_shape(kind: str, spec: str, pod: str) -> None:
    (resource,) = read("a.yaml", f"{head(kind)}{spec}\n".encode()).resources
    workload = find_workload(expanded(resource))
    assert workload is not None
    (found,) = workload.pods
    assert (field_path(found.pointer), found.spec["hostPID"], len(found.containers)) == (pod, True, 1)


@pytest.mark.parametrize("field", ["values", "p.yaml"])
def test_texts_in_texts_do_not_exhaust_the_stack(field: str) -> None:
    body: Any = {"apiVersion": "v1", "kind": "Pod", "spec": {"hostPID": True}}
    for _ in range(5):
        spec: Any = {field: json.dumps(body)}
        for _ in range(245):
            spec = {"a": spec}
        body = {"apiVersion": "example.org/v1", "kind": "Web", "metadata": {"name": "a"}, "spec": spec}
    (resource,) = read("a.yaml", json.dumps(body).encode()).resources
    whole = expanded(resource)
    assert whole.body != resource.body
    assert find_workload(whole) is None
    assert list(unfollowed(whole)) == []
