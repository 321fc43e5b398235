"""tuning.py: what a configuration makes of a rule, what it cannot, and that the Pod Security level stays upstream's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kgate.config import Options, read_config, settle
from kgate.errors import ConfigError, RuleError
from kgate.model import Report, Severity
from kgate.repository import Repository, UntrustedFolders
from kgate.rules import rulefile
from kgate.rules.load import load
from kgate.rules.tuning import settings_json
from kgate.rules.variables import bound
from kgate.scan import scan

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  volumes: [{name: logs, hostPath: {path: /var/log/pods}}]
  containers:
  - name: app
    image: registry.example.org/app:1
    securityContext:
      capabilities: {add: [SYS_NICE], drop: [ALL]}
      runAsUser: 2000
"""


def report(folder: Path, settings: str, **options: Any) -> Report:
    (folder / "pod.yaml").write_text(POD, encoding="utf-8")
    (folder / "kgate.yaml").write_text(f"persona: pedantic\n{settings}", encoding="utf-8")
    repository = Repository(folder)
    file = read_config(folder / "kgate.yaml", repository)
    chosen = settle(
        Options(paths=(str(folder),), jobs=1, **options), file, repository, UntrustedFolders.around([folder])
    )
    return scan(chosen)


def found(report: Report) -> set[str]:
    return {rule.id for finding in report.findings for rule in finding.rules}


ALLOWED = """\
rule-settings:
  host-path-volume:
    parameters: {allowedPaths: [/var/log]}
  non-default-capability:
    parameters: {allowedCapabilities: [SYS_NICE]}
"""


def test_parameters_decide_what_a_rule_finds(tmp_path: Path) -> None:
    assert found(report(tmp_path, "")) >= {"host-path-volume", "non-default-capability", "low-user-id"}
    assert found(report(tmp_path, ALLOWED)).isdisjoint({"host-path-volume", "non-default-capability"})
    low = "rule-settings: {low-user-id: {parameters: {least: 1000}}}\n"
    assert "low-user-id" not in found(report(tmp_path, low))
    own = "rule-settings: {image-from-other-registry: {parameters: {allowedRegistries: [ghcr.io]}}}\n"
    assert "image-from-other-registry" in found(report(tmp_path, own)) - found(report(tmp_path, ""))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param("", id="nothing"),
        pytest.param(ALLOWED, id="parameters that allow more"),
        pytest.param(
            "rule-settings: {host-path-volume: {severity: low, points: 3}, restricted-volume-type: {severity: low}}\n",
            id="a lower severity",
        ),
        pytest.param("ignore: [host-path-volume, non-default-capability]\n", id="rules that are ignored"),
    ],
)
def test_the_level_stays_what_upstream_says(tmp_path: Path, settings: str) -> None:
    """The pod's volume and capability are more than baseline allows, whatever a configuration says of the rules."""
    (one,) = report(tmp_path, settings, level="baseline").assessments
    assert one.pss_level == "privileged"
    assert one.score.misses_level
    assert not one.passed


def test_parameters_that_allow_less_do_not_lower_the_level(tmp_path: Path) -> None:
    text = "parameters: {list: {default: [a], description: b}}"
    own = rulefile.read(
        f"""\
id: own-name
title: A name
severity: high
points: 3
pss: {{level: baseline, check: hostPorts}}
target: container
{text}
expression: container.name in params.list || params.list.size() == 1
message: m
rationale: r
remediation: r
examples: {{good: [{{name: a}}], bad: [{{name: b, params: {{list: [c, d]}}}}]}}
""".encode(),
        "own-name",
        "own-name.yaml",
    )
    from dataclasses import replace

    from kgate.judgement.engine import Judge
    from kgate.judgement.ledger import assess
    from kgate.kubernetes import manifest

    (pod,) = manifest.read("a.yaml", POD.encode()).resources
    tuned = replace(own, parameters=tuple(replace(one, value=("x", "y")) for one in own.parameters))
    findings, assessment, _ = assess(Judge([tuned], 37, {tuned.id}), pod, 0)
    assert [finding.rule.id for finding in findings] == ["own-name"]
    assert assessment is not None
    assert assessment.pss_level == "restricted"


