"""What a terminal gets: how much of the text report, in which signs, and where its paths start."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.commands import console
from kgate.commands.screen import folder_of, project_of
from kgate.reports.links import project_path
from kgate.reports.presentation import Folder
from kgate.repository import find_root
from tests.command import kgate

CONTRADICTIONS = {
    "quiet and verbose": (("-q", "-v"), "--quiet and --verbose contradict each other; leave one of them out"),
    "quiet and all": (("-q", "--show", "all"), "leave out --quiet or --show all"),
    "quiet and a severity": (("-q", "--min-severity", "low"), "leave out --quiet or --min-severity"),
    "verbose and failed": (("-v", "--show", "failed"), "leave out --verbose or --show failed"),
    "verbose and a severity": (("-v", "--min-severity", "high"), "leave out --verbose or --min-severity"),
    "no text report": (("-f", "json", "--show", "all"), "--show is about the text report"),
    "no SARIF report": (
        ("--sarif-all",),
        "--sarif-all is about the sarif report; leave it out, or ask for one with -o",
    ),
    "no text report to choose from": (("-f", "json", "--min-severity", "low"), "--min-severity is about the text"),
    "another word": (("--show", "some"), "'some' is not one of 'failed', 'all'"),
}


@pytest.mark.parametrize(("flags", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_contradictory_flags_are_refused(flags: tuple[str, ...], message: str) -> None:
    result = kgate("scan", "examples", *flags)
    assert result.code == 2
    assert message in result.err
    assert result.out == ""


def test_flags_win_over_the_environment(tmp_path: Path) -> None:
    """They contradict only each other; a report in a file is as long as the one on the screen."""
    file = tmp_path / "report.txt"
    flags = ("examples", "-f", "json", "-o", f"text={file}")
    asked = kgate("scan", *flags, "-v", env={"KGATE_SCAN_QUIET": "1", "KGATE_SCAN_SHOW": "failed"})
    assert asked.code == 1
    assert "    why  " in file.read_text(encoding="utf-8")
    assert kgate("scan", *flags, env={"KGATE_SCAN_QUIET": "1"}).code == 1
    assert "    why  " not in file.read_text(encoding="utf-8")


ENCODED = [
    ("✓ passed: a → b", "cp1252", "+ passed: a -> b"),
    ("✗ failed │ … – █░", "cp1252", "x failed | … – #."),
    ("✗ failed │ … – █░", "cp437", "x failed │ ... - █░"),
    ("✗ 値", "ascii", "x \\u5024"),
]


@pytest.mark.parametrize(("text", "encoding", "wanted"), ENCODED)
def test_signs_that_a_console_lacks(text: str, encoding: str, wanted: str) -> None:
    console.prepare_streams()
    assert text.encode(encoding, "kgate").decode(encoding) == wanted


def test_a_windows_console() -> None:
    result = kgate("scan", "examples", "-q", env={"PYTHONIOENCODING": "cp1252"})
    assert (result.code, result.err) == (1, "")
    assert "\nx failed: 2 workloads" in result.out


# ------------------------------------------------------------------------------- where paths start

TYPED = {
    "a folder": ((".", "k8s"), "k8s/a.yaml"),
    "a folder with dots": ((".", "./k8s/../k8s/"), "k8s/a.yaml"),
    "one file": ((".", "k8s/a.yaml"), "k8s/a.yaml"),
    "several folders": ((".", "k8s", "apps/b.yaml"), "k8s/a.yaml"),
    "a glob that matched nothing": ((".", "k8s/*.yml"), "k8s/*.yml"),
    "the folder itself": (("k8s", "."), "a.yaml"),
    "a folder above": (("apps", "../k8s"), "../k8s/a.yaml"),
    "one here and one above": (("apps", ".", "../k8s"), "../k8s/a.yaml"),
    "a link": ((".", "link"), "link/a.yaml"),
    "an absolute path below": ((".", "{root}/k8s"), "k8s/a.yaml"),
    "an absolute path elsewhere": (("apps", "{root}/k8s"), "{root}/k8s/a.yaml"),
}


@pytest.mark.parametrize(("typed", "wanted"), TYPED.values(), ids=TYPED.keys())
def test_paths_outside_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], wanted: str
) -> None:
    """What is shown leads to the file from where the user is, in the user's words."""
    for name in ("work/k8s/a.yaml", "work/apps/b.yaml", "elsewhere/a.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "work/link").symlink_to(tmp_path / "elsewhere")
    here, *paths = (name.format(root=tmp_path / "work") for name in typed)
    monkeypatch.chdir(tmp_path / "work" / here)
    root = find_root([Path(path) for path in paths])
    last = Path(wanted.format(root=tmp_path / "work"))
    place = Path.cwd() / last
    shown = folder_of(paths, root, {}).path(place.resolve().relative_to(root).as_posix())
    assert shown == last.as_posix()


def test_paths_in_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout without ``.git``: paths start at its folder, wherever the step runs."""
    (tmp_path / "apps/web").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "apps")
    root = find_root([Path("web")])
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        assert folder_of(["web"], root, {name: str(tmp_path)}).path("a.yaml") == "apps/web/a.yaml"
    assert folder_of(["web"], root, {"CI_PROJECT_DIR": "relative"}).path("a.yaml") == "web/a.yaml"
    assert folder_of(["web"], root, {"CI_PROJECT_DIR": "/"}).path("a.yaml") == "web/a.yaml"


def test_paths_in_git_start_at_its_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "k8s").mkdir()
    monkeypatch.chdir(tmp_path / "k8s")
    assert folder_of(["."], find_root([Path()]), {}).path("k8s/a.yaml") == "k8s/a.yaml"


@pytest.mark.parametrize(
    "folders", [(), ("deploy/.git",), (".git",)], ids=["no git", "a checkout inside", "the project's"]
)
@pytest.mark.parametrize("typed", ["deploy", "./deploy/k8s", "deploy/k8s/größe a#1%.yaml"])
def test_paths_for_gitlab_name_files_of_the_project(
    folders: tuple[str, ...], typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "deploy/k8s/größe a#1%.yaml"
    for folder in (*folders, "deploy/k8s"):
        (tmp_path / folder).mkdir(parents=True)
    file.touch()
    monkeypatch.chdir(tmp_path)
    root = find_root([Path(typed)])
    job = {"CI_PROJECT_DIR": str(tmp_path)}
    project = project_of(root, job, folder_of([typed], root, job))
    assert project_path(file.relative_to(root).as_posix(), project) == "deploy/k8s/größe a#1%.yaml"


def test_paths_for_gitlab_without_its_job_are_those_of_the_text(tmp_path: Path) -> None:
    for elsewhere in ("", "relative", "/", str(tmp_path / "other")):
        assert project_of(tmp_path, {"CI_PROJECT_DIR": elsewhere}, Folder("k8s")) == Folder("k8s")


def test_the_command_shows_them(tmp_path: Path) -> None:
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s/a.yaml").write_text("kind: [\n", encoding="utf-8")
    result = kgate("scan", "k8s", "x*.yaml", cwd=tmp_path)
    assert result.code == 3
    assert "! k8s/a.yaml:" in result.out
    assert "! x*.yaml: no such file" in result.out
