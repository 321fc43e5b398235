""".pre-commit-hooks.yaml: the real pre-commit installs this repository and runs its hooks."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import ROOT, Result
from tests.real_tools import helm_tool, kustomize_tool
from tests.waiting import HANG

PRE_COMMIT = (sys.executable, "-m", "pre_commit")
PREK = os.fspath(Path(sys.executable).parent / "prek")
IDENTITY = ("-c", "user.name=kgate", "-c", "user.email=kgate@example.com")
GOOD = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")
BAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]\n"
BROKEN = BAD + "  x: [\n"
BAD_JSON = '{"apiVersion": "v1", "kind": "Pod", "spec": {"hostPID": true, "containers": [{"name": "a"}]}}'
COMPOSE = "services:\n  web: {image: nginx, privileged: true}\n"
OTHERS = {
    "docker-compose.yml": COMPOSE,
    "values.yaml": "securityContext: {privileged: true}\nreplicas: 3\n",
    "template.yaml": "{% if x %}\n{{ name }}:\n  - {{ y }}\n",
    "mkdocs.yml": "extensions: [!!python/name:a.b.c ]\nhome: !ENV [HOME, x]\n",
    "tsconfig.json": '{\n  // comments are no JSON\n  "strict": true,\n}\n',
    ".clang-format": "---\nLanguage: Cpp\n",
}
KUSTOMIZATION = {"k/kustomization.yaml": "resources: [pod.yaml]\npatches: [{path: patch.yaml}]\n", "k/patch.yaml": BAD}
KUSTOMIZATION |= {"k/pod.yaml": BAD.replace("hostPID", "hostIPC")}
IGNORED = {"b.yaml": BAD, ".kgateignore": "b.yaml\n"}
CHART = {"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "web/values.yaml": "replicas: 3\n"}
CHART |= {"web/templates/pod.yaml": BAD.replace("name: bad", "name: {{ .Release.Name }}")}
HELM, KUBECTL = (["--helm-bin", os.fspath(helm_tool().path)], ["--kubectl-bin", os.fspath(kustomize_tool().path)])


@dataclass(frozen=True)
class Hooks:
    """A commit of this repository, and the PRE_COMMIT_HOME into which it is installed once."""

    repository: Path
    revision: str
    home: Path

    def pre_commit(self, *arguments: str, cwd: Path) -> Result:
        return run(*PRE_COMMIT, *arguments, cwd=cwd, home=self.home)

    def prek(self, *arguments: str, cwd: Path) -> Result:
        """The other program that runs such hooks, with an installation of its own."""
        return run(PREK, *arguments, cwd=cwd, home=self.home)

    def config(self, *hooks: Mapping[str, object]) -> str:
        return json.dumps({"repos": [{"repo": str(self.repository), "rev": self.revision, "hooks": hooks}]})


def run(*command: str, cwd: Path, home: Path | None = None) -> Result:
    """Runs a command without what the environment tells git, pre-commit, Python and kgate."""
    told = ("GIT_", "PRE_COMMIT", "PYTHON", "KGATE_", "SKIP", "NO_COLOR", "FORCE_", "CLICOLOR")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(told)}
    clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    clean |= {"PRE_COMMIT_HOME": str(home), "PREK_HOME": str(home / "prek")} if home else {}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, encoding="utf-8", timeout=HANG, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def git(folder: Path, *arguments: str) -> str:
    result = run("git", *IDENTITY, *arguments, cwd=folder)
    assert result.code == 0, result
    return result.out.strip()


def commit(folder: Path) -> None:
    git(folder, "commit", "-q", "--no-verify", "-m", "all")


@pytest.fixture(scope="session")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Hooks:
    """One for all workers of pytest-xdist: the first to be ready wins; pre-commit itself locks its home."""
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "pre-commit"
    shared.mkdir(exist_ok=True)
    own = snapshot(tmp_path_factory.mktemp("snapshot"))
    with contextlib.suppress(OSError):
        own.rename(shared / "kgate")
    repository = shared / "kgate"
    return Hooks(repository, git(repository, "rev-parse", "HEAD"), shared / "home")


def snapshot(folder: Path) -> Path:
    """This working tree with its uncommitted files, whether it is a clone or not, as a commit of its own."""
    git(folder, "init", "-q")
    git(folder, f"--git-dir={folder / '.git'}", f"--work-tree={ROOT}", "add", "--all")
    commit(folder)
    git(folder, "reset", "-q", "--hard")
    return folder


def tree(folder: Path, files: Mapping[str, str]) -> Path:
    """A git repository in which these files are staged."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "add", "--all")
    return folder


