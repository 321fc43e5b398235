"""action.yml: its own steps, run under bash as a runner does, and what is left when the gate fails."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.command import ROOT
from tests.composite import Done, Runner, UnknownExpressionError, evaluate, parse_outputs
from tests.elsewhere import servers
from tests.elsewhere.test_pull import flux
from tests.installable import packages_for
from tests.policy.clone import Clone, git
from tests.real_tools import tools_env

pytestmark = pytest.mark.slow

GOOD = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")
BAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]\n"
BROKEN = BAD + "  x: [\n"
UPLOAD = "github/codeql-action/upload-sarif@"
FILES = ("json-file", "sarif-file", "junit-file", "markdown-file")
PAYLOAD = """$(touch {m}) `touch {m}` "; touch {m}; " '; touch {m}; ' ${{{{ github.token }}}}
::set-output name=passed::true
passed=true"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUNNER_TEMP of a job in which the action ran before, so that only its first use installs, for 20 seconds."""
    return packages_for(tmp_path_factory).runner


@pytest.fixture
def runner(installed: Path, tmp_path: Path) -> Runner:
    """On a push, and with an API that refuses everything."""
    runner = Runner(workspace(tmp_path / "work", {}), installed)
    return pull_request(runner, "http://127.0.0.1:9", {"ref": "refs/heads/main"})


def workspace(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / ".git").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def use(runner: Runner, files: Mapping[str, str], **inputs: str) -> Done:
    workspace(runner.workspace, files)
    return runner.use(**{"cache": "false", "policy_from": "none", **inputs})


# ------------------------------------------------------------------------------------------- verdicts

HELMFILE = "releases: [{name: a, chart: b/a}]\n"
VERDICTS: dict[str, tuple[Mapping[str, str], Mapping[str, str], int, Mapping[str, str]]] = {
    "pass": ({"a.yaml": GOOD}, {}, 0, {"passed": "true", "score": "100", "critical": "0", "findings": "0"}),
    "fail": ({"a.yaml": GOOD, "b.yaml": BAD}, {}, 1, {"passed": "false", "high": "1"}),
    "broken": ({"a.yaml": GOOD, "b.yaml": BROKEN}, {}, 3, {"passed": "false"}),
    "no manifest": ({"a.txt": ""}, {}, 3, {"passed": "false", "score": ""}),
    "no manifest, allowed": ({"a.txt": ""}, {"allow_empty": "true"}, 0, {"passed": "true", "score": ""}),
    "unjudged, accepted": ({"a.yaml": GOOD, "helmfile.yaml": HELMFILE}, {"unjudged": "note"}, 0, {"passed": "true"}),
    "unjudged": ({"a.yaml": GOOD, "helmfile.yaml": HELMFILE}, {}, 3, {"passed": "false"}),
    "missing path": ({"a.yaml": GOOD}, {"paths": "a.yaml\nnope"}, 3, {"passed": "false", "score": "100"}),
    "path with spaces": ({"my dir/a b.yaml": BAD, "c.yaml": GOOD}, {"paths": "my dir/a b.yaml"}, 1, {"high": "1"}),
    "several paths": ({"a.yaml": GOOD, "b/b.yaml": BAD, "c.yaml": BAD}, {"paths": " a.yaml \n\nb\n"}, 1, {"high": "1"}),
    "path like an option": ({"a.yaml": GOOD, "--exit-zero": BAD}, {"paths": "./--exit-zero"}, 1, {"high": "1"}),
    "path that is an option": ({"a.yaml": BAD}, {"paths": "--exit-zero\na.yaml"}, 3, {"high": "1"}),
    "standard input": ({"a.yaml": GOOD}, {"paths": "-"}, 3, {"passed": "false"}),
    "report only": ({"a.yaml": BAD}, {"gate": "false"}, 0, {"passed": "false", "high": "1"}),
    "report only, broken": ({"a.yaml": BROKEN}, {"gate": "false"}, 3, {"passed": "false"}),
    "threshold": ({"a.yaml": BAD}, {"min_score": "30"}, 0, {"passed": "true"}),
    "level": ({"a.yaml": BAD}, {"min_score": "0", "level": "baseline"}, 1, {"passed": "false"}),
    "severity": ({"a.yaml": BAD}, {"min_score": "0", "fail_on": "high"}, 1, {"passed": "false"}),
    "configuration": ({"a.yaml": BAD, "x/k.yaml": "min-score: 30"}, {"config": "x/k.yaml", "paths": "a.yaml"}, 0, {}),
    "ignored rule": ({"a.yaml": BAD}, {"ignore": "host-pid"}, 0, {"high": "0"}),
    "selected rule": ({"a.yaml": BAD}, {"select": "host-network"}, 0, {"findings": "0"}),
    "persona": ({"a.yaml": BAD}, {"persona": "audit"}, 1, {"high": "1", "low": "6"}),
    "version": ({"a.yaml": BAD}, {"kubernetes_version": "1.28"}, 1, {"high": "1"}),
}


