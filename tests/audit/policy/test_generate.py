"""The policies that kgate writes: they lint clean, record what they promise, and keep secrets out of the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import audit_oracle
from kgate.audit.policy import ask, file
from kgate.audit.policy.evaluate import decide
from kgate.audit.policy.generate import PROFILES, policy
from kgate.audit.policy.policy import AuditPolicy
from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.rules import load
from tests.command import kgate

RULES = [rule for rule in load.load() if "audit" in rule.targets]
KNOWN = {"cis": [], "falco": ["audit-configuration-in-log"]}
"""What is found: for Falco the bodies of ConfigMaps, which a comment in the policy waives."""


def loaded(profile: str) -> AuditPolicy:
    found = file.read("policy.yaml", policy(profile).encode(), 37).loaded
    assert not found.faults
    return found.policy


@pytest.mark.parametrize("minor", [24, 30, 35, 37])
@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_is_found(profile: str, minor: int) -> None:
    (resource,) = manifest.read("policy.yaml", policy(profile).encode()).resources
    judgement = Judge(RULES, minor).judge(resource)
    assert [finding.rule.id for finding in judgement.findings] == KNOWN[profile]
    assert not judgement.problems


@pytest.mark.parametrize("profile", PROFILES)
def test_the_command_writes_it_and_lint_passes(profile: str, tmp_path: Path) -> None:
    result = kgate("audit", "generate", "--profile", profile, cwd=tmp_path)
    assert (result.code, result.err, result.out) == (0, "", policy(profile))
    (tmp_path / "policy.yaml").write_text(result.out, encoding="utf-8")
    assert kgate("audit", "lint", "policy.yaml", "--fail-on", "low", cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("verb", "resource", "levels"),
    [
        pytest.param("create", "pods", ("Request", "Request"), id="which pod is created"),
        pytest.param("patch", "deployments", ("Request", "Request"), id="how a workload is changed"),
        pytest.param("create", "services", ("Request", "Request"), id="which port is opened"),
        pytest.param("update", "clusterroles", ("Request", "Request"), id="what a role grants"),
        pytest.param("create", "roles", ("Request", "Request"), id="what a role of a namespace grants"),
        pytest.param("create", "clusterrolebindings", ("Request", "Request"), id="who gets a role"),
        pytest.param("create", "ingresses.networking.k8s.io", ("Request", "Request"), id="if there is TLS"),
        pytest.param("create", "namespaces", ("Request", "Request"), id="which namespace"),
        pytest.param("create", "configmaps", ("Metadata", "Request"), id="what is in a ConfigMap"),
        pytest.param("get", "secrets", ("Metadata", "Metadata"), id="who reads a Secret"),
        pytest.param("create", "secrets", ("Metadata", "Metadata"), id="who writes a Secret"),
        pytest.param("create", "serviceaccounts/token", ("Metadata", "Metadata"), id="who asks for a token"),
        pytest.param("create", "tokenreviews", ("Metadata", "Metadata"), id="whose token is reviewed"),
        pytest.param("get", "pods/exec", ("Metadata", "Metadata"), id="a command"),
        pytest.param("patch", "pods/ephemeralcontainers", ("Request", "Request"), id="a container that joins a pod"),
        pytest.param("delete", "things.example.org", ("Metadata", "Metadata"), id="a custom resource"),
    ],
)
def test_levels(verb: str, resource: str, levels: tuple[str, str]) -> None:
    request = ask.identified(ask.resource_request(ask.RequestWords(verb, resource)), "alice")
    assert tuple(decide(loaded(profile), request).level for profile in PROFILES) == levels


@pytest.mark.parametrize("profile", PROFILES)
def test_stages(profile: str) -> None:
    command = ask.resource_request(ask.RequestWords("get", "pods/exec"))
    found = loaded(profile)
    alices = ask.identified(command, "alice")
    assert decide(found, alices).stages(alices) == ("ResponseStarted", "ResponseComplete")
    assert decide(found, command).stages(command) == ("ResponseStarted",)


@pytest.mark.needs_apiserver
@pytest.mark.parametrize("profile", PROFILES)
def test_a_server_starts_with_it(profile: str) -> None:
    assert audit_oracle.refusal(policy(profile)) == ""
