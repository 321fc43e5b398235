"""templates/kgate.yml: gitlab-ci-local expands the component and runs its job in a real shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import ROOT, Result
from tests.elsewhere import servers
from tests.elsewhere.test_pull import flux
from tests.installable import Packages, packages_for
from tests.policy.clone import Clone, git
from tests.real_tools import tools_env
from tests.test_action import OWN_RULE, TARGET, WEAKENED
from tests.waiting import HANG

pytestmark = pytest.mark.needs_npm

GOOD = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")
BAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]\n"
WEB = {name: text for name, text in TARGET.items() if name.startswith("web/")}
REPORTS = {"kgate.json", "kgate.xml", "kgate.sarif", "kgate.md", "gl-code-quality-report.json", "gl-sast-report.json"}
IN_A_SHELL = ("--force-shell-executor", "--json-schema-validation=false")
"""Without the validation, which takes twice as long as all else: test_job has the same jobs validated."""

GIT = ("git", "-c", "user.name=kgate", "-c", "user.email=kgate@example.com", "-c", "init.defaultBranch=main")


def gitlab(folder: Path, *arguments: str, **variables: str) -> Result:
    """Runs gitlab-ci-local; fails the test where it or rsync is missing."""
    program = Path(os.environ.get("KGATE_GITLAB_CI_LOCAL") or ROOT / "node_modules/.bin/gitlab-ci-local")
    assert os.access(program, os.X_OK), f"no {program}; run 'npm install --no-save gitlab-ci-local@4.72.0'"
    assert shutil.which("rsync"), "gitlab-ci-local needs rsync; install it"
    path = os.pathsep.join((os.fspath(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        (program, *arguments),
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return packages_for(tmp_path_factory)


def project(folder: Path, files: Mapping[str, str], include: Mapping[str, object]) -> Path:
    """A repository that includes the component from its own tree, as a mirror of it would."""
    texts = {**files, ".gitlab-ci.yml": json.dumps({"include": [include]})}
    texts["templates/kgate.yml"] = (ROOT / "templates/kgate.yml").read_text(encoding="utf-8")
    texts["include.yml"] = (ROOT / "docs/ci/gitlab-include.yml").read_text(encoding="utf-8")
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for arguments in (
        ("init", "-q"),
        ("remote", "add", "origin", "git@gitlab.example.org:octo/shop.git"),
        ("add", "-A"),
        ("commit", "-q", "-m", "all"),
    ):
        subprocess.run((*GIT, *arguments), cwd=folder, check=True)
    return folder


def component(**inputs: object) -> dict[str, object]:
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    return {"local": "templates/kgate.yml", "inputs": given}


@dataclass(frozen=True)
class Case:
    """What is in the repository, how the file is included, the job's exit code, and whether it installs."""

    files: Mapping[str, str]
    include: Mapping[str, object]
    code: int
    words: str
    installs: bool = False


