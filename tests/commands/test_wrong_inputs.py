"""What a user may type, set and write wrongly: each message says what to type instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kgate.commands.main import main
from kgate.commands.variables import read_variables
from tests.command import ROOT, kgate

GOOD = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Wrong:
    """A command line, the last line on standard error, and the variables and files beside web.yaml."""

    arguments: tuple[str, ...]
    message: str
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


TABLE: dict[str, Wrong] = {
    "a path instead of a command": Wrong(
        ("./web.yaml",), "Error: './web.yaml' is a path, not a command; write: kgate scan ./web.yaml"
    ),
    "a misspelt command": Wrong(("scna", "."), "Error: there is no command 'scna'; did you mean 'scan'?"),
    "a command of similar programs": Wrong(("lint",), "Error: there is no command 'lint'; write: kgate scan"),
    "a command that nothing resembles": Wrong(
        ("frobnicate",),
        "Error: there is no command 'frobnicate'; commands are audit, baseline, completion, config, diff, doctor, explain, export, falco, fix, help, init, pull, reach, rules, scan, schema, serve, test, version, waive, waivers, who-can",
    ),
    "a misspelt command of a group": Wrong(("rules", "lst"), "Error: there is no command 'lst'; did you mean 'list'?"),
    "an option before the command": Wrong(
        ("--min-score", "60", "."), "Error: --min-score belongs after a command; write: kgate scan --min-score 60 ."
    ),
    "help of no command": Wrong(("help", "scna"), "Error: there is no command 'scna'; did you mean 'scan'?"),
    "a misspelt option": Wrong(
        ("scan", "--min-scor", "60"), "Error: there is no option --min-scor; did you mean '--min-score'?"
    ),
    "an option of similar programs": Wrong(
        ("scan", "--severity", "high"), "Error: there is no option --severity; write --fail-on SEVERITY"
    ),
    "an option without a value": Wrong(
        ("scan", "--min-score"), "Error: --min-score needs a value; write: --min-score VALUE"
    ),
    "a misspelt format": Wrong(
        ("scan", "-f", "srif"),
        "Error: Invalid value for '-f' / '--format': 'srif' is not one of badge, csv, github, github-review, gitlab-codequality, gitlab-sast, html, json, junit, kubesec, markdown, sarif, text; did you mean 'sarif'?",
    ),
    "a misspelt format of a file": Wrong(
        ("scan", "-o", "srif=x"),
        "Error: Invalid value for '-o' / '--output': 'srif' is not one of badge, csv, github, github-review, gitlab-codequality, gitlab-sast, html, json, junit, markdown, sarif, text; did you mean 'sarif'?",
    ),
    "an output without a format": Wrong(
        ("scan", "-o", "x.sarif"),
        "Error: Invalid value for '-o' / '--output': 'x.sarif' is not NAME=FILE, such as sarif=kgate.sarif",
    ),
    "a report in a folder that is missing": Wrong(
        ("scan", ".", "-q", "-o", "sarif=no/such/x"),
        "kgate: no/such/x: the report cannot be written: the folder no/such does not exist; make it first",
    ),
    "a report in the place of a folder": Wrong(
        ("scan", ".", "-q", "-o", "sarif=folder"),
        "kgate: folder: the report cannot be written: this is a folder; name a file in it",
    ),
    "two reports in a file": Wrong(
        ("scan", "-o", "json=x", "-o", "sarif=x"),
        "Error: Invalid value for '-o' / '--output': two reports cannot be written to one file; name another file for one of them",
    ),
    "a score above": Wrong(
        ("scan", "--min-score", "101"),
        "Error: Invalid value for '--min-score': '101' is not a score: write a whole number from 0 to 100, baseline (60) or restricted (90)",
    ),
    "a misspelt level": Wrong(
        ("scan", "--min-score", "basline"),
        "Error: Invalid value for '--min-score': 'basline' is not a score: write a whole number from 0 to 100, baseline (60) or restricted (90)",
    ),
    "a misspelt severity": Wrong(
        ("scan", "--fail-on", "hihg"),
        "Error: Invalid value for '--fail-on': 'hihg' is not one of critical, high, medium, low; did you mean 'high'?",
    ),
    "a version of nothing": Wrong(
        ("scan", "--kubernetes-version", "2.0"),
        "kgate: kubernetes-version: '2.0' is not a Kubernetes version; write one such as 1.37, or latest",
    ),
    "a misspelt rule": Wrong(
        ("scan", "--ignore", "host-pit"),
        "kgate: no rule has the id 'host-pit'; did you mean 'host-pid'?; `kgate rules list` shows all",
    ),
    "no time": Wrong(
        ("scan", "--timeout", "0"), "Error: Invalid value for '--timeout': 0 is not in the range 1<=x<=86400."
    ),
    "a configuration that is missing": Wrong(
        ("scan", "--config", "no.yaml"),
        "kgate: no.yaml: cannot be read: No such file or directory; name another file with --config, or write one with: kgate init",
    ),
    "a configuration that is a folder": Wrong(
        ("scan", "--config", "folder"),
        "kgate: folder: cannot be read: not a regular file; name another file with --config, or write one with: kgate init",
    ),
    "rules that are missing": Wrong(
        ("scan", "--rules", "nowhere"),
        "kgate: nowhere: no such folder of rules; name one with --rules, or in `rules` of kgate.yaml",
    ),
    "an empty path": Wrong(("scan", ""), "Error: a path is empty (an unset variable?); write . for the current folder"),
    "a revision without a clone": Wrong(
        ("scan", "--policy-from", "main"),
        "kgate: --policy-from main: needs a clone of git, and there is none around the scanned paths; clone the repository, or name a file with --config",
    ),
    "hosts, and nothing to fetch": Wrong(
        ("scan", "--pull-from", "ghcr.io"), "Error: --pull-from is about what is fetched; add --pull to fetch it"
    ),
    "a rule that is not there": Wrong(
        ("explain", "host-pit"),
        "kgate: no rule, of kgate or of another scanner, is called 'host-pit'; did you mean 'host-pid'?",
    ),
    "a rule that nothing resembles": Wrong(
        ("explain", "frobnicate"),
        "kgate: no rule, of kgate or of another scanner, is called 'frobnicate'; `kgate rules list` shows all",
    ),
    "no rule": Wrong(("explain",), "Error: Missing argument 'NAME'; for example: kgate explain privileged-container"),
    "a shell": Wrong(
        ("completion", "tcsh"), "Error: Invalid value for '{bash|zsh|fish}': 'tcsh' is not one of bash, zsh, fish"
    ),
    "a schema": Wrong(
        ("schema", "conifg"),
        "Error: Invalid value for '[report|config|rule|waivers|baseline|diff]': 'conifg' is not one of report, config, rule, waivers, baseline, diff; did you mean 'config'?",
    ),
    "contradictory flags": Wrong(
        ("pull", "--locked", "--update"), "Error: --locked and --update exclude each other; leave one of them out"
    ),
    "a variable without its command": Wrong(
        ("scan",),
        "kgate: the environment variable KGATE_MIN_SCORE is not read; write KGATE_SCAN_MIN_SCORE, or --min-score",
        env={"KGATE_MIN_SCORE": "60"},
    ),
    "a misspelt variable": Wrong(
        ("scan",),
        "kgate: the environment variable KGATE_SCAN_MINSCORE is not read; write KGATE_SCAN_MIN_SCORE, or --min-score",
        env={"KGATE_SCAN_MINSCORE": "60"},
    ),
    "a variable of a scan that is none": Wrong(
        ("scan",),
        "kgate: the environment variable KGATE_SCAN_COLOUR_OF_TOES is not read; `kgate scan --help` shows the options that KGATE_SCAN_… variables stand for",
        env={"KGATE_SCAN_COLOUR_OF_TOES": "60"},
    ),
    "a wrong value in a variable": Wrong(
        ("scan",),
        "Error: Invalid value for '--min-score': 'high' is not a score: write a whole number from 0 to 100, baseline (60) or restricted (90); the environment variable KGATE_SCAN_MIN_SCORE says so",
        env={"KGATE_SCAN_MIN_SCORE": "high"},
    ),
    "two configurations": Wrong(
        ("scan",),
        "kgate: .kgate.yaml: lies beside kgate.yaml, and one alone may; move all to kgate.yaml",
        files={"kgate.yaml": "", ".kgate.yaml": ""},
    ),
    "a misspelt key in pyproject.toml": Wrong(
        ("scan",),
        "kgate: pyproject.toml:2: unknown field 'min-scor'; did you mean 'min-score'?",
        files={"pyproject.toml": "[tool.kgate]\nmin-scor = 60\n"},
    ),
    "a configuration in TOML": Wrong(
        ("scan",),
        "kgate: kgate.toml: is not read; write its settings to kgate.yaml, or below [tool.kgate] of pyproject.toml",
        files={"kgate.toml": ""},
    ),
    "a misspelt key": Wrong(
        ("scan",),
        "kgate: kgate.yaml:1: unknown field 'min-scor'; did you mean 'min-score'?",
        files={"kgate.yaml": "min-scor: 60\n"},
    ),
    "a key in camel case": Wrong(
        ("scan",),
        "kgate: kgate.yaml:1: unknown field 'minScore'; did you mean 'min-score'?",
        files={"kgate.yaml": "minScore: 60\n"},
    ),
    "a key of similar programs": Wrong(
        ("scan",),
        "kgate: kgate.yaml:2: unknown field 'exclude'; write what to leave out into .kgateignore, one pattern a line; `ignore` leaves out rules",
        files={"kgate.yaml": "# c\nexclude: [x]\n"},
    ),
    "a key for a program": Wrong(
        ("scan",),
        "kgate: kgate.yaml:1: helm-bin is not taken from a file, which a pull request may change; name the program with --helm-bin, or with KGATE_SCAN_HELM_BIN",
        files={"kgate.yaml": "helm-bin: ./helm\n"},
    ),
    "a wrong value of a key": Wrong(
        ("scan",),
        "kgate: kgate.yaml:1: min-score must be a whole number from 0 to 100, baseline (60) or restricted (90)",
        files={"kgate.yaml": "min-score: high\n"},
    ),
    "a number for a version": Wrong(
        ("scan",),
        "kgate: kgate.yaml:1: kubernetes-version must be a string; put it in quotes",
        files={"kgate.yaml": "kubernetes-version: 1.30\n"},
    ),
    "a chart that is missing": Wrong(
        ("scan",),
        "kgate: kgate.yaml:1: charts[0].path: 'web' is neither a folder with a Chart.yaml nor a .tgz archive",
        files={"kgate.yaml": "charts: [{path: web}]\n"},
    ),
    "a file named like an option": Wrong(
        ("scan", "-x.yaml"),
        "Error: '-x.yaml' is an option and also the name of a file: write ./-x.yaml",
        files={"-x.yaml": ""},
    ),
    "init with a wrong system": Wrong(
        ("init", "--ci", "githab"),
        "Error: Invalid value for '--ci': 'githab' is not one of github, gitlab, none; did you mean 'gitlab'?",
    ),
}


@pytest.mark.parametrize("wrong", TABLE.values(), ids=TABLE.keys())
def test_the_message_says_what_to_type(wrong: Wrong, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    for name, text in wrong.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    result = kgate(*wrong.arguments, cwd=tmp_path, env=dict(wrong.env))
    lines = result.err.replace(f"{tmp_path}/", "").splitlines()
    assert (result.code, lines[-1]) == (2, wrong.message)
    assert "\\x0a" not in result.err


def test_there_are_enough() -> None:
    assert len(TABLE) >= 40


@pytest.mark.parametrize("words", [(), ("rules",)])
def test_a_bare_command_prints_its_help_and_passes_nothing(words: tuple[str, ...]) -> None:
    bare, asked = kgate(*words), kgate(*words, "--help")
    assert (bare.code, bare.out, bare.err) == (2, "", asked.out)
    assert (asked.code, asked.err) == (0, "")


def test_a_path_that_is_missing_is_not_a_pass(tmp_path: Path) -> None:
    result = kgate("scan", "nowhere.yaml", "-f", "json", cwd=tmp_path)
    (problem,) = json.loads(result.out)["problems"]
    assert result.code == 3
    assert problem == {"path": "nowhere.yaml", "line": None, "message": "no such file or folder; check the spelling"}


# ------------------------------------------------------------------------------------- what others do, too


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (("version",), ("--version",)),
        (("help",), ("--help",)),
        (("help", "scan"), ("scan", "--help")),
        (("help", "rules", "test"), ("rules", "test", "--help")),
    ],
)
def test_words_that_other_programs_have(words: tuple[str, ...], same: tuple[str, ...]) -> None:
    assert kgate(*words) == kgate(*same)
    assert kgate(*words).out


# ------------------------------------------------------------------------------------- variables


def test_every_option_has_a_variable_of_its_own() -> None:
    known = read_variables(main)
    assert known["KGATE_SCAN_MIN_SCORE"] == "--min-score"
    assert known["KGATE_SCAN_FORMAT"] == "--format"
    assert known["KGATE_RULES_LIST_FORMAT"] == "--format"
    assert {
        name for name, flag in known.items() if not name.endswith(flag.lstrip("-").replace("-", "_").upper())
    } == set()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("KGATE_TOKEN", "kgate: the environment variable KGATE_TOKEN is not read; "),
        ("KGATE_PACKAGE", ""),
        ("KGATE_SERVICE_HOST", ""),
        ("KGATE_WEB_PORT_80_TCP_ADDR", ""),
        ("KGATE_SCAN_MIN_SCORE", ""),
    ],
)
def test_variables_of_others_stop_nothing(name: str, told: str) -> None:
    result = kgate("version", env={name: "60"})
    assert result.code == 0
    assert result.err.startswith(told)
    assert bool(result.err) == bool(told)


def test_a_level_is_a_score(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "kgate.yaml").write_text("min-score: restricted\n", encoding="utf-8")
    for flags, threshold in (((), 90), (("--min-score", "baseline"), 60), (("--min-score", "007"), 7)):
        report = json.loads(kgate("scan", ".", "-f", "json", *flags, cwd=tmp_path).out)
        assert report["workloads"][0]["threshold"] == threshold


def test_the_levels_begin_where_their_bands_do() -> None:
    from kgate.judgement.score import BANDS
    from kgate.limits import LEVEL_SCORES
    from kgate.model import Severity

    assert {"baseline": BANDS[Severity.MEDIUM][0], "restricted": BANDS[Severity.LOW][0]} == LEVEL_SCORES
