"""What a repository deploys from elsewhere, and what kgate.lock says of it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Literal

from kgate.urls import shown_url

Kind = Literal["helm", "oci", "git"]
KINDS: tuple[Kind, ...] = ("git", "helm", "oci")

MAX_BYTES = 64 << 20
"""The most bytes of one thing that is fetched, and of any one answer on the way to it."""


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """Something elsewhere, as it is asked for: a chart by its name in a repository (``helm``: the URL that holds
    ``index.yaml``) or registry (``oci``: the URL above the chart), or by its path in a ``git`` repository.

    ``requested`` is a version, a range of versions, a tag, ``@sha256:…``, or a revision of git.
    """

    kind: Kind
    repository: str
    name: str
    requested: str

    @classmethod
    def chart(cls, repository: str, name: str, requested: str) -> Wanted:
        """A chart. Argo CD writes registries without a scheme; without a version, the newest one is meant."""
        repository = repository.strip().rstrip("/")
        if "://" not in repository:
            repository = f"oci://{repository}"
        return cls("oci" if repository.startswith("oci://") else "helm", repository, name, requested.strip() or "*")

    @classmethod
    def git(cls, repository: str, path: str, requested: str) -> Wanted:
        """The chart at a path of a git repository at a revision; without one, at the branch that the server names."""
        name = posixpath.normpath(f"/{path}").strip("/")
        return cls("git", repository.strip().rstrip("/"), name, requested.strip() or "HEAD")

    @property
    def label(self) -> str:
        """What messages call it: ``chart web 1.x of https://charts.example.com``."""
        where = shown_url(self.repository)
        return f"chart {self.name or '.'} {self.requested} of {where}"


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """The place that asks for something: a path and line of the repository, and the object or file there."""

    wanted: Wanted
    path: str
    line: int
    by: str


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """True for a digest as kgate.lock writes it."""
    return _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class Locked:
    """What something came to when it was fetched. ``version`` is that of the chart, or a commit; ``digest`` that of the
    file in the cache, ``origin`` the URL that it was fetched from, without what may be secret."""

    wanted: Wanted
    version: str
    digest: str
    origin: str

    @property
    def file(self) -> str:
        """What its file is called in reports: ``web-1.2.3.tgz``."""
        name = self.wanted.name.rpartition("/")[2] or "chart"
        return f"{name}-{self.version}.tgz"


ABSENT = "kgate.lock names it, but the cache of this machine does not hold it with that digest, name and version"
"""Why something is not judged that was fetched elsewhere or before."""
