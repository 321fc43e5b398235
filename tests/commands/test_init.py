"""init: what it writes is valid, runs, and harms nothing that was there."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kgate import __version__
from kgate.starter import CONFIG, HOOKS, PIPELINE, WORKFLOW, Start, configuration, workflow
from kgate.yamltree.nodes import compose
from tests.command import ROOT, installed, kgate
from tests.schemachecker import check
from tests.terminal import read_all
from tests.waiting import HANG

GOOD = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")
OTHER_HOOK = "repos:\n- repo: https://example.com/a\n  rev: v1\n  hooks: [{id: a}]  # kept\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "web.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def state(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def checked(*command: str, cwd: Path) -> None:
    program = shutil.which(command[0], path=Path(sys.executable).parent)
    assert program, f"no {command[0]} beside this Python; run: pip install -e '.[test]'"
    done = subprocess.run((program, *command[1:]), cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done


# ------------------------------------------------------------------------------------- what is written


def test_what_it_writes_is_valid(repository: Path) -> None:
    result = kgate("init", "--ci", "github", "--hook", "--min-score", "restricted", cwd=repository)
    assert (result.code, result.err) == (0, ""), result
    assert [*state(repository)] == [WORKFLOW, HOOKS, CONFIG, "web.yaml"]
    scan = kgate("scan", ".", "-q", cwd=repository)
    assert scan.code == 0, scan
    checked("pre-commit", "validate-config", HOOKS, cwd=repository)
    for schema, file in (
        (("--builtin-schema", "vendor.github-workflows"), WORKFLOW),
        (("--schemafile", str(ROOT / "kgate/schemas/config-1.json")), CONFIG),
    ):
        assert check(*schema, file, cwd=repository).code == 0
    checked("actionlint", "-shellcheck=", WORKFLOW, cwd=repository)
    (repository / ".github/zizmor.yml").write_text((ROOT / ".github/zizmor.yml").read_text(encoding="utf-8"))
    checked("zizmor", "--offline", "--no-progress", "--strict-collection", ".github", cwd=repository)


def test_a_pipeline_of_gitlab(repository: Path) -> None:
    assert kgate("init", "--ci=gitlab", "--no-hook", "--min-score=75", cwd=repository).code == 0
    assert [*state(repository)] == [PIPELINE, CONFIG, "web.yaml"]
    (include,) = next(compose(state(repository)[PIPELINE])).value["include"]
    url = f"https://raw.githubusercontent.com/kgate/kgate/v{__version__}/"
    assert include == {"remote": f"{url}templates/kgate.yml", "inputs": {"min-score": 75}}
    assert (ROOT / include["remote"].removeprefix(url)).is_file()
    options = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    assert check(*options, PIPELINE, cwd=repository).code == 0


def test_every_setting_in_a_comment_is_valid(repository: Path) -> None:
    lines = configuration(Start(60, "none", hook=False)).splitlines()
    settings = [line.removeprefix("# ") for line in lines if line.removeprefix("# ").split(":")[0] in SETTINGS]
    assert len(settings) == len(SETTINGS)
    (repository / CONFIG).write_text("\n".join(settings), encoding="utf-8")
    result = kgate("scan", ".", "-q", cwd=repository)
    assert result.code == 0, result


SETTINGS = ("min-score", "fail-on", "kubernetes-version", "persona", "ignore", "unjudged")


def test_the_workflow_is_that_of_the_documents() -> None:
    documented = (ROOT / "docs/workflows/gate.yml").read_text(encoding="utf-8")
    ours = [line for line in workflow().splitlines() if "branches:" not in line]
    assert len(ours) > 20
    assert [line for line in ours if line not in documented.splitlines()] == []


def test_the_modeline_names_a_schema_of_this_version() -> None:
    first = configuration(Start(60, "none", hook=False)).splitlines()[0]
    url = first.removeprefix("# yaml-language-server: $schema=")
    path = url.removeprefix(f"https://raw.githubusercontent.com/kgate/kgate/v{__version__}/")
    assert (ROOT / path).is_file(), url


# ------------------------------------------------------------------------------------- what it finds


@pytest.mark.parametrize(
    ("there", "new"),
    [
        pytest.param((), [CONFIG], id="nothing"),
        pytest.param((".github/dependabot.yml",), [WORKFLOW, CONFIG], id="a repository of GitHub"),
        pytest.param((PIPELINE,), [CONFIG], id="one of GitLab, whose pipeline is not touched"),
        pytest.param((".kgate.yml", ".github/x"), [WORKFLOW], id="a configuration of another name"),
        pytest.param((CONFIG, WORKFLOW), [], id="all"),
    ],
)
def test_it_writes_what_is_missing_once(repository: Path, there: tuple[str, ...], new: list[str]) -> None:
    for name in there:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("", encoding="utf-8")
    before = state(repository)
    first = kgate("init", cwd=repository)
    after = state(repository)
    assert first.code == 0, first
    assert sorted(after.keys() - before.keys()) == sorted(new)
    assert {name: after[name] for name in before} == before
    again = kgate("init", cwd=repository)
    assert (again.code, state(repository)) == (0, after)


@pytest.mark.parametrize(
    ("text", "added"),
    [
        pytest.param(OTHER_HOOK, True, id="a list without indentation"),
        pytest.param("# c\nrepos:\n    - repo: local\n      hooks: []\n\n", True, id="a list with indentation"),
        pytest.param(f"fail_fast: true\n{OTHER_HOOK}", True, id="settings above"),
        pytest.param(f"{OTHER_HOOK}fail_fast: true\n", False, id="settings below"),
        pytest.param("repos: [{repo: local, hooks: []}]\n", False, id="a list in brackets"),
        pytest.param("repos: []\n", False, id="no hook"),
        pytest.param("repos: [\n", False, id="broken"),
        pytest.param(f"{OTHER_HOOK}  # - repo: x\n---\na: b\n", False, id="two documents"),
        pytest.param(f"{'# a comment' * 20_000}\n{OTHER_HOOK}", False, id="too long to be parsed in a second"),
    ],
)
def test_a_hook_is_appended_or_told(repository: Path, text: str, added: bool) -> None:
    (repository / HOOKS).write_text(text, encoding="utf-8")
    result = kgate("init", cwd=repository)
    after = (repository / HOOKS).read_text(encoding="utf-8")
    assert result.code == 0, result
    assert after.startswith(text)
    assert (after != text) == added
    assert ("do: add this to" in result.out and "- repo: https://github.com/kgate/kgate" in result.out) != added
    if added:
        assert next(compose(after)).value["repos"][-1]["hooks"] == [{"id": "kgate"}]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(OTHER_HOOK.replace("\n", "\r\n").encode(), id="Windows line ends"),
        pytest.param(b"\xef\xbb\xbf" + OTHER_HOOK.encode(), id="a byte order mark"),
        pytest.param(f"{OTHER_HOOK}\n\n  \n".encode(), id="empty lines at the end"),
        pytest.param(f"{OTHER_HOOK}# a\x85".encode(), id="a comment at the end, without a line end"),
    ],
)
def test_a_hook_is_appended_to_every_byte(repository: Path, data: bytes) -> None:
    (repository / HOOKS).write_bytes(data)
    (repository / HOOKS).chmod(0o640)
    result = kgate("init", cwd=repository)
    after = (repository / HOOKS).read_bytes()
    assert (result.code, after[: len(data)]) == (0, data)
    added = after[len(data) :]
    assert b"- id: kgate" in added
    assert (b"\r\n" in data) == (added.count(b"\r\n") == added.count(b"\n"))
    assert (repository / HOOKS).stat().st_mode & 0o777 == 0o640


def test_a_hook_is_not_added_in_another_encoding(repository: Path) -> None:
    data = OTHER_HOOK.encode("utf-16")
    (repository / HOOKS).write_bytes(data)
    result = kgate("init", cwd=repository)
    assert (result.code, (repository / HOOKS).read_bytes()) == (2, data)
    assert "is not UTF-8 text; fix that" in result.err


# ------------------------------------------------------------------------------------- what it leaves alone


@pytest.mark.parametrize("link", [".github", ".github/workflows", HOOKS, CONFIG, "kgate.yml"])
def test_no_link_leads_it_out(repository: Path, link: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "victim").write_text(OTHER_HOOK, encoding="utf-8")
    before = state(outside)
    (repository / link).parent.mkdir(exist_ok=True)
    target = outside / "victim" if link == HOOKS else outside / "new" if link.endswith("ml") else outside
    (repository / link).symlink_to(target)
    kgate("init", "--ci=github", "--hook", cwd=repository)
    assert state(outside) == before


def test_what_it_cannot_read_stops_it_before_it_writes(repository: Path) -> None:
    (repository / HOOKS).write_bytes(b"repos: []  # \xff\n")
    result = kgate("init", cwd=repository)
    assert result.code == 2
    assert f"{HOOKS}: cannot be read: is not UTF-8 text; fix that" in result.err
    assert not (repository / CONFIG).exists()


def test_it_asks_on_a_terminal(repository: Path) -> None:
    parent, child = pty.openpty()
    run = subprocess.Popen(
        (sys.executable, "-P", "-m", "kgate", "init"),
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=repository,
        env={**os.environ, "PYTHONPATH": f"{installed()}{os.pathsep}{ROOT}"},
    )
    os.close(child)
    os.write(parent, b"basline\nrestricted\ngithub\ny\n")
    shown = read_all(parent)
    assert run.wait(timeout=HANG) == 0, shown
    assert b"'basline' is not a score" in shown
    assert [*state(repository)] == [WORKFLOW, HOOKS, CONFIG, "web.yaml"]
    assert "min-score: 90\n" in state(repository)[CONFIG]
