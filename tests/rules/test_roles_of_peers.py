"""The fixtures of peers about roles and bindings: kgate reports those that grant an escalation, and no others."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

from kgate.judgement.engine import Judge
from kgate.judgement.reach import Powers
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Persona
from kgate.rules import load
from tests.command import ROOT

RULES = load.load()
ABOUT = re.compile(r"role-|binding|service-account-(?:takes|reaches)-")
GATE = {rule.id for rule in RULES if rule.persona is Persona.GATE and ABOUT.search(rule.id)}

OTHER = "it grants something else that escalates, which the peer's check is not about"
NAMED = "the peer leaves out objects by their names (system:, those of Calico on GKE, admin), whatever they grant"
UNUSED = "what is wrong in the role or binding stands, though no pod uses it, or it is bound in one namespace only"
NEITHER = "it gives nothing: RBAC knows no pods/*, and an approval also needs the right to approve for a signer"
TRACES = "deleting events hides traces and leads to nothing more: role-hides-traces, from the persona audit on"
BUILT_IN = "Kubernetes itself binds the role to everybody; it gives the version and no more"
GET_EXEC = "since Kubernetes 1.35 a command in a pod needs create, also over a WebSocket"
NOWHERE = "the role is nowhere defined, so nobody knows what it gives"
ANYBODY = "whatever it gives, it gives to all users, or to all pods of a namespace"

DISAGREEMENTS = {
    r"polaris/.*/failure\.get_(?:attach|exec)_using_apigroup_wildcard": GET_EXEC,
    r"polaris/.*/failure\.binding_points_to_missing_ref": NOWHERE,
    r"polaris/.*/success\.(?:default.*|gce_calico_.*|system_prefix.*)": NAMED,
    r"polaris/.*/success\.(?:allow_unrelated_perms|explicit_\w+|binding_references_\w+)": OTHER,
    r"polaris/rolebindingRolePodExecAttach/success\.role_binding_cluster_role_binding": UNUSED,
    r"kubescape/rule-can-approve-cert-signing-request/clusterrole-rolebinding": NEITHER,
    r"kubescape/exec-into-container-v1/clusterrole": NEITHER,
    r"kubescape/rule-can-delete-k8s-events-v1/clusterrole-clusterrolebinding": TRACES,
    r"kubescape/anonymous-access-enabled/fail": BUILT_IN,
    r"kubescape/(?:rule-can|access-container).*/clusterrole-clusterrolebinding": OTHER,
    r"kubescape/workload-with-.*/pass-.*": UNUSED,
    r"kubescape/cluster-admin-role/(?:clusterrole-rolebinding|role-clusterrolebinding)": UNUSED,
    r"kubescape/ensure-default-service-accounts-has-only-default-roles/passed_rolebinding_one_subject": ANYBODY,
    r"kubescape/system-authenticated-allowed-to-take-over-cluster/success": ANYBODY,
}
"""The fixtures, as patterns of their ids, that kgate judges otherwise, and why."""


def rows() -> list[dict[str, Any]]:
    lines = gzip.decompress((ROOT / "tests/data/rbac_fixtures.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in lines.splitlines()]


def is_reported(judge: Judge, powers: Powers, files: dict[str, str]) -> bool:
    batches = [manifest.read(name, text.encode(), judge.kinds) for name, text in files.items()]
    resources = [resource for batch in batches for resource in batch.resources]
    assert resources
    facts = powers.join(Facts.of(resources))
    return any(judge.judge(resource, facts).findings for resource in resources)


def reported(minor: int) -> dict[str, bool]:
    judge, powers = Judge(RULES, minor, GATE), Powers(RULES, minor)
    return {row["id"]: is_reported(judge, powers, row["files"]) for row in rows()}


def test_every_fixture_is_judged_as_the_peer_does_or_for_a_reason() -> None:
    grants, ours = {row["id"]: row["grants"] for row in rows()}, reported(NEWEST_MINOR)
    assert len(ours) == 178
    assert sum(grants.values()) == 110
    differing = [name for name, is_found in ours.items() if is_found is not grants[name]]
    fitting = {pattern: [*filter(re.compile(pattern).fullmatch, differing)] for pattern in DISAGREEMENTS}
    assert [pattern for pattern, names in fitting.items() if not names] == []
    assert set(differing).difference(*fitting.values()) == set()


def test_commands_by_get_are_reported_where_they_work() -> None:
    (pattern,) = [pattern for pattern, why in DISAGREEMENTS.items() if why is GET_EXEC]
    old = [is_found for name, is_found in reported(34).items() if re.fullmatch(pattern, name)]
    assert old == [True] * 8
