"""What the installation of CI systems needs, without a network: kgate's source as an archive, and the locked files.

An installation takes longer than all else that a job does. So only tests of the installation itself install; the
others are given an archive whose installer hands out the environment that the real one made.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import ROOT

PARTS = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "kgate", "rules", "action")
INSIDE = "kgate-0.1.0"


@dataclass(frozen=True)
class Packages:
    """This kgate as an archive, and a folder with what it needs, for pip without an index."""

    archive: Path
    locked: Path
    ready: Path
    """An archive of the same shape with nothing but an installer, of which the result is there already."""


def packages_for(factory: pytest.TempPathFactory) -> Packages:
    """The same for all workers of a run of tests; the first one to come makes them."""
    import fcntl

    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installable"
    folder.mkdir(exist_ok=True)
    packages = Packages(folder / "kgate.tar.gz", folder / "locked", folder / "ready.tar.gz")
    with open(folder / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not packages.ready.exists():
            _source_archive(packages.archive)
            _locked_files(packages.locked)
            _ready_archive(packages, _environment(packages, folder))
    return packages


def _source_archive(path: Path) -> None:
    """The source of this kgate, packed as a server of git repositories does: all below one folder."""
    with tarfile.open(path, "w:gz") as archive:
        for part in PARTS:
            archive.add(ROOT / part, f"{INSIDE}/{part}", filter=_without_caches)


def _without_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def _locked_files(folder: Path) -> None:
    """The files of action/requirements.txt."""
    lock = os.fspath(ROOT / "action/requirements.txt")
    flags = ("--only-binary=:all:", "--require-hashes", "-r", lock, "-d", os.fspath(folder))
    subprocess.run((sys.executable, "-m", "pip", "download", "-q", *flags), check=True)


def _environment(packages: Packages, folder: Path) -> Path:
    """What the installer in the archive makes."""
    with tarfile.open(packages.archive) as archive:
        archive.extractall(folder, filter="data")
    variables = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": os.fspath(packages.locked)}
    installer = os.fspath(folder / INSIDE / "action/install.py")
    subprocess.run((sys.executable, "-I", installer, os.fspath(folder / "env")), env=variables, check=True)
    return folder / "env"


def _ready_archive(packages: Packages, environment: Path) -> None:
    text = f"import os, sys\nos.symlink({os.fspath(environment)!r}, sys.argv[1])\n".encode()
    part = packages.ready.with_suffix(".part")
    with tarfile.open(part, "w:gz") as archive:
        member = tarfile.TarInfo(f"{INSIDE}/action/install.py")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    part.rename(packages.ready)
