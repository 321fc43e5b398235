"""Source distribution and wheel, the same bytes for the same commit."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from release.errors import ReleaseError
from release.version import source_version

MADE = ("kgate/builtin_rules.json", "kgate/schemas/config-1.json", "share/man/man1/kgate.1")
"""Files that the build makes, and leaves out with a warning if it cannot."""


def project_name(root: Path) -> str:
    """Returns the name of the distribution."""
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"])


def build(root: Path, folder: Path) -> list[Path]:
    """Builds both, the wheel from the source distribution, with the tools of this environment. Returns their paths.

    Raises ReleaseError if the folder then holds anything else, since all of it is published.
    """
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", os.fspath(folder), os.fspath(root))
    subprocess.run(command, env=os.environ | {"SOURCE_DATE_EPOCH": _epoch(root)}, check=True, stdout=sys.stderr)
    wheel, archive = only_packages(folder, f"{project_name(root).replace('-', '_')}-{source_version(root)}")
    require_made_files(wheel)
    check = (sys.executable, "-m", "twine", "check", "--strict", os.fspath(wheel), os.fspath(archive))
    subprocess.run(check, check=True, stdout=sys.stderr)
    return [wheel, archive]


def only_packages(folder: Path, stem: str) -> tuple[Path, Path]:
    """Returns wheel and source distribution. Raises ReleaseError if the folder holds anything else."""
    expected = (folder / f"{stem}-py3-none-any.whl", folder / f"{stem}.tar.gz")
    found = sorted(folder.iterdir())
    if found != list(expected):
        names = ", ".join(path.name for path in found)
        raise ReleaseError(f"{folder} must hold {expected[0].name} and {expected[1].name}, and holds {names}; empty it")
    return expected


def _epoch(root: Path) -> str:
    """Returns the time of the commit, in seconds: nothing in a package is younger."""
    command = ("git", "-C", os.fspath(root), "log", "-1", "--format=%ct")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def require_made_files(wheel: Path) -> None:
    """Raises ReleaseError if the wheel lacks what the build makes."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    lacking = [made for made in MADE if not any(name.endswith(made) for name in names)]
    if lacking:
        raise ReleaseError(f"{wheel.name} lacks {', '.join(lacking)}; see the warnings of the build")
