"""Files that CI systems read: each is judged by that system's own schema or linter, and what they run is run.

A validator that is missing fails. Each is shown a fault first, so that none of them can pass by seeing nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from tests.command import ROOT, Result, kgate

BIN = Path(sys.executable).parent
WORKFLOWS = (
    ".github/workflows/ci.yml",
    *(f"docs/workflows/{name}.yml" for name in ("gate", "code-scanning", "comment")),
)
COMPONENT = "templates/kgate.yml"
INCLUDE = "docs/ci/gitlab-include.yml"
BAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]\n"


def tool(name: str, *arguments: str, cwd: Path = ROOT) -> Result:
    """Runs a validator that the extra "test" installs beside this Python; without it the test fails."""
    program = shutil.which(name, path=BIN)
    assert program, f"no {name} beside this Python; run: pip install -e '.[test]'"
    done = subprocess.run((program, *arguments), cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def documents(path: str) -> list[Any]:
    return list(YAML(typ="safe").load_all((ROOT / path).read_text(encoding="utf-8")))


# --------------------------------------------------------------------------------------------- schemas


@dataclass(frozen=True)
class Kind:
    """A schema that check-jsonschema brings, the files that follow it, and a change that it must notice."""

    schema: str
    files: tuple[str, ...]
    fault: tuple[str, str]
    options: tuple[str, ...] = ()

    def check(self, *files: str, cwd: Path = ROOT) -> Result:
        return tool("check-jsonschema", "--builtin-schema", f"vendor.{self.schema}", *self.options, *files, cwd=cwd)


KINDS = {
    "action": Kind("github-actions", ("action.yml",), ("      shell: bash\n", "")),
    "workflow": Kind("github-workflows", WORKFLOWS, ("runs-on:", "run-on:")),
    "dependabot": Kind("dependabot", (".github/dependabot.yml",), ("monthly", "at times")),
    "gitlab": Kind("gitlab-ci", (INCLUDE,), ("when: always", "when: ever"), ("--data-transform", "gitlab-ci")),
    "azure": Kind(
        "azure-pipelines", ("docs/ci/azure-pipelines.yml",), ("JUnit", "JJ"), ("--regex-variant", "nonunicode")
    ),
    "circleci": Kind("circle-ci", ("docs/ci/circleci.yml",), ("resource_class", "resource")),
}

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


@every_kind
def test_schema_accepts(kind: Kind) -> None:
    result = kind.check(*kind.files)
    assert (result.code, result.out) == (0, "ok -- validation done\n"), result


@every_kind
def test_schema_sees_a_fault(kind: Kind, tmp_path: Path) -> None:
    text = (ROOT / kind.files[0]).read_text(encoding="utf-8")
    assert kind.fault[0] in text
    (tmp_path / "faulty.yml").write_text(text.replace(*kind.fault), encoding="utf-8")
    assert kind.check("faulty.yml", cwd=tmp_path).code == 1


def test_every_file_for_ci_has_a_validator() -> None:
    judged = {file for kind in KINDS.values() for file in kind.files} | {COMPONENT, ".github/zizmor.yml"}
    folders = (".github", "templates", "docs/workflows", "docs/ci")
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".yml", ".yaml") and path.relative_to(ROOT).as_posix() not in MANIFESTS
    }
    assert found == judged - {"action.yml"}


# ------------------------------------------------------------------------------------------------ linters

Edit = Callable[[str], str]


def copy(folder: Path, edit: Mapping[str, tuple[str, str]]) -> Path:
    """The files for GitHub in a repository of their own, some of them changed."""
    for file in ("action.yml", ".github/dependabot.yml", ".github/zizmor.yml", "Dockerfile", *WORKFLOWS):
        text = (ROOT / file).read_text(encoding="utf-8")
        if file in edit:
            assert edit[file][0] in text
            text = text.replace(*edit[file])
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    (folder / ".git").mkdir()
    return folder


def shellcheck() -> str:
    return os.fspath(BIN / "shellcheck")


ZIZMOR = ("zizmor", "--offline", "--no-progress", "--strict-collection", "action.yml", ".github", *WORKFLOWS[1:])
LINTERS: dict[str, tuple[tuple[str, ...], str, tuple[str, str]]] = {
    "zizmor": (ZIZMOR, "action.yml", ('exit "$EXIT_CODE"', 'echo "${{ inputs.paths }}"')),
    "zizmor, pins": (ZIZMOR, "docs/workflows/gate.yml", ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7")),
    "actionlint": (("actionlint", "-shellcheck", shellcheck(), *WORKFLOWS), WORKFLOWS[3], ("SCORE:", "SCORE: $${{")),
    "actionlint, scripts": (
        ("actionlint", "-shellcheck", shellcheck(), *WORKFLOWS),
        WORKFLOWS[0],
        ('test -s "$REPORT"', "test -s $REPORT"),
    ),
    "jactionlint": (("jactionlint", "--shellcheck", shellcheck()), "action.yml", ("steps.scan.", "steps.scam.")),
    "hadolint": (("hadolint", "Dockerfile"), "Dockerfile", ("@sha256:", ":latest@sha257:")),
}

every_linter = pytest.mark.parametrize(("command", "file", "fault"), LINTERS.values(), ids=LINTERS.keys())


@every_linter
def test_linter_finds_nothing(command: tuple[str, ...], file: str, fault: tuple[str, str]) -> None:
    result = tool(*command)
    assert result.code == 0, result


@every_linter
def test_linter_sees_a_fault(tmp_path: Path, command: tuple[str, ...], file: str, fault: tuple[str, str]) -> None:
    result = tool(*command, cwd=copy(tmp_path, {file: fault}))
    assert result.code not in (0, 127), result


# ------------------------------------------------------------------------------------------------ scripts


def scripts(value: object) -> Iterator[str]:
    """Every text below a key that holds a script of some CI system."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key in ("run", "bash", "command", "script") and isinstance(below, str | list):
                yield "\n".join([below] if isinstance(below, str) else below)
            else:
                yield from scripts(below)
    elif isinstance(value, list):
        for below in value:
            yield from scripts(below)


