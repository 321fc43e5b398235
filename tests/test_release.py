"""A release, all but published: the steps of the workflow are run as they are, in a clone of a scratch repository.

What only GitHub can do (its actions, ``gh``) is recorded. Artifacts are folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from release import changelog, packages, sbom, tags, version
from release.__main__ import main
from release.errors import ReleaseError
from tests.command import ROOT
from tests.composite import BASH, evaluate, fill, parse_outputs, truth
from tests.policy.clone import git

WORKFLOW = YAML(typ="safe").load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
TOOLS = "-r action/requirements.txt -r release/requirements.txt"


def source(folder: Path, released: str) -> Path:
    """This source as it is on the disk, with a section of the changelog for a version, in a repository of its own."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "-co", "--exclude-standard"), cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    log = folder / "CHANGELOG.md"
    text = log.read_text(encoding="utf-8")
    assert "## Unreleased\n" in text
    sections = f"## Unreleased\n\n- Something.\n\n## {released} - 2026-12-01\n"
    log.write_text(text.replace("## Unreleased\n", sections), encoding="utf-8")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "one"), ("tag", "-am", "one", f"v{released}")):
        git(folder, *command)
    return folder


@dataclass
class Run:
    """A run of the workflow on GitHub, without GitHub."""

    folder: Path
    origin: Path
    event: str
    ref: str
    variables: Mapping[str, str] = field(default_factory=dict)
    contexts: dict[str, Any] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    """The jobs that were not skipped."""
    used: list[tuple[str, str]] = field(default_factory=list)
    """What the steps use, without the version."""

    def all_jobs(self) -> None:
        github = {
            "event_name": self.event,
            "ref_name": self.ref,
            "repository": "kgate/kgate",
            "token": "t",
            "actor": "a",
        }
        self.contexts = {"github": github, "vars": {"PUBLISH_TO_PYPI": "", **self.variables}, "needs": {}}
        for name, job in WORKFLOW["jobs"].items():
            assert {"permissions", "timeout-minutes", "runs-on"} <= job.keys(), name
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            assert set(needed) <= set(WORKFLOW["jobs"]), name
            parts = _inner(job.get("if", "")).split(" && ")
            regardless = "!failure()" in parts
            wanted = " && ".join(part for part in parts if part not in ("!cancelled()", "!failure()"))
            if self._wants(wanted) and (regardless or set(needed) <= set(self.ran)):
                self._job(name, job)

    def _wants(self, condition: str) -> bool:
        return not condition or truth(evaluate(condition, self.contexts))

    def _job(self, name: str, job: Mapping[str, Any]) -> None:
        self.ran.append(name)
        workspace = self.folder / name
        (workspace / "temp").mkdir(parents=True)
        (workspace / "checkout").mkdir()
        python(self.folder, "-S")
        self.contexts |= {"steps": {}, "runner": {"temp": os.fspath(workspace / "temp")}}
        self.contexts["env"] = {"TAG": self._first_true(_inner(WORKFLOW["env"]["TAG"]))}
        self.contexts["env"] |= {key: fill(value, self.contexts) for key, value in job.get("env", {}).items()}
        for step in job["steps"]:
            if self._wants(_inner(step.get("if", ""))):
                outputs = self._uses(name, step) if "uses" in step else self._run(workspace, step)
                self.contexts["steps"][step.get("id", "")] = {"outputs": outputs}
        outputs = {key: fill(value, self.contexts) for key, value in job.get("outputs", {}).items()}
        self.contexts["needs"][name] = {"outputs": outputs}

    def _first_true(self, expression: str) -> str:
        """The value of ``a && b || c``."""
        parts = [evaluate(part, self.contexts) for part in expression.split("||")]
        return next(filter(truth, parts), parts[-1])

    def _uses(self, job: str, step: Mapping[str, Any]) -> dict[str, str]:
        action = step["uses"].partition("@")[0]
        given = {key: fill(value, self.contexts) for key, value in step.get("with", {}).items()}
        checkout, artifacts = self.folder / job / "checkout", self.folder / "artifacts"
        self.used.append((job, action))
        if action == "actions/checkout":
            git(
                self.folder,
                "clone",
                "-q",
                "--depth=1",
                f"--branch={self.ref}",
                self.origin.as_uri(),
                os.fspath(checkout),
            )
        elif action == "actions/upload-artifact":
            found = checkout / given["path"]
            target = artifacts / given["name"] / ("" if found.is_dir() else found.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if found.is_dir() else shutil.copy)(found, target)
        elif action == "actions/download-artifact":
            names = given.get("pattern", given.get("name", "")).strip("{}").split(",")
            for name in names:
                shutil.copytree(artifacts / name, checkout / given.get("path", "."), dirs_exist_ok=True)
        elif action == "actions/attest":
            assert given.get("subject-digest") or list(checkout.glob(given["subject-path"]))
            if "sbom-path" in given:
                bill = json.loads((checkout / given["sbom-path"]).read_text(encoding="utf-8"))
                assert all(bill[name] for name in ("bomFormat", "serialNumber", "specVersion")), (
                    "the action asks for them"
                )
        return {"digest": "sha256:0"} if action == "docker/build-push-action" else {}

    def _run(self, workspace: Path, step: Mapping[str, Any]) -> dict[str, str]:
        assert "${{" not in step["run"], "an expression in the text of a script"
        if step.get("name") == "tools":
            assert TOOLS in step["run"]
            python(self.folder)
            return {}
        output = workspace / "temp/output"
        output.write_text("", encoding="utf-8")
        environment = {
            **{key: value for key, value in os.environ.items() if key.startswith("PIP_") or key in ("HOME", "TMPDIR")},
            "PATH": os.pathsep.join((os.fspath(self.folder / "bin"), os.environ["PATH"])),
            "GITHUB_OUTPUT": os.fspath(output),
            "RUNNER_TEMP": os.fspath(workspace / "temp"),
            **self.contexts["env"],
            **{key: fill(value, self.contexts) for key, value in step.get("env", {}).items()},
        }
        command, cwd = (*BASH, "-c", step["run"]), workspace / "checkout"
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        return parse_outputs(output.read_text(encoding="utf-8"))


