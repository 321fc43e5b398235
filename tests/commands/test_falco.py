"""kgate falco: the answers, their formats, and exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

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
    result = kgate(*command.split(), cwd=tmp_path)
    assert (result.err, result.out) == ("", shown)


def test_the_document_has_examples() -> None:
    assert "falco lint rules.yaml" in [command for command, _ in SESSIONS]


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
