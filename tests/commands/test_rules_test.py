"""kgate rules test: a rule that does not do what its examples say is named with its line; a wrong file is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import ROOT, kgate

RULE = """\
id: no-team-label
title: No team
severity: high
points: 3
target: pod
expression: metadata.?labels.?team.orValue('') != ''
fields: [metadata.labels.team]
message: The pod names no team.
rationale: Nobody is called at night.
remediation: Add the label.
examples:
  good:
    - metadata: {labels: {team: a}}
      spec: {}
  bad:
    - spec: {}
    - metadata: {labels: {team: ""}}
      spec: {}
"""

PRIVILEGED = """\
id: privileged-init
title: Privileged
severity: high
points: 3
target: container
expression: >-
  !(container in pod.?initContainers.orValue([]))
  || container.?securityContext.?privileged.orValue(false) == false
fields: [securityContext.privileged]
message: The container is privileged.
rationale: It is root on the node.
remediation: Remove the field.
examples:
  good: [{name: app}]
  bad:
    - name: app
      securityContext: {privileged: true}
"""


def write(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / f"{text.partition('id: ')[2].partition(chr(10))[0]}.yaml").write_text(text, encoding="utf-8")


def test_examples_that_hold(tmp_path: Path) -> None:
    write(tmp_path / "own", RULE)
    result = kgate("rules", "test", "own", cwd=tmp_path)
    assert (result.code, result.out) == (0, "3 examples of 1 rule, in 243 objects: all as expected\n"), result


def test_the_documentation(tmp_path: Path) -> None:
    """The rule of docs/own-rules.md is one, and the command prints what the page says."""
    page = (ROOT / "docs/own-rules.md").read_text(encoding="utf-8")
    rule = page.partition("```yaml\n")[2].partition("```")[0]
    write(tmp_path / "policies", rule)
    assert (
        kgate("rules", "test", "policies", cwd=tmp_path).out == page.partition("test policies\n")[2].partition("```")[0]
    )
    (tmp_path / "policies/no-team-label.yaml").write_text(
        rule.replace("variables.team in ['web', 'data']", '"true"'), encoding="utf-8"
    )
    failed = kgate("rules", "test", "policies", cwd=tmp_path)
    assert failed.out.splitlines()[0] == page.partition("```text\n")[2].partition("\n")[0]


FAILED = [
    pytest.param(
        RULE,
        ("expression: metadata.?labels.?team.orValue('') != ''", 'expression: "true"'),
        ["16: bad example 1: expected a finding of no-team-label, found none (Pod of v1, initContainers), in 81 of 81"],
        "3 examples of 1 rule, in 243 objects: 2 failed",
        id="an expression that allows everything",
    ),
    pytest.param(
        RULE,
        ("!= ''", "== 'b'"),
        ["13: good example 1: expected no finding of no-team-label, found metadata.labels.team (Pod of v1, "],
        "1 failed",
        id="an expression that allows nothing",
    ),
    pytest.param(
        RULE,
        ("metadata: {labels: {team: a}}", "metadata: {labels: [team]}"),
        ["13: good example 1: cannot be judged: "],
        "1 failed",
        id="an example that cannot be judged",
    ),
    pytest.param(
        RULE,
        ("    - spec: {}\n", "    - kind: Pod\n      spec: {}\n"),
        ["16: bad example 1: cannot be judged: "],
        "in 163 objects: 1 failed",
        id="an object that is none",
    ),
    pytest.param(
        PRIVILEGED,
        ("", ""),
        ["16: bad example 1: expected a finding of privileged-init, found none (Pod of v1, containers), in 54 of 81"],
        "1 failed",
        id="a rule that looks at one of the container lists",
    ),
]


@pytest.mark.parametrize(("rule", "change", "lines", "summary"), FAILED)
def test_examples_that_do_not_hold(
    tmp_path: Path, rule: str, change: tuple[str, str], lines: list[str], summary: str
) -> None:
    write(tmp_path / "own", rule.replace(*change))
    result = kgate("rules", "test", "own", cwd=tmp_path)
    assert result.code == 1, result
    name = rule.partition("id: ")[2].partition("\n")[0]
    for line in lines:
        assert f"own/{name}.yaml:{line}" in result.out
    assert result.out.endswith(f"{summary}\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            "fields: [metadata.labels.team]",
            "fields: [tyt]",
            "own/no-team-label.yaml:7: 'tyt': neither the expression nor an example has a field 'tyt'",
            id="a field that is nowhere",
        ),
        pytest.param(
            "fields: [metadata.labels.team]",
            "fields:\n- metadata.labels.team\n- metadata.label.team",
            "neither the expression nor an example has a field 'label'; did you mean 'labels'?",
            id="a misspelt field",
        ),
        pytest.param("points: 3", "points: 0", ":4: points must be a whole number from 1 to 10", id="a wrong file"),
    ],
)
def test_rules_that_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    write(tmp_path / "own", RULE.replace(old, new))
    result = kgate("rules", "test", "own", cwd=tmp_path)
    assert (result.code, result.out) == (2, ""), result
    assert message in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "Missing argument 'FOLDER…'", id="no folder"),
        pytest.param(["nowhere"], "nowhere: no such folder of rules", id="a folder that is not there"),
    ],
)
def test_usage(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = kgate("rules", "test", *arguments, cwd=tmp_path)
    assert result.code == 2
    assert message in result.err


def test_an_id_of_kgate_is_taken(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "host-pid.yaml").write_bytes((ROOT / "rules/host-pid.yaml").read_bytes())
    result = kgate("rules", "test", "own", cwd=tmp_path)
    assert (result.code, "the id 'host-pid' is taken by rules/host-pid.yaml" in result.err) == (2, True), result