def _inner(expression: str) -> str:
    """An expression without the signs around it."""
    return expression.removeprefix("${{").removesuffix("}}").strip()


def python(folder: Path, *options: str) -> None:
    """The Python on PATH: with ``-S`` one that has no package, as before the step that installs the tools."""
    for name in ("python", "python3"):
        script = folder / "bin" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {" ".join(options)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)


def run(folder: Path, event: str, ref: str, origin: Path, **variables: str) -> Run:
    (folder / "bin").mkdir(parents=True)
    for name in ("gh", "cosign"):
        script = folder / "bin" / name
        script.write_text(f"#!/bin/sh\nprintf '%s ' {name} \"$@\" >> {folder}/programs\n", encoding="utf-8")
        script.chmod(0o755)
    release = Run(folder, origin, event, ref, variables)
    release.all_jobs()
    return release


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source(tmp_path_factory.mktemp("origin"), version.source_version(ROOT))


SAID = version.source_version(ROOT)
PACKAGES = (f"kgate-{SAID}-py3-none-any.whl", f"kgate-{SAID}.tar.gz")


@pytest.mark.needs_dev
def test_a_tag_releases(tmp_path: Path, origin: Path) -> None:
    """Takes half a minute: each job of a release installs what it needs into an environment of its own."""
    release = run(tmp_path / "tag", "push", f"v{SAID}", origin, PUBLISH_TO_PYPI="true")
    assert release.ran == list(WORKFLOW["jobs"])
    released = tmp_path / "tag/github/checkout"
    assert {path.name for path in released.iterdir()} == {*PACKAGES, "kgate.cdx.json", "notes.md"}
    programs = (tmp_path / "tag/programs").read_text(encoding="utf-8")
    assert programs.startswith("cosign sign --yes ghcr.io/kgate/kgate@sha256:0 gh release create ")
    assert f" create v{SAID} --verify-tag " in programs
    assert f" --prerelease=false ./{PACKAGES[0]} ./{PACKAGES[1]} kgate.cdx.json " in programs
    assert git(origin, "rev-parse", f"v{SAID.partition('.')[0]}") == git(origin, "rev-parse", "HEAD")
    assert_bill(json.loads((released / "kgate.cdx.json").read_text(encoding="utf-8")), released / PACKAGES[0])
    again = packages.build(tmp_path / "tag/build/checkout", tmp_path / "again")
    assert [path.read_bytes() for path in again] == [(released / name).read_bytes() for name in PACKAGES]


