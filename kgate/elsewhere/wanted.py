"""What a repository deploys from elsewhere, and what kgate.lock says of it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import Literal

from kgate.urls import shown_url
from kgate.values import dataclass

Kind = Literal["helm", "oci", "git", "base", "tree", "url", "file", "artifact"]
KINDS: tuple[Kind, ...] = ("artifact", "base", "file", "git", "helm", "oci", "tree", "url")
TREES: tuple[Kind, ...] = ("artifact", "base", "tree", "url", "file")
"""Those that are files, and no chart."""
RANGE = "semver:"
"""What a revision of git begins with that is a range of versions, of which the newest tag is meant; and so for an
``oci`` registry, if only the tags that a regular expression (after FILTER) matches are asked."""
FILTER = " matching "

_SHORT = 12
"""How much of a commit or digest is shown."""

MAX_BYTES = 64 << 20
"""The most bytes of one thing that is fetched, and of any one answer on the way to it."""


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """Something elsewhere, as it is asked for: a chart by its name in a repository (``helm``: the URL that holds
    ``index.yaml``) or registry (``oci``: the URL above the chart), or by its path in a ``git`` repository.

    By its path in such a repository also the kustomization there with all that it uses (``base``), or a folder with all
    that lies below it and what kustomizations in it use (``tree``). ``file`` is the file at a URL, and ``url`` what
    kustomize makes of a URL: a file if the server has one there, else the base that it names. An ``artifact`` holds the
    files that Flux has packed into a registry.

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

    @classmethod
    def files(cls, kind: Literal["base", "tree"], repository: str, path: str, requested: str) -> Wanted:
        """The base or folder at a path of a git repository."""
        return replace(cls.git(repository, path, requested), kind=kind)

    @classmethod
    def at(cls, kind: Literal["url", "file"], url: str) -> Wanted:
        """What lies at a URL."""
        return cls(kind, url, "", "HEAD")

    @property
    def label(self) -> str:
        """What messages call it: ``chart web 1.x of https://charts.example.com``."""
        where = shown_url(self.repository)
        if self.kind in ("url", "file"):
            return where
        what = {"tree": "folder", "base": "base", "artifact": "artifact"}.get(self.kind, "chart")
        return f"{what} {self.name or '.'} {self.revision} of {where}"

    @property
    def revision(self) -> str:
        """What is asked for, as its author writes it."""
        return self.requested.removeprefix(RANGE)

    @property
    def title(self) -> str:
        """Where files of a tree are from, in words: ``https://git.example.com/platform at v1``."""
        where = shown_url(f"{self.repository}/{self.name}" if self.kind == "artifact" else self.repository)
        return where if self.kind in ("url", "file") else f"{where} at {self.revision}"


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
    """What something came to when it was fetched. ``version`` is that of the chart, a commit, or the word ``file`` for
    a file; ``digest`` that of the file in the cache, ``origin`` the URL that it was fetched from, without what may be
    secret."""

    wanted: Wanted
    version: str
    digest: str
    origin: str

    @property
    def file(self) -> str:
        """What its file is called in reports: ``web-1.2.3.tgz``."""
        wanted = self.wanted
        url = wanted.repository.partition("?")[0]
        name = wanted.name.rpartition("/")[2] or (url.rpartition("/")[2] if wanted.kind in TREES else "") or "chart"
        return f"{name}-{self.version[:_SHORT] if wanted.kind in TREES else self.version}.tgz"


ABSENT = "kgate.lock names it, but the cache of this machine does not hold it with that digest, name and version"
"""Why something is not judged that was fetched elsewhere or before."""
