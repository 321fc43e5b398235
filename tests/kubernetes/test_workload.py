"""workload.py: every kind that runs pods, found in one place."""

from __future__ import annotations

from typing import Any

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import pss
from kgate.kubernetes.workload import find_workload
from kgate.model import Severity, Workload
from kgate.rules import load
from tests.manifests import resource, workloads

POD = {
    "initContainers": [{"name": "i", "image": "x"}],
    "containers": [{"name": "c", "image": "x"}],
    "ephemeralContainers": [{"name": "e", "image": "x"}],
}
KINDS = list(workloads(POD, {"annotations": {"a": "b"}}))


def find(body: dict[str, Any]) -> Workload | None:
    return find_workload(resource(body))


def test_there_are_kinds() -> None:
    assert len({(body["apiVersion"], body["kind"]) for body in KINDS}) >= 24


@pytest.mark.parametrize("body", KINDS, ids=[f"{body['apiVersion']} {body['kind']}" for body in KINDS])
def test_every_kind_runs_its_pod(body: dict[str, Any]) -> None:
    workload = find(body)
    assert workload is not None
    (pod,) = workload.pods
    assert [(c.name, c.list) for c in pod.containers] == [
        ("i", "initContainers"),
        ("c", "containers"),
        ("e", "ephemeralContainers"),
    ]
    for container in pod.containers:
        assert at(body, container.pointer) == container.body
    assert at(body, pod.pointer) == pod.spec
    if body["kind"] != "PodTemplate":
        assert at(body, pod.metadata_pointer) == pod.metadata


def at(body: Any, pointer: str) -> Any:
    for token in pointer.split("/")[1:]:
        body = body[int(token)] if isinstance(body, list) else body[token]
    return body


def thing(api_version: str, kind: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}


def test_several_pods_of_one_object() -> None:
    template = {"template": {"spec": {"containers": [{"name": "c", "image": "x"}]}}}
    workload = find(thing("kubeflow.org/v1", "TFJob", {"tfReplicaSpecs": {"PS": template, "Worker": template}}))
    assert workload is not None
    assert len(workload.pods) == 2


EXTRA_VOLUMES = {"extraVolumes": [{"name": "a", "hostPath": "/etc/a", "mountPath": "/etc/a"}]}
"""Those that kubeadm gives to the API server."""


