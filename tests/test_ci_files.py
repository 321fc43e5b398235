"""Files that CI systems read: each is judged by that system's own schema or linter, and what they run is run.

A validator that is missing fails. Each is shown a fault first, so that none of them can pass by seeing nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from tests.command import ROOT, Result, kgate
from tests.installable import Packages, packages_for
from tests.schemachecker import check
from tests.waiting import HANG

BIN = Path(sys.executable).parent
OWN = (".github/workflows/ci.yml", ".github/workflows/release.yml", ".github/workflows/site.yml")
EXAMPLES = tuple(f"docs/workflows/{name}.yml" for name in ("gate", "code-scanning", "comment", "suggestions"))
WORKFLOWS = (*OWN, *EXAMPLES)
COMPONENT = "templates/kgate.yml"
INCLUDE = "docs/ci/gitlab-include.yml"
BAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]\n"


def tool(name: str, *arguments: str, cwd: Path = ROOT) -> Result:
    """Runs a validator that the extra "test" installs beside this Python; without it the test fails."""
    program = shutil.which(name, path=BIN)
    assert program, f"no {name} beside this Python; run: pip install -e '.[test]'"
    done = subprocess.run((program, *arguments), cwd=cwd, capture_output=True, text=True, timeout=HANG, check=False)
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
        return check("--builtin-schema", f"vendor.{self.schema}", *self.options, *files, cwd=cwd)


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


ZIZMOR = ("zizmor", "--offline", "--no-progress", "--strict-collection", "action.yml", ".github", *EXAMPLES)
LINTERS: dict[str, tuple[tuple[str, ...], str, tuple[str, str]]] = {
    "zizmor": (ZIZMOR, "action.yml", ('exit "$EXIT_CODE"', 'echo "${{ inputs.paths }}"')),
    "zizmor, pins": (ZIZMOR, "docs/workflows/gate.yml", ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7")),
    "zizmor, release": (ZIZMOR, OWN[1], ('release check "$TAG"', "release check ${{ github.ref_name }}")),
    "actionlint, release": (("actionlint", *OWN), OWN[1], ("needs: [build, test]", "needs: [built, test]")),
    "actionlint": (("actionlint", "-shellcheck", shellcheck(), *WORKFLOWS), EXAMPLES[2], ("SCORE:", "SCORE: $${{")),
    "actionlint, scripts": (
        ("actionlint", "-shellcheck", shellcheck(), *WORKFLOWS),
        OWN[0],
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


def test_everything_that_is_left_out_by_default_is_run_by_ci() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    markers = {marker.partition(":")[0] for marker in options["markers"]}
    assert set(re.findall(r"not (\w+)", options["addopts"])) == markers
    check = (ROOT / ".ci/run").read_text(encoding="utf-8")
    chosen = re.findall(r"^pytest -m '?([a-z_ ]+?)'?(?: -n [0-9]+)?(?: --dist \w+)?$", check, re.MULTILINE)
    assert {marker for words in chosen for marker in words.split(" or ")} == markers


def test_the_tests_that_our_workflow_names_exist() -> None:
    named = re.findall(r"tests/[\w/]+\.py", (ROOT / WORKFLOWS[0]).read_text(encoding="utf-8"))
    assert len(named) > 15
    assert not [path for path in named if not (ROOT / path).exists()]


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
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return packages_for(tmp_path_factory)


def snippet(file: str) -> str:
    return "\n".join(script for document in documents(file) for script in scripts(document))


SNIPPETS: dict[str, tuple[str, str]] = {
    "azure": (snippet("docs/ci/azure-pipelines.yml"), "out/kgate"),
    "circleci": (snippet("docs/ci/circleci.yml"), "out/kgate"),
    "jenkins": (jenkins(), "kgate-reports"),
    "gitlab": (snippet(INCLUDE), "kgate-reports"),
}


@dataclass
class Job:
    """A run of a snippet as its system runs it, with variables of its own, but for the package: this kgate."""

    folder: Path
    packages: Packages
    package: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        return self.folder / "work dir"

    def put(self, name: str, text: str, mode: int = 0o644) -> Path:
        """A file of the checkout."""
        path = self.checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def run(self, script: str) -> subprocess.CompletedProcess[bytes]:
        script = script.replace("/tmp/reports", f'"{self.checkout}/out"')
        (self.folder / "agent temp").mkdir(exist_ok=True)
        variables = {
            "PATH": os.pathsep.join((os.fspath(BIN), os.environ["PATH"])),
            "PIP_COMPILE": os.environ["PIP_COMPILE"],
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": os.fspath(self.packages.locked),
            "KGATE_PACKAGE": self.package.as_uri(),
            "KGATE_PACKAGE_SHA256": "",
            "KGATE_PATHS": ".",
            "AGENT_TEMPDIRECTORY": os.fspath(self.folder / "agent temp"),
            "BUILD_ARTIFACTSTAGINGDIRECTORY": os.fspath(self.checkout / "out"),
            "WORKSPACE_TMP": os.fspath(self.folder / "agent temp"),
            "TMPDIR": os.fspath(self.folder / "agent temp"),
            "CI_JOB_ID": "7",
            **self.variables,
        }
        return subprocess.run(
            ("bash", "-e", "-c", script), cwd=self.checkout, env=variables, capture_output=True, check=False
        )


@pytest.fixture
def job(packages: Packages, tmp_path: Path) -> Job:
    """One whose installation is there already."""
    job = Job(tmp_path, packages, packages.ready)
    job.put("bad.yaml", BAD)
    return job


@pytest.fixture
def installing(job: Job) -> None:
    """For a test whose job installs."""
    job.package = job.packages.archive


every_snippet = pytest.mark.parametrize(("script", "reports"), SNIPPETS.values(), ids=SNIPPETS.keys())


def assert_gated(done: subprocess.CompletedProcess[bytes]) -> None:
    assert done.returncode == 1, done
    assert b"1 workload under the threshold" in done.stdout


@pytest.mark.slow
@every_snippet
def test_snippet_gates_and_leaves_reports(job: Job, script: str, reports: str) -> None:
    job.variables["KGATE_PACKAGE_SHA256"] = hashlib.sha256(job.package.read_bytes()).hexdigest()
    assert_gated(job.run(script))
    found = {path.name for path in (job.checkout / reports).iterdir()}
    assert {"kgate.xml", "kgate.sarif", "kgate.md"} <= found


@pytest.mark.slow
@every_snippet
def test_snippet_refuses_another_archive(job: Job, script: str, reports: str) -> None:
    job.variables["KGATE_PACKAGE_SHA256"] = "0" * 64
    done = job.run(script)
    assert done.returncode not in (0, 1) or b"did NOT match" in done.stderr, done
    assert b"workload" not in done.stdout


def test_every_snippet_installs_in_the_same_way() -> None:
    """So that the attacks below, on one of them which installs, hold for all."""
    texts = ["\n".join(line.strip() for line in script.splitlines()) for script, _ in SNIPPETS.values()]
    blocks = {text[text.index("kgate=$(") : text.index("\n)\n")] for text in texts}
    assert len(blocks) == 1
    assert all(script.count('$kgate/env/bin/python" -I -m kgate scan') == 1 for script, _ in SNIPPETS.values())


EVIL_BACKEND = """\
import os, zipfile
open(os.environ["WITNESS"], "w").close()
def get_requires_for_build_wheel(config=None): return []
def build_wheel(folder, config=None, metadata=None):
    name = "kgate-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("evil.py", "def run(): print('1 workload under the threshold')")
        wheel.writestr("kgate-0.1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: kgate\\nVersion: 0.1.0\\n")
        wheel.writestr("kgate-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("kgate-0.1.0.dist-info/entry_points.txt", "[console_scripts]\\nkgate = evil:run\\n")
        wheel.writestr("kgate-0.1.0.dist-info/RECORD", "")
    return name
"""


def evil_archive() -> bytes:
    """A package of the attacker, which pip can build without fetching anything."""
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "evil_backend"\nbackend-path = ["."]\n',
        "evil_backend.py": EVIL_BACKEND,
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"kgate-0.1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


@contextlib.contextmanager
def served(body: list[bytes], asked: list[str]) -> Iterator[str]:
    """A server whose answers, the last body each, may be kept for a day."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            for name, value in {"Cache-Control": "max-age=86400", "Content-Type": "application/gzip"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body[-1])))
            self.end_headers()
            self.wfile.write(body[-1])

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/kgate.tar.gz"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.usefixtures("installing")
def test_a_cache_in_the_checkout_is_not_installed_from(job: Job) -> None:
    """A pull request commits what pip keeps of an evil package, under the address of the good one."""
    body, asked = [evil_archive()], list[str]()
    cache, witness = job.checkout / ".cache/pip", job.folder / "witness"
    with served(body, asked) as address:
        command = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation", address)
        environment = {"PATH": os.environ["PATH"], "PIP_CACHE_DIR": os.fspath(cache), "WITNESS": os.fspath(witness)}
        environment |= {"PIP_TRUSTED_HOST": "127.0.0.1"}  # pip keeps nothing of a plain HTTP server otherwise
        subprocess.run((*command, "-d", os.fspath(job.folder / "x")), env=environment, check=True)
        assert witness.exists(), "the package runs its program where it is built"
        assert any(body[0] in path.read_bytes() for path in cache.rglob("*") if path.is_file()), "it is kept"
        witness.unlink()
        asked.clear()
        body.append(job.packages.archive.read_bytes())
        job.variables |= {"KGATE_PACKAGE": address, "WITNESS": os.fspath(witness)}
        job.variables |= {"PIP_CACHE_DIR": os.fspath(cache), "PIP_TRUSTED_HOST": "127.0.0.1"}
        done = job.run(SNIPPETS["gitlab"][0])
    assert not witness.exists()
    assert_gated(done)
    assert asked == ["/kgate.tar.gz"]


@pytest.mark.slow
@pytest.mark.usefixtures("installing")
def test_what_is_not_locked_is_not_installed(job: Job) -> None:
    """An index, or a mirror, gives another file under the name and version of a dependency."""
    other = job.folder / "other"
    shutil.copytree(job.packages.locked, other)
    (wheel,) = other.glob("click-*.whl")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("click/evil.py", "")
    job.variables["PIP_FIND_LINKS"] = os.fspath(other)
    done = job.run(SNIPPETS["gitlab"][0])
    assert b"DO NOT MATCH THE HASHES" in done.stderr, done
    assert b"workload" not in done.stdout


CHOOSER = """\
#!/bin/sh
# As asdf and pyenv do: a file in the working folder or above it names the Python.
folder=$PWD
while [ "$folder" != / ]; do
  if [ -f "$folder/.tool-versions" ]; then exec "$folder/$(cut -d: -f2 "$folder/.tool-versions")" "$@"; fi
  folder=$(dirname "$folder")
done
exec {python} "$@"
"""


MODULES = ("venv", "pip", "kgate", "json", "tarfile", "urllib", "sitecustomize", "usercustomize", "click", "encodings")


@pytest.mark.slow
@pytest.mark.usefixtures("installing")
def test_nothing_of_the_checkout_runs(job: Job) -> None:
    """Neither a Python that its files choose, nor a module or program of a name that the job uses, though variables
    point there."""
    witness = job.folder / "witness"
    job.put(".tool-versions", "python path:evil\n")
    for name in ("evil", "kgate", "tar", "mkdir"):
        job.put(name, f"#!/bin/sh\n: > '{witness}'\n", 0o755)
    for name in MODULES:
        job.put(f"{name}.py", f"open({os.fspath(witness)!r}, 'w')\n")
    job.put("pyproject.toml", '[build-system]\nrequires = []\nbuild-backend = "pip"\nbackend-path = ["."]\n')
    job.put("pip.conf", "[global]\nindex-url = http://127.0.0.1:9\n")
    for name in ("python3", "python"):
        path = job.folder / "shims" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(CHOOSER.format(python=sys.executable), encoding="utf-8")
        path.chmod(0o755)
    job.variables |= {
        "PATH": os.pathsep.join((os.fspath(job.folder / "shims"), os.environ["PATH"])),
        "PYTHONPATH": os.fspath(job.checkout),
    }
    done = job.run(SNIPPETS["gitlab"][0])
    assert not witness.exists()
    assert_gated(done)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gitlab", "jenkins"])
def test_a_report_folder_of_the_checkout_is_made_anew(job: Job, name: str) -> None:
    """A link there would lead the reports elsewhere, or what it leads to into the artifacts."""
    outside = job.folder / "outside"
    outside.mkdir()
    for file in ("kgate.xml", "secret"):
        (outside / file).write_text("kept", encoding="utf-8")
    (job.checkout / "kgate-reports").symlink_to("../outside")
    assert_gated(job.run(SNIPPETS[name][0]))
    assert not (job.checkout / "kgate-reports").is_symlink()
    assert {path.read_text(encoding="utf-8") for path in outside.iterdir()} == {"kept"}
    names = {path.name for path in (job.checkout / "kgate-reports").iterdir()}
    assert "kgate.xml" in names
    assert "secret" not in names


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gitlab", "jenkins"])
def test_no_report_of_the_checkout_is_left_by_a_job_that_cannot_install(job: Job, name: str) -> None:
    job.put("kgate-reports/gl-sast-report.json", "{}")
    job.variables["KGATE_PACKAGE"] = (job.folder / "none.tar.gz").as_uri()
    assert job.run(SNIPPETS[name][0]).returncode
    assert not list((job.checkout / "kgate-reports").iterdir())


def test_nothing_that_ci_keeps_lies_in_the_checkout() -> None:
    """A cache there is filled by whoever commits to it, and an artifact takes what links there lead to. GitLab keeps
    nothing outside, so the job moves out what was fetched, unless the repository has that folder; kgate checks it."""
    (include,) = documents(INCLUDE)
    assert include["kgate"]["cache"]["paths"] == ["kgate-fetched/"]
    assert not [value for value in include["kgate"]["variables"].values() if "CI_PROJECT_DIR" in value]
    uploads = [
        step["with"]["path"]
        for file in WORKFLOWS
        for job in documents(file)[0]["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/upload-artifact@")
    ]
    assert uploads
    assert all(path.startswith("${{ runner.temp }}/") for path in uploads)


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
    assert len(inputs) == 18
    assert all(given["description"].endswith(".") and "default" in given for given in inputs.values())


# --------------------------------------------------------------------------------------------- Kubernetes

MANIFESTS = {"docs/ci/job.yaml": 1, "docs/ci/argo-workflow.yaml": 1, "docs/ci/tekton-task.yaml": 1}


@pytest.mark.parametrize("file", MANIFESTS)
def test_our_manifests_pass_our_gate(file: str) -> None:
    result = kgate("scan", file, "--min-score", "90", "--quiet")
    assert result.code == 0, result.out
    assert result.out.startswith("✓ passed: 1 workload, ")


def test_the_image_runs_as_the_user_of_the_job() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (job,) = documents("docs/ci/job.yaml")
    context = job["spec"]["template"]["spec"]["securityContext"]
    assert f"\nUSER {context['runAsUser']}:{context['runAsGroup']}\n" in dockerfile


def test_the_image_fetches_nothing_without_a_checksum() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    added = re.findall(r"^ADD (.*) https://\S+ ", dockerfile, re.MULTILINE)
    assert len(added) == 2, "helm for two platforms"
    assert all(re.fullmatch(r"--checksum=sha256:[0-9a-f]{64}", options) for options in added)
    installed = re.findall(r"pip install (.*)", dockerfile)
    assert sum("--require-hashes" in options for options in installed) == 3
    assert all(
        "--require-hashes" in options or "--no-deps --no-build-isolation /source" in options for options in installed
    )
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{file}" for file in re.findall(r"/source/(\S+\.txt)", dockerfile)} <= {*ignored}


# -------------------------------------------------------------------------------------------- locked files


def test_the_lock_holds_what_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = "".join((ROOT / f"action/{name}.txt").read_text(encoding="utf-8") for name in ("requirements", "serve"))
    locked = {
        name.replace("-", "."): version for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE)
    }
    of_image = project["project"]["optional-dependencies"]["serve"]
    stated = (*project["project"]["dependencies"], *project["build-system"]["requires"], *of_image)
    needed = [Requirement(text) for text in stated]
    assert len(needed) > 11
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
        assert ours or file in OWN, file
        given |= {name for step in ours for name in step.get("with", {})}
    assert len(given) > 3
    assert given <= set(documents("action.yml")[0]["inputs"])
