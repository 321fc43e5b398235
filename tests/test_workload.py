"""workload.py: every kind that runs pods, found in one place."""

from __future__ import annotations

from typing import Any

import pytest

from kgate.model import Workload
from kgate.workload import find_workload
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


@pytest.mark.parametrize(
    "body",
    [
        thing("v1", "Service", {"ports": [{"name": "http", "port": 80}]}),
        thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", {"containers": [{"name": "c"}]}),
        thing("kyverno.io/v1", "ClusterPolicy", {"rules": [{"validate": {"pattern": {"spec": POD}}}]}),
        thing("constraints.gatekeeper.sh/v1", "K8sX", {"parameters": POD}),
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
    (pod,) = workload.pods
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
