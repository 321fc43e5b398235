"""What a report says of the settings that it was made with, and of rules that were left out by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.command import ROOT, kgate

SCHEMA = json.loads((ROOT / "kgate/schemas/report-2.json").read_text(encoding="utf-8"))
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: app, image: x, securityContext: {privileged: true}}]
"""
BASE = "min-score: 70\nignore: [host-pid]\n"
DEFAULTS: dict[str, tuple[Any, str]] = {
    "min-score": (60, "default"),
    "level": (None, "default"),
    "fail-on": (None, "default"),
    "kubernetes-version": ("1.37", "default"),
    "persona": ("gate", "default"),
    "select": ([], "default"),
    "ignore": ([], "default"),
    "rules": ([], "default"),
    "allow-empty": (False, "default"),
    "unjudged": ("incomplete", "default"),
    "gates": ([], "default"),
    "clusters": ([], "default"),
    "baseline": (None, "default"),
    "rule-settings": ({}, "default"),
}


def report(folder: Path, *arguments: str, files: Mapping[str, str], env: Mapping[str, str] | None = None) -> Any:
    for name, text in {".git/config": "", "web.yaml": POD, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = json.loads(kgate("scan", ".", "-f", "json", *arguments, cwd=folder, env=dict(env or {})).out)
    jsonschema.validate(found, SCHEMA)
    return found


@pytest.mark.parametrize(
    ("files", "arguments", "env", "changed"),
    [
        pytest.param({}, (), {}, {}, id="nothing"),
        pytest.param(
            {"kgate.yaml": "# gate\nmin-score: 30\nfail-on: high\nunjudged: note\n"},
            (),
            {},
            {
                "min-score": (30, "kgate.yaml:2"),
                "fail-on": ("high", "kgate.yaml:3"),
                "unjudged": ("note", "kgate.yaml:4"),
            },
            id="a file",
        ),
        pytest.param(
            {"kgate.yaml": "min-score: 30\n"},
            ("--min-score", "40", "--ignore", "host-pid,tiller"),
            {},
            {"min-score": (40, "--min-score"), "ignore": (["host-pid", "tiller"], "--ignore")},
            id="flags",
        ),
        pytest.param(
            {"kgate.yaml": "min-score: 30\nallow-empty: false\n"},
            (),
            {"KGATE_SCAN_MIN_SCORE": "50", "KGATE_SCAN_PERSONA": "audit"},
            {
                "min-score": (50, "KGATE_SCAN_MIN_SCORE"),
                "persona": ("audit", "KGATE_SCAN_PERSONA"),
                "allow-empty": (False, "kgate.yaml:2"),
            },
            id="variables",
        ),
        pytest.param(
            {"base.yaml": BASE, "kgate.yaml": "extends: base.yaml\nkubernetes-version: '1.30'\n"},
            (),
            {},
            {
                "min-score": (70, "base.yaml:1"),
                "ignore": (["host-pid"], "base.yaml:2"),
                "kubernetes-version": ("1.30", "kgate.yaml:2"),
            },
            id="a file that another one extends",
        ),
        pytest.param(
            {"kgate.yaml": "floor: {min-score: 80, fail-on: high}\nmin-score: 20\n"},
            (),
            {},
            {"min-score": (80, "floor of the policy"), "fail-on": ("high", "floor of the policy")},
            id="a floor",
        ),
    ],
)
def test_every_setting_comes_with_its_source(
    tmp_path: Path,
    files: dict[str, str],
    arguments: tuple[str, ...],
    env: dict[str, str],
    changed: dict[str, tuple[Any, str]],
) -> None:
    found = report(tmp_path, *arguments, files=files, env=env)
    assert {key: (one["value"], one["source"]) for key, one in found["settings"].items()} == DEFAULTS | changed


def test_sarif_has_them_too(tmp_path: Path) -> None:
    report(tmp_path, files={"kgate.yaml": "min-score: 30\n"})
    run = json.loads(kgate("scan", ".", "-f", "sarif", cwd=tmp_path).out)["runs"][0]
    assert run["invocations"][0]["properties"]["min-score"] == {"value": 30, "source": "kgate.yaml:1"}


@pytest.mark.parametrize(
    ("ignore", "score", "ignored"),
    [
        pytest.param("[privileged-container]", 8, ["privileged-container"], id="the worst"),
        pytest.param("[privileged-container, host-pid]", 8, ["privileged-container"], id="one that it does not offend"),
        pytest.param("[seccomp-not-set]", 8, ["seccomp-not-set"], id="a lesser one"),
        pytest.param("[host-pid]", None, None, id="none that it offends"),
        pytest.param("[naked-pod]", None, None, id="one that the persona does not use"),
        pytest.param("[]", None, None, id="nothing"),
    ],
)
def test_an_ignored_rule_still_shows_in_the_score(
    tmp_path: Path, ignore: str, score: int | None, ignored: list[str] | None
) -> None:
    (workload,) = report(tmp_path, files={"kgate.yaml": f"ignore: {ignore}\n"})["workloads"]
    assert workload.get("score_without_ignoring") == score
    assert workload.get("ignored") == ignored
    assert workload["score"] >= (score or 0)
