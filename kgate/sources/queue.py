"""What is rendered and in which order: GitOps objects name the values, and may be rendered themselves."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from kgate.gitops import plan as gitops
from kgate.gitops.deployed import Deployed
from kgate.model import Note, Problem, Resource
from kgate.rendering.helm import releases
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.kustomize import overlay
from kgate.rendering.kustomize.graph import Kustomizations, reached
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import Place, RenderSettings, Request
from kgate.repository import Repository
from kgate.sources import files
from kgate.sources.files import Listing, SourceFile
from kgate.sources.gitops_search import holds_deployment, peek

MAX_ROUNDS = 5
"""How deep GitOps objects may be nested in what others render (apps of apps of apps)."""


class RenderQueue:
    """What is still to be rendered, as far as the GitOps objects that were added say."""

    def __init__(self, listing: Listing, repository: Repository, settings: RenderSettings) -> None:
        self._repository = repository
        self._objects: list[Resource] = []
        self._taken: set[Hashable] = set()
        self._rounds = 0
        self._planned: gitops.Planned | None = None
        self._own = list(_own_requests(listing, repository, settings))
        self._files = listing.files
        self._read: set[Path] = set()
        self._configured = {request.place for request in settings.charts}

    def add(self, resources: Iterable[Resource]) -> None:
        """Adds the objects among some resources that may say what is deployed from this repository."""
        relevant = [resource for resource in resources if gitops.is_relevant(resource)]
        if relevant:
            self._objects += relevant
            self._planned = None

    @property
    def _plan(self) -> gitops.Planned:
        """What all objects ask for, planned when it is needed and not with each file that holds some."""
        if self._planned is None:
            self._planned = gitops.plan(self._objects, self._repository)
        return self._planned

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What GitOps objects ask for and kgate cannot follow."""
        return self._plan.problems

    @property
    def notes(self) -> tuple[Note, ...]:
        """What GitOps objects deploy from elsewhere."""
        return self._plan.notes

    def take_plain_files(self) -> list[SourceFile]:
        """The plain manifests of the scan, but for those that are judged as part of a rendering."""
        covered = {folder / name for folder in self._plan.covered for name in overlay.autodetect(folder)}
        found = {path: file for path, file in self._files.items() if path not in covered}
        self._read.update(found)
        return list(found.values())

    def take_named_files(self) -> list[SourceFile]:
        """The further files that GitOps objects apply as they are written: those outside the scanned paths, those that
        an ignore file leaves out, and those that a chart or kustomization uses. Each is returned once."""
        found = [path for path in sorted(self._plan.raw) if path not in self._read]
        self._read.update(found)
        return [SourceFile(path, self._repository.shown(path)) for path in found]

    def deployed(self) -> Iterator[Deployed]:
        """The folders that are rendered, or that GitOps objects take manifests from."""
        yield from self._plan.folders
        yield from (Deployed.of(request, self._repository) for request in self._own)

    def pending(self) -> list[Request]:
        """What is not rendered yet. A chart or kustomization that a GitOps object deploys is rendered as that says
        instead of with its defaults, but still as the configuration says."""
        claimed = self._plan.claimed - self._configured
        own = (request for request in self._own if request.place not in claimed)
        wanted = {request.key: request for request in chain(own, self._plan.requests)}
        return [request for key, request in wanted.items() if key not in self._taken]

    def next_round(self) -> list[Request]:
        """The next requests to render; first those whose sources may hold GitOps objects themselves."""
        pending = self.pending()
        self._rounds += 1
        if self._rounds < MAX_ROUNDS:
            pending = [request for request in pending if self._may_print_gitops(request)] or pending
        elif self._rounds > MAX_ROUNDS:
            return []
        self._taken |= {request.key for request in pending}
        return pending

    def _may_print_gitops(self, request: Request) -> bool:
        return any(holds_deployment(peek(path)) for path in request.templates(self._repository))

    def too_deep(self) -> Iterator[Problem]:
        """A problem for each request that is nested too deep to be rendered."""
        for request in self.pending():
            shown = self._repository.shown(request.place.path)
            message = f"is nested in more than {MAX_ROUNDS} layers of GitOps objects, and is not rendered"
            yield Problem(shown, None, message)


def _own_requests(listing: Listing, repository: Repository, settings: RenderSettings) -> Iterator[Request]:
    """What the configuration asks for, the other charts with their default releases, roots of kustomizations, and
    sources of other kinds."""
    configured = {request.place: request for request in settings.charts}
    named = {place for place in configured if any(place.path.is_relative_to(start) for start in listing.starts)}
    for place in sorted({Place("chart", chart) for chart in listing.charts} | named, key=lambda place: place.path):
        yield configured.get(place) or ChartRequest(place.path, releases.default_releases(place.path, repository))
    for folder in sorted(_roots(listing, repository)):
        yield KustomizationRequest(folder)
    yield from (listing.requests[place] for place in sorted(listing.requests, key=lambda place: place.path))


def _roots(listing: Listing, repository: Repository) -> set[Path]:
    """The kustomizations of the scan that no other one includes, and those of the repository that lead to a
    kustomization whose files are in the scan although it is not."""
    kustomizations = Kustomizations.of(repository)
    found = set(kustomizations.roots(listing.kustomizations))
    missed = listing.touched - listing.kustomizations.keys()
    if missed:
        everywhere = files.find_kustomizations(repository)
        known = {folder: read.folders for folder, read in everywhere.items()}
        wanted = missed & known.keys()
        roots = kustomizations.roots(everywhere)
        found |= {root for root in roots if wanted.intersection(reached([root], lambda one: known.get(one, ())))}
        found |= missed - known.keys()  # named although it is ignored
    return found