CASES = {
    "good": Case({"a.yaml": GOOD}, component(), 0, "passed", installs=True),
    "bad": Case({"a.yaml": BAD}, component(), 1, "failed"),
    "bad, report": Case({"a.yaml": BAD}, component(mode="report"), 0, "failed"),
    "broken, report": Case({"a.yaml": BAD + "  x: [\n"}, component(mode="report"), 3, "incomplete"),
    "inputs": Case(
        {"my dir/a.yaml": BAD, "good.yaml": GOOD, "other.yaml": BAD + "  x: [\n"},
        component(
            paths="my dir\ngood.yaml", min_score=0, fail_on="critical", kubernetes_version="1.30", persona="audit"
        ),
        0,
        "kubernetes-version 1.30",
    ),
    "level": Case({"a.yaml": BAD}, component(min_score=0, level="baseline"), 1, "level baseline"),
    "unjudged, accepted": Case(
        {"a.yaml": GOOD, "helmfile.yaml": "releases: [{name: a, chart: b/a}]\n"},
        component(unjudged="note"),
        0,
        "passed",
    ),
    "another name": Case({"a.txt": ""}, component(job_name="kgate apps", allow_empty=True), 0, "passed"),
    "plain include": Case({"a.yaml": BAD}, {"local": "include.yml"}, 1, "failed"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_job(packages: Packages, tmp_path: Path, case: Case) -> None:
    folder = project(tmp_path / "shop", case.files, case.include)
    inputs = case.include.get("inputs")
    job = str(inputs.get("job-name", "kgate")) if isinstance(inputs, dict) else "kgate"
    archive = packages.archive if case.installs else packages.ready
    variables = ("--variable", f"KGATE_PACKAGE={archive.as_uri()}")
    result = gitlab(
        folder, "--force-shell-executor", *variables, job, PIP_NO_INDEX="1", PIP_FIND_LINKS=os.fspath(packages.locked)
    )
    said = result.out + result.err
    assert f"{job} finished in" in said, result
    assert case.words in said, result
    assert result.code == (1 if case.code else 0), result
    assert (f"FAIL {case.code}" in said) == bool(case.code), result
    artifacts = {path.name for path in (folder / ".gitlab-ci-local/artifacts").rglob("kgate-reports/*")}
    assert artifacts >= REPORTS


def merge_request(
    packages: Packages,
    folder: Path,
    change: Mapping[str, str | None],
    old: Mapping[str, str] | None = None,
    **inputs: object,
) -> Result:
    """The job for a merge request with a change, whose target branch the checkout does not have."""
    files = {"a.yaml": GOOD, "kgate.yaml": "rules: [own]\n", "own/own-pid.yaml": OWN_RULE, **WEB, **(old or {})}
    origin = Clone(project(folder / "origin", files, component(**inputs)))
    git(folder, "clone", "-q", f"file://{origin.folder}", "shop")
    shop = Clone(folder / "shop").changed(change).merged()
    address = "git@gitlab.example.org:octo/shop.git"
    git(shop.folder, "config", "remote.origin.url", address)
    git(shop.folder, "config", f"url.file://{origin.folder}.insteadOf", address)
    git(shop.folder, "update-ref", "-d", "refs/remotes/origin/main")
    values = {
        "KGATE_PACKAGE": packages.ready.as_uri(),
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_PROJECT_ID": "1",
        "CI_PROJECT_ID": "1",
        **tools_env(),
    }
    variables = [part for name, value in values.items() for part in ("--variable", f"{name}={value}")]
    return gitlab(shop.folder, *IN_A_SHELL, *variables, "kgate")


@pytest.mark.parametrize("change", WEAKENED.values(), ids=WEAKENED.keys())
def test_a_merge_request_does_not_weaken_its_own_gate(
    packages: Packages, tmp_path: Path, change: Mapping[str, str]
) -> None:
    result = merge_request(packages, tmp_path, change)
    said = result.out + result.err
    assert "FAIL 1" in said, result
    assert "the change weakens the gate in 1 place" in said, result
    assert all(f"{name}:" in said for name in change), result


def test_what_does_not_weaken_the_gate_is_green_and_another_policy_can_be_chosen(
    packages: Packages, tmp_path: Path
) -> None:
    result = merge_request(packages, tmp_path / "1", {"kgate.yaml": "rules: [own]\nmin-score: 70\n"})
    assert (result.code, "configuration: kgate.yaml, as of " in result.out) == (0, True), result
    result = merge_request(packages, tmp_path / "2", WEAKENED["threshold"], policy_from="none")
    assert (result.code, "configuration: kgate.yaml\n" in result.out) == (0, True), result
    result = merge_request(packages, tmp_path / "3", WEAKENED["threshold"], policy_from="nowhere")
    assert (result.code, "kgate: the policy of nowhere is needed" in result.out + result.err) == (1, True), result


def test_only_what_a_merge_request_makes_worse_fails(packages: Packages, tmp_path: Path) -> None:
    old = {"a.yaml": BAD}
    result = merge_request(packages, tmp_path / "1", {"b.yaml": GOOD}, old, new_only=True)
    assert result.code == 0, result
    result = merge_request(
        packages, tmp_path / "2", {"c.yaml": BAD.replace("{name: bad}", "{name: worse}")}, old, new_only=True
    )
    assert "FAIL 1" in result.out + result.err, result
    result = merge_request(packages, tmp_path / "3", {"b.yaml": GOOD}, old)
    assert "FAIL 1" in result.out + result.err, result


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    result = gitlab(project(tmp_path / "shop", {}, component(mode="ask")), "--preview")
    assert result.code == 1
    assert "ask" in result.out + result.err


def test_artifacts_name_what_the_job_writes(tmp_path: Path) -> None:
    result = gitlab(project(tmp_path / "shop", {}, component()), "--preview")
    assert result.code == 0, result
    for report in ("codequality", "sast", "junit"):
        path = re.findall(rf"^ +{report}:(?:\n +-)? (\S+)$", result.out, re.MULTILINE)
        assert path, report
        assert f"={path[0]} " in result.out, report


def test_what_is_deployed_from_elsewhere_is_fetched_and_cached(packages: Packages, tmp_path: Path) -> None:
    """From a fork only what kgate.lock names. What was fetched leaves the checkout for the scan, and comes back."""
    with servers.serving() as server:
        servers.publish(server, "charts", "web", "1.0.0")
        include = component(pull=True, pull_from=server.url)
        shop = project(tmp_path / "shop", {"web.yaml": flux("web", f"{server.url}/charts")}, include)

        def run(**more: str) -> Result:
            values = {"KGATE_PACKAGE": packages.ready.as_uri(), **tools_env(), **more}
            variables = [part for name, value in values.items() for part in ("--variable", f"{name}={value}")]
            return gitlab(shop, *IN_A_SHELL, *variables, "kgate")

        fork = {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2", "CI_MERGE_REQUEST_PROJECT_ID": "1"}
        refused = run(**fork)
        assert "is not in kgate.lock" in refused.out + refused.err, refused
        assert (refused.code, server.seen) == (1, []), refused
        fetched = run()
        assert (fetched.code, "passed" in fetched.out) == (0, True), fetched
    assert "web" in (shop / "kgate.lock").read_text(encoding="utf-8")
    assert any(path.is_file() for path in (shop / "kgate-fetched").rglob("*"))
    (shop / "kgate-fetched/evil.yaml").write_text(BAD, encoding="utf-8")
    subprocess.run((*GIT, "add", "kgate-fetched"), cwd=shop, check=True)
    named = run()
    assert "rename that of the repository" in named.out + named.err, named
    assert named.code == 1
