"""Which rules a persona uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kgate.model import Persona, Severity
from kgate.rules.load import load
from tests.command import kgate

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  hostNetwork: true
  containers: [{name: app, image: "x:latest"}]
"""
GATE, AUDIT, PEDANTIC = "host-network", "mutable-image-tag", "naked-pod"


def report(folder: Path, *arguments: str, config: str = "", env: dict[str, str] | None = None) -> Any:
    (folder / "web.yaml").write_text(POD)
    (folder / "kgate.yaml").write_text(config)
    return json.loads(kgate("scan", ".", "-f", "json", *arguments, cwd=folder, env=env).out)


def rules(found: Any) -> set[str]:
    return {finding["rule"] for finding in found["findings"]} & {GATE, AUDIT, PEDANTIC}


@pytest.mark.parametrize(
    ("arguments", "config", "used"),
    [
        pytest.param((), "", {GATE}, id="nobody"),
        pytest.param(("--persona", "gate"), "", {GATE}, id="gate"),
        pytest.param(("--persona", "audit"), "", {GATE, AUDIT}, id="audit"),
        pytest.param(("--persona", "pedantic"), "", {GATE, AUDIT, PEDANTIC}, id="pedantic"),
        pytest.param((), "persona: audit", {GATE, AUDIT}, id="of the file"),
        pytest.param(("--persona", "gate"), "persona: pedantic", {GATE}, id="of the flag, not of the file"),
        pytest.param(("--select", PEDANTIC), "", {PEDANTIC}, id="a rule by name"),
        pytest.param((), f"persona: gate\nselect: [{AUDIT}]", {AUDIT}, id="a rule by name in the file"),
        pytest.param(("--persona", "audit", "--ignore", AUDIT), "", {GATE}, id="all but one"),
    ],
)
def test_rules_that_are_used(tmp_path: Path, arguments: tuple[str, ...], config: str, used: set[str]) -> None:
    assert rules(report(tmp_path, *arguments, config=config)) == used


def test_the_environment_names_one(tmp_path: Path) -> None:
    assert rules(report(tmp_path, env={"KGATE_SCAN_PERSONA": "audit"})) == {GATE, AUDIT}


def test_a_stricter_persona_finds_all_that_another_does_and_scores_no_higher(tmp_path: Path) -> None:
    gate, audit, pedantic = (report(tmp_path, "--persona", persona.label) for persona in Persona)
    prints = [{finding["fingerprint"] for finding in found["findings"]} for found in (gate, audit, pedantic)]
    assert prints[0] < prints[1] < prints[2]
    scores = [found["workloads"][0]["score"] for found in (gate, audit, pedantic)]
    assert scores == sorted(scores, reverse=True)
    assert len({found["workloads"][0]["pss"]["level"] for found in (gate, audit, pedantic)}) == 1


def test_the_gate_uses_what_grants_privilege_or_misses_a_level() -> None:
    for rule in load():
        if rule.pss or rule.severity > Severity.LOW:
            assert rule.persona is Persona.GATE, rule.id


@pytest.mark.parametrize("value", ["auditor", "1", "[gate]", "Gate"])
def test_an_unknown_persona(tmp_path: Path, value: str) -> None:
    (tmp_path / "kgate.yaml").write_text(f"persona: {value}\n")
    result = kgate("scan", ".", cwd=tmp_path)
    assert result.code == 2
    assert "kgate.yaml:1: persona must be one of gate, audit, pedantic" in result.err
