"""inputs.py: the digest changes with everything that a scan could read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kgate import inputs
from kgate.config import Settings
from kgate.model import Severity
from kgate.rendering.requests import RenderOptions, RenderSettings
from kgate.repository import Repository, UntrustedFolders
from kgate.rules.load import RuleFolder
from tests.command import ROOT


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A repository with a manifest, a link and an empty folder; rules and a program beside it."""
    root = tmp_path / "repository"
    (root / "apps/empty").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "apps/web.yaml").write_text("kind: Pod\n", encoding="utf-8")
    (root / "apps/link.yaml").symlink_to("web.yaml")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/own.yaml").write_text("id: own\n", encoding="utf-8")
    program = tmp_path / "bin/helm"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    folder = RuleFolder.named(os.fspath(tmp_path / "rules"), UntrustedFolders(()))
    rendering = RenderSettings(programs={"helm": os.fspath(program)})
    return Settings(Repository.at(root), (os.fspath(root / "apps"),), rule_folders=(folder,), rendering=rendering)


def test_nothing_changed(settings: Settings) -> None:
    first = inputs.digest(settings)
    assert first is not None
    assert len(first) == 32
    os.utime(settings.repository.root / "apps/web.yaml", (1, 1))
    (settings.repository.root / ".git/index").write_text("x", encoding="utf-8")
    assert inputs.digest(replace(settings, jobs=7)) == first


def rewrite(path: str, text: str) -> Callable[[Path], object]:
    return lambda base: (base / path).write_text(text, encoding="utf-8")


def relink(base: Path) -> None:
    (base / "repository/apps/link.yaml").unlink()
    (base / "repository/apps/link.yaml").symlink_to("empty")


def track(base: Path) -> None:
    for arguments in (("init", "-q"), ("add", "apps/web.yaml")):
        subprocess.run(("git", *arguments), cwd=base / "repository", check=True)


def move_the_target(base: Path) -> None:
    """The link leads through a folder outside, whose link changes."""
    (base / "outside").unlink()
    (base / "outside").symlink_to("repository/apps/empty")


CHANGES = [
    pytest.param(rewrite("repository/apps/web.yaml", "kind: Job\n"), id="a content of the same length"),
    pytest.param(rewrite("repository/apps/new.yaml", ""), id="a new file"),
    pytest.param(rewrite("repository/apps/.kgateignore", ""), id="a hidden file"),
    pytest.param(rewrite("repository/values.txt", ""), id="a file beside the scanned path"),
    pytest.param(lambda base: (base / "repository/__pycache__").mkdir(), id="a folder that Python makes elsewhere"),
    pytest.param(lambda base: (base / "repository/apps/web.yaml").rename(base / "repository/apps/b.yaml"), id="a name"),
    pytest.param(lambda base: (base / "repository/apps/empty").rmdir(), id="an empty folder"),
    pytest.param(relink, id="where a link leads"),
    pytest.param(track, id="what git tracks"),
    pytest.param(rewrite("rules/own.yaml", "id: owl\n"), id="a rule"),
    pytest.param(rewrite("bin/helm", "#!/bin/bash\n"), id="a program"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_it_changes_with(settings: Settings, tmp_path: Path, change: Callable[[Path], object]) -> None:
    first = inputs.digest(settings)
    change(tmp_path)
    second = inputs.digest(settings)
    assert None not in (first, second)
    assert first != second


def test_it_changes_with_what_a_link_outside_leads_to(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "outside").symlink_to("repository/apps/web.yaml")
    (settings.repository.root / "apps/through.yaml").symlink_to("../../outside")
    first = inputs.digest(settings)
    move_the_target(tmp_path)
    assert inputs.digest(settings) != first


VARIANTS = [
    pytest.param({"min_score": 61}, id="the score"),
    pytest.param({"fail_on": Severity.LOW}, id="the severity"),
    pytest.param({"minor": 30}, id="the version of Kubernetes"),
    pytest.param({"select": ("privileged",)}, id="the rules"),
    pytest.param({"paths": (".",)}, id="the paths"),
    pytest.param({"allow_empty": True}, id="what may be empty"),
    pytest.param({"rendering": RenderSettings(RenderOptions(helm_degraded=True))}, id="an option of rendering"),
    pytest.param({"rule_folders": ()}, id="the folders of rules"),
]


@pytest.mark.parametrize("change", VARIANTS)
def test_it_changes_with_the_settings(settings: Settings, change: dict[str, object]) -> None:
    assert inputs.digest(replace(settings, **change)) != inputs.digest(settings)  # type: ignore[arg-type]


def test_it_changes_with_kgate(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inputs.digest(settings)
    shutil.copytree(ROOT / "kgate", tmp_path / "kgate")
    monkeypatch.setattr(inputs, "__file__", os.fspath(tmp_path / "kgate/inputs.py"))
    assert inputs.digest(settings) == first
    shutil.rmtree(tmp_path / "kgate/__pycache__", ignore_errors=True)
    assert inputs.digest(settings) == first, "Python makes these folders when it likes"
    (tmp_path / "kgate/scan.py").write_text("", encoding="utf-8")
    assert inputs.digest(settings) != first


UNKNOWN = [
    pytest.param({"paths": ("-",)}, id="standard input"),
    pytest.param({"rendering": RenderSettings(RenderOptions(allow_remote=True))}, id="remote bases"),
    pytest.param({"rendering": RenderSettings(RenderOptions(helm_dependency_build=True))}, id="remote charts"),
    pytest.param({"rendering": RenderSettings(programs={"helm": "/nowhere/helm"})}, id="a program that is not there"),
]


@pytest.mark.parametrize("change", UNKNOWN)
def test_what_cannot_be_told_has_none(settings: Settings, change: dict[str, object]) -> None:
    assert inputs.digest(replace(settings, **change)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["MAX_ENTRIES", "MAX_BYTES"])
def test_a_huge_repository_has_none(settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(inputs, name, 3)
    assert inputs.digest(settings) is None


def test_a_pipe_has_none(settings: Settings) -> None:
    os.mkfifo(settings.repository.root / "apps/pipe.yaml")
    assert inputs.digest(settings) is None
