"""The commands: their exit codes and their words."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command import ROOT, kgate
from tests.waiting import HANG

GOOD = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")
BAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def report(*arguments: str, cwd: Path = ROOT, stdin: bytes = b"") -> Any:
    return json.loads(kgate("scan", "-f", "json", *arguments, cwd=cwd, stdin=stdin).out)


# ---------------------------------------------------------------------------------------- exit codes

EXITS: dict[str, tuple[dict[str, str], tuple[str, ...], int, str]] = {
    "passed": ({"a": GOOD}, (".",), 0, ""),
    "failed": ({"a": GOOD, "b": BAD}, (".",), 1, ""),
    "failed, exit zero": ({"a": BAD}, (".", "--exit-zero"), 0, ""),
    "a lower threshold": ({"a": BAD}, (".", "--min-score", "30"), 0, ""),
    "fail on a severity": ({"a": BAD}, (".", "--min-score", "0", "--fail-on", "high"), 1, ""),
    "nothing of that severity": ({"a": BAD}, (".", "--min-score", "0", "--fail-on", "critical"), 0, ""),
    "broken YAML": ({"a": GOOD, "b": BAD + "  x: [\n"}, (".",), 3, ""),
    "broken YAML wins over failed": ({"a": BAD, "b": BAD + "  x: [\n"}, (".",), 3, ""),
    "exit zero hides no gap": ({"b": BAD + "  x: [\n"}, (".", "--exit-zero"), 3, ""),
    "missing path": ({"a": GOOD}, ("a.yaml", "nowhere"), 3, ""),
    "hosts, and nothing to fetch": ({"a": GOOD}, (".", "--pull-from", "ghcr.io"), 2, "add --pull to fetch it"),
    "nothing found": ({"a": "x: 1\n"}, (".",), 3, ""),
    "nothing found is right": ({"a": "x: 1\n"}, (".", "--allow-empty"), 0, ""),
    "an empty path": ({"a": GOOD}, ("",), 2, "a path is empty"),
    "unknown option": ({"a": GOOD}, (".", "--nope"), 2, "there is no option --nope"),
    "unknown format": ({"a": GOOD}, (".", "-f", "jsn"), 2, "'jsn' is not one of"),
    "unknown output format": ({"a": GOOD}, (".", "-o", "jsn=x"), 2, "'jsn' is not one of badge, csv"),
    "two outputs in one file": (
        {"a": GOOD},
        (".", "-o", "json=out", "-o", "csv=a.d/../out"),
        2,
        "two reports cannot be written to one file",
    ),
    "category without a name": (
        {"a": GOOD},
        (".", "--category", "/"),
        2,
        "the name is empty; choose one such as kgate",
    ),
    "output without file": ({"a": GOOD}, (".", "-o", "json"), 2, "is not NAME=FILE"),
    "score out of range": (
        {"a": GOOD},
        (".", "--min-score", "101"),
        2,
        "'101' is not a score: write a whole number from 0 to 100",
    ),
    "unknown version": ({"a": GOOD}, (".", "--kubernetes-version", "2.0"), 2, "'2.0' is not a Kubernetes version"),
    "unknown rule": ({"a": GOOD}, (".", "--ignore", "host-pit"), 2, "did you mean 'host-pid'?"),
    "missing configuration": ({"a": GOOD}, (".", "--config", "no.yaml"), 2, "no.yaml: cannot be read"),
    "unwritable output": ({"a": GOOD}, (".", "-o", "json=no/such/folder/x"), 2, "cannot be written"),
    "no such rule folder": ({"a": GOOD}, (".", "--rules", "nowhere"), 2, "no such folder of rules"),
}


@pytest.mark.parametrize(("files", "arguments", "code", "message"), EXITS.values(), ids=EXITS.keys())
def test_exit_codes(tmp_path: Path, files: dict[str, str], arguments: tuple[str, ...], code: int, message: str) -> None:
    result = kgate("scan", *arguments, cwd=write(tmp_path, **files), afresh=True)
    assert result.code == code, result
    assert message in result.err
    assert "Traceback" not in result.err


def test_the_rest_is_judged_and_reported(tmp_path: Path) -> None:
    write(tmp_path, good=GOOD, bad=BAD, broken=BAD + "  x: [\n")
    found = report("good.yaml", "bad.yaml", "broken.yaml", "nowhere.yaml", cwd=tmp_path)
    assert [workload["name"] for workload in found["workloads"]] == ["bad", "catalogue"]
    assert [problem["path"] for problem in found["problems"]] == ["broken.yaml", "nowhere.yaml"]
    assert found["verdict"]["incomplete"]


def test_outputs_are_written_when_the_gate_fails(tmp_path: Path) -> None:
    write(tmp_path, a=BAD)
    result = kgate("scan", ".", "-o", "json=r.json", "-o", "sarif=r.sarif", cwd=tmp_path)
    assert result.code == 1
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["findings"]
    assert json.loads((tmp_path / "r.sarif").read_text(encoding="utf-8"))["runs"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "r.json", "r.sarif"]


def test_a_bug_has_its_own_exit_code(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import kgate.scan\ndef boom(*a): raise ZeroDivisionError('x')\nkgate.scan.scan = boom\n", encoding="utf-8"
    )
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    result = kgate("scan", "examples", env=environment)
    assert result.code == 4
    assert "this is a bug in kgate: ZeroDivisionError: x" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in kgate("scan", "examples", "--verbose", env=environment).err


def test_interrupt_is_quiet(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    process = subprocess.Popen(
        (sys.executable, "-m", "kgate", "scan", str(tmp_path / "pipe")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    with (tmp_path / "pipe").open("wb"):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=HANG)
    assert process.returncode == 130
    assert (out, err.strip()) == (b"", b"")


def test_a_closed_pipe_is_quiet() -> None:
    process = subprocess.Popen(
        (sys.executable, "-m", "kgate", "rules", "list", "-f", "json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=HANG) == 141
    assert err == b""


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">/dev/full"])
def test_closed_and_full_streams(closed: str) -> None:
    path = "-" if closed.startswith("<") else "examples"
    command = f"{sys.executable} -m kgate scan {path} {closed}"
    run = subprocess.run(("bash", "-c", command), cwd=ROOT, capture_output=True, timeout=HANG, check=False)
    assert run.returncode == 2
    assert b"Traceback" not in run.stderr


def test_a_file_called_like_an_option_is_no_option(tmp_path: Path) -> None:
    (tmp_path / "-ojson=x.yaml").write_text(BAD, encoding="utf-8")
    write(tmp_path, good=GOOD)
    result = kgate("scan", "-ojson=x.yaml", "good.yaml", cwd=tmp_path)
    assert result.code == 2
    assert "write ./-ojson=x.yaml" in result.err
    assert (tmp_path / "-ojson=x.yaml").read_text(encoding="utf-8") == BAD
    assert kgate("scan", "--", "-ojson=x.yaml", cwd=tmp_path).code == 1


def test_outputs_go_through_links_and_to_devices(tmp_path: Path) -> None:
    write(tmp_path, a=BAD)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert kgate("scan", ".", "-o", "json=link", "-o", "sarif=/dev/null", cwd=tmp_path).code == 1
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "real").read_text(encoding="utf-8"))["findings"]
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("outputs", [("json=a", "sarif=a"), ("json=-",)])
def test_outputs_that_cannot_be(tmp_path: Path, outputs: tuple[str, ...]) -> None:
    write(tmp_path, a=BAD)
    flags = [word for output in outputs for word in ("-o", output)]
    assert kgate("scan", ".", *flags, cwd=tmp_path).code == 2


def test_an_argument_injects_nothing(tmp_path: Path) -> None:
    result = kgate("scan", "-o", "\x1b[31m\n::error::x", cwd=tmp_path)
    assert result.code == 2
    assert "\x1b" not in result.err
    assert "\n::error" not in result.err


@pytest.mark.parametrize("path", ["x" * 5000, "a/" * 3000])
def test_paths_that_the_system_refuses(path: str) -> None:
    result = kgate("scan", "examples/shop/catalogue.yaml", path)
    assert result.code == 2
    assert "File name too long" in result.err
    assert "Traceback" not in result.err


def test_help_that_nobody_reads_is_no_verdict() -> None:
    code = "import os, subprocess, sys; r, w = os.pipe(); os.close(r); "
    code += "sys.exit(subprocess.run([sys.executable, '-m', 'kgate', 'scan', '--help'], stdout=w).returncode)"
    run = subprocess.run((sys.executable, "-c", code), cwd=ROOT, capture_output=True, timeout=HANG, check=False)
    assert (run.returncode, run.stderr) == (141, b"")


# -------------------------------------------------------------------------------------- standard input


def test_standard_input() -> None:
    found = report("-", "--stdin-filename", "charts/web", stdin=BAD.encode())
    assert found["workloads"][0]["source"] == {"path": "charts/web", "line": 1}
    assert kgate("scan", "-", stdin=b"").code == 3


def test_standard_input_from_a_terminal_is_refused() -> None:
    parent, child = pty.openpty()
    run = subprocess.run(
        (sys.executable, "-m", "kgate", "scan", "-"),
        stdin=child,
        capture_output=True,
        cwd=ROOT,
        timeout=HANG,
        check=False,
    )
    os.close(parent)
    os.close(child)
    assert run.returncode == 2
    assert b"pipe one in" in run.stderr


# ------------------------------------------------------------------------------------- configuration


def test_configuration_is_found_above_and_flags_win(tmp_path: Path) -> None:
    write(tmp_path, k8s__a=BAD)
    (tmp_path / ".git").mkdir()
    (tmp_path / "kgate.yaml").write_text("min-score: 0\nignore: [host-pid]\nkubernetes-version: '1.20'\n")
    found = report("k8s", cwd=tmp_path)
    assert found["workloads"][0]["threshold"] == 0
    assert found["workloads"][0]["pss"] == {"level": "privileged", "version": "1.20"}
    assert "host-pid" not in {finding["rule"] for finding in found["findings"]}
    assert report("k8s", "--min-score", "10", cwd=tmp_path)["workloads"][0]["threshold"] == 10


def test_environment_stands_for_flags(tmp_path: Path) -> None:
    write(tmp_path, a=BAD)
    assert kgate("scan", ".", cwd=tmp_path, env={"KGATE_SCAN_MIN_SCORE": "0"}).code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("min-scor: 1\n", "kgate.yaml:1: unknown field 'min-scor'; did you mean 'min-score'?"),
        ("# c\nmin-score: high\n", "kgate.yaml:2: min-score must be a whole number from 0 to 100"),
        ("min-score: true\n", "must be a whole number"),
        ("fail-on: [x]\n", "fail-on must be one of critical, high, medium, low"),
        ("kubernetes-version: 1.30\n", "kgate.yaml:1: kubernetes-version must be a string; put it in quotes"),
        ("kubernetes-version: '2'\n", "kgate.yaml:1: kubernetes-version: '2' is not a Kubernetes version"),
        ("ignore: host-pid\n", "ignore must be a list of rule ids"),
        ("a: [\n", "not valid YAML"),
        ("- a\n", "must hold one mapping"),
        ("ignore: [nope]\n", "no rule has the id 'nope'"),
        ("rules: [nowhere]\n", "nowhere: no such folder of rules"),
    ],
)
def test_wrong_configuration(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, a=BAD)
    (tmp_path / "kgate.yaml").write_text(text, encoding="utf-8")
    result = kgate("scan", ".", cwd=tmp_path)
    assert result.code == 2
    assert message in result.err


# ------------------------------------------------------------------------------------- users' own rules

OWN_RULE = """\
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
  good: [{metadata: {labels: {team: a}}, spec: {}}]
  bad: [{spec: {}}]
