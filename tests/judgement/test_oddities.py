"""oddities.py: notes about what Kubernetes makes nothing of, each at its line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kgate.judgement.bar import Bar
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import MAX_LISTED, Ledger
from kgate.kubernetes import pss
from kgate.kubernetes.manifest import read
from kgate.model import Unknown
from kgate.rules import load

JUDGE = Judge(load.load(), pss.NEWEST_MINOR)
TEMPLATE = "  template:\n    spec:\n      containers: [{name: app}]\n      securityContext: {runAsNonroot: true}\n"
UNKNOWN = (
    "7: `runAsNonroot` is not a field of a pod's securityContext, so it has no effect; did you mean `runAsNonRoot`?"
)


def notes(text: str) -> list[str]:
    (resource,) = read("a.yaml", text.encode()).resources
    return [f"{note.line}: {note.message}" for note in JUDGE.judge(resource).notes]


@pytest.mark.parametrize(
    ("api_version", "kind", "wanted"),
    [
        pytest.param("apps/v1", "Deployment", [UNKNOWN], id="Deployment"),
        pytest.param("v1", "ReplicationController", [UNKNOWN], id="ReplicationController"),
        pytest.param("argoproj.io/v1alpha1", "Rollout", [UNKNOWN], id="Rollout"),
        pytest.param("apps.openshift.io/v1", "DeploymentConfig", [UNKNOWN], id="DeploymentConfig"),
        pytest.param(
            "extensions/v1beta1",
            "Deployment",
            [f"1: Kubernetes 1.{pss.NEWEST_MINOR} does not serve Deployment as extensions/v1beta1 (removed in 1.16); use apps/v1", UNKNOWN],
            id="a version that is gone",
        ),
        pytest.param("apps/v1", "Deploymnet", ["2: apps/v1 has no kind Deploymnet; did you mean Deployment?"], id="a kind that is none"),
        pytest.param("serving.knative.dev/v1", "Service", [], id="a template of its own kind"),
        pytest.param("example.com/v1", "Deployment", [], id="a kind of others with the same name"),
    ],
)  # fmt: skip
def test_an_object_with_a_pod_template(api_version: str, kind: str, wanted: list[str]) -> None:
    assert notes(f"apiVersion: {api_version}\nkind: {kind}\nspec:\n{TEMPLATE}") == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("spec: {containers: [{name: a, env: [{name: A, value: 80}]}]}", ["3: `value` is the number 80; put it in quotes"], id="a number for text"),
        pytest.param("spec: {containers: [{name: a}], hostPID: 'true'}", ['3: `hostPID` is the text "true"; remove the quotes'], id="text for truth"),
        pytest.param("metadata: {labels: {a: true}}\nspec: {containers: [{name: a}]}", ["3: `labels.a` is true; put it in quotes"], id="a label"),
    ],
)  # fmt: skip
def test_a_type_that_no_rule_stumbles_over(text: str, wanted: list[str]) -> None:
    found = notes(f"apiVersion: v1\nkind: Pod\n{text}\n")
    assert found == [f"{message}, or the API server refuses the object" for message in wanted]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("spec: {container: [{name: a}]}", id="a problem"),
        pytest.param("spec: {containers: [{name: a, image: 1.10}]}", id="a type that a rule stumbles over"),
        pytest.param("spec: {containers: [{name: a}], priority: '${PRIORITY}'}", id="a placeholder"),
    ],
)
def test_what_is_no_note(text: str) -> None:
    assert notes(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n{text}\n") == []


def test_a_value_that_is_not_the_authors_is_no_note() -> None:
    text = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}], priority: PRIORITY}\n"
    (resource,) = read("a.yaml", text.encode()).resources
    assert len(JUDGE.judge(resource).notes) == 1
    unknown = {"/spec/priority": Unknown("PRIORITY", "is set in the cluster")}
    assert JUDGE.judge(replace(resource, unknown=unknown)).notes == ()
    assert JUDGE.judge(replace(resource, is_invented="/spec/priority".__eq__)).notes == ()


def test_notes_are_listed_up_to_a_limit_for_each_file() -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {x: 1, y: 2, z: 3, containers: [{name: a}]}\n"
    ledger = Ledger(JUDGE, Bar(0))
    batch = read("a.yaml", ("---\n" + pod).encode() * MAX_LISTED)
    ledger.add_page(ledger.judge_files([("a.yaml", [batch])]))
    found = ledger.close()
    assert len(found.notes) == MAX_LISTED
    assert f"{2 * MAX_LISTED} notes" in found.unlisted.notes[0].message
