"""What is rendered and in which order: GitOps objects name the values, and may be rendered themselves."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from kgate.elsewhere.wanted import Asked
from kgate.gitops import plan as gitops
from kgate.gitops.deployed import Deployed, Possible, SoughtPlaces
from kgate.model import Batch, Destination, Note, Problem, Resource, Unjudged
from kgate.rendering.helm import releases
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.kustomize import overlay
from kgate.rendering.kustomize.graph import Kustomizations, reached
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import Place, RenderSettings, Request
from kgate.repository import Repository
from kgate.sources import files
from kgate.sources.expectations import Expectations
from kgate.sources.files import ClaimedFile, Listing, SourceFile
from kgate.sources.gitops_search import holds_deployment
from kgate.sources.survey import FileObjects
from kgate.sources.texts import Texts
from kgate.sources.unrendered import Manifests
from kgate.values import dataclass

MAX_ROUNDS = 20
"""How often GitOps objects that others render to are followed (apps of apps of apps)."""

_MOST_NAMED = 20
"""Folders that one note names."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a request has rendered to, held back because an object that is found later may claim its place."""

    request: Request
    batch: Batch


class RenderQueue:
    """What is still to be rendered, as far as the GitOps objects that were found say.

    Whatever may hold GitOps objects itself is rendered first, in rounds (``next_round``), and held back (``hold``)
    until all objects are known: one of them may deploy a place that was rendered as it is, whose rendering and objects
    are then withdrawn. The rest follows at the end (``settled`` and ``rest``).
    """

    def __init__(
        self,
        listing: Listing,
        repository: Repository,
        settings: RenderSettings,
        objects: FileObjects,
        expected: Expectations,
    ) -> None:
        self._repository = repository
        self._objects: dict[Hashable, tuple[Resource, ...]] = dict(objects.items())
        self._rounds = 0
        self._planned: gitops.Planned | None = None
        self._environment = settings.environment
        self._fetched = settings.fetched
        self._own = list(_own_requests(listing, repository, settings))
        self._files = listing.files
        self._kustomizations = listing.kustomizations
        self._starts = frozenset(listing.starts)
        self._configured = {request.place for request in (*settings.charts, *settings.matched)}
        self._read: set[Path] = set()
        self._listed: dict[Path, set[Path]] = {}
        self._named: dict[Path, Batch] = {}
        self._rendered: dict[Hashable, Held | None] = {}
        self._withdrawn: set[Hashable] = set()
        self._is_talkative: dict[Hashable, bool] = {}
        self._expected = expected

    def add(self, source: Hashable, resources: Iterable[Resource]) -> None:
        """Adds the objects among the resources of a file or rendering that may say what is deployed from here."""
        relevant = tuple(resource for resource in resources if gitops.is_relevant(resource))
        if relevant:
            self._objects[source] = self._objects.get(source, ()) + relevant
            self._planned = None

    @property
    def _plan(self) -> gitops.Planned:
        """What all objects ask for, planned when it is needed and not with each file that holds some."""
        if self._planned is None:
            found = (members for source, members in self._objects.items() if source not in self._withdrawn)
            self._planned = gitops.plan(
                list(chain.from_iterable(found)), self._repository, environment=self._environment, fetched=self._fetched
            )
        return self._planned

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What GitOps objects ask for and kgate cannot follow."""
        return self._plan.problems

    @property
    def asked(self) -> frozenset[Asked]:
        """What GitOps objects deploy from elsewhere."""
        return self._plan.asked

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is taken for granted of GitOps objects, and what none of them deploys."""
        return (*self._plan.notes, *self._undeployed(), *self._left_out(), *self._possibly_deployed())

    def destinations(self, request: Request) -> tuple[Destination, ...]:
        """The clusters to which what a request renders is surely deployed."""
        deliveries = self._plan.deliveries
        return deliveries.of_request(request.key) if deliveries is not None else ()

    def destinations_of_file(self, file: SourceFile) -> tuple[Destination, ...]:
        """The clusters to which a plain manifest is surely deployed by GitOps objects."""
        deliveries = self._plan.deliveries
        return deliveries.of_file(file.shown) if deliveries is not None else ()

    @property
    def unjudged(self) -> tuple[Unjudged, ...]:
        """What GitOps objects deploy from elsewhere."""
        return self._plan.unjudged

    def _left_out(self) -> Iterator[Note]:
        """A note for each reason why manifests of the scan are not deployed, and so not judged."""
        found: dict[str, list[str]] = {}
        for path, why in self._plan.left_out.items():
            if path in self._files and path not in self._read:
                found.setdefault(why, []).append(self._repository.shown(path))
        for why, names in sorted(found.items()):
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            yield Note(".", None, f"not judged, as {why}: {', '.join(names[:_MOST_NAMED])}{more}")

    def _undeployed(self) -> Iterator[Note]:
        """A note that names what is judged although no GitOps object deploys it, where they deploy anything at all:
        what holds such objects is applied by hand."""
        if not self._plan.claimed:
            return
        alone = (request for request in self._own if request.place not in self._plan.claimed | self._configured)
        paths = {one.place.path for one in alone if not self._deploys(one.key)} - self._plan.by_plugins
        found = sorted(map(self._repository.shown, paths))
        if found:
            more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
            message = f"no GitOps object of this repository deploys {', '.join(found[:_MOST_NAMED])}{more}"
            yield Note(".", None, f"{message}; judged as they render by themselves")

    def _possibly_deployed(self) -> Iterator[Note]:
        """A note for each object whose paths are not clear: it names what is judged only because it may deploy that."""
        if not self._plan.possible:
            return
        alone = {one.place for one in self._own} - (self._plan.claimed - self._configured)
        places = {one.place for one in chain(self._own, self._possible_bases())} - alone
        found: dict[Possible, list[str]] = {}
        for path in sorted({one.path for one in places} | (self._covered(self._plan.covered) & self._files.keys())):
            if (user := self._plan.possible_user(path)) is not None:
                found.setdefault(user, []).append(self._repository.shown(path))
        for user, names in found.items():
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            verb = "which is judged as it is" if len(names) == 1 else "which are judged as they are"
            message = f"{user.who} may also deploy {', '.join(names[:_MOST_NAMED])}{more}, {verb} written, too"
            yield Note(user.path, user.line, message)

    def _deploys(self, source: Hashable) -> bool:
        return any(map(gitops.deploys, self._objects.get(source, ())))

    def take_plain_files(self) -> list[SourceFile]:
        """The plain manifests that no GitOps object, as far as is known, has rendered as a part of something."""
        covered = self._covered(self._plan.covered | self._expected.covered)
        covered |= self._plan.left_out.keys() | self._expected.left_out
        return self._take(file for path, file in self._files.items() if path not in covered)

    def take_late_files(self) -> list[SourceFile]:
        """The other plain manifests, but for those that are judged as a part of a rendering, and those that their
        deployers leave out, unless the user names them."""
        covered = self._covered(self._plan.covered) | self._plan.left_out.keys()
        covered -= {path for path in covered if self._plan.possible_user(path)}
        covered -= self._plan.left_out.keys() & self._starts
        return self._take(file for path, file in self._files.items() if path not in covered and path not in self._read)

    def _take(self, found: Iterable[SourceFile]) -> list[SourceFile]:
        taken = list(found)
        self._read.update(file.path for file in taken)
        return taken

    def _covered(self, folders: Iterable[Path]) -> set[Path]:
        """The files that Flux lists in folders."""
        new = {
            folder: {folder / name for name in overlay.autodetect(folder)}
            for folder in folders
            if folder not in self._listed
        }
        self._listed |= new
        return {path for folder in folders for path in self._listed[folder]}

    def take_named_files(self) -> list[SourceFile]:
        """The further files that GitOps objects apply as they are written: those outside the scanned paths, those that
        an ignore file leaves out, and those that a chart or kustomization uses. Each is returned once."""
        found = [path for path in sorted(self._plan.raw) if path not in self._read]
        return self._take(SourceFile(path, self._repository.shown(path)) for path in found)

    def hold_named(self, file: SourceFile, batch: Batch) -> None:
        """Keeps what a named file holds until all objects are known."""
        self._named[file.path] = batch
        self.add(file.path, batch.resources)

    def deployed(self) -> Iterator[Deployed | SoughtPlaces]:
        """The folders that are rendered, or that GitOps objects take manifests from."""
        yield from self._plan.folders
        yield from (Deployed.of(request, self._repository) for request in self._own)

    def pending(self) -> list[Request]:
        """What is not rendered yet."""
        return [request for key, request in self._wanted().items() if key not in self._rendered]

    def _wanted(self) -> dict[Hashable, Request]:
        """Everything to be rendered. A chart or kustomization that a GitOps object deploys is rendered as that says
        instead of with its defaults, but still as the configuration says."""
        claimed = self._plan.claimed - self._configured
        own = (one for one in self._own if one.place not in claimed or self._plan.possible_user(one.place.path))
        return {request.key: request for request in chain(own, self._possible_bases(), self._plan.requests)}

    def _possible_bases(self) -> Iterator[Request]:
        """The kustomizations that objects may deploy whose paths are not clear, also those that others include."""
        for folder in sorted(self._kustomizations) if self._plan.possible else ():
            if self._plan.possible_user(folder) and not self._kustomizations[folder].is_component:
                yield KustomizationRequest(folder)

    def next_round(self) -> list[Request]:
        """The next requests to render whose sources may hold GitOps objects; their results are to be held.

        What an object takes the place of comes before what else was found in that place, which is no longer true; and
        what an object is expected to deploy comes last, when none has.
        """
        self._rounds += 1
        if self._rounds > MAX_ROUNDS:
            return []
        while True:
            pending = self.pending()
            replacing = self._replacing(pending)
            if replacing or not self._withdraw():
                break
        if replacing:
            return replacing
        talkative = [request for request in pending if self._may_print_gitops(request)]
        return self._expected.in_turn(talkative, self._own)

    def _replacing(self, pending: Sequence[Request]) -> list[Request]:
        places = {place for _, place in self._displaced()}
        if not places:
            return []
        return [one for one in pending if not places.isdisjoint((one.place, *one.parts(self._repository)))]

    def _withdraw(self) -> bool:
        """Forgets the objects of what others have taken the place of. Returns True if there were any."""
        found = {source for source, _ in self._displaced()}
        self._withdrawn |= found
        if found:
            self._planned = None
        return bool(found)

    def _displaced(self) -> Iterator[tuple[Hashable, Place]]:
        """What holds objects, but is deployed in another way than it was read, and where that is."""
        known = self._objects.keys() - self._withdrawn
        if not known:
            return
        claimed = self._plan.claimed - self._configured
        yield from ((one.key, one.place) for one in self._own if one.key in known and one.place in claimed)
        for folder in self._plan.covered:
            for path in self._covered([folder]) & known - self._plan.left_out.keys():
                yield path, Place("kustomization", folder)

    def _may_print_gitops(self, request: Request) -> bool:
        if request.key not in self._is_talkative:
            found, texts = request.templates(self._repository), Texts.of(self._repository)
            self._is_talkative[request.key] = any(texts.ask(path, holds_deployment) for path in found)
        return self._is_talkative[request.key]

    def hold(self, request: Request, batch: Batch) -> None:
        """Keeps what a request rendered to until all objects are known."""
        self._rendered[request.key] = Held(request, batch)
        self.add(request.key, batch.resources)

    def settled(self) -> Iterator[Held]:
        """What was held and is deployed so, as all objects are known; each once."""
        for key in self._wanted():
            held = self._rendered.get(key)
            if held is not None:
                self._rendered[key] = None
                yield held

    def settled_files(self) -> Iterator[Batch]:
        """The contents of named files that were held, and that objects still name; each once."""
        for path in sorted(self._named.keys() & self._plan.raw):
            yield self._named.pop(path)

    def unread(self, claims: Mapping[Path, ClaimedFile]) -> Manifests:
        """The manifests, among those with a claim and the plain ones, that were not taken as they are written."""
        return Manifests(
            {path: claim for path, claim in claims.items() if path not in self._read},
            [file for path, file in self._files.items() if path not in self._read],
            self._plan.left_out,
            self.pending(),
        )

    @property
    def read(self) -> frozenset[Path]:
        """The manifests that are judged as they are written."""
        return frozenset(self._read)

    @property
    def left_out(self) -> Mapping[Path, str]:
        """The manifests that no deployer sees, with what leaves them out."""
        return self._plan.left_out

    def add_read(self, file: SourceFile) -> None:
        """Notes that a manifest is judged as it is written after all."""
        self._read.add(file.path)

    def rest(self) -> list[Request]:
        """What remains to be rendered, each once: what holds no GitOps objects, as far as its files show."""
        if self._rounds > MAX_ROUNDS:
            return []
        found = self.pending()
        self._rendered |= {request.key: None for request in found}
        return found

    def too_deep(self) -> Iterator[Problem]:
        """A problem for each request that is nested too deep to be rendered."""
        for request in self.pending():
            shown = self._repository.shown(request.place.path)
            message = f"is nested in more than {MAX_ROUNDS} layers of GitOps objects, and is not rendered"
            yield Problem(shown, None, message)


def _own_requests(listing: Listing, repository: Repository, settings: RenderSettings) -> Iterator[Request]:
    """What the configuration asks for, the other charts with their default releases, but for those that kustomizations
    give values, roots of kustomizations, and sources of other kinds."""
    configured = {request.place: request for request in (*settings.matched, *settings.charts)}
    places = {request.place for request in settings.charts}
    named = {place for place in places if any(place.path.is_relative_to(start) for start in listing.starts)}
    inflated = {Place("chart", chart) for one in listing.kustomizations.values() for chart in one.chart_folders}
    own = {Place("chart", chart) for chart in listing.charts} - (inflated - configured.keys())
    for place in sorted(own | named, key=lambda place: place.path):
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