@pytest.mark.parametrize(("files", "inputs", "code", "outputs"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdict(
    runner: Runner, files: Mapping[str, str], inputs: Mapping[str, str], code: int, outputs: Mapping[str, str]
) -> None:
    done = use(runner, files, **inputs)
    assert done.code == code, done.log
    assert done.outputs["exit-code"] == str(code)
    assert {name: done.outputs[name] for name in outputs} == outputs
    assert "## kgate" in done.summary
    for name in FILES:
        assert Path(done.outputs[name]).stat().st_size > 100, name


def test_a_review_is_written_on_request(runner: Runner) -> None:
    assert use(runner, {"a.yaml": BAD}).outputs["review-file"] == ""
    done = use(runner, {"a.yaml": BAD}, suggestions="true")
    assert json.loads(Path(done.outputs["review-file"]).read_text(encoding="utf-8"))["event"] == "COMMENT"


USAGE = {
    "score": {"min_score": "much"},
    "level": {"level": "harmless"},
    "severity": {"fail_on": "harmless"},
    "rule": {"ignore": "no-such-rule"},
    "persona": {"persona": "attacker"},
    "version": {"kubernetes_version": "one"},
    "configuration": {"config": "nope.yaml"},
}


@pytest.mark.parametrize("inputs", USAGE.values(), ids=USAGE.keys())
def test_wrong_input_fails_without_reports(runner: Runner, inputs: Mapping[str, str]) -> None:
    done = use(runner, {"a.yaml": GOOD}, **inputs)
    assert (done.code, done.outputs["passed"], done.outputs["exit-code"]) == (2, "false", "2")
    assert done.outputs["sarif-file"] == ""
    assert done.used == []
    assert "exit code 2" in done.summary


def test_gate_is_the_last_step_and_alone_fails(runner: Runner) -> None:
    done = use(runner, {"b.yaml": BAD}, comment="true")
    assert done.code == 1
    assert done.outcomes[-1] == "failure"
    assert "failure" not in done.outcomes[:-1]
    assert [line for line in done.log.splitlines()[-4:] if not line.startswith("::")] == [
        "✗ Pod/bad  b.yaml:1:1  score 38 D, needs 60: host-pid",
        "✗ failed: 1 workload under the threshold, the lowest with score 38",
    ]


# --------------------------------------------------------------------------------------------- hostile


@pytest.mark.parametrize("name", ["paths", "config", "min_score", "select", "category", "report_folder", "gate"])
def test_inputs_are_never_code(runner: Runner, tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    text = PAYLOAD.format(m=marker)
    done = use(runner, {"a.yaml": BAD}, comment="true", **{name: text})
    assert not list(tmp_path.rglob("marker")), done.log
    assert done.code in (1, 2, 3)
    assert done.outputs["passed"] == "false"


def test_a_revision_is_never_code(runner: Runner, tmp_path: Path) -> None:
    """Nor an option of git, nor a command of the log."""
    for text in (PAYLOAD.format(m=tmp_path / "marker"), f"--upload-pack=touch {tmp_path / 'marker'}"):
        done = use(runner, {"a.yaml": BAD}, policy_from=text)
        assert done.code == 2, done.log
        assert not list(tmp_path.rglob("marker")), done.log
        assert [line for line in done.log.splitlines() if line.startswith("::")] == [done.log.splitlines()[-1]]
        assert "::error::kgate: the policy of " in done.log


def test_a_mutated_action_would_run_an_input(installed: Path, tmp_path: Path) -> None:
    """The runner of these tests sees an expression in a script; without that, the test above could not fail."""
    action = tmp_path / "action"
    action.mkdir()
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    (action / "action.yml").write_text(
        text.replace('exit "$EXIT_CODE"', 'echo "${{ inputs.paths }}"'), encoding="utf-8"
    )
    (action / "action").symlink_to(ROOT / "action")
    with pytest.raises(AssertionError, match="an expression in the text of a script"):
        Runner(workspace(tmp_path / "work", {"a.yaml": GOOD}), installed, action=action).use(cache="false")


HOSTILE = BAD.replace(
    "{name: bad}", r'{name: "a\n::error::x\n::set-output name=passed::true\n##[error]\e[31m</details>@all"}'
)


def test_manifests_are_never_commands(runner: Runner) -> None:
    """All that kgate says about a manifest stands where the runner does not look for commands."""
    done = use(runner, {"b.yaml": HOSTILE, "\n::error::y.yaml": BROKEN}, comment="true")
    assert done.code == 3
    assert done.outputs["passed"] == "false"
    outside, count = re.subn(r"::stop-commands::(\w+)\n.*?\n::\1::\n", "", done.log, flags=re.DOTALL)
    assert count == 2, "the scan, and what the last step prints"
    assert not re.search(r"^::(error|set-output)::[xy]|##\[", outside, re.MULTILINE), outside
    assert not re.search(r"^\s*(::error::|::set-output)|##\[|\x1b", done.log, re.MULTILINE), done.log
    assert "</details>@all" not in done.summary


MODULES = ("venv", "pip", "kgate", "json", "secrets", "sitecustomize", "click")


def test_nothing_in_the_workspace_stands_in_for_a_module(tmp_path: Path) -> None:
    """Also while the environment is made, so this one installs anew, which takes 20 seconds."""
    files = {f"{name}.py": f"open({str(tmp_path / 'marker')!r}, 'w')\n" for name in MODULES}
    temp = tmp_path / "temp"
    temp.mkdir()
    runner = Runner(workspace(tmp_path / "work", files), temp)
    done = use(runner, {"a.yaml": GOOD}, cache="true")
    assert done.code == 0, done.log
    assert not (tmp_path / "marker").exists()
    (cache,) = (used for used in done.used if used.action.startswith("actions/cache@"))
    kept = {file.name for file in Path(cache.inputs["path"]).iterdir()}
    assert len([name for name in kept if name.endswith(".whl")]) > 15
    assert re.fullmatch(r"kgate-\w+-\w+-3\.\d+-[0-9a-f]{20}", cache.inputs["key"])


CHOOSER = """\
#!/bin/sh
# As asdf and pyenv do: a file in the working folder names the Python.
if [ -f .tool-versions ]; then exec "$PWD/$(cut -d: -f2 .tool-versions)" "$@"; fi
exec {python} "$@"
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_no_python_of_the_workspace_runs(runner: Runner, tmp_path: Path) -> None:
    """Neither one whose folder is on PATH, by its name, a link or a relative one, nor one that a file there chooses."""
    evil = f"#!/bin/sh\n: > '{tmp_path / 'marker'}'\n"
    for name in ("bin/python3", "bin/python", "evil"):
        program(runner.workspace / name, evil)
    (runner.workspace / ".tool-versions").write_text("python path:evil\n", encoding="utf-8")
    (tmp_path / "link").symlink_to(runner.workspace / "bin")
    for name in ("python3", "python"):
        program(runner.workspace / "real" / name, evil)
        (runner.workspace / "between").mkdir(exist_ok=True)
        (runner.workspace / "between" / name).symlink_to(program(tmp_path / "evil" / name, evil))
        between = Path(os.path.relpath(runner.workspace / "between", tmp_path / "to-link"))
        for folder, target in {"to-program": runner.workspace / "real", "to-link": between}.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / name).symlink_to(target / name)
    links = (tmp_path / "to-program", tmp_path / "to-link")
    for name in ("python3", "python"):
        program(tmp_path / "shims" / name, CHOOSER.format(python=sys.executable))
    folders = (runner.workspace / "bin", tmp_path / "link", "bin", *links, tmp_path / "shims", "/usr/bin", "/bin")
    runner.variables = {**runner.variables, "PATH": os.pathsep.join(str(folder) for folder in folders)}
    done = use(runner, {"b.yaml": BAD})
    assert not (tmp_path / "marker").exists()
    assert (done.code, done.outputs["exit-code"]) == (1, "1"), done.log


@pytest.mark.parametrize("target", ["../outside", "../outside/new"])
def test_a_report_folder_does_not_leave_through_a_link_of_the_workspace(
    runner: Runner, tmp_path: Path, target: str
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kgate.json").write_text("kept", encoding="utf-8")
    (runner.workspace / "reports").symlink_to(target)
    done = use(runner, {"b.yaml": BAD}, report_folder="reports")
    assert done.code == 1
    assert "::error::kgate: cannot create report-folder: leads out of the repository" in done.log
    assert [path.read_text(encoding="utf-8") for path in (tmp_path / "outside").iterdir()] == ["kept"]
    assert done.outputs["exit-code"] == ""


# ------------------------------------------------------------------------------------- what it leaves


def test_reports_go_where_they_are_asked_for_and_none_is_stale(runner: Runner) -> None:
    done = use(runner, {"b.yaml": BAD}, report_folder="my reports")
    folder = runner.workspace / "my reports"
    assert Path(done.outputs["sarif-file"]) == folder / "kgate.sarif"
    assert done.code == 1
    done = use(runner, {}, report_folder="my reports", min_score="much")
    assert done.code == 2
    assert not list(folder.iterdir())


def test_two_uses_in_a_job_keep_their_reports(runner: Runner) -> None:
    first = use(runner, {"a.yaml": GOOD, "b.yaml": BAD}, paths="a.yaml")
    second = use(runner, {}, paths="b.yaml")
    assert (first.code, second.code) == (0, 1)
    assert json.loads(Path(first.outputs["json-file"]).read_text(encoding="utf-8"))["verdict"]["passed"] is True


def test_the_action_writes_every_report_that_it_names(runner: Runner) -> None:
    written = use(runner, {"a.yaml": GOOD}, suggestions="true").outputs
    named = {name.removesuffix("-file") for name in written if name.endswith("-file")}
    assert {name for name in named if written[f"{name}-file"]} == named
    assert named == {"json", "sarif", "junit", "markdown", "html", "review"}


@pytest.mark.parametrize("annotations", ["true", "false"])
def test_annotations_name_the_line(runner: Runner, annotations: str) -> None:
    done = use(runner, {"b.yaml": BAD}, annotations=annotations)
    assert ("\n::error file=b.yaml,line=5," in done.log) == (annotations == "true"), done.log


@pytest.mark.parametrize("summary", ["true", "false"])
def test_summary_is_the_markdown_report(runner: Runner, summary: str) -> None:
    done = use(runner, {"b.yaml": BAD}, summary=summary)
    report = Path(done.outputs["markdown-file"]).read_text(encoding="utf-8")
    assert done.summary == (report if summary == "true" else "")


# ---------------------------------------------------------------------------------------------- policy


CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
OWN_RULE = (ROOT / "rules/host-pid.yaml").read_text(encoding="utf-8").replace("id: host-pid", "id: own-pid")
MILD_RULE = re.sub(r"^expression:.*$", "expression: 'true'", OWN_RULE, flags=re.MULTILINE)
TARGET = {
    "a.yaml": GOOD,
    "own/own-pid.yaml": OWN_RULE,
    "kgate.yaml": "rules: [own]\n",
    "web/Chart.yaml": CHART,
    "web/values.yaml": "replicas: 1\n",
    "web/mild.yaml": "replicas: 0\n",
    "web/templates/a.yaml": GOOD.replace("catalogue", '{{ .Values.replicas | printf "web-%v" }}'),
}
WEAKENED: dict[str, Mapping[str, str]] = {
    "threshold": {"kgate.yaml": "rules: [own]\nmin-score: 0\n"},
    "rules": {"kgate.yaml": "rules: [own]\nselect: [tiller]\n"},
    "version": {"kgate.yaml": 'rules: [own]\nkubernetes-version: "1.0"\n'},
    "ignored files": {".kgateignore": "*\n"},
    "nothing is enough": {"kgate.yaml": "rules: [own]\nallow-empty: true\n"},
    "another rule": {"own/own-pid.yaml": MILD_RULE},
    "values": {"kgate.yaml": "rules: [own]\ncharts: [{path: web, releases: [{values: [web/mild.yaml]}]}]\n"},
}


def proposed(runner: Runner, origin: Clone, change: Mapping[str, str | None]) -> Runner:
    """A job for a pull request with a change, in the checkout that actions/checkout makes: the merge commit alone."""
    base = git(origin.folder, "rev-parse", "main").strip()
    git(origin.folder, "checkout", "-q", "-b", "change")
    head = git(origin.changed({"notes.txt": "a change", **change}).merged().folder, "rev-parse", "HEAD").strip()
    git(origin.folder, "checkout", "-q", "--detach", "main")
    git(origin.folder, "merge", "-q", "--no-ff", "change", "-m", "merged")
    git(origin.folder, "update-ref", "refs/pull/7/merge", "HEAD")
    shutil.rmtree(runner.workspace)
    git(runner.workspace.parent, "clone", "-q", "--depth=1", f"file://{origin.folder}", runner.workspace.name)
    git(runner.workspace, "fetch", "-q", "--depth=1", "origin", "refs/pull/7/merge")
    git(runner.workspace, "checkout", "-q", "FETCH_HEAD")
    event = {"pull_request": {"number": 7, "base": {"sha": base}, "head": {"sha": head}}}
    merge = git(runner.workspace, "rev-parse", "HEAD").strip()
    runner = pull_request(runner, "http://127.0.0.1:9", event)
    runner.variables = {**runner.variables, **tools_env(), "GITHUB_SHA": merge}
    return runner


def gated(runner: Runner, **inputs: str) -> tuple[Done, set[str]]:
    """What comes of the action, and the files in which it finds the gate weakened."""
    done = runner.use(cache="false", upload_sarif="false", **inputs)
    report = json.loads(Path(done.outputs["json-file"]).read_text(encoding="utf-8"))
    return done, {one["location"]["path"] for one in report["findings"] if one["rule"] == "gate-weakened"}


@pytest.fixture
def origin(tmp_path: Path) -> Clone:
    clone = Clone.of(tmp_path / "origin", TARGET)
    git(clone.folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    return clone


@pytest.mark.parametrize("change", WEAKENED.values(), ids=WEAKENED.keys())
def test_a_pull_request_does_not_weaken_its_own_gate(runner: Runner, origin: Clone, change: Mapping[str, str]) -> None:
    done, places = gated(proposed(runner, origin, change))
    assert (done.code, done.outputs["exit-code"]) == (1, "1"), done.log
    assert places == set(change)
    assert "the change weakens the gate in" in done.log


def test_what_stands_on_the_target_branch_is_green(runner: Runner, origin: Clone) -> None:
    """All of it at once; tests/policy has each by itself."""
    whole = {name: text for change in WEAKENED.values() for name, text in change.items() if name != "kgate.yaml"}
    lines = {line for change in WEAKENED.values() for line in change.get("kgate.yaml", "").splitlines()}
    assert len(lines) == 6
    origin.changed({**whole, "kgate.yaml": "\n".join(sorted(lines))}).merged()
    done, places = gated(proposed(runner, origin, {"b.yaml": BAD}))
    assert (done.code, places) == (0, set()), done.log


def test_the_target_branch_is_the_commit_that_was_merged_into(runner: Runner, origin: Clone) -> None:
    """Not the older one in the event, nor what the branch of the change began from."""
    started = git(origin.folder, "rev-parse", "main").strip()
    origin.changed({"kgate.yaml": "rules: [own]\nmin-score: 95\n"}).merged()
    runner = proposed(runner, origin, {})
    event = json.loads(Path(runner.variables["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    event["pull_request"]["base"]["sha"] = started
    Path(runner.variables["GITHUB_EVENT_PATH"]).write_text(json.dumps(event), encoding="utf-8")
    done, places = gated(runner)
    assert places == set(), done.log
    workloads = json.loads(Path(done.outputs["json-file"]).read_text(encoding="utf-8"))["workloads"]
    assert {workload["threshold"] for workload in workloads} == {95}


def test_another_policy_or_none_can_be_chosen(runner: Runner, origin: Clone) -> None:
    git(origin.folder, "tag", "strict")
    runner = proposed(runner, origin, WEAKENED["threshold"])
    assert gated(runner, policy_from="none")[1] == set()
    assert gated(runner, policy_from="refs/tags/strict")[1] == {"kgate.yaml"}
    assert gated(runner, policy_from="HEAD")[1] == set()


def test_a_target_branch_that_cannot_be_had_stops_the_job(runner: Runner, origin: Clone, tmp_path: Path) -> None:
    """Its hooks do not run, and the token is only sent to GitHub."""
    runner = proposed(runner, origin, WEAKENED["threshold"])
    for hook in ("reference-transaction", "post-checkout"):
        program(runner.workspace / ".git/hooks" / hook, f"#!/bin/sh\n: > '{tmp_path / 'witness'}'\n")
    assert gated(runner)[1] == {"kgate.yaml"}
    assert not (tmp_path / "witness").exists()
    shutil.rmtree(runner.workspace / ".git/hooks")
    git(runner.workspace, "update-ref", "-d", "refs/kgate/policy")
    git(runner.workspace, "reflog", "expire", "--all", "--expire=now")
    (runner.workspace / ".git/FETCH_HEAD").unlink()
    git(runner.workspace, "gc", "-q", "--prune=now")
    api = Api(status=404)
    with served(api) as address:
        git(runner.workspace, "config", "remote.origin.url", f"{address}/octo/shop")
        runner.variables = {**runner.variables, "GITHUB_SERVER_URL": "https://github.com"}
        done = runner.use(cache="false", upload_sarif="false", token="secret")
        assert done.code == 2
        assert "::error::kgate: the policy of target is needed, and it cannot be fetched" in done.log
        assert "or set policy-from to another revision, or to none" in done.log
        assert api.tokens == {None}
        runner.variables = {**runner.variables, "GITHUB_SERVER_URL": address}
        runner.use(cache="false", upload_sarif="false", token="secret")
        assert "basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0" in api.tokens


# ---------------------------------------------------------------------------------------------- upload


def test_upload_is_given_the_report_and_the_category(runner: Runner) -> None:
    done = use(runner, {"b.yaml": BAD}, category="apps")
    (upload,) = done.used
    assert upload.action.startswith(UPLOAD)
    assert upload.inputs == {"sarif_file": done.outputs["sarif-file"], "category": "apps"}
    (run,) = json.loads(Path(done.outputs["sarif-file"]).read_text(encoding="utf-8"))["runs"]
    assert run["automationDetails"] == {"id": "apps/"}, "what stands in the file wins over the input of the upload"


def test_code_scanning_gets_what_decides_nothing_on_request(runner: Runner) -> None:
    counts = []
    for sarif_all in ("false", "true"):
        done = use(runner, {"a.yaml": BAD}, persona="pedantic", sarif_all=sarif_all)
        counts.append(
            len(json.loads(Path(done.outputs["sarif-file"]).read_text(encoding="utf-8"))["runs"][0]["results"])
        )
    assert 0 < counts[0] < counts[1]


@pytest.mark.parametrize(("text", "code"), [(GOOD, 0), (BAD, 1)], ids=["good", "bad"])
def test_without_the_permission_to_upload_the_gate_stays(runner: Runner, text: str, code: int) -> None:
    runner.denied = (UPLOAD,)
    done = use(runner, {"a.yaml": text})
    assert done.code == code
    assert "::warning::kgate: the upload to code scanning failed" in done.log


def test_no_upload_where_it_is_not_wanted(runner: Runner) -> None:
    done = use(runner, {"a.yaml": GOOD}, upload_sarif="false")
    assert (done.code, done.used) == (0, [])
    assert "::warning" not in done.log


# --------------------------------------------------------------------------------------------- comment


@dataclass
class Api:
    """What stands for GitHub's API: the comments of pull request 7, and what a token may do."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    may_write: bool = True
    status: int = 0
    calls: list[str] = field(default_factory=list)
    login: str = ""
    tokens: set[str] = field(default_factory=set)
    text: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.calls.append(f"{method} {path}")
        if self.status:
            return self.status, {}
        if path == "/user":
            return (200, {"login": self.login}) if self.login else (403, {})
        if method == "GET":
            page = int(re.findall(r"&page=(\d+)$", path)[0])
            return 200, self.comments[100 * (page - 1) : 100 * page]
        if not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}
        if method == "POST":
            self.comments.append(comment(len(self.comments) + 1, body["body"]))
        else:
            (self.comments[int(path.rpartition("/")[2]) - 1])["body"] = body["body"]
        return 200, {}


def comment(number: int, body: str, login: str = "github-actions[bot]", kind: str = "Bot") -> dict[str, Any]:
    return {"id": number, "body": body, "user": {"login": login, "type": kind}}


@contextlib.contextmanager
def served(api: Api) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            api.tokens.add(self.headers["Authorization"])
            status, answer = api.answer(self.command, self.path, json.loads(body or b"null"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write((api.text or json.dumps(answer)).encode())

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - the names that the class looks for

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def pull_request(runner: Runner, api: str, event: Mapping[str, object]) -> Runner:
    file = runner.workspace.parent / "event.json"
    file.write_text(json.dumps(event), encoding="utf-8")
    runner.variables = {"GITHUB_API_URL": api, "GITHUB_EVENT_PATH": str(file)}
    return runner


PULL = {"pull_request": {"number": 7}}
MARKER = "<!-- kgate-comment:kgate -->\n"

COMMENTS: dict[str, tuple[Api, int, int]] = {
    "none yet": (Api(), 1, 0),
    "an older one": (Api([comment(1, MARKER + "old")]), 1, 0),
    "on the second page": (Api([comment(n, "x") for n in range(1, 131)] + [comment(131, MARKER)]), 131, 130),
    "of another use": (Api([comment(1, "<!-- kgate-comment:apps -->\nold")]), 2, 1),
    "somebody's with our marker": (Api([comment(1, MARKER + "fake", "mallory", "User")]), 2, 1),
    "our own, by a person's token": (Api([comment(1, MARKER, "me", "User")], login="me"), 1, 0),
    "a bot's, by a person's token": (Api([comment(1, MARKER)], login="me"), 2, 1),
}


@pytest.mark.parametrize(("api", "count", "place"), COMMENTS.values(), ids=COMMENTS.keys())
def test_comment_is_kept(runner: Runner, api: Api, count: int, place: int) -> None:
    with served(api) as address:
        done = use(pull_request(runner, address, PULL), {"b.yaml": BAD}, comment="true", token="given")
    assert done.code == 1, done.log
    report = Path(done.outputs["markdown-file"]).read_text(encoding="utf-8")
    assert len(api.comments) == count
    assert api.comments[place]["body"] == MARKER + report
    assert api.tokens == {"Bearer given"}


FAILURES: dict[str, tuple[Api, Mapping[str, object], str]] = {
    "a fork's token": (Api(may_write=False), PULL, "::notice::kgate: the token may not comment here"),
    "no pull request": (Api(), {"ref": "refs/heads/main"}, "::notice::kgate: no comment, because"),
    "a broken API": (Api(status=502), PULL, "::warning::kgate: the comment could not be written: HTTP status 502"),
    "a page of a proxy": (
        Api(text="<p>Log in</p>"),
        PULL,
        "::warning::kgate: the comment could not be written: OSError",
    ),
    "a pull request of null": (Api(), {"pull_request": None}, "::notice::kgate: no comment, because"),
}


@pytest.mark.parametrize(("api", "event", "words"), FAILURES.values(), ids=FAILURES.keys())
def test_without_a_comment_the_gate_and_the_summary_stay(
    runner: Runner, api: Api, event: Mapping[str, object], words: str
) -> None:
    with served(api) as address:
        done = use(pull_request(runner, address, event), {"b.yaml": BAD}, comment="true")
    assert done.code == 1
    assert words in done.log
    assert "## kgate: failed" in done.summary
    assert api.comments == []


def test_an_api_that_nobody_answers_is_no_fault(runner: Runner) -> None:
    done = use(pull_request(runner, "http://127.0.0.1:9", PULL), {"a.yaml": GOOD}, comment="true")
    assert done.code == 0
    assert "::warning::kgate: the comment could not be written" in done.log


def test_a_fork_without_secrets_is_gated(runner: Runner) -> None:
    """A read-only token, no permission to upload, an empty secret as token: the gate needs none of them."""
    runner.denied = (UPLOAD,)
    api = Api(status=401)
    with served(api) as address:
        done = use(pull_request(runner, address, PULL), {"b.yaml": BAD}, comment="true", token="")
    assert (done.code, done.outputs["passed"], done.outputs["high"]) == (1, "false", "1")
    assert "## kgate: failed" in done.summary
    assert Path(done.outputs["sarif-file"]).exists()


def test_a_comment_is_never_too_long(runner: Runner) -> None:
    api = Api()
    many = {f"{n}.yaml": BAD.replace("{name: bad}", f"{{name: bad-{n}}}") for n in range(120)}
    with served(api) as address:
        done = use(pull_request(runner, address, PULL), many, comment="true")
    assert done.code == 1
    (written,) = api.comments
    assert 1000 < len(written["body"]) <= 65_536
    assert written["body"].count("<details>") == written["body"].count("</details>")


# -------------------------------------------------------------------------------- the runner of the tests

EXPRESSIONS = {
    "text": ("'a'", "a"),
    "input": ("inputs.x", "1"),
    "braces": ("${{ inputs.x }}", "1"),
    "equal": ("inputs.x == '1'", "true"),
    "not equal": ("inputs.x != '1'", "false"),
    "and": ("inputs.x == '1' && steps.a.outcome == 'success'", "true"),
    "and, false": ("inputs.x == '2' && inputs.x", "false"),
    "last value": ("inputs.x == '1' && inputs.y", "two"),
    "output": ("steps.a.outputs.b", "c"),
    "output that no step wrote": ("steps.a.outputs.z", ""),
}
CONTEXTS = {"inputs": {"x": "1", "y": "two"}, "steps": {"a": {"outcome": "success", "outputs": {"b": "c"}}}}


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_expression(expression: str, value: str) -> None:
    assert evaluate(expression, CONTEXTS) == value


@pytest.mark.parametrize(
    "expression", ["inputs.z", "steps.b.outputs.c", "always()", "inputs.x || 'y'", "env.X", "steps.a.out"]
)
def test_unknown_expression(expression: str) -> None:
    with pytest.raises(UnknownExpressionError):
        evaluate(expression, CONTEXTS)


def test_outputs_of_both_shapes() -> None:
    assert parse_outputs("a=b=c\nd<<E\n1\n2=3\nE\ne=\n") == {"a": "b=c", "d": "1\n2=3", "e": ""}


# ------------------------------------------------------------------------------------ what lies elsewhere


def fork(runner: Runner, head: str | None) -> Runner:
    """On a pull request from a branch of some repository, which may be gone."""
    sides = {"head": {"repo": {"full_name": head} if head else None}, "base": {"repo": {"full_name": "octo/shop"}}}
    pull_request(runner, "http://127.0.0.1:9", {"pull_request": {"number": 7, **sides}})
    runner.variables = {**runner.variables, **tools_env()}
    return runner


def test_what_is_deployed_from_elsewhere_is_fetched_and_kept_by_the_lock(runner: Runner) -> None:
    """For a pull request from a fork only what kgate.lock names. Without the input nothing is."""
    with servers.serving() as server:
        servers.publish(server, "charts", "web", "1.0.0")
        files = {"web.yaml": flux("web", f"{server.url}/charts")}
        inputs = {"pull": "true", "pull_from": f"https://a.example, {server.url}", "upload_sarif": "false"}
        lock = runner.workspace / "kgate.lock"
        assert use(runner, files, upload_sarif="false").code == 3
        for head in ("mallory/shop", None):
            done = use(fork(runner, head), files, **inputs)
            assert (done.code, lock.exists()) == (3, False), done.log
            assert "is not in kgate.lock" in done.log
        assert server.seen == []
        done = use(fork(runner, "octo/shop"), files, **inputs)
        assert (done.code, lock.exists()) == (0, True), done.log
        (first,) = [used.inputs for used in done.used]
        shutil.rmtree(first["path"])
        done = use(fork(runner, "mallory/shop"), files, **inputs)
        assert (done.code, done.outputs["score"]) == (0, "74"), done.log
        (second,) = [used.inputs for used in done.used]
    assert first["path"] == second["path"]
    assert first["key"] != second["key"], "the lock was written in between"
    assert all(re.fullmatch(r"kgate-fetched-[0-9a-f]{20}", used["key"]) for used in (first, second))
    assert list(Path(second["path"]).rglob("*")), "what the cache keeps"


# ------------------------------------------------------------------------------------------ new-only

OLD_SIN = {"old.yaml": BAD.replace("name: bad", "name: old")}


def test_only_what_a_pull_request_makes_worse_fails(runner: Runner, origin: Clone) -> None:
    """Also what others merged meanwhile is no part of it."""
    origin.changed(OLD_SIN).merged()
    runner = proposed(runner, origin, {"good.yaml": GOOD})
    assert gated(runner)[0].code == 1
    done, _ = gated(runner, new_only="true")
    assert done.code == 0, done.log


def test_what_it_makes_worse_fails(runner: Runner, origin: Clone) -> None:
    origin.changed(OLD_SIN).merged()
    done, _ = gated(proposed(runner, origin, {"new.yaml": BAD}), new_only="true")
    assert done.code == 1, done.log
    report = json.loads(Path(done.outputs["json-file"]).read_text(encoding="utf-8"))
    assert [one["workload"] for one in report["compared"]["workloads"]] == ["Pod/bad"]


def test_other_events_are_judged_whole(runner: Runner) -> None:
    (runner.workspace / "old.yaml").write_text(BAD)
    done = use(runner, {"old.yaml": BAD}, new_only="true")
    assert done.code == 1, done.log


def test_a_history_that_is_too_short_stops_the_job(runner: Runner, origin: Clone) -> None:
    runner = proposed(runner, origin, {})
    git(origin.folder, "checkout", "-q", "change")
    origin.changed({"more.txt": "a second commit"}).merged()
    git(runner.workspace, "fetch", "-q", "--depth=1", "origin", "change")
    git(runner.workspace, "checkout", "-q", "FETCH_HEAD")
    done = runner.use(cache="false", upload_sarif="false", new_only="true")
    assert done.code == 2
    assert "fetch-depth: 0" in done.log