@pytest.mark.parametrize(
    "body",
    [
        thing("v1", "Service", {"ports": [{"name": "http", "port": 80}]}),
        thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", {"containers": [{"name": "c"}]}),
        thing("policy/v1beta1", "PodSecurityPolicy", {"hostPID": True, "hostNetwork": True, "volumes": ["*"]}),
        thing("kyverno.io/v1", "ClusterPolicy", {"rules": [{"validate": {"pattern": {"spec": POD}}}]}),
        thing("constraints.gatekeeper.sh/v1", "K8sX", {"parameters": POD}),
        {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration", "apiServer": EXTRA_VOLUMES},
        thing("controlplane.cluster.x-k8s.io/v1beta1", "KubeadmControlPlane", {"apiServer": EXTRA_VOLUMES}),
        thing("example.org/v1", "X", {"containers": []}),
        thing("example.org/v1", "X", {"containers": ["a"]}),
        {"apiVersion": "example.org/v1", "kind": "X", "status": POD},
    ],
    ids=lambda body: str(body["kind"]),
)
def test_what_runs_no_pods(body: dict[str, Any]) -> None:
    assert find(body) is None


@pytest.mark.parametrize(
    "spec", [None, {}, {"template": None}, {"template": {"spec": None}}, {"template": []}, [], "x"]
)
def test_a_workload_without_template_is_still_one(spec: Any) -> None:
    workload = find(thing("apps/v1", "Deployment", spec))
    assert workload is not None
    assert not workload.pods[0].containers


def test_another_group_may_use_the_name_of_a_kind() -> None:
    workload = find(thing("example.org/v1", "Job", {"podSpec": POD}))
    assert workload is not None
    assert workload.pods[0].pointer == "/spec/podSpec"


ARGO = {
    "hostNetwork": True,
    "securityContext": {"runAsUser": 0},
    "podMetadata": {"annotations": {"a": "b"}},
    "volumes": [{"name": "one"}],
    "templates": [
        {"name": "dag", "dag": {"tasks": []}},
        {
            "name": "a",
            "initContainers": [{"name": "i"}],
            "container": {"image": "x"},
            "sidecars": [{"name": "s"}],
            "volumes": [{"name": "two"}],
            "securityContext": {"runAsUser": 1},
        },
        {"name": "b", "script": {"image": "y", "source": "z"}},
        {"name": "c", "containerSet": {"containers": [{"name": "m"}]}},
    ],
}


@pytest.mark.parametrize(
    ("kind", "spec", "prefix"),
    [
        ("Workflow", ARGO, "/spec"),
        ("WorkflowTemplate", ARGO, "/spec"),
        ("ClusterWorkflowTemplate", ARGO, "/spec"),
        ("CronWorkflow", {"workflowSpec": ARGO}, "/spec/workflowSpec"),
    ],
)
def test_argo_workflows(kind: str, spec: Any, prefix: str) -> None:
    workload = find(thing("argoproj.io/v1alpha1", kind, spec))
    assert workload is not None
    first, second, third = workload.pods
    assert [(c.name, c.pointer) for c in first.containers] == [
        ("i", f"{prefix}/templates/1/initContainers/0"),
        ("main", f"{prefix}/templates/1/container"),
        ("s", f"{prefix}/templates/1/sidecars/0"),
    ]
    assert first.spec["hostNetwork"] is True
    assert first.spec["securityContext"] == {"runAsUser": 1}
    assert first.origins["hostNetwork"] == f"{prefix}/hostNetwork"
    assert first.origins["securityContext"] == f"{prefix}/templates/1/securityContext"
    assert first.origins["volumes/1"] == f"{prefix}/templates/1/volumes/0"
    assert first.metadata == {"annotations": {"a": "b"}}
    assert second.spec["securityContext"] == {"runAsUser": 0}
    assert [c.name for c in second.containers] == ["main"]
    assert third.containers[0].pointer == f"{prefix}/templates/3/containerSet/containers/0"


def test_a_pod_spec_patch_is_a_gap() -> None:
    workload = find(thing("argoproj.io/v1alpha1", "Workflow", {**ARGO, "podSpecPatch": "hostPID: true"}))
    assert workload is not None
    assert [gap.pointer for gap in workload.gaps] == ["/spec/podSpecPatch"]


def test_tekton_tasks() -> None:
    task = {
        "stepTemplate": {"securityContext": {"privileged": True, "runAsUser": 0}},
        "steps": [{"name": "s", "image": "x", "securityContext": {"privileged": False}}, {"image": "y"}],
        "sidecars": [{"name": "d", "image": "z"}],
        "volumes": [{"name": "v"}],
    }
    run = thing("tekton.dev/v1", "TaskRun", {"taskSpec": task, "podTemplate": {"hostNetwork": True}})
    workload = find(run)
    assert workload is not None
    pod, template = workload.pods
    assert not template.is_whole
    assert [c.pointer for c in pod.containers] == [
        "/spec/taskSpec/steps/0",
        "/spec/taskSpec/steps/1",
        "/spec/taskSpec/sidecars/0",
    ]
    assert pod.containers[0].body["securityContext"] == {"privileged": False, "runAsUser": 0}
    assert pod.containers[1].body["securityContext"]["privileged"] is True
    assert pod.containers[1].origins["securityContext"] == "/spec/taskSpec/stepTemplate/securityContext"
    assert pod.containers[0].origins["securityContext/runAsUser"].endswith("stepTemplate/securityContext/runAsUser")
    assert pod.origins["hostNetwork"] == "/spec/podTemplate/hostNetwork"
    assert pod.origins["volumes/0"] == "/spec/taskSpec/volumes/0"


def test_tekton_pipelines() -> None:
    tasks = [{"name": "t", "taskSpec": {"steps": [{"name": "s", "image": "x"}]}}]
    spec = {"pipelineSpec": {"tasks": tasks}, "taskRunTemplate": {"podTemplate": {"hostUsers": False}}}
    workload = find(thing("tekton.dev/v1", "PipelineRun", spec))
    assert workload is not None
    (pod,) = workload.pods
    assert pod.pointer == "/spec/pipelineSpec/tasks/0/taskSpec"
    assert pod.origins["hostUsers"] == "/spec/taskRunTemplate/podTemplate/hostUsers"


# --------------------------------------------------------------------------------- whole or completed

TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "x"}]}}
DEPLOYMENT = thing("apps/v1", "Deployment", {"template": TEMPLATE})
JOB = {"spec": {"template": TEMPLATE}}
WHOLE = [
    thing("actions.github.com/v1alpha1", "AutoscalingRunnerSet", {"template": TEMPLATE}),
    thing("agents.x-k8s.io/v1alpha1", "Sandbox", {"podTemplate": TEMPLATE}),
    thing("agones.dev/v1", "Fleet", {"template": {"spec": {"template": TEMPLATE}}}),
    thing("apps.kruise.io/v1alpha1", "CloneSet", {"template": TEMPLATE}),
    thing("apps.kruise.io/v1alpha1", "AdvancedCronJob", {"template": {"jobTemplate": JOB}}),
    thing("apps.kruise.io/v1alpha1", "UnitedDeployment", {"template": {"statefulSetTemplate": JOB}}),
    thing("apps.openshift.io/v1", "DeploymentConfig", {"template": TEMPLATE}),
    thing("argoproj.io/v1alpha1", "Rollout", {"template": TEMPLATE}),
    thing("argoproj.io/v1alpha1", "Experiment", {"templates": [{"template": TEMPLATE}]}),
    thing("argoproj.io/v1alpha1", "AnalysisTemplate", {"metrics": [{"provider": {"job": JOB}}]}),
    thing("batch.volcano.sh/v1alpha1", "Job", {"tasks": [{"template": TEMPLATE}]}),
    thing("flow.volcano.sh/v1alpha1", "JobTemplate", {"tasks": [{"template": TEMPLATE}]}),
    thing("game.kruise.io/v1alpha1", "GameServerSet", {"gameServerTemplate": TEMPLATE}),
    thing("jobset.x-k8s.io/v1alpha2", "JobSet", {"replicatedJobs": [{"template": JOB}]}),
    thing("keda.sh/v1alpha1", "ScaledJob", {"jobTargetRef": {"template": TEMPLATE}}),
    thing("kubeflow.org/v1", "PyTorchJob", {"pytorchReplicaSpecs": {"Master": {"template": TEMPLATE}}}),
    thing("kubeflow.org/v1", "Notebook", {"template": TEMPLATE}),
    thing("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", {"leaderWorkerTemplate": {"workerTemplate": TEMPLATE}}),
    thing(
        "operators.coreos.com/v1alpha1",
        "ClusterServiceVersion",
        {"install": {"spec": {"deployments": [{"name": "a", "spec": {"template": TEMPLATE}}]}}},
    ),
    thing("ray.io/v1", "RayCluster", {"headGroupSpec": {"template": TEMPLATE}}),
    thing("serving.knative.dev/v1", "Service", {"template": TEMPLATE}),
    thing("sinks.knative.dev/v1alpha1", "JobSink", {"job": JOB}),
    thing("sources.knative.dev/v1", "ContainerSource", {"template": TEMPLATE}),
    thing("kro.run/v1alpha1", "ResourceGraphDefinition", {"resources": [{"id": "a", "template": DEPLOYMENT}]}),
    thing("fluxcd.controlplane.io/v1", "ResourceSet", {"resources": [DEPLOYMENT]}),
    thing(
        "argoproj.io/v1alpha1", "Sensor", {"triggers": [{"template": {"k8s": {"source": {"resource": DEPLOYMENT}}}}]}
    ),
    thing("template.openshift.io/v1", "TemplateInstance", {"template": {"objects": [DEPLOYMENT]}}),
]
COMPLETED = [
    thing("actions.summerwind.dev/v1alpha1", "RunnerDeployment", {"template": TEMPLATE}),
    thing("actions.github.com/v1alpha1", "AutoscalingRunnerSet", {"listenerTemplate": TEMPLATE}),
    thing("apps.kruise.io/v1alpha1", "SidecarSet", {"containers": [{"name": "c", "image": "x"}]}),
    thing("apps.kruise.io/v1alpha1", "ContainerRecreateRequest", {"podName": "a", "containers": [{"name": "c"}]}),
    thing("apps.kruise.io/v1alpha1", "WorkloadSpread", {"subsets": [{"patch": TEMPLATE}]}),
    thing("apps.kruise.io/v1alpha1", "UnitedDeployment", {"topology": {"subsets": [{"patch": JOB}]}}),
    thing("apps.kruise.io/v1alpha1", "EphemeralJob", {"template": {"ephemeralContainers": [{"name": "c"}]}}),
    thing("argoproj.io/v1beta1", "ArgoCD", {"repo": {"initContainers": [{"name": "c", "image": "x"}]}}),
    thing("kro.run/v1alpha1", "WebApp", {"containers": [{"name": "c", "image": "x"}]}),
    thing("kubeflow.org/v1alpha1", "PodDefault", {"initContainers": [{"name": "c", "image": "x"}]}),
    thing("serving.kserve.io/v1beta1", "InferenceService", {"predictor": TEMPLATE["spec"]}),
    thing("triggers.tekton.dev/v1beta1", "EventListener", {"resources": {"kubernetesResource": JOB}}),
]


