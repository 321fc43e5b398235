"""Parses the references of kustomizations that name a git repository (kustomize, api/internal/git/repospec.go)."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import parse_qs

from kgate.values import dataclass

_SCHEMES = ("ssh://", "https://", "http://", "file://")
_USER = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*@")
_GITHUB = re.compile(r"github\.com[/:]", re.IGNORECASE)
_ROOT = "_git/"
_SUFFIX = ".git"
_REFUSED = re.compile(r";|%(?![0-9A-Fa-f]{2})")
"""What makes Go refuse a whole query."""
_SEGMENTS = 2
"""How many segments of a path are the repository where nothing else says so."""


@dataclass(frozen=True, slots=True)
class RepoSpec:
    """A repository as git is told to clone it, the path of a kustomization in it, and the revision; empty for the
    branch that the server names."""

    clone: str
    path: str
    ref: str

    @property
    def obstacle(self) -> str:
        """Why kgate does not fetch it; empty if it can."""
        if self.clone.startswith("file://"):
            return "it is a repository of the machine that builds it"
        is_ssh = self.clone.startswith("ssh://") or "://" not in self.clone
        return "it is read over ssh; write its https URL to have it fetched" if is_ssh else ""


def parse(text: str) -> RepoSpec | None:
    """The repository that a reference names; None if kustomize takes it for none."""
    if text.startswith("/"):
        return None
    address, _, query = text.partition("?")
    found = _host(address)
    if found is None:
        return None
    host, rest = found
    parts = _split(rest, is_whole=host == "file://")
    if parts is None or not parts[0]:
        return None
    repository, path = parts
    if posixpath.normpath(path.removeprefix("/")).split("/")[0] == "..":
        return None
    return RepoSpec(host + repository, path.removeprefix("/"), _ref(query))


def is_remote_file(text: str) -> bool:
    """True if kustomize asks for a reference by HTTP before it looks whether it is a repository (``IsRemoteFile``)."""
    return text.lower().startswith(("https://", "http://"))


def _host(address: str) -> tuple[str, str] | None:
    """Scheme, user and host, and what follows; None if there are none."""
    rest = _without(address, "git::")
    scheme = next((one for one in _SCHEMES if rest.lower().startswith(one)), "")
    rest = rest[len(scheme) :]
    user = found[0] if (found := _USER.match(rest)) else ""
    rest = rest[len(user) :]
    is_github = _GITHUB.match(rest) is not None
    is_scp = not scheme and bool(user or is_github)
    if not scheme and not is_scp:
        return None
    if scheme == "file://":
        return scheme, user + rest
    end = rest.find("/")
    colon = rest.find(":") if is_scp else -1
    if is_scp and (end < 0 or 0 < colon < end):
        end = colon
    host, rest = (rest[: end + 1], rest[end + 1 :]) if end >= 0 else (rest, "")
    if is_github:
        return (f"{user}github.com:" if scheme == "ssh://" or user else "https://github.com/"), rest
    return (scheme + user + host, rest) if host else None


def _split(rest: str, *, is_whole: bool) -> tuple[str, str] | None:
    """The path of the repository on its server, and the path in it: by a marker, else by the number of segments."""
    root = rest.find(_ROOT)
    if root >= 0:
        name, _, path = rest[root + len(_ROOT) :].partition("/")
        return rest[: root + len(_ROOT)] + name, path
    if "//" in rest:
        repository, _, path = rest.partition("//")
        return repository, path
    suffix = rest.find(_SUFFIX)
    if suffix >= 0:
        return rest[: suffix + len(_SUFFIX)], rest[suffix + len(_SUFFIX) :]
    segments = rest.split("/")
    if is_whole:
        return rest, ""
    if len(segments) < _SEGMENTS:
        return None
    return "/".join(segments[:_SEGMENTS]), "/".join(segments[_SEGMENTS:])


def _ref(query: str) -> str:
    """The revision that a query names: ``ref``, else ``version``."""
    try:
        fields = parse_qs(query, errors="strict") if not _REFUSED.search(query) else {}
    except ValueError:
        fields = {}
    return fields.get("ref", [""])[0] or fields.get("version", [""])[0]


def _without(text: str, prefix: str) -> str:
    return text[len(prefix) :] if text.lower().startswith(prefix) else text