def jenkins() -> str:
    """The script of the Jenkinsfile as Groovy reads it."""
    (script,) = re.findall(r"sh '''(.*?)'''", (ROOT / "docs/ci/Jenkinsfile").read_text(encoding="utf-8"), re.DOTALL)
    return str(script).replace("\\\\", "\\")


SCRIPTS = {
    f"{file}:{number}": ("sh" if file in (COMPONENT, INCLUDE) else "bash", script)
    for file in ("action.yml", *WORKFLOWS, COMPONENT, INCLUDE, "docs/ci/azure-pipelines.yml", "docs/ci/circleci.yml")
    for number, script in enumerate(script for document in documents(file) for script in scripts(document))
} | {"Jenkinsfile": ("sh", jenkins())}


def test_there_are_scripts() -> None:
    files = {name.partition(":")[0] for name in SCRIPTS}
    assert len(SCRIPTS) >= 14
    assert {"action.yml", COMPONENT, "docs/ci/circleci.yml", "docs/ci/azure-pipelines.yml"} <= files


@pytest.mark.parametrize(("shell", "script"), SCRIPTS.values(), ids=SCRIPTS.keys())
def test_shellcheck(tmp_path: Path, shell: str, script: str) -> None:
    (tmp_path / "script").write_text(script, encoding="utf-8")
    result = tool("shellcheck", "--shell", shell, "--severity", "style", str(tmp_path / "script"))
    assert result == Result(0, "", ""), result.out