"""


def test_own_rules(tmp_path: Path) -> None:
    write(tmp_path, k8s__a=GOOD)
    write(tmp_path / "own", **{"no-team-label": OWN_RULE})
    (tmp_path / "kgate.yaml").write_text("rules: [own]\n", encoding="utf-8")
    (finding,) = report("k8s", cwd=tmp_path)["findings"]
    assert finding["rule"] == "no-team-label"
    assert finding["location"]["path"] == "k8s/a.yaml"
    assert "No team" in kgate("rules", "list", "--rules", "own", cwd=tmp_path).out


WRONG_RULES: dict[str, tuple[str, str, str]] = {
    "unknown field": (
        "points: 3",
        "pionts: 3",
        "own/no-team-label.yaml:4: unknown field 'pionts'; did you mean 'points'?",
    ),
    "missing field": ("message: The pod names no team.\n", "", "own/no-team-label.yaml:1: message is missing"),
    "wrong severity": ("severity: high", "severity: severe", ":3: severity must be one of critical, high, medium, low"),
    "too many points": ("points: 3", "points: 11", ":4: points must be a whole number from 1 to 10"),
    "wrong target": ("target: pod", "target: node", ":5: target must be one or more of container, pod, resource"),
    "kinds are missing": ("target: pod", "target: resource", "kinds goes with target 'resource'"),
    "components are missing": ("target: pod", "target: component", "components goes with target 'component'"),
    "unknown component": (
        "target: pod",
        "target: component\ncomponents: [kube-apisever]",
        ":6: there is no component 'kube-apisever'; did you mean 'kube-apiserver'?",
    ),
    "a component by the version of a cluster": (
        "target: pod",
        "target: component\ncomponents: [etcd]\nkubernetes: '>=1.25'",
        ":7: a component has a version of its own",
    ),
    "each flag of a component": (
        "target: pod",
        "target: component\ncomponents: [etcd]\neach: cipher-suites[*]",
        ":7: each does not go with target 'component'",
    ),
    "syntax error": ("orValue('') != ''", "orValue('') !=", ":6: the expression is not valid CEL: "),
    "unknown variable": ("metadata.?labels", "metdata.?labels", "undeclared reference to 'metdata'"),
    "no boolean": ("metadata.?labels.?team.orValue('') != ''", "size(metadata)", "gives a INT, not true or false"),
    "id is not the file name": (
        "id: no-team-label",
        "id: other",
        ":1: id must be the name of the file, 'no-team-label'",
    ),
    "broken YAML": ("title: No team", "title: [", "not valid YAML"),
    "no examples": ("  bad: [{spec: {}}]\n", "", ":11: examples.bad must list at least one example"),
    "unknown inclusion": ("points: 3", "points: 3\nincludes: [host-pit]", "includes 'host-pit', which no rule has"),
    "heavier inclusion": ("points: 3", "points: 3\nincludes: [host-pid]", "weighs more than 'no-team-label' itself"),
    "wrong range": ("points: 3", "points: 3\nkubernetes: 1.25", ":5: kubernetes must be a string; put it in quotes"),
    "a level of the future": (
        "points: 3",
        "points: 3\npss:\n- {level: baseline, check: a}\n- {level: strict, check: a}",
        ":7: pss[1].level must be one of baseline, restricted",
    ),
    "an example of no version": (
        "  bad: [{spec: {}}]",
        "  bad:\n  - spec: {}\n    kubernetes: latest",
        ":15: examples.bad[0].kubernetes must be a version such as '1.24'",
    ),
    "long instead": (
        "points: 3",
        f"points: 3\ninstead: {'word ' * 13}",
        ":5: instead must be one line of at most 60",
    ),
    "wrong path": ("fields: [metadata.labels.team]", "fields: ['a b']", ":7: 'a b' is not a field path"),
}


@pytest.mark.parametrize(("old", "new", "message"), WRONG_RULES.values(), ids=WRONG_RULES.keys())
def test_wrong_rules(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in OWN_RULE
    write(tmp_path, a=GOOD)
    write(tmp_path / "own", **{"no-team-label": OWN_RULE.replace(old, new)})
    result = kgate("scan", "a.yaml", "--rules", "own", cwd=tmp_path)
    assert result.code == 2, result
    assert message in result.err


def test_a_rule_file_that_is_none(tmp_path: Path) -> None:
    write(tmp_path, a=GOOD)
    (tmp_path / "own/d.yaml").mkdir(parents=True)
    result = kgate("scan", "a.yaml", "--rules", "own", cwd=tmp_path)
    assert result.code == 2
    assert "own/d.yaml: cannot be read: not a regular file" in result.err


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    write(tmp_path, a=GOOD)
    write(tmp_path / "own", **{"host-pid": OWN_RULE.replace("no-team-label", "host-pid")})
    result = kgate("scan", "a.yaml", "--rules", "own", cwd=tmp_path)
    assert result.code == 2
    assert "the id 'host-pid' is taken by rules/host-pid.yaml" in result.err


# ------------------------------------------------------------------------------------- other commands


@pytest.mark.parametrize("name", ["terminal", "json", "markdown"])
@pytest.mark.parametrize("command", [("rules", "list"), ("rules", "show", "host-pid"), ("explain", "host-pid")])
def test_rule_commands(command: tuple[str, ...], name: str) -> None:
    result = kgate(*command, "-f", name)
    assert result.code == 0, result
    assert "host-pid" in result.out
    if name == "json":
        json.loads(result.out)


def test_an_unknown_rule_has_a_suggestion() -> None:
    result = kgate("explain", "privileged-contaner")
    assert result.code == 2
    assert "did you mean 'privileged-container'?" in result.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    result = kgate("completion", shell)
    assert result.code == 0
    assert "_KGATE_COMPLETE" in result.out


@pytest.mark.parametrize("command", ["kgate explain host-p", "kgate rules show host-p", "kgate scan --ignore host-p"])
def test_rule_ids_are_completed(command: str) -> None:
    words = {"COMP_WORDS": command, "COMP_CWORD": str(len(command.split()) - 1), "_KGATE_COMPLETE": "bash_complete"}
    offered = kgate(env=words).out.split()
    assert {"plain,host-pid", "plain,host-port"} <= set(offered)


def test_help_has_examples() -> None:
    assert "kgate scan ./k8s" in kgate("scan", "--help").out
    assert kgate("--help").code == 0
    assert kgate("--version").out.startswith("kgate ")
    assert kgate().code == 2


def test_schema_is_printed() -> None:
    assert json.loads(kgate("schema").out)["properties"]["schema"] == {"const": "kgate-report/2"}


# --------------------------------------------------------------------------------- colour and terminal


@pytest.mark.parametrize(
    ("flags", "env", "colored"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"CLICOLOR_FORCE": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_in_a_pipe(flags: tuple[str, ...], env: dict[str, str], colored: bool) -> None:
    out = kgate("scan", "examples", *flags, env=env).out
    assert ("\x1b[" in out) == colored


def test_colour_and_links_on_a_terminal() -> None:
    parent, child = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "90", "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "kgate", "scan", "examples")
    process = subprocess.Popen(command, stdout=child, stderr=subprocess.DEVNULL, env=environment, cwd=ROOT)
    os.close(child)
    chunks = []
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(parent)
    out = b"".join(chunks).decode()
    assert process.wait(timeout=HANG) == 1
    assert "\x1b[" in out
    assert "\x1b]8;" in out


# ------------------------------------------------------------------------------------------ links

GITHUB = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": "1a2b"}
GITLAB = {"CI_PROJECT_URL": "https://gitlab.example/g/p", "CI_COMMIT_SHA": "3c4d"}


@pytest.mark.parametrize(
    ("environment", "flags", "linked"),
    [
        pytest.param(GITHUB, (), "https://github.example/o/r/blob/1a2b/", id="a GitHub job"),
        pytest.param(GITLAB, (), "https://gitlab.example/g/p/-/blob/3c4d/", id="a GitLab job"),
        pytest.param(GITLAB, ("--link-base", "https://a.example/b"), "https://a.example/b/", id="the flag wins"),
        pytest.param({"GITHUB_SHA": "1a2b"}, (), None, id="half of a job is none"),
        pytest.param({**GITHUB, "GITHUB_REPOSITORY": "o/r)](x"}, (), None, id="what is no plain URL is not linked to"),
    ],
)
def test_links_lead_to_the_commit_of_the_job(
    environment: dict[str, str], flags: tuple[str, ...], linked: str | None
) -> None:
    shown = kgate("scan", "examples", "-f", "markdown", *flags, env=environment).out
    assert (f"]({linked}examples/shop/web.yaml#L2)" in shown) if linked else ("/web.yaml#L" not in shown)


def test_a_link_base_that_is_no_url_is_a_usage_error() -> None:
    assert kgate("scan", "examples", "--link-base", "javascript:x").code == 2


def test_a_comment_fits() -> None:
    shown = kgate("scan", "examples", "-f", "markdown", "--max-chars", "5000", "--persona", "pedantic")
    assert (shown.code, len(shown.out) <= 5_000) == (1, True)
    assert "did not fit" in shown.out
