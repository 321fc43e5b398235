"""NetworkPolicies select pods as the API server has it, and nothing is said where others may decide."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from kgate.config import Settings
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.workload import find_workload
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.scan import scan
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool

POLICY = "networking.k8s.io/v1"
BOTH = {"policies": True, "ingress": True, "egress": True}
INGRESS = {"policies": True, "ingress": True, "egress": False}
EGRESS = {"policies": True, "ingress": False, "egress": True}
NEITHER = {"policies": True, "ingress": False, "egress": False}
MAYBE = {"policies": False, "ingress": True, "egress": False}
NO_POLICY = {"policies": False, "ingress": False, "egress": False}


def policy(
    spec: str = "podSelector: {}", namespace: str = "shop", api: str = POLICY, kind: str = "NetworkPolicy"
) -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {{{spec}}}\n"


def deployment(labels: str = "app: web, tier: front", namespace: str = "shop", spec: str = "") -> str:
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {namespace}}}\nspec:\n"
        f"  template:\n    metadata: {{labels: {{{labels}}}}}\n"
        f"    spec: {{{spec}containers: [{{name: app, image: x}}]}}\n"
    )


def facts_of(*texts: str) -> tuple[Facts, list[Any]]:
    batch = manifest.read("all.yaml", "---\n".join(texts).encode(), ("NetworkPolicy",))
    assert not batch.problems
    return Facts.of(batch.resources), list(batch.resources)


def network(workload: str, *others: str) -> Any:
    """What is known of the pod of a workload."""
    facts, resources = facts_of(workload, *others)
    found = find_workload(resources[0])
    assert found is not None
    return facts.of_workload(found).about(resources[0], found.pods[0]).get("network")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param("podSelector: {}", INGRESS, id="an empty selector"),
        pytest.param("policyTypes: [Ingress]", INGRESS, id="no selector"),
        pytest.param("podSelector: {matchLabels: {app: web}}", INGRESS, id="a label"),
        pytest.param("podSelector: {matchLabels: {app: web, tier: back}}", NEITHER, id="one of two labels"),
        pytest.param("podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}", INGRESS, id="In"),
        pytest.param(
            "podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}", NEITHER, id="NotIn"
        ),
        pytest.param(
            "podSelector: {matchExpressions: [{key: zone, operator: NotIn, values: [a]}]}", INGRESS, id="absent"
        ),
        pytest.param("podSelector: {matchExpressions: [{key: tier, operator: Exists}]}", INGRESS, id="Exists"),
        pytest.param(
            "podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}", NEITHER, id="DoesNotExist"
        ),
        pytest.param("podSelector: {matchLabels: {pod-template-hash: abc}}", INGRESS, id="a label of the controller"),
        pytest.param("podSelector: {}, policyTypes: [Egress]", EGRESS, id="egress only"),
        pytest.param("podSelector: {}, policyTypes: [Ingress, Egress]", BOTH, id="both"),
        pytest.param("podSelector: {}, policyTypes: []", INGRESS, id="an empty list of types"),
        pytest.param("podSelector: {}, egress: [{}]", BOTH, id="egress rules without types"),
        pytest.param("podSelector: {}, egress: []", INGRESS, id="no egress rules"),
        pytest.param("podSelector: {}, policyTypes: [Ingress], egress: [{}]", INGRESS, id="egress rules of no effect"),
        pytest.param("podSelector: []", None, id="a list for a selector"),
        pytest.param("podSelector: {matchLabels: {app: 1}}", None, id="a number for a label"),
        pytest.param("podSelector: {matchExpressions: [{key: a, operator: Is}]}", None, id="an unknown operator"),
        pytest.param("policyTypes: [Ingres]", None, id="an unknown type"),
        pytest.param("policyTypes: Ingress", None, id="a string for a list"),
    ],
)
def test_what_a_policy_isolates(spec: str, expected: dict[str, bool] | None) -> None:
    assert network(deployment(), policy(spec)) == expected


@pytest.mark.parametrize(
    ("workload", "others", "expected"),
    [
        pytest.param(deployment(), (), NO_POLICY, id="no policy"),
        pytest.param(deployment(), (policy(namespace="other"),), NO_POLICY, id="another namespace"),
        pytest.param(deployment(), (policy(namespace="''"),), MAYBE, id="a policy without a namespace"),
        pytest.param(deployment(namespace="''"), (policy(),), MAYBE, id="a workload without a namespace"),
        pytest.param(deployment(), (policy(), policy("podSelector: {matchLabels: {app: b}}", "''")), INGRESS, id="two"),
        pytest.param(
            deployment(), (policy(), policy("policyTypes: [Egress]")), BOTH, id="one for each direction"
        ),
        pytest.param(deployment("app: 1"), (policy(),), None, id="a label that the API server refuses"),
        pytest.param(deployment(spec="hostNetwork: true, "), (policy(),), None, id="the network of the node"),
        pytest.param(deployment(), (policy(api="cilium.io/v2", kind="CiliumNetworkPolicy"),), None, id="Cilium"),
        pytest.param(
            deployment(), (policy(), policy(api="projectcalico.org/v3", kind="NetworkPolicy")), None, id="Calico"
        ),
        pytest.param(
            deployment(),
            (policy(), policy(namespace="other", api="projectcalico.org/v3")),
            INGRESS,
            id="Calico elsewhere",
        ),
        pytest.param(
            deployment(),
            (policy(), policy(namespace="''", api="crd.projectcalico.org/v1", kind="GlobalNetworkPolicy")),
            None,
            id="a policy of all namespaces",
        ),
    ],
)  # fmt: skip
def test_which_policies_count(workload: str, others: tuple[str, ...], expected: dict[str, bool] | None) -> None:
    assert network(workload, *others) == expected


def selects(*texts: str) -> bool | None:
    """Whether the first object, a policy, selects pods."""
    facts, resources = facts_of(*texts)
    found: bool | None = facts.about_resource(resources[0]).get("network", {}).get("selectsPods")
    return found


APP = policy("podSelector: {matchLabels: {app: web}}")

MAKES = (
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n"
    "rules: [{apiGroups: [''], resources: [pods], verbs: [VERB]}]\n"
)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param((deployment(),), True, id="it does"),
        pytest.param((deployment("app: web2"),), False, id="another label"),
        pytest.param((deployment("app: web2"), deployment(namespace="other")), False, id="another namespace"),
        pytest.param((deployment(namespace="other"),), None, id="no pods in the namespace"),
        pytest.param((deployment("app: 1"),), None, id="labels that the API server refuses"),
        pytest.param(
            (deployment("app: web2"), "apiVersion: example.org/v1\nkind: Database\nmetadata: {name: web}\nspec: {}\n"),
            None,
            id="a custom resource of that name",
        ),
        pytest.param(
            (deployment("app: web2"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"),
            False,
            id="an object of Kubernetes of that name",
        ),
        pytest.param((deployment("app: web2"), MAKES.replace("VERB", "create")), None, id="a program that makes pods"),
        pytest.param((deployment("app: web2"), MAKES.replace("VERB", "list")), False, id="a program that lists pods"),
    ],
)
def test_policies_without_pods(others: tuple[str, ...], expected: bool | None) -> None:
    assert selects(APP, *others) is expected


KUSTOMIZED = {
    "policies/kustomization.yaml": "namespace: shop\nresources: [deny.yaml]\n",
    "policies/deny.yaml": policy(namespace="''"),
    "other/kustomization.yaml": "namespace: shop\nresources: [web.yaml]\n",
    "other/web.yaml": deployment(namespace="''"),
}
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/templates/web.yaml": deployment("app: web3"),
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"web.yaml": deployment(), "p.yaml": policy()}, {"non-isolated-egress"}, id="several files"),
        pytest.param({"web.yaml": deployment()}, {"no-network-policy"}, id="no policy"),
        pytest.param(KUSTOMIZED, set(), id="a policy of another kustomization"),
        pytest.param({**CHART, "p.yaml": policy()}, {"non-isolated-egress"}, id="a plain policy and a chart"),
        pytest.param(
            {"p.yaml": APP, "web.yaml": deployment("app: web2")},
            {"network-policy-without-pods", "non-isolated-ingress", "non-isolated-egress"},
            id="a policy for nobody",
        ),
        pytest.param(
            {**CHART, "p.yaml": policy("podSelector: {matchLabels: {app: web3}}"), "web.yaml": deployment()},
            {"non-isolated-ingress", "non-isolated-egress"},
            id="a policy for what a chart makes",
        ),
    ],
)
def test_a_repository(tmp_path: Path, files: dict[str, str], expected: set[str]) -> None:
    rules = ("no-network-policy", "network-policy-without-pods", "non-isolated-egress", "non-isolated-ingress")
    write(tmp_path, {".git/config": "", **files})
    rendering = RenderSettings(programs={"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)})
    report = scan(Settings(Repository.at(tmp_path), (str(tmp_path),), select=rules, rendering=rendering))
    assert report.assessments
    assert {finding.rule.id for finding in report.findings} == expected


def seconds(number: int, selector: str) -> float:
    """How long it takes to find out about so many policies and pods, the best of a few times."""
    policies = [policy(f"podSelector: {selector.replace('N', str(index))}") for index in range(number)]
    _, resources = facts_of(*policies, *(deployment(f"app: web{index}") for index in range(number)))

    def once() -> float:
        start = time.process_time()
        facts = Facts.of(resources)
        for resource in resources:
            facts.of_workload(find_workload(resource))
            facts.about_resource(resource)
        return time.process_time() - start

    return min(once() for _ in range(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    "selector",
    [
        pytest.param("{matchLabels: {app: webN}}", id="labels of their own"),
        pytest.param("{matchExpressions: [{key: a, operator: In, values: [vN]}]}", id="nothing that tells them apart"),
    ],
)
def test_many_policies_and_pods_take_linear_time(monkeypatch: pytest.MonkeyPatch, selector: str) -> None:
    monkeypatch.setattr("kgate.kubernetes.isolation._MOST_TRIED", 10)
    assert seconds(640, selector) < 64 * seconds(40, selector)
