"""lookup.py: what people call a rule leads to it."""

from __future__ import annotations

import re

import pytest

from kgate.errors import RuleError
from kgate.rules.load import load
from kgate.rules.lookup import look_up

RULES = load()


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        pytest.param("host-pid", ["host-pid"], id="its id, though others hold it"),
        pytest.param(" Host-PID ", ["host-pid"], id="its id in other letters"),
        pytest.param("KSV-0017", ["privileged-container"], id="Trivy"),
        pytest.param("KSV017", ["privileged-container"], id="Trivy, as it was"),
        pytest.param("AVD-KSV-0017", ["privileged-container"], id="Trivy, in between"),
        pytest.param("CKV_K8S_16", ["privileged-container"], id="Checkov"),
        pytest.param("C-0057", ["node-takeover-capability", "privileged-container"], id="Kubescape, of two rules"),
        pytest.param("privileged-container", ["privileged-container"], id="kube-linter, of the same name"),
        pytest.param(
            "run-as-non-root",
            ["root-group", "run-as-root-allowed", "run-as-root-user"],
            id="kube-linter, of another name",
        ),
        pytest.param("runAsRootAllowed", ["run-as-root-allowed", "run-as-root-user"], id="Polaris"),
        pytest.param("aliases", ["host-aliases"], id="a part of an id"),
        pytest.param("node network", ["host-network"], id="words of a title"),
        pytest.param("sysctl", ["unsafe-sysctl"], id="a word"),
        pytest.param("root user", ["run-as-root-user"], id="words of an id"),
    ],
)
def test_what_is_found(name: str, ids: list[str]) -> None:
    assert [rule.id for rule in look_up(RULES, name)] == ids


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("host-pit", "; did you mean 'host-pid'?"),
        ("KSV-9999", "; `kgate rules list` shows all"),
        ("", "; `kgate rules list` shows all"),
        ("---", "; `kgate rules list` shows all"),
    ],
)
def test_what_is_not(name: str, end: str) -> None:
    with pytest.raises(RuleError, match=re.escape(f"is called '{name}'{end}")):
        look_up(RULES, name)


def test_every_equivalent_is_found() -> None:
    known = {(peer, name) for rule in RULES for peer, name in rule.equivalents}
    assert len(known) > 100
    ids = {rule.id for rule in RULES}
    for rule in RULES:
        assert all(name in ids or rule in look_up(RULES, name) for _, name in rule.equivalents)