def test_severity_and_points_decide_about_the_score(tmp_path: Path) -> None:
    (before,) = report(tmp_path, "").assessments
    mild = "rule-settings:\n" + "".join(
        f"  {name}: {{severity: low, points: 1}}\n" for name in sorted(found(report(tmp_path, "")))
    )
    (after,) = report(tmp_path, mild).assessments
    assert before.score.value < 60
    assert after.score.value >= 90
    weighed = report(tmp_path, "rule-settings: {low-user-id: {severity: critical, points: 10}}\n")
    assert max(finding.rule.severity for finding in weighed.findings) is Severity.CRITICAL
    assert weighed.assessments[0].score.value < 30


def test_default_parameters_leave_the_text_of_a_rule_as_it_is() -> None:
    rules = {rule.id: rule for rule in load()}
    assert "params" not in "".join(bound(rule) for rule in rules.values())
    assert bound(rules["low-user-id"]).endswith(">= 10000")


def test_a_string_of_a_parameter_cannot_leave_its_literal(tmp_path: Path) -> None:
    odd = "\"'] || true || ['\\\\n\\u00e9\\U0001F600\""
    settings = f"rule-settings: {{image-from-other-registry: {{parameters: {{allowedRegistries: [{odd}]}}}}}}\n"
    assert "image-from-other-registry" in found(report(tmp_path, settings))


def test_settings_as_json(tmp_path: Path) -> None:
    (tmp_path / "kgate.yaml").write_text(ALLOWED, encoding="utf-8")
    file = read_config(tmp_path / "kgate.yaml", Repository(tmp_path))
    assert settings_json(file.rule_settings) == {
        "host-path-volume": {"parameters": {"allowedPaths": ["/var/log"]}},
        "non-default-capability": {"parameters": {"allowedCapabilities": ["SYS_NICE"]}},
    }


