"""policy/floor.py, extends and --policy: what a repository cannot go below, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kgate.config import Options, Settings, read_config, selected_ids, settle, under_policy
from kgate.errors import ConfigError, RuleError
from kgate.model import Severity
from kgate.repository import Repository, UntrustedFolders
from kgate.rules.load import load
from kgate.rules.tuning import refused, tuned
from tests.command import kgate
from tests.policy.clone import Clone
from tests.policy.test_weakened import POD, told

POLICY = """\
min-score: 80
ignore: [naked-pod]
floor:
  min-score: 60
  fail-on: high
  kubernetes-version: "1.30"
  never-ignore: [host-pid, host-network]
"""


def settled(folder: Path, files: Mapping[str, str], options: Options = Options(), policy: str = "") -> Settings:  # noqa: B008
    """The settings of a repository whose kgate.yaml may extend others, and of a policy beside it."""
    root = folder / "shop"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    repository = Repository.at(root)
    file = read_config(root / "kgate.yaml", repository)
    if policy:
        (folder / "policy.yaml").write_text(policy, encoding="utf-8")
        file, _ = under_policy(file, None, folder / "policy.yaml", repository)
    return settle(options, file, repository, UntrustedFolders((root,)))


EXTENDS = "extends: org/policy.yaml\n"


@pytest.mark.parametrize("way", ["extends", "policy"])
def test_what_a_file_does_not_say_is_taken_from_the_policy(tmp_path: Path, way: str) -> None:
    files = {"kgate.yaml": EXTENDS if way == "extends" else "{}", "org/policy.yaml": POLICY}
    found = settled(tmp_path, files, policy=POLICY if way == "policy" else "")
    assert (found.min_score, found.ignore, found.fail_on, found.minor) == (80, ("naked-pod",), Severity.HIGH, 37)
    assert found.notes == ()


def test_what_a_repository_asks_for_below_the_floor_is_told_at_its_line(tmp_path: Path) -> None:
    own = (
        f'{EXTENDS}min-score: 10\nfail-on: critical\nkubernetes-version: "1.20"\n'
        "ignore:\n- host-ipc\n- host-pid\nselect: [naked-pod]\n"
    )
    found = settled(tmp_path, {"kgate.yaml": own, "org/policy.yaml": POLICY})
    assert (found.min_score, found.fail_on, found.minor) == (60, Severity.HIGH, 30)
    assert found.rendering.options.kubernetes_version == "1.30"
    assert selected_ids(load(), found) == {"naked-pod", "host-pid", "host-network"}
    assert [str(note) for note in found.notes] == [
        "kgate.yaml:2: min-score stays at 60, as the policy wants",
        "kgate.yaml:3: fail-on stays at high, as the policy wants",
        "kgate.yaml:4: kubernetes-version stays at 1.30, as the policy wants",
        "kgate.yaml:7: host-pid is not ignored, as the policy wants",
        "kgate.yaml:8: host-network is used, too, as the policy wants",
        "kgate.yaml:8: host-pid is used, too, as the policy wants",
    ]


def test_gates_and_the_level_cannot_go_below_the_floor(tmp_path: Path) -> None:
    own = (
        f"{EXTENDS}level: privileged\ngates:\n- match: {{names: a}}\n  min-score: 10\n  level: privileged\n"
        "  fail-on: critical\n  kubernetes-version: '1.20'\n- match: {names: b}\n  min-score: 90\n  level: restricted\n"
    )
    policy = POLICY.replace("floor:\n", "floor:\n  level: baseline\n")
    found = settled(tmp_path, {"kgate.yaml": own, "org/policy.yaml": policy})
    first, second = found.gates
    assert found.level == "baseline"
    assert (first.min_score, first.level, first.fail_on, first.minor) == (60, "baseline", Severity.HIGH, 30)
    assert (second.min_score, second.level, second.fail_on, second.minor) == (90, "restricted", None, None)
    assert [str(note) for note in found.notes] == [
        "kgate.yaml:2: level stays at baseline, as the policy wants",
        "kgate.yaml:5: min-score of gates[0] stays at 60, as the policy wants",
        "kgate.yaml:6: level of gates[0] stays at baseline, as the policy wants",
        "kgate.yaml:7: fail-on of gates[0] stays at high, as the policy wants",
        "kgate.yaml:8: kubernetes-version of gates[0] stays at 1.30, as the policy wants",
    ]


def test_rules_that_a_policy_wants_used_cannot_be_weakened(tmp_path: Path) -> None:
    own = (
        f"{EXTENDS}rule-settings:\n  host-pid:\n    severity: low\n    points: 1\n  host-ipc: {{severity: medium}}\n"
        "  host-path-volume:\n    severity: critical\n    parameters: {allowedPaths: [/]}\n"
    )
    policy = POLICY.replace("[host-pid, host-network]", "[host-pid, host-path-volume]") + (
        "rule-settings: {host-pid: {points: 9}, host-path-volume: {parameters: {allowedPaths: [/var/log]}}}\n"
    )
    found = settled(tmp_path, {"kgate.yaml": own, "org/policy.yaml": policy})
    rules = {rule.id: rule for rule in tuned(load(), found.rule_settings)}
    assert (rules["host-pid"].severity, rules["host-pid"].points) == (Severity.HIGH, 9)
    assert rules["host-ipc"].severity is Severity.MEDIUM
    assert rules["host-path-volume"].severity is Severity.CRITICAL
    assert rules["host-path-volume"].parameters[0].value == ("/var/log",)
    assert [str(note) for note in refused(load(), found.rule_settings)] == [
        "kgate.yaml:4: severity of host-pid stays as it is, as the policy wants",
        "kgate.yaml:5: points of host-pid stays as it is, as the policy wants",
        "kgate.yaml:9: parameters of host-path-volume stays as it is, as the policy wants",
    ]


def test_flags_cannot_go_below_it_either(tmp_path: Path) -> None:
    options = Options(min_score=0, fail_on="critical", kubernetes_version="1.0", ignore=("host-pid",))
    found = settled(tmp_path, {"kgate.yaml": "{}"}, options, POLICY)
    assert (found.min_score, found.fail_on, found.minor) == (60, Severity.HIGH, 30)
    assert "host-pid" in selected_ids(load(), found)
    assert [note.line for note in found.notes] == [None] * 4


ABOVE: dict[str, tuple[str, tuple[object, ...]]] = {
    "a higher score": ("min-score: 90\n", (90, Severity.HIGH, 37)),
    "a milder severity": ("fail-on: medium\n", (80, Severity.MEDIUM, 37)),
    "a newer version": ('kubernetes-version: "1.33"\n', (80, Severity.HIGH, 33)),
    "a stricter floor": ("floor: {min-score: 95}\n", (95, Severity.HIGH, 37)),
    "a lower floor": ("floor: {min-score: 1, kubernetes-version: '1.0'}\nmin-score: 1\n", (60, Severity.HIGH, 37)),
}


@pytest.mark.parametrize(("own", "wanted"), ABOVE.values(), ids=ABOVE.keys())
def test_the_stricter_of_both_holds(tmp_path: Path, own: str, wanted: tuple[object, ...]) -> None:
    found = settled(tmp_path, {"kgate.yaml": EXTENDS + own, "org/policy.yaml": POLICY})
    assert (found.min_score, found.fail_on, found.minor) == wanted


WRONG: dict[str, tuple[Mapping[str, str], str]] = {
    "no such file": ({"kgate.yaml": "extends: nowhere\n"}, "kgate.yaml:1: extends: there is no file 'nowhere'"),
    "out of the repository": ({"kgate.yaml": "\nextends: ../x\n"}, "kgate.yaml:2: '../x' leads out of the repository"),
    "absolute": ({"kgate.yaml": "extends: /etc/passwd\n"}, "there is no file '/etc/passwd'"),
    "itself": ({"kgate.yaml": "extends: kgate.yaml\n"}, "more than 5 files extend each other"),
    "each other": ({"kgate.yaml": "extends: a\n", "a": "extends: kgate.yaml\n"}, "more than 5 files extend each other"),
    "a list": ({"kgate.yaml": "extends: [a]\n"}, "extends must be a string"),
    "an unknown key": ({"kgate.yaml": "floor: {min-scor: 1}\n"}, "unknown field 'min-scor' in floor; did you mean"),
    "no version": ({"kgate.yaml": "floor:\n  kubernetes-version: '2.0'\n"}, "kgate.yaml:2: kubernetes-version: '2.0'"),
    "no rule": ({"kgate.yaml": "floor: {never-ignore: [host-pit]}\n"}, "did you mean 'host-pid'"),
}


@pytest.mark.parametrize(("files", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_fault_is_reported_at_its_line(tmp_path: Path, files: Mapping[str, str], words: str) -> None:
    with pytest.raises((ConfigError, RuleError)) as error:
        selected_ids(load(), settled(tmp_path, files))
    assert words in str(error.value)


def test_a_change_does_not_lower_the_floor_that_holds_for_it(tmp_path: Path) -> None:
    """Neither in the file that is extended, nor by extending it no longer."""
    clone = Clone.of(tmp_path / "shop", {"kgate.yaml": EXTENDS, "org/policy.yaml": POLICY, "a.yaml": POD})
    lower = POLICY.replace("min-score: 60", "min-score: 0").replace("min-score: 80", "min-score: 0")
    clone.changed({"org/policy.yaml": lower})
    assert clone.settings().min_score == 80
    assert told(clone) == [
        "kgate.yaml:1:1 The floor below which no configuration can go is lower.",
        "kgate.yaml:1:1 The score that every workload must reach falls from 80 to 0.",
    ]
    clone.changed({"org/policy.yaml": POLICY, "kgate.yaml": "min-score: 80\nignore: [naked-pod]\n"})
    assert told(clone) == ["kgate.yaml:1:1 The floor below which no configuration can go is lower."]
    assert clone.settings().fail_on is Severity.HIGH


def test_the_command_takes_a_policy_that_the_change_cannot_reach(tmp_path: Path) -> None:
    clone = Clone.of(tmp_path / "shop", {"a.yaml": POD, "policy.yaml": POLICY})
    clone.changed({"kgate.yaml": "min-score: 0\nignore: [host-pid]\n", "policy.yaml": "{}"})
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    held = kgate("scan", ".", "-v", "--policy", "../policy.yaml", cwd=clone.folder)
    assert (held.code, "kgate.yaml:2: host-pid is not ignored, as the policy wants" in held.out) == (1, True), held
    inside = kgate("scan", ".", "--policy", "policy.yaml", cwd=clone.folder)
    assert (inside.code, "lies in the scanned repository, whose changes it is to hold" in inside.err) == (2, True), (
        inside
    )
    trusted = kgate("scan", ".", "--policy", "policy.yaml", "--policy-from", "main", cwd=clone.folder)
    assert (trusted.code, "The floor below which no configuration can go is lower." in trusted.out) == (1, True), (
        trusted
    )
