"""Has git fetch what lies in a git repository: one revision, without hooks, submodules and configuration."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kgate.elsewhere import trees
from kgate.elsewhere.gateway import Gateway, Passage, new_token
from kgate.elsewhere.helm import NO_OTHER_WAY, Download, Fetching, version_of
from kgate.elsewhere.transfer import Client, TransferError
from kgate.elsewhere.upstream import GitRepository
from kgate.elsewhere.wanted import MAX_BYTES, RANGE, Wanted
from kgate.rendering import archive, process, scratch
from kgate.rendering.helm import ignore, semver
from kgate.rendering.helm.copy import MAX_NESTING
from kgate.rendering.helm.dependencies import is_chart, local_dependencies
from kgate.rendering.sandbox import Reach
from kgate.rendering.workspace import CopyError, Workspace
from kgate.repository import Repository, UntrustedFolders
from kgate.textfile import read_bytes
from kgate.values import dataclass

_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]{0,200}")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_TAG = re.compile(r"^[0-9a-f]{40,64}\trefs/tags/(\S+)$", re.MULTILINE)
_SIZE = re.compile(rb"[0-7]{6} blob [0-9a-f]+ +([0-9]+)\t")
_SUBMODULE = re.compile(rb"160000 commit [0-9a-f]+ +-\t([^\0]*)")
_LONGEST_MESSAGE = 300
_OPTIONS = ("-c", f"core.hooksPath={os.devnull}", "-c", "gc.auto=0", "-c", "http.followRedirects=false")
_ENVIRONMENT = {
    **NO_OTHER_WAY,
    "GIT_ALLOW_PROTOCOL": "http",
    "GIT_ASKPASS": "",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where in git something lies that is ``wanted``, at a commit if that is known; of a URL, what kustomize reads in
    it."""

    wanted: Wanted
    place: Wanted
    commit: str = ""


def pull(source: Source, client: Client, gateway: Gateway, fetch: Fetching) -> Download:
    """What is wanted of a repository, packed. Raises RefusedError, TransferError, CancelledError and DeadlineError."""
    wanted, place = source.wanted, source.place
    program = _program()
    token = new_token()
    upstream = GitRepository(client, place)
    with gateway.passage(upstream, token) as passage, scratch.private_folder() as folder:
        git = _Git(program, passage, fetch, folder)
        revision = source.commit if is_commit(source.commit) else git.revision(place)
        commit = git.fetched(replace(place, requested=revision))
        if wanted.kind == "git":
            packed = _packed(git, wanted)
        else:
            git.check_out(place, "")
            packed = trees.packed(git.tree, wanted, commit, git.submodules, place.name)
    version = version_of(packed) if wanted.kind == "git" else commit
    return Download(version, f"{upstream.origin}@{commit}", packed)


def is_commit(text: str) -> bool:
    """True for the name of a commit."""
    return _COMMIT.fullmatch(text) is not None


def _program() -> str:
    """git on PATH, but not in a folder that a pull request may have filled. Raises TransferError."""
    folders = UntrustedFolders.around(()).others_of(os.environ.get("PATH", ""))
    found = shutil.which("git", path=os.pathsep.join(map(str, folders)))
    if found is None:
        raise TransferError("there is no git; install it")
    return found


