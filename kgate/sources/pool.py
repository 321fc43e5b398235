"""Renders what the queue holds, several charts and kustomizations at a time."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType

from kgate.gitops.plan import is_relevant
from kgate.kubernetes import manifest
from kgate.kubernetes.clusters import PlacedFiles
from kgate.lifetime import Lifetime
from kgate.model import Batch, Destination, Note
from kgate.processes import processors
from kgate.rendering.requests import RenderContext, RenderSettings, Request
from kgate.rendering.tools import REFUSAL, Toolbox
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from kgate.sources import files, lfs
from kgate.sources.checkout import Encodings, submodules
from kgate.sources.clusters import ClusterFolders
from kgate.sources.expectations import Expectations
from kgate.sources.fates import Fates, ScannedFiles
from kgate.sources.files import Intake, Listing, Read, SourceFile
from kgate.sources.progress import Count
from kgate.sources.queue import RenderQueue
from kgate.sources.scope import NamedFiles
from kgate.sources.survey import Survey, expected_objects, joined_objects
from kgate.sources.texts import Texts
from kgate.sources.unrendered import Outputs, Unrendered
from kgate.values import dataclass

_AHEAD = 4
"""Renderings for each processor that may wait to be judged: they hold memory."""


def collect_rendered(
    listing: Listing,
    known: Survey,
    repository: Repository,
    settings: RenderSettings,
    intake: Intake[Read],
) -> Iterator[Batch | Read]:
    """What the intake makes of the plain manifests of a listing, and the contents of everything that is rendered.

    ``known`` is what must be known of the plain manifests before they are judged.
    """
    expected = Expectations(expected_objects(listing, repository, settings.options.lifetime), known.objects, repository)
    queue = RenderQueue(listing, repository, settings, known.objects, expected)
    encodings = Encodings(repository)
    plain, placed = _parted(files.in_order(queue.take_plain_files()), queue, intake.clusters)
    count = Count(intake.progress, len(plain) + len(placed) + len(queue.pending()))
    yield from intake.read_counted(plain, known.facts, count)
    outputs = Outputs(listing.claims, repository, settings.options.lifetime)
    named = NamedFiles.of(listing.starts, repository)
    renderings = _Renderings(queue, outputs, encodings, repository, settings, named)
    lifetime = settings.options.lifetime

    def finish() -> Iterator[Batch | Read]:
        intake.share(_placed(placed, queue, Texts.of(repository), lifetime))
        yield Batch()  # what was held back is judged now
        yield from intake.read_counted(placed, known.facts, count) if placed else ()

    with closing(renderings.render_all(listing, count, finish)) as rendered:  # also if showing the progress fails
        yield from rendered
    if late := files.in_order(queue.take_late_files()):
        yield from intake.read_counted(late, known.facts, count)
    absent: dict[Path, str] = {}
    for file, batch in Unrendered(queue.unread(listing.claims), outputs, repository, lifetime).find():
        queue.add_read(file)
        absent[file.path] = batch.notes[0].message
        yield batch
    settings.fetched.ask(queue.asked)
    yield Batch(problems=queue.problems, notes=queue.notes, unjudged=queue.unjudged)
    yield submodules(repository, listing.starts, queue.deployed())
    if intake.lists_files:
        scanned = ScannedFiles(queue.read, outputs, listing.claims, absent, queue.left_out)
        yield from Fates(listing.starts, scanned, repository, lifetime).list()


def _parted(
    found: Sequence[SourceFile], queue: RenderQueue, clusters: Sequence[ClusterFolders]
) -> tuple[list[SourceFile], list[SourceFile]]:
    """The plain manifests of which nobody says to which cluster they go, and the others."""
    placed = [
        one for one in found if any(each.holds(one.shown) for each in clusters) or queue.destinations_of_file(one)
    ]
    paths = {one.path for one in placed}
    return [one for one in found if one.path not in paths], placed


def _placed(found: Sequence[SourceFile], queue: RenderQueue, texts: Texts, lifetime: Lifetime) -> PlacedFiles:
    """What is in plain manifests of which it is known to which cluster they go."""
    destinations = {one.shown: where for one in found if (where := queue.destinations_of_file(one))}
    return PlacedFiles(tuple(joined_objects(found, texts, lifetime)), destinations)


@dataclass(frozen=True, slots=True)
class _Renderings:
    """Takes from the queue what is to be rendered, and adds to it the GitOps objects that come out, and to the outputs
    what is judged."""

    _queue: RenderQueue
    _outputs: Outputs
    _encodings: Encodings
    _repository: Repository
    _settings: RenderSettings
    _named: NamedFiles | None

    def _read_named(self) -> None:
        """Reads the files that GitOps objects apply as they are written, and that may name further ones."""
        while found := files.in_order(self._queue.take_named_files()):
            for file in found:
                parts = files.read_file(file, self._settings.options.asked_kinds)
                encoded = Batch(problems=self._encodings.problems([file.path]))
                self._queue.hold_named(file, manifest.gathered([encoded, *parts]))

    def render_all(
        self, listing: Listing, count: Count, finish: Callable[[], Iterator[Batch | Read]]
    ) -> Generator[Batch | Read]:
        """Everything in the queue, which grows with what is rendered, and what is read while places in it can still be
        found. Close it, so that no program outlives it."""
        self._read_named()
        if not self._queue.pending():
            yield from self._settled()
            yield from finish()
            return
        tools = Toolbox(self._repository.root, self._settings.programs, listing.starts)
        workspace = Workspace(self._repository)
        remembered = self._settings.remembered
        context = RenderContext(
            workspace,
            tools,
            self._settings.options,
            frozenset(listing.files),
            fetched=self._settings.fetched,
            remembered=remembered,
        )
        entered = workspace if remembered is None else contextlib.nullcontext(remembered.entered(workspace))
        with entered, _Pool(context, self._encodings) as pool:
            while True:
                self._follow(pool, count)
                rendered = pool.render(requests := self._queue.rest())
                yield from self._settled()
                if not requests:
                    break
                for request, batch in zip(requests, count.counted(rendered), strict=True):
                    self._queue.add(request.key, batch.resources)
                    self._outputs.add(request, batch)
                    yield self._scoped(request, batch)
            yield from finish()
        notes = (*_refused(tools, self._repository), *context.late_notes)
        yield Batch(problems=tuple(self._queue.too_deep()), notes=notes)

    def _settled(self) -> Iterator[Batch]:
        """What was held back and is now known to be deployed so."""
        for held in self._queue.settled():
            self._outputs.add(held.request, held.batch)
            yield self._scoped(held.request, held.batch)
        yield from self._queue.settled_files()

    def _scoped(self, request: Request, batch: Batch) -> Batch:
        """What a request has rendered to, with where it is deployed to; if the user names single files, with what of it
        counts."""
        batch = _destined(batch, self._queue.destinations(request))
        return batch if self._named is None else self._named.scoped(request, batch)

    def _follow(self, pool: _Pool, count: Count) -> None:
        """Renders what may hold GitOps objects, until all of these are known."""
        while requests := self._queue.next_round():
            for request, batch in zip(requests, count.counted(pool.render(requests)), strict=True):
                self._queue.hold(request, batch)
            self._read_named()


class _Pool:
    """The threads that render."""

    def __init__(self, context: RenderContext, encodings: Encodings) -> None:
        self._context = context
        self._encodings = encodings
        self._size = processors()
        self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="render")

    def __enter__(self) -> _Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._context.options.lifetime.cancel()
        self._threads.shutdown(cancel_futures=True)

    def render(self, requests: Sequence[Request]) -> Iterator[Batch]:
        """Starts to render requests, and returns what they render to, in their order, while a few of the next ones are
        already being rendered."""
        pending = iter(requests)
        ahead = deque(self._submitted(islice(pending, _AHEAD * self._size)))
        return self._results(ahead, pending)

    def _submitted(self, requests: Iterable[Request]) -> Iterator[Future[Batch]]:
        return (self._threads.submit(self._render, request) for request in requests)

    def _results(self, ahead: deque[Future[Batch]], pending: Iterator[Request]) -> Iterator[Batch]:
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(self._submitted(islice(pending, 1)))

    def _render(self, request: Request) -> Batch:
        remembered = self._context.remembered
        if remembered is None:
            return self._rendered(request)
        known = remembered.recall(request, self._context)
        if known is not None:
            return known
        batch = self._rendered(request)
        remembered.keep(request, self._context, batch)
        return batch

    def _rendered(self, request: Request) -> Batch:
        repository = self._context.workspace.repository
        pointer = lfs.pointer_of(request, repository)
        if pointer is not None:
            return Batch(problems=(pointer,))
        encoded = self._encodings.problems(request.files(repository))
        return Batch(problems=encoded) if encoded else _located(request.render(self._context))


def _located(batch: Batch) -> Batch:
    """A batch in which the places of GitOps objects are known: plans need them, and finding one may take a build."""
    for resource in filter(is_relevant, batch.resources):
        resource.locate("")
    return batch


def _destined(batch: Batch, destinations: tuple[Destination, ...]) -> Batch:
    """A batch whose resources say to which clusters they are deployed."""
    if not destinations:
        return batch
    renderings = {
        one.rendering: replace(one.rendering, destinations=destinations)
        for one in batch.resources
        if one.rendering is not None
    }
    return replace(
        batch,
        resources=tuple(
            replace(one, rendering=renderings[one.rendering]) if one.rendering is not None else one
            for one in batch.resources
        ),
    )


def _refused(tools: Toolbox, repository: Repository) -> Iterator[Note]:
    """A note for each program that was passed over because a pull request may have put it there."""
    for name, path in tools.refused.items():
        message = f"this {name} {REFUSAL}; name its path with --{name}-bin if you trust it"
        yield Note(repository.shown(path), None, message)
