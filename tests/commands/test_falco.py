"""kgate falco: the answers, their formats, and exit codes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.command import ROOT, kgate
from tests.falco.rulefiles import rule
from tests.hostile import write

DOCUMENT = (ROOT / "docs/falco.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", DOCUMENT, re.DOTALL))
SESSIONS = re.findall(r"```console\n\$ kgate (.*?)\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), SESSIONS, ids=[command for command, _ in SESSIONS])
def test_the_document_shows_real_output(tmp_path: Path, command: str, shown: str) -> None:
    write(tmp_path, FILES)
    result = kgate(*shlex.split(command), cwd=tmp_path)
    assert (result.err, result.out) == ("", shown)


def test_the_document_has_examples() -> None:
    assert [command.split()[1] for command, _ in SESSIONS] == ["lint", "test", "explain", "cover", "cover"]


UNKNOWN_KEY = rule(more="tag: [a]")
REFUSED = rule(condition="ka.verb =")


@pytest.mark.parametrize(
    ("files", "arguments", "code", "shown"),
    [
        pytest.param({"a.yaml": rule()}, ("a.yaml",), 0, "1 rule: 0 errors, 0 warnings", id="sound"),
        pytest.param({"a.yaml": UNKNOWN_KEY}, ("a.yaml",), 0, "1 rule: 0 errors, 1 warning", id="a warning"),
        pytest.param({"a.yaml": UNKNOWN_KEY}, ("a.yaml", "--strict"), 1, "1 warning", id="a warning, and strict"),
        pytest.param({"a.yaml": REFUSED}, ("a.yaml",), 1, "0 rules: 1 error, 0 warnings", id="an error"),
        pytest.param({}, ("no.yaml",), 1, "no.yaml:1:1: error: cannot be read: No such file", id="no such file"),
        pytest.param({"d/x.txt": ""}, ("d",), 1, "d:1:1: error: the folder has no file", id="an empty folder"),
        pytest.param({"a.yaml": b"\xff\xfe\xfd"}, ("a.yaml",), 1, "is not UTF-8 text", id="not text"),
        pytest.param(
            {"d/1.yaml": rule("A"), "d/2.yml": rule("A", "ka.verb = x") + rule("B")},
            ("d",),
            0,
            "2 rules: 0 errors",
            id="a folder",
        ),
        pytest.param(
            {"a.yaml": "- macro: \x1b[31m\n  condition: b"}, ("a.yaml",), 1, "not valid YAML", id="a control sign"
        ),
    ],
)
def test_exit_codes(
    tmp_path: Path, files: dict[str, str | bytes], arguments: tuple[str, ...], code: int, shown: str
) -> None:
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    result = kgate("falco", "lint", *arguments, cwd=tmp_path)
    assert result.code == code, result
    assert shown in result.out
    assert result.err == ""


def test_json(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": REFUSED})
    found = json.loads(kgate("falco", "lint", "a.yaml", "-f", "json", cwd=tmp_path).out)
    assert found == {
        "schema": "kgate-falco-lint/1",
        "refused": True,
        "rules": 0,
        "faults": [
            {
                "code": "LOAD_ERR_COMPILE_CONDITION",
                "severity": "error",
                "subject": "rule Made",
                "message": "expected a value, the condition ends",
                "path": "a.yaml",
                "line": 3,
                "column": 23,
                "end_column": 23,
            }
        ],
    }


EVENT = '{"auditID": "e1", "verb": "create", "stageTimestamp": "2026-01-02T03:04:05Z", "user": {"username": "ann"}}'
READ = EVENT.replace("create", "get")
TWO = rule("One", output="by %ka.user.name", more="tags: [t]") + rule("Two", "ka.user.name exists")


@pytest.mark.parametrize(
    ("rules", "events", "arguments", "code", "shown"),
    [
        pytest.param(TWO, EVENT, (), 0, "log:1: Informational: One: by ann\n1 event: 1 alert of 1 rule\n", id="first"),
        pytest.param(TWO, EVENT, ("--rule-matching", "all"), 0, "1 event: 2 alerts of 2 rules\n", id="all"),
        pytest.param(TWO, EVENT, ("--expect", "One"), 0, "1 alert", id="as expected"),
        pytest.param(TWO, READ, ("--expect", "One"), 1, "! rule One did not fire\n", id="not as expected"),
        pytest.param(rule(), READ, ("--expect-nothing",), 0, "1 event: 0 alerts of 0 rules\n", id="nothing"),
        pytest.param(rule(), EVENT, ("--expect-nothing",), 1, "1 alert", id="something"),
        pytest.param(rule(more="enabled: false"), EVENT, (), 0, "0 alerts", id="not enabled"),
        pytest.param(rule(), f"{EVENT}\n\nx\n{EVENT}", (), 3, "! log:3: is not JSON", id="a broken line"),
        pytest.param(rule(), f"[{EVENT}, {READ}]", (), 0, "2 events: 1 alert", id="a list"),
        pytest.param(
            rule(), '{"kind": "EventList", "items": [' + f"{EVENT}, {READ}]}}", (), 0, "2 events: 1", id="an EventList"
        ),
        pytest.param(rule(), '{"kind": "Pod"}', (), 3, "! log:1: is not an audit event", id="no event"),
        pytest.param(rule(), "7", (), 3, "! log:1: is not an audit event", id="a number"),
        pytest.param(rule(), '{"auditID": "1"}', (), 3, "! log:1: has no stageTimestamp", id="no time"),
        pytest.param(rule(), EVENT[:-1] + ', "a": ' + "[" * 300 + "]" * 300 + "}", (), 3, "nested deeper", id="deep"),
        pytest.param(rule(), EVENT[:-1] + ', "a": "' + "b" * 300_000 + '"}', (), 3, "Falco drops events", id="large"),
        pytest.param(
            rule(condition="len(ka.verb) = 1"),
            EVENT,
            (),
            3,
            "! rule Made is not evaluated: the function len()",
            id="len",
        ),
    ],
)
def test_events_are_replayed(
    tmp_path: Path, rules: str, events: str, arguments: tuple[str, ...], code: int, shown: str
) -> None:
    write(tmp_path, {"rules.yaml": rules, "log": events})
    result = kgate("falco", "test", "-r", "rules.yaml", "log", *arguments, cwd=tmp_path)
    assert result.code == code, result
    assert shown in result.out
    assert result.err == ""


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        pytest.param(("test", "-r", "bad.yaml", "log"), 2, "bad.yaml:3:23: error: rule Made: expected", id="refused"),
        pytest.param(("test", "-r", "rules.yaml", "no"), 2, "no: cannot be read: No such file", id="no file"),
        pytest.param(("test", "-r", "rules.yaml", "log", "--expect", "Mad"), 2, "did you mean 'Made'?", id="no rule"),
        pytest.param(
            ("test", "-r", "rules.yaml", "log", "--expect", "Made", "--expect-nothing"),
            2,
            "write one of them",
            id="both",
        ),
        pytest.param(("test", "log"), 2, "Missing option", id="no rules"),
        pytest.param(("explain", "Made", "-r", "rules.yaml", "no"), 2, "no: cannot be read", id="explain no file"),
        pytest.param(("explain", "Made", "-r", "rules.yaml", "log", "--audit-id", "x"), 3, "no such event", id="no id"),
        pytest.param(("explain", "Made", "-r", "len.yaml", "log"), 3, "the function len()", id="not modelled"),
        pytest.param(
            ("explain", "Made", "-r", "rules.yaml", "rules.yaml"), 3, "rules.yaml:1: is not JSON", id="no log"
        ),
    ],
)
def test_what_cannot_be_answered(tmp_path: Path, command: tuple[str, ...], code: int, message: str) -> None:
    length = rule(condition="len(ka.verb) = 1")
    write(tmp_path, {"rules.yaml": rule(), "bad.yaml": REFUSED, "len.yaml": length, "log": EVENT})
    result = kgate("falco", *command, cwd=tmp_path)
    assert (result.code, message in result.err) == (code, True), result


def test_replay_as_json(tmp_path: Path) -> None:
    write(tmp_path, {"rules.yaml": TWO, "log": f"{EVENT}\nx\n"})
    answer = kgate("falco", "test", "-r", "rules.yaml", "log", "--expect", "Two", "-f", "json", cwd=tmp_path)
    found: dict[str, Any] = json.loads(answer.out)
    (alert,) = found["alerts"]
    assert alert == {
        "path": "log",
        "line": 1,
        "auditID": "e1",
        "rule": "One",
        "priority": "Informational",
        "tags": ["t"],
        "output": "by ann",
    }
    assert (found["events"], found["missing"], len(found["dropped"])) == (1, ["Two"], 1)
    assert answer.code == 1


POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: %s, verbs: [create]}\n"
COVERED = rule("Made", "ka.verb = create and ka.target.resource = pods")


@pytest.mark.parametrize(
    ("level", "rules", "code", "shown"),
    [
        pytest.param("Metadata", COVERED, 0, "OK  Made\n1 rule: 1 OK\n", id="covered"),
        pytest.param("None", COVERED, 1, "BLIND  Made\n  create pods is not recorded: policy.yaml:4\n", id="blind"),
        pytest.param(
            "None", rule(condition="ka.verb = get"), 1, "get pods is not recorded: no rule matches", id="none"
        ),
        pytest.param("Metadata", rule(condition="len(ka.verb) = 1"), 3, "UNKNOWN  Made: it has the function", id="len"),
        pytest.param("Metadata", rule(more="enabled: false"), 0, "OFF  Made: it is not enabled\n", id="off"),
        pytest.param("Nothing", COVERED, 2, "policy.yaml:4:4: `Nothing` is not a level", id="no policy"),
        pytest.param("Metadata", REFUSED, 2, "rules.yaml:3:23: error: rule Made: expected a value", id="no rules"),
        pytest.param(
            "Metadata", COVERED.replace("k8s_audit", "okta"), 2, "have no rule of source k8s_audit", id="another source"
        ),
    ],
)
def test_rules_under_a_policy(tmp_path: Path, level: str, rules: str, code: int, shown: str) -> None:
    write(tmp_path, {"policy.yaml": POLICY % level, "rules.yaml": rules})
    result = kgate("audit", "cover", "policy.yaml", "-r", "rules.yaml", "-v", cwd=tmp_path)
    assert (result.code, shown in (result.err if code == 2 else result.out)) == (code, True), result


def test_coverage_as_json(tmp_path: Path) -> None:
    write(tmp_path, {"policy.yaml": POLICY % "None", "rules.yaml": COVERED})
    result = kgate("audit", "cover", "policy.yaml", "-r", "rules.yaml", "-f", "json", cwd=tmp_path)
    assert json.loads(result.out) == {
        "schema": "kgate-audit-cover/1",
        "rules": [
            {
                "rule": "Made",
                "path": "rules.yaml",
                "line": 1,
                "coverage": "BLIND",
                "reason": "",
                "gaps": [
                    {
                        "request": "create pods",
                        "reason": "is not recorded",
                        "decided_by": {"path": "policy.yaml", "line": 4},
                    }
                ],
            }
        ],
    }


SIGMA = "title: T\nlogsource: {product: kubernetes, service: audit}\ndetection:\n  s: {verb: get}\n  condition: s\n"


@pytest.mark.parametrize(
    ("text", "arguments", "code", "shown"),
    [
        pytest.param(SIGMA, ("--sigma", "s.yml"), 1, "BLIND  T\n  get pods is not recorded: no rule", id="blind"),
        pytest.param(SIGMA.replace("get", "create"), ("--sigma", "s.yml"), 0, "1 rule: 1 OK\n", id="covered"),
        pytest.param(SIGMA.replace("verb", "verbs"), ("--sigma", "s.yml"), 3, "did you mean 'verb'?", id="no field"),
        pytest.param(SIGMA.replace("audit", "app"), ("--sigma", "s.yml"), 2, "have no rule for product", id="others"),
        pytest.param("a: [", ("--sigma", "s.yml"), 2, "s.yml:2: not valid YAML", id="no YAML"),
        pytest.param("a: b", ("--sigma", "s.yml"), 2, "s.yml:1: is not a Sigma rule", id="no rule"),
        pytest.param(SIGMA, ("--sigma", "no.yml"), 2, "no.yml: cannot be read", id="no file"),
        pytest.param(SIGMA, (), 2, "name rules: --rules for those of Falco", id="nothing"),
    ],
)
def test_sigma_rules_under_a_policy(
    tmp_path: Path, text: str, arguments: tuple[str, ...], code: int, shown: str
) -> None:
    write(tmp_path, {"policy.yaml": POLICY % "Metadata", "s.yml": text})
    result = kgate("audit", "cover", "policy.yaml", *arguments, cwd=tmp_path)
    assert (result.code, shown in (result.err if code == 2 else result.out)) == (code, True), result
