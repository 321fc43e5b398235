"""The version of a release: the tag must say what the source says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from release import changelog
from release.errors import ReleaseError

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:(a|b|rc)(0|[1-9]\d*))?", re.ASCII)
_SOURCE = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """``1.2.3`` or ``1.2.3rc1``; a pre-release is lower than its release."""

    major: int
    minor: int
    patch: int
    stage: str
    """``a``, ``b``, ``rc``, or ``z`` for a release, which sorts last."""
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Returns None if the text is not a version of kgate, such as ``v1``."""
        match = _VERSION.fullmatch(text)
        if not match:
            return None
        return cls(int(match[1]), int(match[2]), int(match[3]), match[4] or "z", int(match[5] or 0))

    @classmethod
    def of(cls, tag: str) -> Self | None:
        """Returns the version that a tag names; None if it is not the tag of a release."""
        return cls.parse(tag.removeprefix("v")) if tag.startswith("v") else None

    @property
    def is_prerelease(self) -> bool:
        """True for alpha, beta and release candidate."""
        return self.stage != "z"

    @property
    def floating(self) -> str:
        """The tag of the major version."""
        return f"v{self.major}"


def tagged(tag: str) -> Version:
    """Returns the version that a tag names."""
    version = Version.of(tag)
    if version is None:
        raise ReleaseError(f"{tag!r} is not the tag of a release; write v1.2.3, or v1.2.3rc1 for a pre-release")
    return version


def source_version(root: Path) -> str:
    """Returns the version that the source says."""
    found = _SOURCE.search((root / "kgate" / "__init__.py").read_text(encoding="utf-8"))
    if found is None:
        raise ReleaseError('kgate/__init__.py has no line __version__ = "…"')
    return found[1]


def outputs(root: Path, tag: str) -> str:
    """Returns ``name=value`` lines for the later steps. Raises ReleaseError if the tag, the source and the changelog
    do not agree. Without a tag, in a dry run, there is no section of the changelog yet."""
    version = source_version(root)
    shown = tag or f"v{version}"
    if tagged(shown) != Version.parse(version):
        raise ReleaseError(f"the tag {tag} is not version {version} of kgate/__init__.py; correct one of them")
    changelog.section(root, tag)
    prerelease = str(tagged(shown).is_prerelease).lower()
    return f"version={version}\nprerelease={prerelease}"
