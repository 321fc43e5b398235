"""sources/tools.py: which programs are taken, and which are never run."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kgate.errors import ConfigError
from kgate.rendering import sandbox
from kgate.rendering.tools import OLDEST_HELM, OLDEST_KUSTOMIZE, Tool, Toolbox
from tests import real_tools

# --------------------------------------------------------------------------------- the real programs


@pytest.mark.parametrize("version", real_tools.LAYERS)
def test_real_helm(version: str) -> None:
    tool = real_tools.helm_tool(version)
    assert tool.name == "helm"
    assert tool.minor >= OLDEST_HELM
    assert re.fullmatch(r"v\d+\.\d+\.\d+", tool.version)
    assert tool.path.is_absolute()


def test_real_kustomize() -> None:
    tool = real_tools.kustomize_tool()
    assert tool.name == "kubectl"
    assert tool.minor >= OLDEST_KUSTOMIZE, "the version is kustomize's, not kubectl's"
    assert tool.minor < (10, 0)


# ------------------------------------------------------------------------------------ which one wins

HELM, KUSTOMIZE = "v3.18.4", "v5.6.0"
KUBECTL = f"Client Version: v1.33.0\nKustomize Version: {KUSTOMIZE}"


def script(path: Path, answer: str, code: int = 0, witness: Path | None = None) -> Path:
    """A program that gives this answer to everything, and leaves a file behind when it has run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    touch = f": > '{witness}'\n" if witness else ""
    path.write_text(
        f"#!/bin/sh\n{touch}cat() {{ while read -r l; do echo \"$l\"; done; }}\ncat <<'END'\n{answer}\nEND\n"
    )
    with path.open("a") as stream:
        stream.write(f"exit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A repository, and the only folder of PATH; a Python without programs beside it. Programs may leave a witness."""
    monkeypatch.setattr(sandbox, "confines_files", lambda: False)
    (tmp_path / "repository").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python/python"))
    return tmp_path / "repository", tmp_path / "bin"


def test_nothing_is_there(folders: tuple[Path, Path]) -> None:
    toolbox = Toolbox(folders[0])
    assert toolbox.helm is None
    assert toolbox.kustomize is None


ANSWERS: dict[str, tuple[str, str, str | None, tuple[int, int]]] = {
    "helm": ("helm", HELM, HELM, (3, 18)),
    "helm, built from source": ("helm", "v4.0+unreleased", "v4.0+unreleased", (4, 0)),
    "helm 2": ("helm", "Client: v2.17.0+ga690bad", "v2.17.0+ga690bad", (2, 17)),
    "another helm": ("helm", "Helm, an orchestrator of sounds", None, (0, 0)),
    "kubectl": ("kubectl", KUBECTL, KUSTOMIZE, (5, 6)),
    "kubectl without kustomize": ("kubectl", "Client Version: v1.13.0", None, (0, 0)),
    "kustomize": ("kustomize", KUSTOMIZE, KUSTOMIZE, (5, 6)),
    "kustomize 4": ("kustomize", "{Version:kustomize/v4.5.7 GitCommit:5}", "v4.5.7", (4, 5)),
    "kustomize, built from source": ("kustomize", "(devel)", "(devel)", (0, 0)),
    "another kustomize": ("kustomize", "usage: kustomize FILE", None, (0, 0)),
}


@pytest.mark.parametrize(("name", "answer", "version", "minor"), ANSWERS.values(), ids=ANSWERS.keys())
def test_answers(
    folders: tuple[Path, Path], name: str, answer: str, version: str | None, minor: tuple[int, int]
) -> None:
    path = script(folders[1] / name, answer)
    toolbox = Toolbox(folders[0])
    found = toolbox.helm if name == "helm" else toolbox.kustomize
    assert found == (Tool(name, path, version) if version else None)
    assert found is None or found.minor == minor


def test_kustomize_before_kubectl(folders: tuple[Path, Path]) -> None:
    script(folders[1] / "kubectl", KUBECTL)
    script(folders[1] / "kustomize", "v5.7.0")
    found = Toolbox(folders[0]).kustomize
    assert found is not None
    assert found.name == "kustomize"


def test_a_named_kubectl_before_any_kustomize(folders: tuple[Path, Path]) -> None:
    script(folders[1] / "kustomize", "v5.7.0")
    named = script(folders[1].parent / "other/kubectl-1.33", KUBECTL)
    assert Toolbox(folders[0], {"kubectl": str(named)}).kustomize == Tool("kubectl", named, KUSTOMIZE)


def test_path_before_the_folder_of_this_python(folders: tuple[Path, Path]) -> None:
    beside = script(Path(sys.executable).parent / "helm", "v3.19.0")
    assert Toolbox(folders[0]).helm == Tool("helm", beside, "v3.19.0")
    first = script(folders[1] / "helm", HELM)
    assert Toolbox(folders[0]).helm == Tool("helm", first, HELM)


def executable(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o755)


BROKEN: dict[str, Callable[[Path], object]] = {
    "exits 1": lambda path: script(path, HELM, code=1),
    "says nothing": lambda path: script(path, ""),
    "no program": lambda path: executable(path, b"\x7fELF rubbish"),
    "interpreter missing": lambda path: executable(path, b"#!/no/such/thing\n"),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_program_is_passed_over(folders: tuple[Path, Path], make: Callable[[Path], object]) -> None:
    make(folders[1] / "helm")
    beside = script(Path(sys.executable).parent / "helm", HELM)
    assert Toolbox(folders[0]).helm == Tool("helm", beside, HELM)


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_program_that_was_named_is_an_error(
    folders: tuple[Path, Path], make: Callable[[Path], object]
) -> None:
    make(folders[1].parent / "named")
    script(folders[1] / "helm", HELM)
    with pytest.raises(ConfigError, match=r"named: (is not a working helm|no such program)"):
        _ = Toolbox(folders[0], {"helm": str(folders[1].parent / "named")}).helm


def test_a_missing_program_that_was_named_is_an_error(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="nowhere: no such program; name the executable of kustomize"):
        _ = Toolbox(folders[0], {"kustomize": "nowhere"}).kustomize


def test_a_named_program_may_be_relative(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    script(folders[0] / "bin/helm", HELM)
    monkeypatch.chdir(folders[0])
    assert Toolbox(folders[0], {"helm": "bin/helm"}).helm == Tool("helm", folders[0] / "bin/helm", HELM)


# -------------------------------------------------------------------------- nothing of the repository


def in_path(repository: Path, _folder: Path, witness: Path) -> str:
    return str(script(repository / "bin/helm", HELM, witness=witness).parent)


def linked_file(repository: Path, folder: Path, witness: Path) -> str:
    (folder / "helm").symlink_to(script(repository / "evil", HELM, witness=witness))
    return str(folder)


def linked_folder(repository: Path, folder: Path, witness: Path) -> str:
    (folder / "link").symlink_to(script(repository / "bin/helm", HELM, witness=witness).parent)
    return str(folder / "link")


def relative(repository: Path, folder: Path, witness: Path) -> str:
    script(repository / "bin/helm", HELM, witness=witness)
    return os.path.relpath(repository / "bin")


def link_out_of_the_repository(repository: Path, folder: Path, witness: Path) -> str:
    (repository / "helm").symlink_to(script(folder.parent / "elsewhere", HELM, witness=witness))
    return str(repository)


def link_on_the_way(repository: Path, folder: Path, witness: Path) -> str:
    """A link outside to a link in the repository to a program outside: the repository chooses which one."""
    (repository / "helm").symlink_to(script(folder.parent / "elsewhere", HELM, witness=witness))
    (folder / "helm").symlink_to(repository / "helm")
    return str(folder)


PLACES = [link_on_the_way, in_path, linked_file, linked_folder, relative, link_out_of_the_repository]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place.__name__))
@pytest.mark.parametrize("through_link", [False, True], ids=["plain root", "root through a link"])
def test_a_program_of_the_repository_is_not_run(
    folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    place: Callable[[Path, Path, Path], str],
    through_link: bool,
) -> None:
    repository, folder = folders
    witness = folder.parent / "witness"
    monkeypatch.setenv("PATH", place(repository, folder, witness))
    (folder.parent / "alias").symlink_to(repository)
    assert Toolbox(folder.parent / "alias" if through_link else repository).helm is None
    assert not witness.exists()
    found = shutil.which("helm")
    assert found is not None
    assert Toolbox(repository, {"helm": found}).helm is not None, "unless a flag names it"
    assert witness.exists()


@pytest.mark.parametrize("marker", [".git/HEAD", ".git", "kgate.yaml"])
def test_the_outermost_repository_counts(folders: tuple[Path, Path], marker: str) -> None:
    """As where a submodule, or what calls itself one, is scanned; its own marker draws no border."""
    repository, folder = folders
    for place in (folder.parent / marker, repository / ".git"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("")
    toolbox = Toolbox(repository)
    path = script(folder / "helm", HELM)
    assert toolbox.helm is None
    assert toolbox.refused == {"helm": path}


def test_the_working_folder_and_the_scanned_paths_count(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, folder = folders
    path = script(folder / "helm", HELM)
    assert Toolbox(repository, scanned=[folder]).helm is None
    assert Toolbox(repository, scanned=[path]).helm is None
    assert Toolbox(repository, scanned=[folder.parent / "elsewhere"]).helm == Tool("helm", path, HELM)
    monkeypatch.chdir(folder)
    assert Toolbox(repository).helm is None
    monkeypatch.chdir("/")
    assert Toolbox(repository, scanned=[Path("/")]).helm is not None, "the whole machine is no repository"


@pytest.mark.parametrize("path", ["{}", ".:{}", ":{}", "{}:", "bin:{}", "./bin:{}"])
def test_relative_and_empty_folders_of_path_are_left_out(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Even for a working folder that is not scanned and is no repository, such as that of a cron job."""
    repository, folder = folders
    witness = folder.parent / "witness"
    script(folder.parent / "work/helm", HELM, witness=witness)
    script(folder.parent / "work/bin/helm", HELM, witness=witness)
    monkeypatch.chdir(folder.parent / "work")
    monkeypatch.setenv("PATH", path.format(folder))
    found = script(folder / "helm", HELM)
    toolbox = Toolbox(repository)
    assert toolbox.helm == Tool("helm", found, HELM)
    assert toolbox.refused == {}
    assert not witness.exists()


def test_a_name_without_a_folder_means_path_but_not_the_repository(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, folder = folders
    witness = folder.parent / "witness"
    own = script(repository / "bin/helm-3", HELM, witness=witness)
    monkeypatch.chdir(repository)
    monkeypatch.setenv("PATH", f".:{own.parent}:{folder}")
    with pytest.raises(ConfigError, match=f"helm-3: {own} lies where a pull request may have put it"):
        _ = Toolbox(repository, {"helm": "helm-3"}).helm
    other = script(folder / "helm-3", HELM)
    assert Toolbox(repository, {"helm": "helm-3"}).helm == Tool("helm", other, HELM)
    assert not witness.exists()
    assert Toolbox(repository, {"helm": "./bin/helm-3"}).helm == Tool("helm", own, HELM), "a path is the user's choice"


def test_what_lies_beside_a_python_of_the_repository_by_a_link_is_not_run(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, folder = folders
    witness = folder.parent / "witness"
    monkeypatch.setattr(sys, "prefix", str(repository / ".venv"))
    monkeypatch.setattr(sys, "executable", str(repository / ".venv/bin/python"))
    (repository / ".venv/bin").mkdir(parents=True)
    (repository / ".venv/bin/helm").symlink_to(script(repository / "evil", HELM, witness=witness))
    script(repository / ".venv/share/kubectl", KUBECTL, witness=witness)
    monkeypatch.setenv("PATH", str(repository / ".venv/share"))
    assert Toolbox(repository).helm is None
    assert Toolbox(repository).kustomize is None
    assert not witness.exists()


def test_an_environment_of_the_repository_that_does_not_run_kgate_is_not_used(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, folder = folders
    witness = folder.parent / "witness"
    path = script(repository / ".venv/bin/kubectl", KUBECTL, witness=witness)
    monkeypatch.setenv("PATH", str(path.parent))
    assert Toolbox(repository).kustomize is None
    assert not witness.exists()


def test_a_python_inside_the_repository_keeps_its_kubectl(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(folders[0] / ".venv"))
    monkeypatch.setattr(sys, "executable", str(folders[0] / ".venv/bin/python"))
    path = script(folders[0] / ".venv/bin/kubectl", KUBECTL)
    assert Toolbox(folders[0]).kustomize == Tool("kubectl", path, KUSTOMIZE)
