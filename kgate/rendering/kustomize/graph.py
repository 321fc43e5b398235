"""Follows the kustomizations that one build reads, within the repository and within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kgate.model import Problem
from kgate.rendering.kustomize import kustomization
from kgate.rendering.kustomize.kustomization import Kustomization, KustomizationError, Link
from kgate.repository import Repository

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
            return kustomization.read(folder, self.repository)
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