def outcomes(result: Result) -> list[str]:
    found = re.findall(r"(Passed|Failed|Skipped)$", result.out, re.MULTILINE)
    assert result.code == ("Failed" in found), result
    return found


def verdicts(result: Result) -> int:
    """How many reports were printed."""
    return len(re.findall(r"^ *(✓ passed|✗ failed|! incomplete)", result.out, re.MULTILINE))


# ------------------------------------------------------------------------------------------ the tree

CHANGED, ALL = {"id": "kgate"}, {"id": "kgate-all"}

TREES: dict[str, tuple[Mapping[str, object], Mapping[str, str], str, str]] = {
    "good": (CHANGED, {"a.yaml": GOOD}, "Passed", "1 workload, lowest 100"),
    "bad": (CHANGED, {"a.yaml": GOOD, "b.yml": BAD}, "Failed", "- exit code: 1"),
    "bad JSON": (CHANGED, {"a.yaml": GOOD, "b.json": BAD_JSON}, "Failed", "- exit code: 1"),
    "broken": (CHANGED, {"a.yaml": GOOD, "b.yaml": BROKEN}, "Failed", "- exit code: 3"),
    "other files": (CHANGED, OTHERS, "Passed", "✓ passed"),
    "no file of its types": ({**CHANGED, "files": "txt$"}, {"a.txt": BAD}, "Skipped", ""),
    "a chart's file": (
        {**CHANGED, "files": "values", "args": HELM},
        {**CHART, "a.yaml": GOOD},
        "Failed",
        "web/templates/pod.yaml:1",
    ),
    "a chart, excluded": (
        {**CHANGED, "exclude": "^web/"},
        {**CHART, "a.yaml": GOOD},
        "Passed",
        "1 workload, lowest 100",
    ),
    "a kustomization's patch": (
        {**CHANGED, "files": "patch", "args": KUBECTL},
        KUSTOMIZATION,
        "Failed",
        "k/patch.yaml:",
    ),
    "narrowed": (
        {**CHANGED, "files": "^k8s/"},
        {"k8s/a.yaml": GOOD, "b.yaml": BAD},
        "Passed",
        "1 workload, lowest 100",
    ),
    "arguments": (
        {**CHANGED, "args": ["--min-score", "30"]},
        {"a.yaml": BAD},
        "Passed",
        "1 workload, lowest 3",
    ),
    "configuration": (
        CHANGED,
        {"k/a.yaml": BAD, "kgate.yaml": "min-score: 30"},
        "Passed",
        "1 workload, lowest 3",
    ),
    "300 files": (CHANGED, {f"{i}.yaml": GOOD for i in range(300)}, "Passed", "300 workloads, lowest 100"),
    "an ignored file": (CHANGED, {"a.yaml": GOOD, **IGNORED}, "Failed", "- exit code: 1"),
    "all good": (ALL, {"a.yaml": GOOD, **OTHERS}, "Passed", "1 workload, lowest 100"),
    "all bad": (ALL, {"a.yaml": GOOD, "b.yaml": BAD}, "Failed", "- exit code: 1"),
    "all broken": (ALL, {"a.yaml": GOOD, "b.yaml": BROKEN}, "Failed", "- exit code: 3"),
    "all but what is ignored": (ALL, {"a.yaml": GOOD, **IGNORED}, "Passed", "1 workload, lowest 100"),
    "all and no manifest": (ALL, OTHERS, "Failed", "- exit code: 3"),
    "all with arguments": ({**ALL, "args": ["--allow-empty"]}, OTHERS, "Passed", "✓ passed"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("hook", "files", "outcome", "words"), TREES.values(), ids=TREES.keys())
def test_whole_tree(
    hooks: Hooks, tmp_path: Path, hook: Mapping[str, object], files: Mapping[str, str], outcome: str, words: str
) -> None:
    tree(tmp_path, {**files, ".pre-commit-config.yaml": hooks.config(hook)})
    result = hooks.pre_commit("run", "--all-files", "--verbose", cwd=tmp_path)
    assert outcomes(result) == [outcome], result
    assert words in result.out
    assert verdicts(result) == (outcome != "Skipped"), "one process"


# ---------------------------------------------------------------------------------------- the commit

COMMITS: dict[str, tuple[Mapping[str, str | None], list[str]]] = {
    "a good file beside a bad one": ({"good.yaml": GOOD + "# changed\n"}, ["Passed", "Failed"]),
    "another bad file": ({"new/bad.yaml": BAD}, ["Failed", "Failed"]),
    "other files only": (OTHERS, ["Passed", "Failed"]),
    "the bad file deleted": ({"bad.yaml": None}, ["Skipped", "Passed"]),
    "the bad file deleted, a good one changed": ({"bad.yaml": None, "good.yaml": GOOD + "#\n"}, ["Passed", "Passed"]),
}


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "expected"), COMMITS.values(), ids=COMMITS.keys())
def test_commit(hooks: Hooks, tmp_path: Path, changes: Mapping[str, str | None], expected: list[str]) -> None:
    config = hooks.config(CHANGED, ALL)
    commit(tree(tmp_path, {"good.yaml": GOOD, "bad.yaml": BAD, ".pre-commit-config.yaml": config}))
    for name in (name for name, text in changes.items() if text is None):
        (tmp_path / name).unlink()
    tree(tmp_path, {name: text for name, text in changes.items() if text is not None})
    assert outcomes(hooks.pre_commit("run", cwd=tmp_path)) == expected


