"""kgate audit: the answers, their formats, and wrong questions."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.command import ROOT, kgate

DOCUMENT = (ROOT / "docs/audit.md").read_text(encoding="utf-8")
POLICY = re.search(r"<!-- policy.yaml -->\n```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
SESSIONS = re.findall(r"```console\n\$ kgate audit explain (.*?)\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    assert POLICY is not None
    (tmp_path / "policy.yaml").write_text(POLICY[1], encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("arguments", "shown"), SESSIONS, ids=[arguments for arguments, _ in SESSIONS])
def test_the_document_shows_real_output(documented: Path, arguments: str, shown: str) -> None:
    result = kgate("audit", "explain", *arguments.split(), cwd=documented)
    assert (result.code, result.err, result.out) == (0, "", shown)


def test_the_document_has_an_example() -> None:
    assert SESSIONS


def test_an_answer_as_json(documented: Path) -> None:
    arguments = ("--as", "alice", "--group", "devs", "--verb", "create", "--resource", "secrets", "-f", "json")
    found = json.loads(kgate("audit", "explain", "policy.yaml", *arguments, cwd=documented).out)
    assert found.pop("dropped_keys") == [
        "policy.yaml:7:5: a rule has no key `verb`, so the API server drops it; did you mean 'verbs'?"
    ]
    assert found == {
        "request": {
            "user": "alice",
            "groups": ["devs", "system:authenticated"],
            "verb": "create",
            "api_group": "",
            "resource": "secrets",
            "subresource": "",
            "namespace": "default",
            "name": "",
        },
        "rule": {"index": 2, "path": "policy.yaml", "line": 10},
        "level": "Metadata",
        "stages": ["ResponseComplete"],
        "omitted_stages": ["RequestReceived"],
        "omit_managed_fields": False,
    }


LINTED = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
  - level: None
    verbs: [get]
"""


def test_lint(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(LINTED, encoding="utf-8")
    result = kgate("audit", "lint", "policy.yaml", "-f", "json", cwd=tmp_path)
    report = json.loads(result.out)
    found = [(one["rule"], one["severity"], one["location"]["line"]) for one in report["findings"]]
    assert (result.code, result.err) == (1, "")
    assert found == [("audit-noise", "low", 5), ("audit-rule-unreachable", "high", 6)]
    assert report["verdict"]["reasons"] == ["1 finding of severity high or above"]


def test_a_scan_finds_policies_by_itself(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(LINTED, encoding="utf-8")
    report = json.loads(kgate("scan", ".", "-f", "json", cwd=tmp_path).out)
    assert [one["rule"] for one in report["findings"]] == ["audit-rule-unreachable"]


def test_lint_goes_by_the_version_of_the_server(tmp_path: Path) -> None:
    text = LINTED[: LINTED.index("  - level: None")] + "    resources: [{group: '*'}]\n"
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    lint = ("audit", "lint", "policy.yaml", "--quiet")
    assert kgate(*lint, cwd=tmp_path).code == 0
    result = kgate(*lint, "--kubernetes-version", "1.35", cwd=tmp_path)
    assert (result.code, "audit-policy-any-group" in result.out) == (1, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Pod\napiVersion: v1\n", "policy.yaml:2:1: `v1` is not an audit policy"),
        ("kind: EventList\napiVersion: audit.k8s.io/v1\n", "policy.yaml:1:1: `EventList` is not the kind"),
        ("a: [", "policy.yaml:2: not valid YAML"),
    ],
)
def test_lint_refuses_other_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    result = kgate("audit", "lint", "policy.yaml", cwd=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


@pytest.mark.parametrize(
    "arguments", [("lint",), ("explain", "--as=a", "--verb=get", "--url=/x"), ("cover", "--rules=x")]
)
def test_a_pipe_is_no_policy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Nobody may ever write into it."""
    os.mkfifo(tmp_path / "policy.yaml")
    result = kgate("audit", *arguments, "policy.yaml", cwd=tmp_path)
    assert result.code == 2
    assert "not a regular file" in result.err


def test_no_rule_matches(tmp_path: Path) -> None:
    text = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Request, users: [alice]}]\n"
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    result = kgate(
        "audit", "explain", "policy.yaml", "--failed-authentication", "--verb", "GET", "--url", "/", cwd=tmp_path
    )
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "request  get /, by nobody: the authentication fails",
        "rule     none of 1 matches, so nothing is recorded",
        "level    None",
        "stages   none",
    ]


ASK = ("--as", "alice", "--verb", "get", "--resource", "pods")


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        pytest.param(None, ("--verb", "get", "--resource", "pods"), "say who asks", id="nobody"),
        pytest.param(None, ("--as", "alice", "--verb", "get"), "say what is asked for", id="nothing"),
        pytest.param(None, (*ASK, "--failed-authentication"), "say who asks", id="somebody and nobody"),
        pytest.param(None, ("--as", "a", "--verb", "get", "--url", "/", "--name", "b"), "leave them out", id="both"),
        pytest.param(None, ("--as", "a", "--verb", "list", "--url", "/"), "not an HTTP method", id="another verb"),
        pytest.param(None, (*ASK, "--kubernetes-version", "2"), "not a Kubernetes version", id="another version"),
        pytest.param("kind: Policy", ASK, "policy.yaml:1:1: `apiVersion` is missing", id="no policy"),
        pytest.param(
            "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: A}]",
            ASK,
            "policy.yaml:1:1: `audit.k8s.io/v1beta1` was removed in Kubernetes 1.24; write `audit.k8s.io/v1` (and 1 "
            "more); no API server of this version of Kubernetes starts with it",
            id="an old one",
        ),
    ],
)
def test_wrong_questions(documented: Path, text: str | None, arguments: tuple[str, ...], message: str) -> None:
    if text is not None:
        (documented / "policy.yaml").write_text(text, encoding="utf-8")
    result = kgate("audit", "explain", "policy.yaml", *arguments, cwd=documented)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
