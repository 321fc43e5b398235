"""gatelist.py: what an entry of gates may say, and at which line the rest is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.config import read_config
from kgate.errors import ConfigError
from kgate.gates import Match, OwnBar, gate_json
from kgate.model import Severity
from kgate.repository import Repository

WHOLE = """\
gates:
- match:
    paths: [clusters/prod/, "!clusters/prod/test"]
    namespaces: shop-*
    labels: {tier: front}
    kinds: [Deployment, Pod.core]
    names: "*"
  min-score: restricted
  level: baseline
  fail-on: high
  kubernetes-version: "1.30"
"""


def read(folder: Path, text: str) -> tuple[OwnBar, ...]:
    (folder / "kgate.yaml").write_text(text, encoding="utf-8")
    return read_config(folder / "kgate.yaml", Repository(folder)).gates


def test_all_of_an_entry_is_read(tmp_path: Path) -> None:
    (found,) = read(tmp_path, WHOLE)
    match = Match(
        ("clusters/prod/", "!clusters/prod/test"),
        ("shop-*",),
        (("tier", "front"),),
        ("Deployment", "Pod.core"),
        ("*",),
    )
    assert found == OwnBar(match, 90, "baseline", Severity.HIGH, 30)
    assert found.place("fail-on") == "kgate.yaml:10"
    assert gate_json(found) == {
        "match": {
            "paths": ["clusters/prod/", "!clusters/prod/test"],
            "namespaces": ["shop-*"],
            "kinds": ["Deployment", "Pod.core"],
            "names": ["*"],
            "labels": {"tier": "front"},
        },
        "min-score": 90,
        "level": "baseline",
        "fail-on": "high",
        "kubernetes-version": "1.30",
    }


HEAD = "min-score: 1\ngates:\n- match: {names: a}\n  min-score: 2\n- "


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param(
            "min-score: 3", 5, "gates[1].match is missing; what all must reach stands at the top", id="no match"
        ),
        pytest.param(
            "match: {names: b}", 5, "gates[1] asks for nothing; write min-score, level, fail-on or", id="nothing"
        ),
        pytest.param("match: {}\n  level: baseline", 5, "gates[1].match names nothing; write paths, names", id="empty"),
        pytest.param(
            "match: {name: b}\n  level: baseline",
            5,
            "unknown field 'name' in gates[1].match; did you mean 'names'?",
            id="a misspelt match",
        ),
        pytest.param(
            "match: {names: b}\n  score: 3",
            6,
            "unknown field 'score' in gates[1]; did you mean 'min-score'?",
            id="a misspelt key",
        ),
        pytest.param("match: prod\n  min-score: 3", 5, "gates[1].match must be a mapping", id="a text as match"),
        pytest.param(
            "match:\n    names: []\n  min-score: 3",
            6,
            "gates[1].match.names is empty, so nothing can fit it",
            id="no names",
        ),
        pytest.param(
            "match:\n    names:\n    - b\n    - ''\n  min-score: 3",
            8,
            "gates[1].match.names[1] is empty, so",
            id="an empty name",
        ),
        pytest.param(
            "match:\n    names: ''\n  min-score: 3", 6, "gates[1].match.names is empty, so", id="a name that is empty"
        ),
        pytest.param(
            "match: {names: [1]}\n  min-score: 3",
            5,
            "gates[1].match.names[0] must be a string; put it in",
            id="a number",
        ),
        pytest.param("match: {names: '[a'}\n  min-score: 3", 5, "gates[1].match.names: ", id="a pattern of names"),
        pytest.param(
            "match: {namespaces: 'a\\'}\n  min-score: 3", 5, "gates[1].match.namespaces: ", id="a pattern of namespaces"
        ),
        pytest.param(
            "match: {paths: ../b}\n  min-score: 3",
            5,
            "gates[1].match.paths: '../b' leads out of the repository",
            id="a path above",
        ),
        pytest.param(
            "match: {paths: '# b'}\n  min-score: 3",
            5,
            "gates[1].match.paths: '# b' is not a pattern such as",
            id="a comment",
        ),
        pytest.param(
            'match: {paths: "a\\nb"}\n  min-score: 3',
            5,
            "gates[1].match.paths: 'a\nb' is not a pattern",
            id="two lines",
        ),
        pytest.param(
            "match:\n    kinds:\n    - pods\n  min-score: 3",
            7,
            "gates[1].match.kinds[0]: 'pods' is not a kind such as Deployment",
            id="a plural",
        ),
        pytest.param(
            "match:\n    labels: {}\n  min-score: 3",
            6,
            "gates[1].match.labels is empty; remove it, or name",
            id="no labels",
        ),
        pytest.param(
            "match:\n    labels:\n      a: true\n  min-score: 3",
            7,
            "gates[1].match.labels.a must be a string; put it",
            id="a label that is true",
        ),
        pytest.param(
            "match:\n    labels:\n      a:\n  min-score: 3",
            7,
            "gates[1].match.labels.a is empty, so nothing",
            id="a label that is null",
        ),
        pytest.param(
            "match: {names: b}\n  min-score: 101",
            6,
            "gates[1].min-score must be a whole number from 0 to",
            id="a score",
        ),
        pytest.param(
            "match: {names: b}\n  level: strict",
            6,
            "gates[1].level must be one of privileged, baseline, restr",
            id="a level",
        ),
        pytest.param(
            "match: {names: b}\n  fail-on: severe",
            6,
            "gates[1].fail-on must be one of critical, high, med",
            id="a severity",
        ),
        pytest.param(
            "match: {names: b}\n  kubernetes-version: 1.30",
            6,
            "gates[1].kubernetes-version must be a string;",
            id="a number as version",
        ),
        pytest.param(
            "match: {names: b}\n  kubernetes-version: '2'",
            6,
            "kubernetes-version: '2' is not a Kubernetes",
            id="a version",
        ),
        pytest.param("prod", 5, "gates[1] must be a mapping", id="a text"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, HEAD + text + "\n")
    assert str(caught.value).startswith(f"{tmp_path}/kgate.yaml:{line}: {message}")


@pytest.mark.parametrize("text", ["gates: 7", "gates: {match: {names: a}}"])
def test_gates_are_a_list(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"kgate.yaml:1: gates must be a list of mappings"):
        read(tmp_path, text)