def assert_bill(bill: Mapping[str, Any], wheel: Path) -> None:
    """It is about this wheel, and lists what kgate needs and nothing else; it was compared with the schema already."""
    subject = bill["metadata"]["component"]
    assert (subject["name"], subject["version"], subject["type"]) == ("kgate", SAID, "application")
    hashes = [entry["hashes"][0]["content"] for entry in subject["externalReferences"] if "hashes" in entry]
    assert hashes == [hashlib.sha256(wheel.read_bytes()).hexdigest()]
    names = {component["name"] for component in bill["components"]}
    assert {"click", "MarkupSafe"} <= names
    assert not names & {"hatchling", "tomlkit", "kgate"}


class Planned(Run):
    """A run that does nothing and remembers what it would do."""

    def _uses(self, job: str, step: Mapping[str, Any]) -> dict[str, str]:
        given = {key: fill(value, self.contexts) for key, value in step.get("with", {}).items()}
        self.used.append((step["uses"].partition("@")[0], given.get("push", "")))
        return {}

    def _run(self, workspace: Path, step: Mapping[str, Any]) -> dict[str, str]:
        self.used.append((step["run"].partition(" ")[0], ""))
        return {}


PUBLISHING = {
    ("docker/login-action", ""),
    ("docker/build-push-action", "true"),
    ("cosign", ""),
    ("actions/attest", ""),
    ("pypa/gh-action-pypi-publish", ""),
    ("gh", ""),
}


def test_a_run_by_hand_publishes_nothing(tmp_path: Path) -> None:
    release = Planned(tmp_path, tmp_path, "workflow_dispatch", "main", {"PUBLISH_TO_PYPI": "true"})
    release.all_jobs()
    assert release.ran == ["build", "test", "image"]
    assert ("docker/build-push-action", "false") in release.used
    assert not PUBLISHING & set(release.used)


def test_a_release_without_the_index(tmp_path: Path) -> None:
    """The variable of the repository is not set: the index is left out, and nothing else."""
    release = Planned(tmp_path, tmp_path, "push", "v1.2.3")
    release.all_jobs()
    assert release.ran == [name for name in WORKFLOW["jobs"] if name != "pypi"]
    assert PUBLISHING - set(release.used) == {("pypa/gh-action-pypi-publish", "")}


def test_each_job_may_do_only_its_own() -> None:
    assert WORKFLOW["permissions"] == {}
    signs = {"id-token": "write", "attestations": "write"}
    assert {name: job["permissions"] for name, job in WORKFLOW["jobs"].items()} == {
        "build": {"contents": "read"},
        "test": {"contents": "read"},
        "image": {"contents": "read", "packages": "write", **signs},
        "attest": signs,
        "pypi": {"id-token": "write"},
        "github": {"contents": "write"},
        "floating-tag": {"contents": "write"},
    }


def test_one_version_of_a_tool_that_both_locks_name() -> None:
    locks = [
        dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE))
        for file in ("action/requirements.txt", "release/requirements.txt")
    ]
    both = locks[0].keys() & locks[1].keys()
    assert len(both) > 3
    assert {name: locks[0][name] for name in both} == {name: locks[1][name] for name in both}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for requirement in map(Requirement, extras["release"]):
        assert requirement.specifier.contains((locks[0] | locks[1])[requirement.name]), requirement


# ------------------------------------------------------------------------------------------------ versions


