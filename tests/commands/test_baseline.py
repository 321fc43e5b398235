"""baseline: an old repository passes, what is new in it fails, and nothing is written by halves."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kgate.baselinefile import BaselineFile
from kgate.commands import baseline, outputs
from kgate.errors import OutputError
from kgate.judgement.baseline import Baseline
from kgate.repository import BASELINE_NAME as NAME
from kgate.repository import Repository, UntrustedFolders
from tests.command import Result, kgate
from tests.hostile import write
from tests.policy.clone import Clone
from tests.real_tools import tools_env

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec:
      containers:
        - {name: app, image: x, securityContext: {privileged: PRIV}}
"""


def deployment(name: str, *, privileged: bool = True) -> str:
    return DEPLOYMENT.replace("NAME", name).replace("PRIV", str(privileged).lower())


OLD = {
    ".git/config": "",
    "k8s/plain.yaml": deployment("plain"),
    "k8s/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {password: hunter2hunter2}\n",
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "privileged: true\n",
    "charts/web/templates/web.yaml": deployment('"{{ .Release.Name }}-web"').replace(
        "true", "{{ .Values.privileged }}"
    ),
    "base/db.yaml": deployment("db"),
    "base/kustomization.yaml": "resources: [db.yaml]\n",
    "overlays/dev/kustomization.yaml": "resources: [../../base]\nnamespace: dev\n",
    "overlays/prod/kustomization.yaml": "resources: [../../base]\nnamespace: prod\n",
}


def run(folder: Path, *arguments: str) -> Result:
    return kgate(*arguments, cwd=folder, env=tools_env())


def scan(folder: Path, *arguments: str) -> tuple[int, list[str], Any]:
    """Exit code, what fails, and the whole report."""
    result = run(folder, "scan", ".", "-f", "json", *arguments)
    report = json.loads(result.out)
    fails = [f"{one['namespace'] or ''}/{one['name']}" for one in report["workloads"] if not one["passed"]]
    return result.code, fails, report


def rewritten(folder: Path, files: Mapping[str, str | None]) -> None:
    for name, text in files.items():
        if text is None:
            (folder / name).unlink()
        else:
            write(folder, {name: text})


