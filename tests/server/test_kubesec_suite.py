"""kubesec's own suite, in bats, asks our server instead of its own."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.command import ROOT
from tests.serving import serving
from upstream.kubesec_suite import OPTIONS, suite

pytestmark = pytest.mark.needs_npm

MODULES = ROOT / "node_modules"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The suite, with the libraries of bats where it looks for them."""
    assert (MODULES / "bats/bin/bats").exists(), "no bats; run: npm install --no-save bats bats-assert bats-support"
    with tarfile.open(ROOT / "tests/data/kubesec_suite.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    for name in ("bats-assert", "bats-support"):
        shutil.copytree(MODULES / name, tmp_path / "bin" / name)
    return tmp_path


def test_every_test_passes(folder: Path) -> None:
    """The suite stops at the first test that fails, and skips all others."""
    with serving(*OPTIONS) as server:
        done = suite(folder, str(MODULES / "bats/bin/bats"), f"http://{server.host}:{server.port}")
    found = re.findall(r"^(?:not )?ok .*$", done.stdout, re.MULTILINE)
    assert len(found) == 85
    assert [line for line in found if not line.startswith("ok ")] == []
    assert sum("# skip" in line for line in found) == 8, "those about the command line of kubesec"