def clone(folder: Path, said: str, log: str) -> Path:
    """What a clone has of a version."""
    (folder / "kgate").mkdir()
    (folder / "kgate/__init__.py").write_text(f'__version__ = "{said}"\n', encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(log, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("said", "tag", "expected"),
    [
        pytest.param("1.2.3", "v1.2.3", "version=1.2.3\nprerelease=false", id="a release"),
        pytest.param("1.2.3rc1", "v1.2.3rc1", "version=1.2.3rc1\nprerelease=true", id="a release candidate"),
        pytest.param("1.2.3", "", "version=1.2.3\nprerelease=false", id="by hand"),
    ],
)
def test_version_is_tagged(tmp_path: Path, said: str, tag: str, expected: str) -> None:
    log = "# Changelog\n\n## Unreleased\n\nx\n\n## 1.2.3 - 2027-01-31\n\ny\n\n## 1.2.3rc1\n\nz\n"
    assert version.outputs(clone(tmp_path, said, log), tag) == expected


LOG = "## 1.2.3\n\ny\n"


@pytest.mark.parametrize(
    ("said", "tag", "log", "expected"),
    [
        pytest.param("1.2.4", "v1.2.3", LOG, "the tag v1.2.3 is not version 1.2.4 of kgate", id="another version"),
        pytest.param("1.2.3rc1", "v1.2.3", LOG, "is not version 1.2.3rc1", id="the release of a candidate"),
        pytest.param("1.2.3", "1.2.3", LOG, "'1.2.3' is not the tag of a release; write v1.2.3", id="no v"),
        pytest.param("1.2.3", "v1", LOG, "'v1' is not the tag of a release", id="the floating tag"),
        pytest.param("1.2.3", "v1.2.3\nx=1", LOG, "is not the tag of a release", id="a line break"),
        pytest.param("1.2.3", "v1.2.03", LOG, "is not the tag of a release", id="a leading zero"),
        pytest.param("1.2.3", "v1.2.٣", LOG, "is not the tag of a release", id="a digit of another script"),
        pytest.param("1.2.3.dev0", "", LOG, "is not the tag of a release", id="a version for nobody"),
        pytest.param("1.2.3", "v1.2.3", "## 1.2.30\n\ny\n", "has no heading '## 1.2.3'", id="not in the changelog"),
        pytest.param("1.2.3", "v1.2.3", "## 1.2.3\n\n## 1.2.2\n\ny\n", "no text below '## 1.2.3'", id="nothing to say"),
        pytest.param("1.2.3", "v1.2.3", LOG * 2, "'## 1.2.3' occurs twice", id="twice"),
        pytest.param("1.2.3", "", LOG, "has no heading '## Unreleased'", id="by hand, right after a release"),
    ],
)
def test_version_is_not_tagged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: str, tag: str, log: str, expected: str
) -> None:
    with pytest.raises(ReleaseError, match=re.escape(expected)):
        version.outputs(clone(tmp_path, said, log), tag)


def test_notes_end_where_the_next_version_begins(tmp_path: Path) -> None:
    log = "# Changelog\n\n## 1.2.3 - 2027-01-31\n\n- a\n\n### Fixed\n\n- b\n\n## 1.2.2\n\n- c\n"
    assert changelog.section(clone(tmp_path, "1.2.3", log), "v1.2.3") == "- a\n\n### Fixed\n\n- b"


def test_a_fault_is_said_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "v99.0.0"]) == 1
    assert capsys.readouterr().err == (
        f"release: the tag v99.0.0 is not version {SAID} of kgate/__init__.py; correct one of them\n"
    )


# ---------------------------------------------------------------------------------------------------- tags


@pytest.mark.parametrize(
    ("before", "tag", "said", "moved"),
    [
        pytest.param((), "v0.1.0", "v0 is v0.1.0 now", True, id="the first release"),
        pytest.param(("v0.1.0", "v0"), "v0.2.0", "v0 is v0.2.0 now", True, id="the next one"),
        pytest.param(("v0.2.0", "v0"), "v0.10.0", "v0 is v0.10.0 now", True, id="compared as numbers"),
        pytest.param(("v1.0.0", "v1"), "v0.9.1", "v0 is v0.9.1 now", True, id="of an older major version"),
        pytest.param(("v0.3.0rc1",), "v0.2.0", "v0 is v0.2.0 now", True, id="a candidate is ahead"),
        pytest.param(("v0.2.0", "v0"), "v0.1.1", "v0 stays: v0.2.0 is newer than v0.1.1", False, id="an older line"),
        pytest.param(("v0.1.0", "v0"), "v0.2.0rc1", "v0 stays: v0.2.0rc1 is a pre-release", False, id="a candidate"),
        pytest.param(("vanilla", "v0.1", "1.0.0"), "v0.1.0", "v0 is v0.1.0 now", True, id="beside other tags"),
    ],
)
def test_floating_tag(tmp_path: Path, before: tuple[str, ...], tag: str, said: str, moved: bool) -> None:
    origin, here = tmp_path / "origin", tmp_path / "here"
    git(tmp_path, "init", "-q", os.fspath(origin))
    for name in (*before, tag):
        git(origin, "commit", "-q", "--allow-empty", "-m", name)
        git(origin, "tag", "-am", name, name)
    others = {name: git(origin, "rev-parse", name) for name in before}
    git(tmp_path, "clone", "-q", "--depth=1", f"--branch={tag}", origin.as_uri(), os.fspath(here))
    assert tags.move(here, tag) == said
    floating = said.partition(" ")[0]
    there = git(origin, "rev-list", "-n1", floating) if moved or floating in before else ""
    assert (there == git(origin, "rev-list", "-n1", tag)) == moved
    assert {name: git(origin, "rev-parse", name) for name in before if name != floating} == {
        name: commit for name, commit in others.items() if name != floating
    }