class _Git:
    """A checkout of one revision in a private folder."""

    def __init__(self, program: str, passage: Passage, fetch: Fetching, folder: Path) -> None:
        self._program = program
        self._passage = passage
        self._fetch = fetch
        self._folder = folder
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.submodules: tuple[str, ...] = ()
        self._room = archive.Room()

    def revision(self, wanted: Wanted) -> str:
        """The revision that is asked for; of a range, the newest tag in it. Raises RefusedError and TransferError."""
        requested = wanted.requested
        if requested.startswith(RANGE):
            self._run(wanted, "init", "-q")
            listed = self._run(wanted, "ls-remote", "-q", "--tags", "--refs", self._passage.url)
            tags = _TAG.findall(listed.decode("utf-8", "replace"))
            tag = semver.newest(tags, requested.removeprefix(RANGE))
            if tag is None:
                raise TransferError(f"{wanted.label}: none of its {len(tags)} tags is in that range")
            requested = f"refs/tags/{tag}"
        if not _REVISION.fullmatch(requested):
            raise TransferError(f"'{requested:.60}' is not a revision of git")
        return requested

    def fetched(self, wanted: Wanted) -> str:
        """Fetches the revision. Returns the commit. Raises RefusedError and TransferError."""
        self._run(wanted, "init", "-q")
        quiet = ("-q", "--depth=1", "--no-tags", "--no-recurse-submodules")
        self._run(wanted, "fetch", *quiet, self._passage.url, wanted.requested)
        commit = self._run(wanted, "rev-parse", "FETCH_HEAD^{commit}").decode("ascii", "replace").strip()
        if not is_commit(commit):
            raise TransferError(f"{wanted.label}: is not a commit")
        return commit

    def check_out(self, wanted: Wanted, path: str) -> None:
        """Writes what lies at a path, the root if that is empty. Raises TransferError."""
        listed = self._run(wanted, "ls-tree", "-r", "-l", "-z", "FETCH_HEAD", *_only(path))
        self.submodules = tuple(os.fsdecode(name) for name in _SUBMODULE.findall(listed))
        try:
            for entry in listed.split(b"\0"):
                self._room.admit(int(size[1]) if (size := _SIZE.match(entry)) else 0)
        except archive.ArchiveError as error:
            raise TransferError(f"{wanted.label}: {error}") from None
        if listed:
            self._run(wanted, "--literal-pathspecs", "checkout", "-q", "FETCH_HEAD", *(_only(path) or ("--", ".")))

    def _run(self, wanted: Wanted, *arguments: str) -> bytes:
        command: Sequence[str] = (self._program, *_OPTIONS, "-C", os.fspath(self.tree), *arguments)
        reach = Reach(writes=(self.tree,))
        try:
            outcome = process.run(
                command, self._folder, self._fetch.limits, reach, environment=_ENVIRONMENT, with_network=True
            )
        except OSError as error:
            raise TransferError(f"git cannot be started: {error.strerror}") from None
        if self._passage.fault is not None:
            raise self._passage.fault
        if outcome.exceeded:
            raise TransferError(f"git {outcome.exceeded}")
        if outcome.code:
            last = (outcome.error_text.splitlines() or ["git failed"])[-1].replace(self._passage.url, wanted.repository)
            raise TransferError(f"git {arguments[0]}: {last[:_LONGEST_MESSAGE]}")
        return outcome.stdout


def _only(path: str) -> tuple[str, ...]:
    return ("--", path) if path else ()


def _packed(git: _Git, wanted: Wanted) -> bytes:
    """The chart as Flux and Helm pack it: without what .helmignore names, with the dependencies that lie in the
    repository, and no link that leaves it. Raises TransferError."""
    git.check_out(wanted, wanted.name)
    repository = Repository.at(git.tree)
    source = git.tree / wanted.name
    if not repository.holds(source / "Chart.yaml") or not (source / "Chart.yaml").is_file():
        raise TransferError(f"{wanted.label}: there is no Chart.yaml")
    try:
        with Workspace(repository) as workspace:
            copy = workspace.folder() / "chart"
            _copy(git, wanted, source, workspace, copy)
            target = copy.with_suffix(".tgz")
            archive.pack(copy, target)
            return read_bytes(target, MAX_BYTES)
    except (CopyError, ignore.IgnoreError, archive.ArchiveError) as error:
        raise TransferError(f"{wanted.label}: {error}") from None
    except OSError as error:
        raise TransferError(f"{wanted.label}: {error.strerror}") from None


def _copy(git: _Git, wanted: Wanted, source: Path, workspace: Workspace, target: Path, depth: int = 0) -> None:
    """Copies a chart, and into it the charts that its dependencies name by ``file://``, as ``helm dependency build``
    does. One that is not there stays missing, which a scan reports."""
    workspace.copy(source, target)
    ignore.remove_ignored(target)
    for name, path in local_dependencies(target, source) if depth < MAX_NESTING else ():
        place = target / "charts" / name
        if not path.is_relative_to(git.tree) or os.path.lexists(place):
            continue
        git.check_out(wanted, path.relative_to(git.tree).as_posix().removeprefix("."))
        if is_chart(path, name, workspace.repository):
            _copy(git, wanted, path, workspace, place, depth + 1)
