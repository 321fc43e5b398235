"""Rules about the programs of a cluster: what real static pods are told, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kgate.rules.load import load
from tests.command import ROOT, kgate
from tests.hostile import write

HEAD = """\
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: kube-system}
spec:
  hostNetwork: true
  containers:
  - name: a
    image: registry.k8s.io/kube-apiserver:v1.31.2
"""
ALWAYS = "api-server-always-allow"


def report(folder: Path, text: str, *arguments: str) -> Any:
    write(folder, {"pod.yaml": text})
    return json.loads(kgate("scan", ".", "-f", "json", *arguments, cwd=folder).out)


def places(found: Any, rule: str = ALWAYS) -> list[tuple[int, int, str | None]]:
    return [
        (finding["location"]["line"], finding["location"]["column"], finding["container"])
        for finding in found["findings"]
        if finding["rule"] == rule
    ]


@pytest.mark.parametrize(
    ("command", "place"),
    [
        pytest.param(
            "    command:\n    - kube-apiserver\n    - --authorization-mode=AlwaysAllow\n", (11, 7), id="a flag"
        ),
        pytest.param(
            "    command: [kube-apiserver]\n    args: [--authorization-mode, AlwaysAllow]\n", (10, 12), id="two words"
        ),
        pytest.param(
            "    command: [kube-apiserver]\n    args:\n    - --profiling\n", (10, 5), id="missing in the arguments"
        ),
        pytest.param("    command:\n    - kube-apiserver\n", (9, 5), id="missing in the command"),
        pytest.param("    command: [sh, -c, 'kube-apiserver --v=2']\n", (9, 5), id="missing in a script"),
    ],
)
def test_a_finding_points_at_the_flag_or_at_the_list_that_lacks_it(
    tmp_path: Path, command: str, place: tuple[int, int]
) -> None:
    found = report(tmp_path, HEAD + command, "--select", ALWAYS)
    assert places(found) == [(*place, "a")]


def test_a_fingerprint_survives_other_flags(tmp_path: Path) -> None:
    prints = {
        report(tmp_path, f"{HEAD}    command: [kube-apiserver, {flag}]\n", "--select", ALWAYS)["findings"][0][
            "fingerprint"
        ]
        for flag in ("--v=2", "--v=2, --authorization-mode=AlwaysAllow", "--profiling, --v=4")
    }
    assert len(prints) == 1


def test_it_counts_for_the_score_and_can_be_waived(tmp_path: Path) -> None:
    text = (
        HEAD
        + "    command:\n    - kube-apiserver\n    - --profiling # kgate: allow[control-plane-profiling] it is needed\n"
    )
    found = report(tmp_path, text, "--select", "control-plane-profiling")
    (finding,) = found["findings"]
    assert finding["waived"]["reason"] == "it is needed"
    (workload,) = report(tmp_path, text, "--select", ALWAYS)["workloads"]
    assert workload["score"] < 30


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(
            "[kube-apiserver, --authorization-mode=$(MODE)]\n    env: [{name: MODE, valueFrom: {}}]",
            "the value of --authorization-mode of kube-apiserver is not known",
            id="a value of the cluster",
        ),
        pytest.param("[sh, -c, 'kube-apiserver $ARGS']", "what $ARGS stands for is not known", id="flags of the shell"),
        pytest.param(
            "[sh, -c, 'kube-apiserver \"open']", "the shell script cannot be read", id="a script that cannot be read"
        ),
    ],
)
def test_what_cannot_be_known_is_unjudged(tmp_path: Path, command: str, message: str) -> None:
    found = report(tmp_path, f"{HEAD}    command: {command}\n", "--select", ALWAYS)
    assert not found["findings"]
    assert [message in one["why"] for one in found["unjudged"]] == [True]
    assert found["verdict"]["incomplete"]


def test_a_value_that_no_rule_reads_does_not_matter(tmp_path: Path) -> None:
    command = "[kube-apiserver, --advertise-address=$(IP)]\n    env: [{name: IP, valueFrom: {}}]"
    assert not report(tmp_path, f"{HEAD}    command: {command}\n", "--select", ALWAYS)["unjudged"]


def test_a_refused_value_and_an_unknown_flag(tmp_path: Path) -> None:
    command = "[kube-apiserver, --profiling=maybe, --anonymous-aut=false]"
    found = report(tmp_path, f"{HEAD}    command: {command}\n")
    assert any("--profiling" in one["message"] and "true or false" in one["message"] for one in found["problems"])
    assert any("did you mean --anonymous-auth?" in one["message"] for one in found["notes"])
    assert not places(found, "control-plane-profiling")


OF_ANY_API_SERVER = {
    *("api-server-admits-external-ips", "api-server-extends-tokens", "api-server-trusts-any-kubelet"),
    *("api-server-without-encryption", "api-server-without-event-limit", "api-server-without-image-pulls"),
    "control-plane-profiling",
}


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        pytest.param("kubeadm/etcd.yaml", set(), id="etcd of kubeadm"),
        pytest.param(
            "kubeadm/kube-apiserver.yaml", {"api-server-anonymous-auth", *OF_ANY_API_SERVER}, id="API server of kubeadm"
        ),
        pytest.param("kubeadm/kube-controller-manager.yaml", {"control-plane-profiling"}, id="controllers of kubeadm"),
        pytest.param("kubeadm/kube-scheduler.yaml", {"control-plane-profiling"}, id="scheduler of kubeadm"),
        pytest.param("kops/kube-apiserver.yaml", OF_ANY_API_SERVER, id="API server of kops"),
        pytest.param(
            "kops/kube-controller-manager.yaml",
            {"control-plane-profiling", "control-plane-bind-address"},
            id="controllers of kops",
        ),
        pytest.param("kops/kube-scheduler.yaml", set(), id="scheduler of kops, which has a file"),
        pytest.param("kops/kube-proxy.yaml", set(), id="kube-proxy of kops"),
    ],
)
def test_what_an_installer_leaves_open(path: str, rules: set[str]) -> None:
    """What kube-bench finds in a cluster that kubeadm made, and nothing else."""
    found = json.loads(
        kgate("scan", f"tests/data/control_plane/{path}", "-f", "json", "--persona", "pedantic", cwd=ROOT).out
    )
    about = {rule.id for rule in load() if rule.components}
    assert {finding["rule"] for finding in found["findings"]} & about == rules
    assert not found["unjudged"]
    assert not [note for note in found["notes"] if "flag" in note["message"] or "judged as" in note["message"]]
