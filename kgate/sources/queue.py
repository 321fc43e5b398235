"""Decides what is rendered and in which order: GitOps objects name the values, and may be rendered themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import chain
from pathlib import Path

from kgate.gitops import plan as gitops
from kgate.gitops.deployed import Deployed
from kgate.model import Note, Problem, Resource
from kgate.rendering.helm import releases
from kgate.rendering.kustomize import kustomization, overlay
from kgate.rendering.requests import (
    ChartRequest,
    KustomizationRequest,
    Release,
    RenderSettings,
    Request,
    Target,
    ValuesFile,
)
from kgate.repository import Repository
from kgate.sources import files
from kgate.sources.files import Listing, SourceFile
from kgate.sources.gitops_search import holds_deployment, peek

MAX_ROUNDS = 5
"""How deep GitOps objects may stand in what others render (apps of apps of apps)."""


class Agenda:
    """What is still to be rendered, and all that GitOps objects have said so far."""

    def __init__(self, listing: Listing, repository: Repository, settings: RenderSettings) -> None:
        self._repository = repository
        self._objects: list[Resource] = []
        self._taken: set[Hashable] = set()
        self._rounds = 0
        self._planned: gitops.Planned | None = None
        self._own = list(_own_requests(listing, repository, settings))
        self._files = listing.files
        self._read: set[Path] = set()
        self._declared = {Target("chart", Path(os.path.realpath(request.chart))) for request in settings.charts}

    def hear(self, resources: Iterable[Resource]) -> None:
        """Takes in objects that may say what is deployed from this repository."""
        heard = [resource for resource in resources if gitops.is_relevant(resource)]
        if heard:
            self._objects += heard
            self._planned = None

    @property
    def _plan(self) -> gitops.Planned:
        """What all objects ask for, planned when it is asked for and not with each file that holds some."""
        if self._planned is None:
            self._planned = gitops.plan(self._objects, self._repository)
        return self._planned

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What GitOps objects say and cannot be followed."""
        return self._plan.problems

    @property
    def notes(self) -> tuple[Note, ...]:
        """What GitOps objects deploy from elsewhere."""
        return self._plan.notes

    def uncovered(self) -> list[SourceFile]:
        """The plain manifests that are not judged as part of a rendering."""
        covered = {folder / name for folder in self._plan.covered for name in overlay.autodetect(folder)}
        found = {path: file for path, file in self._files.items() if path not in covered}
        self._read.update(found)
        return list(found.values())

    def named(self) -> list[SourceFile]:
        """The files that GitOps objects apply as they are written and that are not judged so yet: those beyond the
        scanned paths, those that an ignore file leaves out, and those that a chart or kustomization uses."""
        found = [path for path in sorted(self._plan.raw) if path not in self._read]
        self._read.update(found)
        return [SourceFile(path, self._repository.shown(path)) for path in found]

    def deployed(self) -> Iterator[Deployed]:
        """The folders that GitOps objects take manifests from, and all charts."""
        yield from self._plan.folders
        for request in (*self._own, *self._plan.requests):
            if isinstance(request, ChartRequest):
                yield Deployed(request.chart, is_deep=True)

    def pending(self) -> list[Request]:
        """What is not rendered yet. A chart or kustomization that a GitOps object deploys is rendered as that says,
        not with its defaults besides; but still with what the configuration declares."""
        claimed = self._plan.claimed - self._declared
        own = (request for request in self._own if request.target not in claimed)
        wanted = {_key(request): request for request in chain(own, self._plan.requests)}
        return [request for key, request in wanted.items() if key not in self._taken]

    def next_round(self) -> list[Request]:
        """The next requests to render; first those whose sources may hold GitOps objects themselves."""
        pending = self.pending()
        self._rounds += 1
        if self._rounds < MAX_ROUNDS:
            pending = [request for request in pending if _speaks_gitops(request, self._repository)] or pending
        elif self._rounds > MAX_ROUNDS:
            return []
        self._taken |= {_key(request) for request in pending}
        crds: dict[Path, set[Path]] = {}
        for path in self._files:
            for folder in path.parents:
                if folder.name == "crds":
                    crds.setdefault(folder, set()).add(path)
        return [_without_plain(request, crds) for request in pending]

    def leftover(self) -> Iterator[Problem]:
        """A problem for each request that stands too deep to be rendered."""
        for request in self.pending():
            shown = self._repository.shown(request.target.path)
            message = f"stands in more than {MAX_ROUNDS} layers of GitOps objects, and is not rendered"
            yield Problem(shown, None, message)


