"""Puts what kustomizations name from elsewhere, as far as it was fetched, into a private copy, and names it there."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path

from kgate.elsewhere.fetched import TREE, about
from kgate.elsewhere.wanted import Locked, Wanted
from kgate.model import Location, Problem
from kgate.rendering import archive
from kgate.rendering.foreign import Foreign, NamedAt
from kgate.rendering.kustomize import kustomization, overlay, repospec
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.job import Job
from kgate.rendering.kustomize.kustomization import Kustomization, Remote
from kgate.repository import Repository
from kgate.urls import shown_url
from kgate.values import dataclass
from kgate.yamltree.text import SourceText, decode

_LISTED = ("resources", "bases", "generators", "transformers", "validators")
"""Fields whose entries are files, folders or repositories."""
_FOLDERS = ("components",)
_FILES = ("patches", "patchesStrategicMerge", "patchesJson6902", "replacements", "crds", "configurations", "openapi")
_FOLDER = ".kgate-fetched-"
_STAND_IN = "kgate-"
_LONGEST_NAME = 200
MAX_REFERENCES = 500
"""References to things elsewhere that one build follows."""

_BEFORE = re.compile(r"(?:[&!]\S*\s+)*['\"]?")
"""What may stand between the beginning of a scalar and its text."""


def wanted(remote: Remote) -> Wanted | str:
    """What a reference asks for, as kustomize takes it; else why that is not fetched."""
    spec, text = repospec.parse(remote.text), remote.text
    if repospec.is_remote_file(text) and remote.key in _LISTED:
        return Wanted.at("url", text)
    if repospec.is_remote_file(text) and remote.key in _FILES:
        return Wanted.at("file", text)
    if remote.key not in (*_LISTED, *_FOLDERS):
        return f"kgate pull fetches nothing that {remote.key or 'it'} names"
    if spec is None:
        return "it is neither a file nor a repository to kustomize"
    return spec.obstacle or Wanted.files("base", spec.clone, spec.path, spec.ref)


@dataclass(frozen=True, slots=True)
class Staged:
    """A job in a private copy that holds what was fetched, what it reads there, and where that is from."""

    job: Job
    reached: Graph
    foreign: Foreign


def stage(job: Job, reached: Graph, read: Callable[[Job], Graph]) -> Staged | None:
    """The job with all that was fetched of what it names elsewhere; None if that is nothing. ``read`` follows a job.

    Raises CopyError, OSError, and what ``read`` raises.
    """
    if job.options.allow_remote or not any(_fetched(job, remote) for node in reached.nodes for remote in node.remotes):
        return None
    return _Stage.make(job, reached).run(read)


def _fetched(job: Job, remote: Remote) -> tuple[Locked, bytes] | None:
    """What was fetched for a reference, if it was."""
    asked = wanted(remote)
    locked = job.fetched.find(asked) if isinstance(asked, Wanted) else None
    content = job.fetched.read(locked) if locked is not None else None
    return (locked, content) if locked is not None and content is not None else None


@dataclass(frozen=True, slots=True)
class _Mount:
    """What lies in a folder of the private copy, and the folder of what names it, if that is from elsewhere, too."""

    wanted: Wanted
    above: Path | None


@dataclass(slots=True)
class _Stage:
    """The private copy: ``mounts`` has a folder for each reference to something elsewhere, so that each has a place of
    its own, and ``originals`` the texts of the kustomizations that are edited, as they were."""

    job: Job
    root: Path
    request_folder: Path
    mounts: dict[Path, _Mount] = field(default_factory=dict)
    originals: dict[Path, str] = field(default_factory=dict)
    origins: dict[str, NamedAt] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    links: set[Path] = field(default_factory=set)
    done: set[tuple[Path, int]] = field(default_factory=set)
    contents: dict[Wanted, tuple[Locked, bytes] | None] = field(default_factory=dict, repr=False)
    room: archive.Room = field(default_factory=archive.Room)

    @classmethod
    def make(cls, job: Job, reached: Graph) -> _Stage:
        """A copy of what the job reads in the repository."""
        copy = Copy.make(job.workspace, job.folder, reached)
        for path in copy.given:
            copy.place(copy.clean, path).unlink()
        for path in _patch_files(job):
            place = copy.place(copy.clean, path)
            if not place.exists():
                job.workspace.copy(path, place)
        return cls(job, copy.clean / TREE, copy.place(copy.clean, job.folder))

    def run(self, read: Callable[[Job], Graph]) -> Staged:
        """Mounts what was fetched until nothing more is named."""
        while True:
            job = self._job()
            reached = read(job)
            if not [one for node in reached.nodes for one in node.remotes if self._mount(job, node, one)]:
                break
        problems = (*reached.problems, *self._departures(job, reached))
        return Staged(job, replace(reached, problems=problems), Foreign(self.origins, self.names))

    def _job(self) -> Job:
        """The job as the copy is now."""
        before, request = self.job.workspace.repository, self.job.request
        repository = replace(Repository.at(self.root), prefix=before.prefix)
        without = {self.root / path.relative_to(before.root) for path in request.without}
        without |= {path for path in self._listed() if self._mount_of(path) is not None}
        return replace(
            self.job,
            request=replace(request, folder=self.request_folder, without=frozenset(without)),
            folder=Path(os.path.realpath(self.request_folder)),
            workspace=self.job.workspace.of(repository),
            originals=self.originals,
            foreign=Foreign(self.origins, self.names),
        )

    def _listed(self) -> Iterator[Path]:
        """What the kustomization that kgate makes for a folder without one lists."""
        if kustomization.find(self.request_folder) is None:
            yield from (self.request_folder / name for name in overlay.autodetect(self.request_folder))

    def _mount(self, job: Job, node: Kustomization, remote: Remote) -> bool:
        """Puts what a reference names into the copy, and its name there in the place of the reference. Returns False
        if it was not fetched, if the reference is not written as one word, and beyond MAX_REFERENCES. Raises
        DeadlineError and CancelledError."""
        job.options.lifetime.check()
        found = self._fetched(job, remote)
        if found is None or (node.path, remote.offset) in self.done or len(self.done) == MAX_REFERENCES:
            return False
        self.done.add((node.path, remote.offset))
        text = decode(node.path.read_bytes())
        start = text.find(remote.text, remote.offset)
        name = self._name(node.folder, len(remote.text))
        if start < 0 or not name or not _BEFORE.fullmatch(text[remote.offset : start]):
            return False
        original = self.originals.setdefault(node.path, text)
        asked = SourceText(job.shown(node.path), original).location(start, start + len(remote.text), "")
        self._put(job, node, os.path.basename(name), found, asked)
        self.names |= dict.fromkeys((name, os.path.basename(name)), shown_url(remote.text))
        node.path.write_bytes((text[:start] + name + text[start + len(name) :]).encode())
        return True

    def _fetched(self, job: Job, remote: Remote) -> tuple[Locked, bytes] | None:
        """What was fetched for a reference, if it was; each thing is read once."""
        asked = wanted(remote)
        if isinstance(asked, str):
            return None
        if asked not in self.contents:
            self.contents[asked] = _fetched(job, remote)
        return self.contents[asked]

    def _name(self, folder: Path, length: int) -> str:
        """A name of that length for a new member of a folder; empty if it is too short for one."""
        number = len(self.done)
        while os.path.lexists(folder / (name := f"{_STAND_IN}{number}".ljust(min(length, _LONGEST_NAME), "-"))):
            number += 1
        padding = "./" * ((length - len(name) + 1) // 2)
        name = name[: length - len(padding)]
        return padding + name if len(padding + name) == length and name.startswith(f"{_STAND_IN}{number}") else ""

    def _put(self, job: Job, node: Kustomization, name: str, found: tuple[Locked, bytes], asked: Location) -> None:
        """Unpacks what was fetched, and makes a link to it; a file is copied, as kustomize takes it only from below the
        folder that names it. What a base leads back to is that base itself: a circle."""
        locked, content = found
        place, described, above = node.folder / name, about(content), self._mount_of(node.folder)
        tree = next((one for one in self._chain(above) if self.mounts[one].wanted == locked.wanted), None)
        if tree is None:
            tree = next(one for one in self._places() if not os.path.lexists(one))
            unpacked = job.workspace.folder() / "unpacked"
            archive.unpack(content, unpacked, self.room)
            (unpacked / TREE).rename(tree)
            self.mounts[tree] = _Mount(locked.wanted, above)
            self.origins[job.shown(tree)] = NamedAt(asked, locked.wanted.title)
        if "file" in described:
            place.write_bytes((tree / described["file"]).read_bytes())
            self.origins[job.shown(place)] = NamedAt(asked, locked.wanted.title)
        else:
            place.symlink_to(os.path.relpath(tree / described.get("folder", ""), os.path.realpath(place.parent)))
        self.links.add(place)

    def _places(self) -> Iterator[Path]:
        """Where a further mount may lie, unless the repository has something of that name."""
        return (self.root / f"{_FOLDER}{number}" for number in itertools.count(len(self.mounts) + 1))

    def _mount_of(self, path: Path) -> Path | None:
        """The mount that a path lies in."""
        return next((one for one in self.mounts if path.is_relative_to(one)), None)

    def _chain(self, mount: Path | None) -> Iterator[Path]:
        """A mount, that which names it, and so on."""
        while mount is not None:
            yield mount
            mount = self.mounts[mount].above

    def _departures(self, job: Job, reached: Graph) -> Iterator[Problem]:
        """A Problem for each reference in what was fetched that leads out of it, but for what it names elsewhere."""
        for node in reached.nodes:
            mount = self._mount_of(node.folder)
            if mount is None:
                continue
            outside = [
                (node.source.position(link.offset).line, link.text)
                for link in node.links
                if link.lexical not in self.links and not _is_below(link.lexical, link.real, mount)
            ]
            outside += [(one.line, one.name) for one in node.charts if not _is_below(one.place, one.place, mount)]
            for line, text in outside:
                yield Problem(job.shown(node.path), line, f"{text} leads out of what was fetched, and is not followed")


def _is_below(lexical: Path, real: Path, mount: Path) -> bool:
    return lexical.is_relative_to(mount) and real.is_relative_to(mount)


def _patch_files(job: Job) -> Iterator[Path]:
    """The files of the repository that patches name which a GitOps object puts on top."""
    additions: Mapping[str, object] = job.request.additions
    for entries in additions.values():
        for entry in entries if isinstance(entries, list) else ():
            text = entry.get("path") if isinstance(entry, dict) else entry
            path = Path(os.path.normpath(job.folder / text)) if isinstance(text, str) and "\0" not in text else None
            if path is not None and job.workspace.repository.holds(path) and path.is_file():
                yield path
