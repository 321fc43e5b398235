"""The tag of the major version, such as ``v1``, which workflows name to get the newest release."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from release.errors import ReleaseError
from release.version import Version, tagged

_PEELED = "^{}"


def move(root: Path, tag: str) -> str:
    """Lets the tag of the major version at origin point at the commit of a release, unless a newer one is there.

    Returns a line about what was done. Raises ReleaseError if the tag of the release is not on the commit checked out.
    """
    version = tagged(tag)
    commits = _remote_tags(root)
    head = _git(root, "rev-parse", "HEAD").strip()
    if commits.get(tag) != head:
        raise ReleaseError(f"{tag} is at {commits.get(tag)}, and the release was made of {head}; do not move its tag")
    if version.is_prerelease:
        return f"{version.floating} stays: {tag} is a pre-release"
    newer = [name for name in sorted(commits) if _follows(Version.of(name), version)]
    if newer:
        return f"{version.floating} stays: {', '.join(newer)} is newer than {tag}"
    _git(root, "push", "--force", "origin", f"{head}:refs/tags/{version.floating}")
    return f"{version.floating} is {tag} now"


def _follows(other: Version | None, version: Version) -> bool:
    """True if the other is a later release with the same major version."""
    return other is not None and other.major == version.major and not other.is_prerelease and other > version


def _remote_tags(root: Path) -> dict[str, str]:
    """Returns the commit of each tag at origin, by its name."""
    commits = {}
    for line in _git(root, "ls-remote", "--tags", "origin").splitlines():
        commit, _, reference = line.partition("\t")
        commits[reference.removeprefix("refs/tags/")] = commit
    peeled = {name.removesuffix(_PEELED): commit for name, commit in commits.items() if name.endswith(_PEELED)}
    return commits | peeled


def _git(root: Path, *arguments: str) -> str:
    command = ("git", "-C", os.fspath(root), *arguments)
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