def named(bodies: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(body, id=f"{body['apiVersion']} {body['kind']}") for body in bodies]


@pytest.mark.parametrize("body", named(WHOLE))
def test_what_a_controller_runs_as_it_is_written(body: dict[str, Any]) -> None:
    workload = find(body)
    assert workload is not None
    assert workload.is_whole


@pytest.mark.parametrize("body", named(COMPLETED))
def test_what_a_controller_completes(body: dict[str, Any]) -> None:
    workload = find(body)
    assert workload is not None
    assert not workload.is_whole


# ------------------------------------------------------------- shapes that hide behind other shapes

PRIVILEGED = {"securityContext": {"privileged": True}}
ROOT_VOLUME = {"name": "r", "hostPath": {"path": "/"}}
PRIVILEGED_CONTAINER = {"name": "c", "image": "x", **PRIVILEGED}

HIDDEN: dict[str, dict[str, Any]] = {
    "an empty list beside hostPID": thing("example.org/v1", "X", {"template": {"spec": {"hostPID": True, "containers": []}}}),
    "containers as a mapping": thing("example.org/v1", "X", {"template": {"spec": {"containers": PRIVILEGED_CONTAINER}}}),
    "a null before the container": thing("example.org/v1", "X", {"containers": [None, PRIVILEGED_CONTAINER]}),
    "a string before the container": thing("example.org/v1", "X", {"containers": ["x", PRIVILEGED_CONTAINER]}),
    "a container without a name": thing("example.org/v1", "X", {"containers": [PRIVILEGED]}),
    "a pod template without containers": thing("example.org/v1", "Beat", {"podTemplate": {"spec": {"hostNetwork": True}}}),
    "volumes without containers": thing("example.org/v1", "Prometheus", {"volumes": [ROOT_VOLUME]}),
    "a lone security context": thing("example.org/v1", "Collector", PRIVILEGED),
    "a lone capability": thing("example.org/v1", "X", {"a": {"securityContext": {"capabilities": {"add": ["BPF"]}}}}),
    "a container field": thing("argoproj.io/v1alpha1", "Sensor", {"template": {"container": PRIVILEGED}}),
    "a pod inside a pod": thing("example.org/v1", "X", {"containers": [{"name": "a"}], "thanos": {"containers": [PRIVILEGED_CONTAINER]}}),
    "a workflow inside a sensor": thing("argoproj.io/v1alpha1", "Sensor", {"resource": thing("argoproj.io/v1alpha1", "Workflow", {"templates": [{"container": PRIVILEGED}]})}),
    "a Deployment inside an object": thing("example.org/v1", "X", {"manifest": thing("apps/v1", "Deployment", {"template": {"spec": {"containers": [PRIVILEGED_CONTAINER]}}})}),
    "an inline template": thing("argoproj.io/v1alpha1", "Workflow", {"templates": [{"name": "m", "steps": [[{"inline": {"container": PRIVILEGED}}]]}]}),
    "an inline task": thing("argoproj.io/v1alpha1", "Workflow", {"templates": [{"dag": {"tasks": [{"inline": {"script": PRIVILEGED}}]}}]}),
    "defaults of templates": thing("argoproj.io/v1alpha1", "Workflow", {"templateDefaults": {"volumes": [ROOT_VOLUME]}, "templates": [{"container": {"image": "x"}}]}),
    "templates as a mapping": thing("argoproj.io/v1alpha1", "Workflow", {"templates": {"a": {"container": PRIVILEGED}}}),
    "volumes of a workflow as a mapping": thing("argoproj.io/v1alpha1", "Workflow", {"volumes": {"hostPath": "/"}, "templates": []}),
    "a patch in the garbage collection": thing("argoproj.io/v1alpha1", "Workflow", {"templates": [], "artifactGC": {"podSpecPatch": "x"}}),
    "a step without an image": thing("tekton.dev/v1", "Task", {"stepTemplate": {"image": "x", **PRIVILEGED}, "steps": [{"script": "x"}]}),
    "a step by reference": thing("tekton.dev/v1", "Task", {"steps": [{"ref": {"name": "x"}, **PRIVILEGED}]}),
    "steps as a mapping": thing("tekton.dev/v1", "Task", {"steps": PRIVILEGED}),
    "a step action": thing("tekton.dev/v1", "StepAction", {"image": "x", **PRIVILEGED}),
    "a run by reference": thing("tekton.dev/v1", "TaskRun", {"taskRef": {"name": "x"}, "podTemplate": {"hostNetwork": True}}),
    "a decoy pod template": thing("tekton.dev/v1", "PipelineRun", {"podTemplate": {}, "taskRunTemplate": {"podTemplate": {"volumes": [ROOT_VOLUME]}}}),
    "a trigger": thing("triggers.tekton.dev/v1", "TriggerTemplate", {"resourcetemplates": [thing("tekton.dev/v1", "TaskRun", {"taskSpec": {"steps": [{"image": "x", **PRIVILEGED}]}})]}),
    "a pod below steps": thing("example.org/v1", "X", {"steps": [{"template": {"spec": {"containers": [PRIVILEGED_CONTAINER]}}}]}),
    "a pod below volumes": thing("example.org/v1", "X", {"volumes": [{"podTemplate": {"spec": {"containers": [PRIVILEGED_CONTAINER]}}}]}),
    "a pod below a list of containers": thing("example.org/v1", "X", {"containers": [{"template": {"spec": {"containers": [PRIVILEGED_CONTAINER]}}}]}),
    "lone sidecars": thing("example.org/v1", "X", {"pxc": {"sidecars": [PRIVILEGED_CONTAINER]}}),
    "sidecars beside init containers": thing("acid.zalan.do/v1", "postgresql", {"initContainers": [{"name": "a", "image": "x"}], "sidecars": [PRIVILEGED_CONTAINER]}),
    "sidecars of a task without steps": thing("tekton.dev/v1", "Task", {"sidecars": [PRIVILEGED_CONTAINER]}),
    "values of a release": thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", {"values": {"containers": {"app": PRIVILEGED}}}),
    "inside a ConfigMap inside an object": thing("example.org/v1", "X", {"a": {"apiVersion": "v1", "kind": "ConfigMap", "template": {"spec": {"containers": [PRIVILEGED_CONTAINER]}}}}),
    "below metadata of an inner object": thing("example.org/v1", "X", {"a": {**thing("example.org/v1", "Y", {}), "metadata": {"x": {"containers": [PRIVILEGED_CONTAINER]}}}}),
    "an object from text": thing("argoproj.io/v1alpha1", "Workflow", {"templates": [{"resource": {"action": "create", "manifest": "kind: Pod"}}]}),
    "a container set that is a mapping": thing("argoproj.io/v1alpha1", "Workflow", {"templates": [{"container": {"image": "x"}, "containerSet": {"containers": {"a": PRIVILEGED}}}]}),
    "a context of another name": thing("example.org/v1", "X", {"containerSecurityContext": {"privileged": True}}),
    "a host process": thing("example.org/v1", "X", {"securityContext": {"windowsOptions": {"hostProcess": True}}}),
    "an unmasked proc": thing("example.org/v1", "X", {"securityContext": {"procMount": "Unmasked"}}),
    "extra volumes": thing("example.org/v1", "X", {"extraVolumes": [{"name": "a"}, ROOT_VOLUME]}),
    "a foreign kind of a known name": thing("kyverno.io/v9", "Deployment", {"containers": [PRIVILEGED_CONTAINER]}),
}  # fmt: skip