HEAD = "min-score: 1\nrule-settings:\n  "


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param(
            "host-pids: {points: 1}",
            3,
            "rule-settings: no rule has the id 'host-pids'; did you mean 'host-pid'?",
            id="a misspelt rule",
        ),
        pytest.param(
            "xyzzy: {points: 1}",
            3,
            "rule-settings: no rule has the id 'xyzzy'; `kgate rules list` shows all",
            id="no such rule",
        ),
        pytest.param("host-pid: high", 3, "rule-settings.host-pid must be a mapping", id="a text"),
        pytest.param(
            "host-pid: {}", 3, "rule-settings.host-pid sets nothing; write severity, points or parameters", id="nothing"
        ),
        pytest.param("host-pid:", 3, "rule-settings.host-pid sets nothing; write", id="null"),
        pytest.param(
            "host-pid:\n    severty: low",
            4,
            "unknown field 'severty' in rule-settings.host-pid; did you mean 'severity'?",
            id="a misspelt key",
        ),
        pytest.param(
            "host-pid:\n    severity: info",
            4,
            "rule-settings.host-pid.severity must be one of critical, high, me",
            id="a severity",
        ),
        pytest.param(
            "host-pid:\n    points: 11",
            4,
            "rule-settings.host-pid.points must be a whole number from 1 to 10",
            id="points",
        ),
        pytest.param(
            "host-pid:\n    parameters: {a: 1}",
            4,
            "the rule host-pid has no parameter 'a'; it has none",
            id="no parameters",
        ),
        pytest.param(
            "low-user-id:\n    parameters:\n      least: 18446744073709551615",
            5,
            "rule-settings.low-user-id.parameters.least must be a list of strings, a string, a whole number",
            id="a number that CEL cannot hold",
        ),
        pytest.param(
            "low-user-id:\n    parameters:\n      lest: 1",
            5,
            "the rule low-user-id has no parameter 'lest'; did you mean 'least'?",
            id="a misspelt parameter",
        ),
        pytest.param(
            "low-user-id:\n    parameters:\n      least: '1'",
            5,
            "least of low-user-id must be a whole number",
            id="a text for a number",
        ),
        pytest.param(
            "low-user-id:\n    parameters:\n      least: true",
            5,
            "least of low-user-id must be a whole number",
            id="a truth value for a number",
        ),
        pytest.param(
            "host-path-volume:\n    parameters:\n      allowedPaths: /var",
            5,
            "allowedPaths of host-path-volume must be a list of str",
            id="a text for a list",
        ),
        pytest.param(
            "host-path-volume:\n    parameters:\n      allowedPaths:\n      - 1",
            6,
            "rule-settings.host-path-volume.parameters.allowedPaths[0] must be a string; put it in quotes",
            id="a number in a list",
        ),
        pytest.param(
            "host-path-volume:\n    parameters:\n      allowedPaths: {a: b}",
            5,
            "rule-settings.host-path-volume.parameters.allowedPaths must be a list of strings, a",
            id="a mapping",
        ),
        pytest.param(
            "host-path-volume:\n    parameters:\n      allowedPaths:",
            5,
            "rule-settings.host-path-volume.parameters.allowedPaths must be",
            id="a null",
        ),
        pytest.param(
            "host-path-volume:\n    severity: low",
            4,
            "'host-path-volume' includes 'restricted-volume-type', and so must have at least its severity; set it",
            id="less than what it includes",
        ),
        pytest.param(
            "restricted-volume-type:\n    points: 10",
            4,
            "'git-repo-volume' includes 'restricted-volume-type', and so must have at least its points",
            id="more than what includes it",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        report(tmp_path, HEAD.replace("min-score: 1\n", "") + text + "\n")
    assert str(caught.value).startswith(f"{tmp_path}/kgate.yaml:{line}: {message}")


RULE = """\
id: own
title: t
severity: low
points: 1
target: container
parameters:
  names:
    default: [a]
    description: Names that are allowed.
expression: container.name in params.names
message: m
rationale: r
remediation: r
examples:
  good:
  - {name: a}
  - {params: {names: [b]}, name: b}
  bad:
  - {name: b}
"""


@pytest.mark.parametrize(
    ("edit", "line", "message"),
    [
        pytest.param(
            ("params.names", "params.name"), 10, "there is no parameter 'name'; did you mean 'names'?", id="unknown"
        ),
        pytest.param(
            ("in params.names", "== 'a'"),
            7,
            "no expression uses the parameter 'names'; write params.names",
            id="unused",
        ),
        pytest.param(("    default: [a]\n", ""), 7, "parameters.names.default is missing", id="no default"),
        pytest.param(
            ("default: [a]", "default: {a: b}"), 8, "parameters.names.default must be a list of strings", id="a kind"
        ),
        pytest.param(("description: N", "describe: N"), 9, "unknown field 'describe' in parameters.names", id="a key"),
        pytest.param(
            ("    description: Names that are allowed.\n", ""),
            7,
            "parameters.names.description is missing",
            id="no words",
        ),
        pytest.param(("  names:\n", "  a-b:\n"), 7, "'a-b' is not an identifier such as allowedPaths", id="a name"),
        pytest.param(
            ("{names: [b]}", "{name: [b]}"), 17, "unknown field 'name' in examples.good[1].params; did", id="an example"
        ),
        pytest.param(
            ("{names: [b]}", "{names: b}"), 17, "examples.good[1].params.names must be a list of strings", id="its kind"
        ),
    ],
)
def test_mistakes_in_a_rule(edit: tuple[str, str], line: int, message: str) -> None:
    assert rulefile.read(RULE.encode(), "own", "own.yaml").parameters[0].value == ("a",)
    with pytest.raises(RuleError) as caught:
        rulefile.read(RULE.replace(*edit).encode(), "own", "own.yaml")
    assert str(caught.value).startswith(f"own.yaml:{line}: {message}")
