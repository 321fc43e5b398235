"""Renders what the agenda holds, several charts and kustomizations at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from kgate.model import Batch, Note, Resource
from kgate.rendering.helm.render import render as render_chart
from kgate.rendering.kustomize.render import render as build_kustomization
from kgate.rendering.requests import ChartRequest, RenderSettings, Request
from kgate.rendering.tools import REFUSAL, Toolbox
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from kgate.sources import checkout, files, lfs
from kgate.sources.files import Intake, Listing, Read
from kgate.sources.progress import Count
from kgate.sources.queue import Agenda

_AHEAD = 4
"""Renderings for each processor that may wait to be judged: they hold memory."""


def collect_rendered(
    listing: Listing,
    objects: Sequence[Resource],
    repository: Repository,
    settings: RenderSettings,
    intake: Intake[Read],
) -> Iterator[Batch | Read]:
    """What the intake makes of the plain manifests of a listing, and the contents of all that is rendered. ``objects``
    are those of plain manifests that may say what is deployed."""
    agenda, encodings = Agenda(listing, repository, settings), checkout.Encodings(repository)
    agenda.hear(objects)
    plain = files.in_order(agenda.uncovered())
    count = Count(intake.progress, len(plain) + len(agenda.pending()))
    yield from intake.read_counted(plain, count)
    yield from _named(agenda, encodings, intake.kinds)
    options = replace(settings.options, asked_kinds=intake.kinds)
    yield from count.told(_render(agenda, repository, replace(settings, options=options), listing.starts))
    yield Batch(problems=agenda.problems, notes=agenda.notes)
    yield checkout.submodules(repository, listing.starts, agenda.deployed())


def _named(agenda: Agenda, encodings: checkout.Encodings, kinds: Collection[str]) -> Iterator[Batch]:
    """What the files hold that GitOps objects apply as they are written, and that may name further ones."""
    while found := agenda.named():
        yield Batch(problems=encodings.problems(file.path for file in found))
        for contents in files.read_all(files.in_order(found), kinds):
            agenda.hear(contents.resources)
            yield contents


def _render(
    agenda: Agenda, repository: Repository, settings: RenderSettings, scanned: Sequence[Path]
) -> Iterator[Batch]:
    """Everything on the agenda, which grows by what is rendered."""
    requests = agenda.next_round()
    if not requests:
        return
    with _Renderers(repository, settings, scanned) as renderers:
        while requests:
            for contents in renderers.render(requests):
                agenda.hear(contents.resources)
                yield contents
            yield from _named(agenda, renderers.encodings, settings.options.asked_kinds)
            requests = agenda.next_round()
        refused = tuple(renderers.refused())
    yield Batch(problems=tuple(agenda.leftover()), notes=refused)


class _Renderers:
    """Threads that render, a workspace for them, and the programs that they run."""

    def __init__(self, repository: Repository, settings: RenderSettings, scanned: Sequence[Path]) -> None:
        self._options = settings.options
        self._tools = Toolbox(repository.root, settings.programs, scanned)
        self._workspace = Workspace(repository)
        self._repository = repository
        self.encodings = checkout.Encodings(self._repository)
        self._size = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._size, thread_name_prefix="render")

    def __enter__(self) -> _Renderers:
        self._workspace.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._options.lifetime.cancel()
        self._pool.shutdown(cancel_futures=True)
        self._workspace.__exit__(kind, error, trace)

    def render(self, requests: Sequence[Request]) -> Iterator[Batch]:
        """What the requests render to, in their order, with a few under way ahead of the one that is given."""
        waiting = iter(requests)
        ahead: deque[Future[Batch]] = deque()
        for request in waiting:
            ahead.append(self._pool.submit(self._render, request))
            if len(ahead) >= _AHEAD * self._size:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def refused(self) -> Iterator[Note]:
        """A note for each program that was passed over, as a pull request may have put it there."""
        for name, path in self._tools.refused.items():
            message = f"this {name} {REFUSAL}; name its path with --{name}-bin if you trust it"
            yield Note(self._repository.shown(path), None, message)

    def _render(self, request: Request) -> Batch:
        pointer = lfs.pointer_of(request, self._repository)
        if pointer is not None:
            return Batch(problems=(pointer,))
        encoded = self.encodings.problems(lfs.files_of(request, self._repository))
        if encoded:
            return Batch(problems=encoded)
        if isinstance(request, ChartRequest):
            return render_chart(request, self._workspace, self._tools.helm, self._options)
        return build_kustomization(request, self._workspace, self._tools.kustomize, self._options, self._tools.helm)