def test_floating_tag_of_a_tag_that_moved(tmp_path: Path) -> None:
    origin, here = tmp_path / "origin", tmp_path / "here"
    git(tmp_path, "init", "-q", os.fspath(origin))
    git(origin, "commit", "-q", "--allow-empty", "-m", "one")
    git(origin, "tag", "v0.1.0")
    git(tmp_path, "clone", "-q", origin.as_uri(), os.fspath(here))
    git(origin, "commit", "-q", "--allow-empty", "-m", "two")
    git(origin, "tag", "-f", "v0.1.0")
    with pytest.raises(ReleaseError, match=r"and the release was made of .*; do not move its tag"):
        tags.move(here, "v0.1.0")
    assert git(origin, "tag") == "v0.1.0\n"


# ------------------------------------------------------------------------------------------- what is published


def test_only_packages_are_published(tmp_path: Path) -> None:
    for name in ("kgate-1.2.3.tar.gz", "kgate-1.2.3-py3-none-any.whl"):
        (tmp_path / name).touch()
    assert len(packages.only_packages(tmp_path, "kgate-1.2.3")) == 2
    (tmp_path / "kgate-1.2.2.tar.gz").touch()
    with pytest.raises(ReleaseError, match=r"and holds kgate-1\.2\.2\.tar\.gz, kgate-1\.2\.3-py3"):
        packages.only_packages(tmp_path, "kgate-1.2.3")


def test_a_wheel_without_what_the_build_makes(tmp_path: Path) -> None:
    wheel = tmp_path / "kgate-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("kgate/builtin_rules.json", "{}")
    with pytest.raises(ReleaseError, match=r"lacks kgate/schemas/config-1\.json, share/man/man1/kgate\.1; see the"):
        packages.require_made_files(wheel)


def inspected(**needs: list[str]) -> dict[str, Any]:
    """What ``pip inspect`` says of packages and what each needs."""
    parts = [{"metadata": {"name": name, "requires_dist": needs[name]}} for name in needs]
    return {"installed": parts, "environment": {"python_version": "3.13", "sys_platform": "linux"}}


def test_needed_at_run_time() -> None:
    given = inspected(
        KGate=["a>=1", "b[fast]; python_version>'3'", 'c; sys_platform == "win32"', 'hatchling; extra == "release"'],
        a=["B"],
        B=["kgate", 'd; extra == "fast"', 'pip; extra == "slow"'],
        d=[],
        pip=[],
        hatchling=[],
    )
    assert sbom.required(given, "kgate") == {"kgate", "a", "b", "d"}


def test_needed_and_not_there() -> None:
    with pytest.raises(ReleaseError, match="the environment has no kgate; install the wheel"):
        sbom.required(inspected(pip=[]), "kgate")
    with pytest.raises(ReleaseError, match="the environment has no click; install the wheel and what it needs"):
        sbom.required(inspected(kgate=["click"]), "kgate")


def bill(**needs: list[str]) -> dict[str, Any]:
    """A bill of packages and what each needs."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {},
        "components": [{"name": name, "bom-ref": name, "type": "library", "version": "1"} for name in needs],
        "dependencies": [{"ref": name, "dependsOn": needs[name]} for name in needs],
    }


def test_bill_without_what_is_not_needed() -> None:
    shown = sbom.restrict(bill(kgate=["A", "pip"], A=["pip"], pip=["A"]), "kgate", frozenset(("kgate", "a")))
    assert shown["metadata"]["component"]["name"] == "kgate"
    assert [entry["name"] for entry in shown["components"]] == ["A"]
    assert shown["dependencies"] == [{"ref": "kgate", "dependsOn": ["A"]}, {"ref": "A", "dependsOn": []}]


@pytest.mark.needs_dev
def test_bill_is_compared_with_the_schema() -> None:
    shown = sbom.restrict(bill(kgate=["a"], a=[]), "kgate", frozenset(("kgate", "a")))
    sbom.validate(json.dumps(sbom.numbered(shown)))
    shown["components"][0]["type"] = "thing"
    with pytest.raises(ReleaseError, match=r"is not CycloneDX 1\.6: .*thing"):
        sbom.validate(json.dumps(shown))
