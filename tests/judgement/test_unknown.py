"""unknown.py: a value that only the cluster knows decides something if two values make a difference."""

from __future__ import annotations

from typing import Any

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.model import Unknown
from kgate.rendering import placeholders
from kgate.rules import load

JUDGE = Judge(load.load(()), 37)
VARIABLES = {"A": Unknown("", "is not known"), "B": Unknown("", "is not known")}


def judge(text: str) -> Any:
    (resource,) = manifest.read("a.yaml", text.encode()).resources
    return JUDGE.judge(
        type(resource)(
            resource.id,
            resource.body,
            resource.pointer,
            resource.locator,
            unknown=placeholders.find(resource.body, VARIABLES),
        )
    )


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec:\n  containers: [{name: a, image: 'w:1'}]\n  "
OTHERS = "apiVersion: v1\nmetadata: {name: a, namespace: b}\n"
DECIDING = {
    "true or false": (POD + "hostIPC: ${A}\n", ["spec.hostIPC"]),
    "a number": (POD + "securityContext: {runAsUser: '${A}'}\n", ["spec.securityContext.runAsUser"]),
    "one word of several": (POD + "securityContext: {seccompProfile: {type: '${A}'}}\n", ["type"]),
    "the beginning of a path": (POD + "volumes: [{name: a, hostPath: {path: '${A}/kubelet'}}]\n", ["path"]),
    "the end of a path": (POD + "volumes: [{name: a, hostPath: {path: '/etc/${A}'}}]\n", ["path"]),
    "two fields": (POD + "hostIPC: ${A}\n  hostPID: ${B}\n", ["spec.hostIPC", "spec.hostPID"]),
    "a type of Service": (OTHERS + "kind: Service\nspec: {type: '${A}', ports: [{port: 1}]}\n", ["spec.type"]),
    "a host name": (POD + "hostname: ${A}\n", []),
    "an address": (POD + "dnsConfig: {nameservers: ['${A}']}\n", []),
    "a name of a volume's source": (POD + "volumes: [{name: a, configMap: {name: '${A}'}}]\n", []),
    "a key": (POD + "nodeSelector: {'${A}': x}\n", []),
}


@pytest.mark.parametrize(("text", "fields"), DECIDING.values(), ids=DECIDING)
def test_what_decides_is_not_judged(text: str, fields: list[str]) -> None:
    found = judge(text)
    assert len(found.unjudged) == len(fields), found.unjudged
    for unjudged, field in zip(found.unjudged, fields, strict=True):
        assert f"{field} is not judged: ${{" in unjudged.text
    assert found.problems == ()
    base = judge(text.replace("${A}", "x").replace("${B}", "x"))
    assert {finding.rule.id for finding in found.findings} <= {finding.rule.id for finding in base.findings}


def test_a_finding_that_no_value_prevents_stays() -> None:
    found = judge(POD + "volumes: [{name: a, hostPath: {path: '/${A}/docker.sock'}}]\n")
    assert "container-runtime-socket" in {finding.rule.id for finding in found.findings}