def moved(folder: Path) -> None:
    """Moves every file, and writes it in another way."""
    for old, new in {"k8s": "apps", "charts/web": "charts/site", "overlays": "envs"}.items():
        (folder / old).rename(folder / new)
    (folder / "apps/plain.yaml").rename(folder / "apps/other.yml")
    (folder / "base/db.yaml").rename(folder / "base/database.yaml")
    (folder / "base/kustomization.yaml").write_text("# moved\nresources:\n  - database.yaml\n")
    (folder / "charts/site/templates/web.yaml").rename(folder / "charts/site/templates/deployment.yaml")
    for path in (folder / "apps/other.yml", folder / "base/database.yaml"):
        text = path.read_text().replace("{name: app, image: x, ", "image: x\n          name: app\n          ")
        path.write_text("# rewritten\n\n" + text.replace("privileged: true}}", "privileged: true}"))


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An old repository with its baseline."""
    folder = tmp_path_factory.mktemp("old")
    write(folder, OLD)
    assert scan(folder)[0] == 1
    result = run(folder, "baseline", "write")
    assert (result.code, result.err) == (0, ""), result
    assert result.out == f"wrote {NAME}: 16 findings, 4 workloads below the threshold; commit it\n"
    return folder


@pytest.fixture
def repository(accepted: Path, tmp_path: Path) -> Path:
    return shutil.copytree(accepted, tmp_path / "repository")


def test_it_passes_and_says_why(repository: Path) -> None:
    code, fails, report = scan(repository)
    assert (code, fails) == (0, [])
    assert report["compared"] == {"with": NAME, "new": 0, "known": 16, "known_workloads": 4, "gone": 0}
    assert {one["new"] for one in report["findings"]} == {False}
    assert "16 known findings accepted by kgate-baseline.json" in run(repository, "scan", ".").out
    assert scan(repository, "--no-baseline")[0] == 1
    assert scan(repository, "--fail-on", "critical")[0] == 0


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        pytest.param({"k8s/new.yaml": deployment("new")}, ["/new"], id="a new workload"),
        pytest.param(
            {"k8s/plain.yaml": deployment("plain").replace("containers", "hostPID: true\n      containers")},
            ["/plain"],
            id="a new sin of an old workload",
        ),
        pytest.param(
            {"overlays/test/kustomization.yaml": "resources: [../../base]\nnamespace: test\n"},
            ["test/db"],
            id="an old base in a new namespace",
        ),
        pytest.param({"charts/web/values.yaml": "privileged: false\n"}, [], id="a value is fixed"),
        pytest.param({"k8s/plain.yaml": None}, [], id="a workload is gone"),
    ],
)
def test_it_fails_for_what_is_new_alone(repository: Path, change: dict[str, str | None], fails: list[str]) -> None:
    rewritten(repository, change)
    code, found, _ = scan(repository)
    assert (code, found) == (1 if fails else 0, fails)


def test_everything_may_move(repository: Path) -> None:
    moved(repository)
    code, fails, report = scan(repository)
    assert (code, fails) == (0, [])
    assert report["compared"] == {"with": NAME, "new": 0, "known": 16, "known_workloads": 4, "gone": 0}
    rewritten(repository, {"apps/new.yaml": deployment("new")})
    assert scan(repository)[:2] == (1, ["/new"])


def test_shrinking_drops_what_is_fixed_and_adds_nothing(repository: Path) -> None:
    rewritten(repository, {"k8s/plain.yaml": deployment("plain", privileged=False), "k8s/new.yaml": deployment("new")})
    assert scan(repository)[2]["compared"]["gone"] == 1
    before = (repository / NAME).read_text().splitlines()
    assert run(repository, "baseline", "shrink").out == f"{NAME}: 15 findings; 1 dropped\n"
    after = (repository / NAME).read_text().splitlines()
    assert {line.rstrip(",") for line in after} < {line.rstrip(",") for line in before}
    assert scan(repository)[:2] == (1, ["/new"])
    assert run(repository, "baseline", "shrink").out == f"{NAME}: 15 findings; 0 dropped\n"
    rewritten(repository, {"k8s/plain.yaml": deployment("plain"), "k8s/new.yaml": None})
    assert scan(repository)[:2] == (1, ["/plain"])


def test_shrinking_keeps_what_it_does_not_see(repository: Path) -> None:
    assert run(repository, "baseline", "shrink", "k8s").out == f"{NAME}: 16 findings; 0 dropped\n"
    before = (repository / NAME).read_bytes()
    rewritten(repository, {"k8s/broken.yaml": "kind: [\n", "k8s/plain.yaml": None})
    result = run(repository, "baseline", "shrink")
    assert result.code == 3
    assert f"{NAME} stays as it is" in result.err
    assert (repository / NAME).read_bytes() == before
    assert scan(repository)[2]["compared"]["gone"] is None


def test_the_same_findings_make_the_same_file(repository: Path) -> None:
    before = (repository / NAME).read_bytes()
    assert run(repository, "baseline", "write", "--jobs", "2").code == 0
    assert (repository / NAME).read_bytes() == before
    assert b"/repository" not in before


def test_what_could_not_be_judged_is_not_accepted(repository: Path) -> None:
    rewritten(repository, {"k8s/broken.yaml": "kind: [\n"})
    result = run(repository, "baseline", "write")
    assert (result.code, "not in it, as a baseline holds findings: 1 problem" in result.out) == (0, True)
    assert scan(repository)[0] == 3


def test_a_folder_without_objects_is_said_to_have_none(tmp_path: Path) -> None:
    result = run(tmp_path, "baseline", "write")
    advice = "name other paths, or pass --allow-empty if that is right"
    said = f"scans stay incomplete: no Kubernetes object was found; {advice}"
    assert (result.code, result.out.splitlines()[1:]) == (0, [said])


# ----------------------------------------------------------------------------------------- which file


@pytest.mark.parametrize(
    ("files", "arguments", "code"),
    [
        pytest.param({"kgate.yaml": "baseline: ops/known.json\n"}, (), 0, id="the configuration names it"),
        pytest.param({"kgate.yaml": "min-score: 60\n"}, (), 1, id="nobody names it"),
        pytest.param({}, ("--baseline", "ops/known.json"), 0, id="a flag names it"),
        pytest.param({"kgate.yaml": "baseline: ops/known.json\n"}, ("--no-baseline",), 1, id="a flag leaves it out"),
    ],
)
def test_which_file_is_used(repository: Path, files: dict[str, str], arguments: tuple[str, ...], code: int) -> None:
    (repository / "ops").mkdir()
    (repository / NAME).rename(repository / "ops/known.json")
    write(repository, files)
    assert run(repository, "scan", ".", *arguments).code == code


@pytest.mark.parametrize(
    ("config", "arguments", "message"),
    [
        pytest.param("baseline: no.json\n", (), "no.json: cannot be read: No such file", id="not there"),
        pytest.param(
            "baseline: ../x.json\n", (), "kgate.yaml:1: '../x.json' leads out of the repository", id="outside"
        ),
        pytest.param("baseline: [a]\n", (), "kgate.yaml:1: baseline must be a string", id="not text"),
        pytest.param("", ("--baseline", "no.json"), "no.json: cannot be read: No such file", id="a flag, not there"),
        pytest.param("", ("--baseline", "k8s/plain.yaml"), "k8s/plain.yaml:1: is not JSON", id="something else"),
        pytest.param("", ("--baseline", NAME, "--no-baseline"), "exclude each other", id="both flags"),
    ],
)
def test_wrong_names(repository: Path, config: str, arguments: tuple[str, ...], message: str) -> None:
    write(repository, {"kgate.yaml": config})
    result = run(repository, "scan", ".", *arguments)
    assert result.code == 2
    assert message in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("scan", "."), id="scan"),
        pytest.param(("baseline", "write"), id="write"),
        pytest.param(("baseline", "shrink"), id="shrink"),
    ],
)
@pytest.mark.parametrize("damaged", ['{"schema": "kgate-baseline/9"}', "<<<<<<< HEAD\n", "", '{"schema'])
def test_a_damaged_file_stays_as_it_is(repository: Path, arguments: tuple[str, ...], damaged: str) -> None:
    (repository / NAME).write_text(damaged)
    result = run(repository, *arguments)
    assert (result.code, (repository / NAME).read_text()) == (2, damaged)
    assert "delete it and run: kgate baseline write" in result.err


def test_only_a_baseline_is_overwritten(repository: Path) -> None:
    result = run(repository, "baseline", "write", "--file", "k8s/plain.yaml")
    assert result.code == 2
    assert (repository / "k8s/plain.yaml").read_text() == OLD["k8s/plain.yaml"]


def test_a_write_that_fails_midway_leaves_the_old_file(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (repository / NAME).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "_write", full)
    target = BaselineFile(repository / NAME, NAME, Repository.at(repository))
    with pytest.raises(OutputError, match="No space left on device"):
        baseline.save(target, Baseline({}), UntrustedFolders(()))
    assert (repository / NAME).read_bytes() == before
    assert sorted(path.name for path in repository.iterdir() if "kgate" in path.name) == [NAME]


def test_no_link_leads_out(repository: Path, tmp_path: Path) -> None:
    (repository / NAME).unlink()
    (repository / NAME).symlink_to(tmp_path / "elsewhere.json")
    assert run(repository, "baseline", "write").code == 2
    assert not os.path.lexists(tmp_path / "elsewhere.json")


# ------------------------------------------------------------------------------------ trusted revisions

PLAIN = {"a.yaml": deployment("a"), "b.yaml": deployment("b", privileged=False)}


def test_a_change_cannot_accept_its_own_findings(tmp_path: Path) -> None:
    clone = Clone.of(tmp_path / "clone", PLAIN)
    assert run(clone.folder, "baseline", "write").code == 0
    clone.merged()
    assert run(clone.folder, "scan", ".", "--policy-from", "main").code == 0
    clone.changed({"c.yaml": deployment("c")})
    assert run(clone.folder, "baseline", "write").code == 0
    assert run(clone.folder, "scan", ".").code == 0
    code, fails, report = scan(clone.folder, "--policy-from", "main")
    assert (code, fails) == (1, ["/c"])
    weakened = [
        (one["message"], one["location"]["path"]) for one in report["findings"] if one["rule"] == "gate-weakened"
    ]
    assert weakened == [
        ("The baseline accepts further findings: 5.", NAME),
        ("The baseline accepts lower scores: 1.", NAME),
    ]
