"""What the installation of CI systems needs, without a network: kgate's source as an archive, and the locked files."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.command import ROOT

PARTS = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "kgate", "rules", "action")


def source_archive(folder: Path) -> Path:
    """The source of this kgate, packed as a server of git repositories does: all below one folder."""
    path = folder / "kgate.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for part in PARTS:
            archive.add(ROOT / part, f"kgate-0.1.0/{part}", filter=_without_caches)
    return path


def _without_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def locked_files(folder: Path) -> Path:
    """A folder with the files of action/requirements.txt, for pip without an index."""
    lock = os.fspath(ROOT / "action/requirements.txt")
    flags = ("--only-binary=:all:", "--require-hashes", "-r", lock, "-d", os.fspath(folder))
    subprocess.run((sys.executable, "-m", "pip", "download", "-q", *flags), check=True)
    return folder