DATA = {
    **CHART,
    "web/templates/pod.yaml": BAD.replace("true", '{{ has "true" (list (.Files.Get "data.yaml") (include "tpl" .)) }}'),
    "web/data.yaml": "false",
    "web/templates/_helpers.tpl": '{{ define "tpl" }}{{ end }}',
    "k/pod.yaml": GOOD,
    "k/Kustomization": "resources: [pod.yaml]\n",
}
UNSEEN: dict[str, tuple[str, str, str]] = {
    "data that a template reads": ("web/data.yaml", "true", "Failed"),
    "a helper": ("web/templates/_helpers.tpl", '{{ define "tpl" }}true{{ end }}', "Skipped"),
    "a Kustomization": ("k/Kustomization", "resources: [pod.yaml]\nhelmCharts: [{name: none}]\n", "Skipped"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text", "outcome"), UNSEEN.values(), ids=UNSEEN.keys())
def test_what_only_the_whole_repository_shows(hooks: Hooks, tmp_path: Path, name: str, text: str, outcome: str) -> None:
    """As docs/pre-commit.md says of the hook for changed files."""
    arguments = {"args": [*HELM, *KUBECTL]}
    config = hooks.config({**CHANGED, **arguments}, {**ALL, **arguments})
    commit(tree(tmp_path, {**DATA, ".pre-commit-config.yaml": config}))
    assert outcomes(hooks.pre_commit("run", "--all-files", cwd=tmp_path)) == ["Passed", "Passed"]
    tree(tmp_path, {name: text})
    assert outcomes(hooks.pre_commit("run", cwd=tmp_path)) == [outcome, "Failed"]


@pytest.mark.slow
def test_colours_bring_no_progress_bar(hooks: Hooks, tmp_path: Path) -> None:
    """With colours pre-commit gives a hook a terminal, and shows all that was written there."""
    tree(tmp_path, {"a.yaml": BAD, ".pre-commit-config.yaml": hooks.config(CHANGED)})
    out = hooks.pre_commit("run", "--all-files", "--color", "always", cwd=tmp_path).out
    assert "\x1b[1;31m✗ failed\x1b[0m" in out
    assert "100%" not in out


# ------------------------------------------------------------------------------------- what is stated


@pytest.mark.slow
def test_manifest_is_valid(hooks: Hooks) -> None:
    result = hooks.pre_commit("validate-manifest", ".pre-commit-hooks.yaml", cwd=ROOT)
    assert result == Result(0, "", "")


@pytest.mark.slow
def test_try_repo(hooks: Hooks, tmp_path: Path) -> None:
    """It installs into a home of its own, so once is enough."""
    result = hooks.pre_commit("try-repo", str(hooks.repository), "--all-files", cwd=tree(tmp_path, {"a.yaml": GOOD}))
    assert outcomes(result) == ["Passed", "Passed"], result


@pytest.mark.slow
def test_documented_configuration(hooks: Hooks, tmp_path: Path) -> None:
    """Both hooks; narrowed to k8s/, without charts, at the score that the document gives."""
    text = (ROOT / "docs/pre-commit.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    config = example.replace("https://github.com/kgate/kgate", str(hooks.repository)).replace("v0.1.0", hooks.revision)
    files = {"k8s/good.yaml": GOOD, "bad.yaml": BAD, "k8s/vendored/values.yaml": BAD, ".pre-commit-config.yaml": config}
    tree(tmp_path, files)
    assert outcomes(hooks.pre_commit("run", "--all-files", cwd=tmp_path)) == ["Passed"]
    everything = hooks.pre_commit("run", "--all-files", "--hook-stage", "pre-push", cwd=tmp_path)
    assert outcomes(everything) == ["Passed", "Failed"]


# ---------------------------------------------------------------------------------------------- prek

PREK_ROWS = ("good", "bad", "broken", "other files", "300 files", "arguments", "all good", "all bad", "all broken")


@pytest.mark.slow
@pytest.mark.parametrize("row", PREK_ROWS)
def test_whole_tree_with_prek(hooks: Hooks, tmp_path: Path, row: str) -> None:
    hook, files, outcome, words = TREES[row]
    tree(tmp_path, {**files, ".pre-commit-config.yaml": hooks.config(hook)})
    result = hooks.prek("run", "--all-files", "--verbose", cwd=tmp_path)
    assert outcomes(result) == [outcome], result
    assert words in result.out
    assert verdicts(result) == 1, "one process"


@pytest.mark.slow
def test_commit_with_prek(hooks: Hooks, tmp_path: Path) -> None:
    """A real commit, through the hook that prek installs."""
    tree(tmp_path, {"a.yaml": GOOD, ".pre-commit-config.yaml": hooks.config(CHANGED)})
    assert hooks.prek("install", cwd=tmp_path).code == 0
    message = ("commit", "-q", "-m", "one")
    assert run("git", *IDENTITY, *message, cwd=tmp_path, home=hooks.home).code == 0
    tree(tmp_path, {"a.yaml": BAD})
    refused = run("git", *IDENTITY, *message, cwd=tmp_path, home=hooks.home)
    assert refused.code == 1
    assert "1 workload under the threshold" in refused.out + refused.err


@pytest.mark.slow
@pytest.mark.parametrize(("text", "expected"), [(GOOD, "Passed"), (BAD, "Failed")], ids=["good", "bad"])
def test_try_repo_with_prek(hooks: Hooks, tmp_path: Path, text: str, expected: str) -> None:
    result = hooks.prek("try-repo", str(hooks.repository), "--all-files", cwd=tree(tmp_path, {"a.yaml": text}))
    assert outcomes(result) == [expected, expected], result
