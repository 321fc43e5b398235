"""What the installation of CI systems needs, without a network: kgate's source as an archive, and the locked files.

An installation takes longer than all else that a job does. So only tests of the installation itself install; the
others are given what the action installed when it ran for the first time: its environment, through an archive whose
installer hands it out, and the files that it downloaded.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import ROOT
from tests.composite import Runner

PARTS = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "kgate", "rules", "action")
INSIDE = "kgate-0.1.0"


@dataclass(frozen=True)
class Packages:
    """This kgate as an archive, and what the action made of it."""

    archive: Path
    ready: Path
    """An archive of the same shape, whose installer only hands out the result that is there already."""
    runner: Path
    """RUNNER_TEMP of a job in which the action ran before."""

    @property
    def locked(self) -> Path:
        """The files of action/requirements.txt, for pip without an index."""
        return self.runner / "kgate-downloads"


def packages_for(factory: pytest.TempPathFactory) -> Packages:
    """The same for all workers of a run of tests; the first one to come makes them."""
    import fcntl

    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installable"
    folder.mkdir(exist_ok=True)
    packages = Packages(folder / "kgate.tar.gz", folder / "ready.tar.gz", folder / "runner")
    with open(folder / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not packages.ready.exists():
            _source_archive(packages.archive)
            _run_the_action(packages.runner)
            _ready_archive(packages)
    return packages


def _source_archive(path: Path) -> None:
    """The source of this kgate, packed as a server of git repositories does: all below one folder."""
    with tarfile.open(path, "w:gz") as archive:
        for part in PARTS:
            archive.add(ROOT / part, f"{INSIDE}/{part}", filter=_without_caches)


def _without_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def _run_the_action(temp: Path) -> None:
    checkout = temp / "checkout"
    (checkout / ".git").mkdir(parents=True)
    shutil.copy(ROOT / "examples/shop/catalogue.yaml", checkout)
    done = Runner(checkout, temp).use(cache="false")
    assert done.code == 0, done.log


def _ready_archive(packages: Packages) -> None:
    (ready,) = packages.runner.glob("kgate-*/ready")
    text = f"import os, sys\nos.symlink({os.fspath(ready.parent)!r}, sys.argv[1])\n".encode()
    part = packages.ready.with_suffix(".part")
    with tarfile.open(part, "w:gz") as archive:
        member = tarfile.TarInfo(f"{INSIDE}/action/install.py")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
        archive.add(ROOT / "action/policy.py", f"{INSIDE}/action/policy.py")
    part.rename(packages.ready)
