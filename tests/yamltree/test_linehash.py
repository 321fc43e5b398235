"""linehash.py: GitHub's own numbers, and what they are good for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from kgate.yamltree.linehash import LineHashes
from kgate.yamltree.text import source_text
from tests.reports.test_sarif import multitool

# Worked out by GitHub's own code under Node, and by sarif-multitool.
PUBLISHED = {
    "apiVersion: v1\nkind: Pod\nspec:\n  hostPID: true\n": [
        "e738f998f0eb50f1:1",
        "6bb1966b675cdf06:1",
        "f547b32ca91a95fd:1",
        "6d530b237b52246e:1",
    ],
    "a\n\nb\r\nb\nb": [
        "ebc590f12445996:1",
        "c59f99c41cd20987:1",
        "97f113522b3ace19:1",
        "50ed844b379b62bd:1",
        "8ee5a81e681643c1:1",
    ],
    "- x\n- x\n": ["fe903a3fcce49f6d:1", "6dd04605551aa002:1"],
}

FILES = {
    "carriage returns": "a: 1\r\nb: 2\rc: 3\r\n\r\nd: 4\r\n",
    "a carriage return, a blank and a line feed": "a\r \nb\r\t\nc\r\r\nd",
    "characters beyond 16 bits": "a: 🙂🙂\n" * 3 + "🙂" * 120 + "\nb: 🙂\n",
    "tabs and blank lines": "\t\n \n\n\ta\n  b\n",
    "equal lines": "- name: web\n" * 40,
    "a long line": "x" * 250 + "\n" + "y" * 99 + "\nz",
    "no last line end": "a\nb",
    "one line": "a",
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_the_published_values(text: str) -> None:
    hashes = LineHashes(text)
    assert [hashes[line] for line in range(1, len(PUBLISHED[text]) + 1)] == PUBLISHED[text]


def test_a_line_that_is_not_there_has_none() -> None:
    assert LineHashes("a")[2] == ""


def test_lines_above_change_nothing_and_equal_lines_are_numbered() -> None:
    text = "x: 1\n" + "y: 2\n" * 60
    below = LineHashes("# new\n\n" + text)
    assert below[3] == LineHashes(text)[1]
    assert [below[line].split(":")[1] for line in (4, 5, 6)] == ["1", "2", "3"]
    assert below[4].split(":")[0] == below[5].split(":")[0]


def test_indentation_changes_nothing() -> None:
    assert LineHashes("a:\n  - b: 1\n")[2] == LineHashes("a:\n- b:   1\n")[2]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"a: 1\n", LineHashes("a: 1\n")[1], id="plain"),
        pytest.param(b"\xef\xbb\xbfa: 1\n", LineHashes("\ufeffa: 1\n")[1], id="GitHub does not skip the mark"),
        pytest.param("a: 1\n".encode("utf-16"), "", id="GitHub reads everything as UTF-8"),
    ],
)
def test_a_location_carries_the_hash_of_its_line(data: bytes, expected: str) -> None:
    source = source_text("a.yaml", data)
    assert source.location(0, 1, "").line_hash == expected


def of_multitool(folder: Path, text: str, lines: int) -> list[str]:
    """The hashes that sarif-multitool works out for a file with a result in each line."""
    file, log, answer = folder / "a.yaml", folder / "in.sarif", folder / "out.sarif"
    file.write_bytes(text.encode())
    results = [
        {
            "ruleId": "a",
            "message": {"text": "a"},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": file.as_uri()}, "region": {"startLine": line}}}
            ],
        }
        for line in range(1, lines + 1)
    ]
    run = {"tool": {"driver": {"name": "a"}}, "results": results}
    log.write_text(json.dumps({"version": "2.1.0", "runs": [run]}), encoding="utf-8")
    options = ("--insert", "RollingHashPartialFingerprints", "--log", "ForceOverwrite")
    command = [str(multitool()), "rewrite", str(log), "-o", str(answer), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(answer.read_text(encoding="utf-8-sig"))["runs"][0]["results"]
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in found]


@pytest.mark.needs_npm
@pytest.mark.parametrize("name", FILES)
def test_multitool_comes_to_the_same(name: str, tmp_path: Path) -> None:
    text = FILES[name]
    lines = len(text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n"))
    hashes = LineHashes(text)
    assert of_multitool(tmp_path, text, lines) == [hashes[line] for line in range(1, lines + 1)]
