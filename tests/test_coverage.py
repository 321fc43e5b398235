"""docs/: the generated documents say what is true now, and the peers' catalogue leaves no rule open."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from kgate.exports import coverage
from kgate.rules import load
from kgate.yamltree.nodes import compose
from tests.command import ROOT

RULES = load.load()
PEERS = coverage.parse_peers(
    next(compose((ROOT / "docs/peers.yaml").read_text(encoding="utf-8"))).value,
)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documents_are_up_to_date() -> None:
    documents = generator().documents(ROOT)
    assert {path.suffix for path in documents} == {".md", ".json"}
    for path, text in documents.items():
        assert path.read_text(encoding="utf-8") == text, "run python docs/generate.py"


def test_there_are_seven_peers() -> None:
    assert {peer.name for peer in PEERS} == {
        "kubesec",
        "kube-linter",
        "kube-score",
        "polaris",
        "trivy",
        "checkov",
        "kubescape",
    }
    assert all(len(peer.rules) > 10 for peer in PEERS)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: str(peer.name))
def test_every_rule_of_a_peer_is_answered_or_says_why_not(peer: coverage.Peer) -> None:
    answered = coverage.answers(RULES)
    for rule in peer.rules:
        assert ((peer.name, rule.id) in answered) != bool(rule.unanswered), rule


def test_every_equivalent_is_a_rule_of_a_peer() -> None:
    known = {(peer.name, rule.id) for peer in PEERS for rule in peer.rules}
    unknown = {(rule.id, key) for rule in RULES for key in rule.equivalents if key not in known}
    assert not unknown