def _without_plain(request: Request, crds: Mapping[Path, Set[Path]]) -> Request:
    """A request for what is not among the files of these folders, which are judged as they are, besides."""
    if not isinstance(request, ChartRequest):
        return request
    return replace(request, plain=frozenset(crds.get(request.chart / "crds", ())))


def _key(request: Request) -> Hashable:
    """What tells requests apart that are not the same: all of them but for the places of what they hold."""
    if isinstance(request, ChartRequest):
        return request.chart, tuple(_release_key(release) for release in request.releases)
    added = json.dumps([request.additions, request.substitutions], sort_keys=True, default=str)
    return request.folder, added, request.variant, request.requested_by


def _release_key(release: Release) -> Hashable:
    values = (one.path if isinstance(one, ValuesFile) else json.dumps(one.body, default=str) for one in release.values)
    return replace(release, values=()), tuple(values)


def _own_requests(listing: Listing, repository: Repository, settings: RenderSettings) -> Iterator[Request]:
    """Charts, with the releases of the configuration or their defaults, and roots of kustomizations."""
    declared = {Path(os.path.realpath(request.chart)): request for request in settings.charts}
    named = {chart for chart in declared if any(chart.is_relative_to(start) for start in listing.starts)}
    for chart in sorted(listing.charts | named):
        request = declared.get(chart)
        yield ChartRequest(chart, request.releases if request else releases.default_releases(chart, repository))
    for folder in sorted(_roots(listing, repository)):
        yield KustomizationRequest(folder)


def _roots(listing: Listing, repository: Repository) -> set[Path]:
    """The kustomizations that no other one of the scan includes, and those of the repository that lead to a
    kustomization whose files are in the scan while it is not."""
    found = set(kustomization.roots(listing.kustomizations, repository))
    lost = listing.touched - listing.kustomizations.keys()
    if lost:
        everywhere = files.find_kustomizations(repository)
        roots = kustomization.roots(everywhere, repository)
        found |= {folder for folder in roots if lost & _reach(folder, everywhere)}
        found |= lost - everywhere.keys()  # named although it is ignored
    return found


def _reach(folder: Path, everywhere: dict[Path, kustomization.Kustomization]) -> set[Path]:
    """A folder and all that its kustomization includes, directly or not."""
    reached: set[Path] = set()
    pending = [folder]
    while pending:
        here = pending.pop()
        if here not in reached and here in everywhere:
            reached.add(here)
            pending += everywhere[here].folders
    return reached


def _speaks_gitops(request: Request, repository: Repository) -> bool:
    """Whether the sources of a rendering may hold such objects."""
    return any(holds_deployment(peek(path)) for path in sources(request, repository) if repository.holds(path))


def sources(request: Request, repository: Repository) -> Iterator[Path]:
    """The templates of a chart, or the files that a kustomization uses."""
    if isinstance(request, ChartRequest):
        yield from sorted(request.chart.glob("**/templates/**/*")) if request.chart.is_dir() else ()
        return
    pending, seen = [request.folder], set()
    while pending:
        folder = pending.pop()
        if folder in seen:
            continue
        seen.add(folder)
        try:
            read = kustomization.read(folder, repository)
        except kustomization.KustomizationError:
            continue
        pending += read.folders
        yield from read.files
