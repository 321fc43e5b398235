"""Follows the kustomizations that one build reads, within the repository and within bounds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from kgate.model import Problem
from kgate.rendering.kustomize import kustomization
from kgate.rendering.kustomize.kustomization import Kustomization, KustomizationError, Link
from kgate.repository import Repository
from kgate.values import dataclass

MAX_KUSTOMIZATIONS = 2000


@dataclass(frozen=True, slots=True)
class Graph:
    """The kustomizations of one build, those included before those that include them: the order in which
    their transformers and patches apply. ``configuring`` names the folders whose resources configure kustomize."""

    nodes: tuple[Kustomization, ...] = ()
    problems: tuple[Problem, ...] = ()
    configuring: frozenset[Path] = frozenset()
    bare: tuple[Path, ...] = ()

    @property
    def links(self) -> Iterator[Link]:
        """Every reference of every kustomization."""
        return (link for node in self.nodes for link in node.links)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the build reads, resolved and sorted."""
        own = (node.path for node in self.nodes)
        return tuple(sorted({*own, *(link.real for link in self.links if not link.is_folder)}))


class Kustomizations:
    """The kustomizations of a repository, each read once for the scan; threads may share it."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._read: dict[Path, Kustomization] = {}

    @classmethod
    def of(cls, repository: Repository) -> Kustomizations:
        """Those that all readers of this repository share."""
        return repository.shared(cls, lambda: cls(repository))

    def read(self, folder: Path) -> Kustomization:
        """The kustomization of a folder. Raises KustomizationError if there is none or it cannot be read."""
        found = self._read.get(folder)
        if found is None:
            found = self._read[folder] = kustomization.read(folder, self._repository)
        return found

    def included(self, folder: Path) -> tuple[Path, ...]:
        """The folders that the kustomization of a folder includes; none if it cannot be read."""
        with contextlib.suppress(KustomizationError):
            return self.read(folder).folders
        return ()

    def reached(self, starts: Iterable[Path]) -> tuple[Path, ...]:
        """The folders of some kustomizations and of all that they include, directly or not."""
        return reached(starts, self.included)

    def files(self, folder: Path) -> Iterator[Path]:
        """The files that the kustomization of a folder and all that it includes use."""
        for place in self.reached([folder]):
            with contextlib.suppress(KustomizationError):
                yield from self.read(place).files

    def roots(self, folders: Iterable[Path]) -> tuple[Path, ...]:
        """The kustomizations among these folders that no other one includes, sorted; of a circle its first member.

        One that cannot be read is a root, so that it is reported.
        """
        included = {folder: self.included(folder) for folder in map(_real, folders)}
        inner = {member for folder, members in included.items() for member in members if member != folder}
        found = sorted(included.keys() - inner)
        covered = set(self._among(included, found))
        for folder in sorted(included.keys() - covered):
            if folder not in covered:
                found.append(folder)
                covered.update(self._among(included, [folder]))
        return tuple(sorted(found))

    @staticmethod
    def _among(included: Mapping[Path, Iterable[Path]], starts: Iterable[Path]) -> tuple[Path, ...]:
        return reached(starts, lambda folder: included.get(folder, ()))


def reached(starts: Iterable[Path], included: Callable[[Path], Iterable[Path]]) -> tuple[Path, ...]:
    """Some folders and all that they include, directly or not, each once, in the order in which they are found."""
    found: dict[Path, None] = {}
    pending = list(starts)
    while pending:
        folder = pending.pop()
        if folder not in found:
            found[folder] = None
            pending += included(folder)
    return tuple(found)


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


@dataclass(slots=True)
class _Walk:
    repository: Repository
    given: Mapping[Path, Kustomization]
    nodes: dict[Path, Kustomization] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    configuring: set[Path] = field(default_factory=set)
    bare: list[Path] = field(default_factory=list)
    entered: set[Path] = field(default_factory=set)

    def run(self, starts: Iterable[Path]) -> None:
        """Depth first and without recursion: a kustomization is listed when all that it includes is."""
        pending: list[tuple[Path, bool]] = [(start, False) for start in reversed(list(starts))]
        opened: dict[Path, Kustomization] = {}
        while pending:
            folder, is_finished = pending.pop()
            if is_finished:
                self.nodes[folder] = opened.pop(folder)
                continue
            if folder in self.entered:
                continue
            node = self._open(folder)
            if node is None:
                continue
            opened[folder] = node
            pending.append((folder, True))
            pending += reversed(list(self._members(node, opened)))

    def _open(self, folder: Path) -> Kustomization | None:
        self.entered.add(folder)
        if len(self.entered) > MAX_KUSTOMIZATIONS:
            message = f"includes more than {MAX_KUSTOMIZATIONS:,} kustomizations, not built; split it"
            if not any(problem.message == message for problem in self.problems):
                self.problems.append(Problem(self.repository.shown(folder), None, message))
            return None
        if folder in self.given:
            return self.given[folder]
        try:
            return Kustomizations.of(self.repository).read(folder)
        except KustomizationError as error:
            if error.path == folder:
                self.bare.append(folder)
            else:
                self.problems.append(Problem(self.repository.shown(error.path), error.line, str(error)))
            return None

    def _members(self, node: Kustomization, opened: dict[Path, Kustomization]) -> Iterator[tuple[Path, bool]]:
        """The folders that a kustomization includes, components last, as kustomize applies them."""
        shown = self.repository.shown(node.path)
        self.problems += [Problem(shown, fault.line, fault.message) for fault in node.faults]
        for link in sorted(node.links, key=lambda link: link.key == "components"):
            if link.is_folder and link.real in opened:
                line = node.source.position(link.offset).line
                message = f"{link.text} includes this kustomization again: kustomizations must not form a circle"
                self.problems.append(Problem(shown, line, message))
            elif link.is_folder:
                if link.is_configuration or node.folder in self.configuring:
                    self.configuring.add(link.real)
                yield link.real, False


def follow(starts: Iterable[Path], repository: Repository, given: Mapping[Path, Kustomization] | None = None) -> Graph:
    """Everything that a build of these folders reads. Nothing may leave the repository;
    ``given`` are kustomizations that have no file."""
    walk = _Walk(repository, given or {})
    walk.run(starts)
    return Graph(
        tuple(walk.nodes.values()), tuple(sorted(set(walk.problems))), frozenset(walk.configuring), tuple(walk.bare)
    )