def test_shellcheck_sees_a_fault(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("exit $EXIT_CODE\n", encoding="utf-8")
    assert tool("shellcheck", "--shell", "bash", str(tmp_path / "script")).code == 1


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This kgate and all that it needs, for pip without an index."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run((sys.executable, "-m", "pip", "wheel", "-q", "-w", os.fspath(folder), os.fspath(ROOT)), check=True)
    return folder


def snippet(file: str) -> str:
    return "\n".join(script for document in documents(file) for script in scripts(document))


SNIPPETS: dict[str, tuple[str, str]] = {
    "azure": (snippet("docs/ci/azure-pipelines.yml"), "out/kgate"),
    "circleci": (snippet("docs/ci/circleci.yml"), "out/kgate"),
    "jenkins": (jenkins(), "kgate-reports"),
    "gitlab": (snippet(INCLUDE), "kgate-reports"),
}


@pytest.mark.parametrize(("script", "reports"), SNIPPETS.values(), ids=SNIPPETS.keys())
def test_snippet_gates_and_leaves_reports(wheels: Path, tmp_path: Path, script: str, reports: str) -> None:
    """As the system runs it, with variables of its own, but for the package: this kgate."""
    work = tmp_path / "work dir"
    work.mkdir()
    (work / "bad.yaml").write_text(BAD, encoding="utf-8")
    script = script.replace("/tmp/reports", f'"{work}/out"').replace("/tmp/kgate", f"{tmp_path}/kgate")
    variables = {
        "PATH": os.pathsep.join((os.fspath(BIN), os.environ["PATH"])),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": os.fspath(wheels),
        "KGATE_PACKAGE": "kgate",
        "KGATE_PATHS": ".",
        "AGENT_TEMPDIRECTORY": os.fspath(tmp_path / "agent temp"),
        "BUILD_ARTIFACTSTAGINGDIRECTORY": os.fspath(work / "out"),
        "WORKSPACE_TMP": os.fspath(tmp_path / "agent temp"),
        "CI_JOB_ID": "7",
    }
    done = subprocess.run(("bash", "-e", "-c", script), cwd=work, env=variables, capture_output=True, check=False)
    assert done.returncode == 1, done
    assert b"1 workload under the threshold" in done.stdout
    found = {path.name for path in (work / reports).iterdir()}
    assert {"kgate.xml", "kgate.sarif", "kgate.md"} <= found


# ------------------------------------------------------------------------------------------------ GitLab


def test_the_include_is_the_component_with_its_defaults() -> None:
    (header, _), (include,) = documents(COMPONENT), documents(INCLUDE)
    body = (ROOT / COMPONENT).read_text(encoding="utf-8").partition("\n---\n")[2]
    for name, given in header["spec"]["inputs"].items():
        default = str(given["default"]).lower() if given.get("type") == "boolean" else str(given["default"])
        assert f"$[[ inputs.{name} ]]" in body
        body = body.replace(f"$[[ inputs.{name} ]]", default)
    assert YAML(typ="safe").load(body) == include


def test_every_input_is_described() -> None:
    inputs = documents(COMPONENT)[0]["spec"]["inputs"]
    assert len(inputs) == 10
    assert all(given["description"].endswith(".") and "default" in given for given in inputs.values())


# --------------------------------------------------------------------------------------------- Kubernetes

MANIFESTS = {"docs/ci/job.yaml": 1, "docs/ci/argo-workflow.yaml": 1, "docs/ci/tekton-task.yaml": 1}


@pytest.mark.parametrize("file", MANIFESTS)
def test_our_manifests_pass_our_gate(file: str) -> None:
    result = kgate("scan", file, "--min-score", "90", "--quiet")
    assert result.code == 0, result.out
    assert "  1 workload in 1 object of 1 file" in result.out


def test_the_image_runs_as_the_user_of_the_job() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (job,) = documents("docs/ci/job.yaml")
    context = job["spec"]["template"]["spec"]["securityContext"]
    assert f"\nUSER {context['runAsUser']}:{context['runAsGroup']}\n" in dockerfile


# -------------------------------------------------------------------------------------------- locked files


def test_the_lock_holds_what_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "action/requirements.txt").read_text(encoding="utf-8")
    locked = {
        name.replace("-", "."): version for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE)
    }
    needed = [Requirement(text) for text in (*project["project"]["dependencies"], *project["build-system"]["requires"])]
    assert len(needed) > 8
    for requirement in needed:
        assert requirement.specifier.contains(locked[requirement.name.lower().replace("-", ".")]), requirement


def test_one_base_image_everywhere() -> None:
    images = {
        match
        for file in ("Dockerfile", COMPONENT, INCLUDE)
        for match in re.findall(r"python:3\.\d+-slim\S*", (ROOT / file).read_text(encoding="utf-8"))
    }
    assert len(images) == 1
    assert re.search(r"@sha256:[0-9a-f]{64}$", images.pop())


# ------------------------------------------------------------------------------------------- documentation

TOLD = {
    "the action's inputs": ("action.yml", "inputs", "docs/github.md", "Inputs"),
    "the action's outputs": ("action.yml", "outputs", "docs/github.md", "Outputs"),
    "the component's inputs": (COMPONENT, "inputs", "docs/gitlab.md", "GitLab CI/CD"),
}


@pytest.mark.parametrize(("file", "part", "page", "heading"), TOLD.values(), ids=TOLD.keys())
def test_documented(file: str, part: str, page: str, heading: str) -> None:
    """The first column of the table below the heading names exactly what the file has."""
    document = documents(file)[0]
    names = set(document.get("spec", document)[part])
    section = re.split(r"^#+ ", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = (text for text in section if text.startswith(f"{heading}\n"))
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")][2:]
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} == names
    assert len(names) > 7


@pytest.mark.parametrize("page", ["README.md", "docs/github.md", "docs/gitlab.md", "docs/ci.md"])
def test_links_lead_to_files(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert links
    assert not [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/ci.md", "docs/reports.md"])
def test_shell_examples_hold_only_commands(page: str) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), block


def test_examples_name_inputs_of_the_action() -> None:
    given = set()
    for file in WORKFLOWS:
        steps = [step for job in documents(file)[0]["jobs"].values() for step in job["steps"]]
        ours = [step for step in steps if step.get("uses", "").startswith(("./", "kgate/"))]
        assert ours or file == WORKFLOWS[0], file
        given |= {name for step in ours for name in step.get("with", {})}
    assert len(given) > 3
    assert given <= set(documents("action.yml")[0]["inputs"])
