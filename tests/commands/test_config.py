"""``kgate config show``: every setting, its value, and what sets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kgate.commands.main import main
from kgate.commands.variables import read_variables
from kgate.config import KNOWN
from tests.command import kgate

FILES = {
    "base.yaml": (
        "fail-on: high\nrepositories: [https://example.org/shop]\nfloor: {min-score: 50, never-ignore: [host-pid]}\n"
    ),
    "kgate.yaml": (
        "extends: base.yaml\nmin-score: 30\ntimeout: 100\nrender-memory: 5000\n"
        "gates:\n- match: {names: a}\n  level: baseline\nrule-settings: {host-ipc: {points: 3}}\n"
        "clusters: [{name: prod, paths: prod/}]\n"
    ),
}


def made(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    for name, text in {".git/HEAD": "", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def shown(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    command = ["config", "show", str(folder), "-f", "json", *arguments]
    result = CliRunner().invoke(main, command, env=dict(env or {}))
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize(
    ("arguments", "env", "key", "value", "source"),
    [
        pytest.param((), {}, "persona", "gate", "default", id="a default"),
        pytest.param((), {}, "fail-on", "high", "base.yaml:1", id="a file that another one extends"),
        pytest.param((), {}, "timeout", 100, "kgate.yaml:3", id="a limit that a file lowers"),
        pytest.param((), {}, "render-memory", 1024, "default", id="a limit that a file may not raise"),
        pytest.param((), {}, "min-score", 50, "floor of the policy", id="a floor"),
        pytest.param(("--min-score", "60"), {}, "min-score", 60, "--min-score", id="a flag"),
        pytest.param((), {"KGATE_SCAN_MIN_SCORE": "70"}, "min-score", 70, "KGATE_SCAN_MIN_SCORE", id="a variable"),
        pytest.param(
            ("--min-score", "60"), {"KGATE_SCAN_MIN_SCORE": "70"}, "min-score", 60, "--min-score", id="a flag wins"
        ),
        pytest.param(("--timeout", "50"), {}, "timeout", 50, "--timeout", id="a flag below the limit of the file"),
        pytest.param(("--timeout", "500"), {}, "timeout", 100, "kgate.yaml:3", id="a flag above it"),
        pytest.param((), {}, "gates", [{"match": {"names": ["a"]}, "level": "baseline"}], "kgate.yaml:5", id="gates"),
        pytest.param((), {}, "rule-settings", {"host-ipc": {"points": 3}}, "kgate.yaml:8", id="settings of rules"),
        pytest.param((), {}, "clusters", [{"name": "prod", "paths": ["prod/"]}], "kgate.yaml:9", id="clusters"),
        pytest.param((), {}, "floor", {"min-score": 50, "never-ignore": ["host-pid"]}, "base.yaml:3", id="the floor"),
        pytest.param((), {}, "repositories", ["https://example.org/shop"], "base.yaml:2", id="URLs"),
        pytest.param((), {}, "extends", "base.yaml", "kgate.yaml:1", id="what a file extends"),
        pytest.param(("--helm-bin", "/x/helm"), {}, "helm-bin", "/x/helm", "--helm-bin", id="a program"),
        pytest.param((), {"KGATE_SCAN_JOBS": "3"}, "jobs", 3, "KGATE_SCAN_JOBS", id="what only flags set"),
    ],
)
def test_a_setting_has_its_source(
    tmp_path: Path, arguments: tuple[str, ...], env: Mapping[str, str], key: str, value: Any, source: str
) -> None:
    found = shown(made(tmp_path), *arguments, env=env)["settings"]
    assert found[key] == {"value": value, "source": source}


def test_every_key_of_a_file_is_shown(tmp_path: Path) -> None:
    found = shown(made(tmp_path, {}))
    assert list(found["settings"])[: len(KNOWN)] == list(KNOWN)
    assert {one["source"] for one in found["settings"].values()} == {"default"}
    assert (found["configuration"], found["notes"]) == ({"path": None, "revision": None}, [])


LISTS_AND_MAPPINGS = frozenset(
    {"charts", "repositories", "flux", "argocd", "gates", "clusters", "rule-settings", "extends", "floor", "waivers"}
)
"""Keys that only a file can say."""


def test_every_other_key_has_a_flag_and_a_variable() -> None:
    known = read_variables(main)
    keys = [key for key in KNOWN if key not in LISTS_AND_MAPPINGS]
    assert "level" in keys
    assert {key: known.get(f"KGATE_SCAN_{key.upper().replace('-', '_')}") for key in keys} == {
        key: f"--{key}" for key in keys
    }


def test_it_is_a_table_in_text(tmp_path: Path) -> None:
    result = kgate("config", "show", "--level", "restricted", cwd=made(tmp_path))
    assert result.code == 0, result
    lines = result.out.splitlines()
    assert lines[0].split() == ["min-score", "50", "floor", "of", "the", "policy"]
    assert lines[1].split() == ["level", "restricted", "--level"]
    assert lines[-4:] == [
        "configuration: kgate.yaml",
        "kgate.yaml:4: render-memory stays at 1024 MiB: a file may only lower it; --render-memory raises it",
        "kgate.yaml:2: min-score stays at 50, as the policy wants",
        "kgate.yaml:7: level of gates[0] counts for nothing, as --level says it for all",
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param("ignore: [nope]\n", "no rule has the id 'nope'", id="a rule that there is not"),
        pytest.param("rule-settings: {nope: {points: 1}}\n", "kgate.yaml:1: rule-settings: no rule", id="its settings"),
        pytest.param("min-scor: 1\n", "kgate.yaml:1: unknown field 'min-scor'", id="a misspelt key"),
    ],
)
def test_wrong_settings_are_an_error(tmp_path: Path, config: str, message: str) -> None:
    result = kgate("config", "show", cwd=made(tmp_path, {"kgate.yaml": config}))
    assert result.code == 2, result
    assert message in result.err