@pytest.mark.parametrize("body", HIDDEN.values(), ids=HIDDEN.keys())
def test_nothing_privileged_hides(body: dict[str, Any]) -> None:
    judgement = Judge(load.load(), pss.NEWEST_MINOR).judge(resource(body))
    severe = [finding for finding in judgement.findings if finding.rule.severity >= Severity.HIGH]
    assert severe or judgement.problems


HARMLESS: dict[str, dict[str, Any]] = {
    "a reference to a workload": thing("autoscaling/v2", "HorizontalPodAutoscaler", {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}}),
    "pod settings of an operator": thing("cert-manager.io/v1", "Issuer", {"podTemplate": {"spec": {"nodeSelector": {}, "securityContext": {"runAsNonRoot": True}}}}),
    "a field of the same name": thing("operator.openshift.io/v1", "IngressController", {"strategy": {"hostNetwork": {"httpPort": 80}}}),
    "an empty list of an operator": thing("monitoring.coreos.com/v1", "Prometheus", {"containers": [], "serviceAccountName": "p"}),
    "a patch inside an object": thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", {"patchesStrategicMerge": [thing("apps/v1", "Deployment", {"replicas": 3})]}),
    "named things": thing("example.org/v1", "X", {"steps": [{"name": "a"}], "volumes": [{"name": "v", "emptyDir": {}}]}),
}  # fmt: skip


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS.keys())
def test_nothing_harmless_is_found(body: dict[str, Any]) -> None:
    judgement = Judge(load.load(), pss.NEWEST_MINOR).judge(resource(body))
    assert not judgement.findings
    assert not judgement.problems
