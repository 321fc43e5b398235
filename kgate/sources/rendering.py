"""Renders what the agenda holds, several charts and kustomizations at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from kgate import manifest
from kgate.model import Note, Resource
from kgate.repository import Repository, open_repository
from kgate.sources import checkout, files, lfs
from kgate.sources.agenda import Agenda
from kgate.sources.files import Listing
from kgate.sources.helm.render import render as render_chart
from kgate.sources.kustomize.render import render as build_kustomization
from kgate.sources.progress import Count, Progress
from kgate.sources.requests import ChartRequest, RenderSettings, Request
from kgate.sources.tools import REFUSAL, Toolbox
from kgate.sources.workspace import Workspace

_AHEAD = 4
"""Renderings for each processor that may wait to be judged: they hold memory."""


def collect_rendered(
    listing: Listing,
    objects: Sequence[Resource],
    root: Path,
    settings: RenderSettings,
    kinds: Collection[str],
    progress: Progress,
) -> Iterator[manifest.Contents]:
    """The contents of the plain manifests of a listing, and of all that is rendered. ``objects`` are those of
    plain manifests that may say what is deployed."""
    repository = open_repository(root, settings.repositories)
    agenda, encodings = Agenda(listing, repository, settings), checkout.Encodings(repository)
    agenda.hear(objects)
    plain = files.in_order(agenda.uncovered())
    count = Count(progress, len(plain) + len(agenda.pending()))
    yield from files.read_all(count.told(plain), kinds)
    yield from _named(agenda, encodings, kinds)
    options = replace(settings.options, asked_kinds=frozenset(kinds))
    yield from count.told(_render(agenda, root, replace(settings, options=options), listing.starts))
    yield manifest.Contents(problems=agenda.problems, notes=agenda.notes, files=0)
    yield checkout.submodules(repository, listing.starts, agenda.deployed())


def _named(agenda: Agenda, encodings: checkout.Encodings, kinds: Collection[str]) -> Iterator[manifest.Contents]:
    """What the files hold that GitOps objects apply as they are written, and that may name further ones."""
    while found := agenda.named():
        yield manifest.Contents(problems=encodings.problems(file.path for file in found), files=0)
        for contents in files.read_all(files.in_order(found), kinds):
            agenda.hear(contents.resources)
            yield contents


def _render(
    agenda: Agenda, root: Path, settings: RenderSettings, scanned: Sequence[Path]
) -> Iterator[manifest.Contents]:
    """Everything on the agenda, which grows by what is rendered."""
    requests = agenda.next_round()
    if not requests:
        return
    with _Renderers(root, settings, scanned) as renderers:
        while requests:
            for contents in renderers.render(requests):
                agenda.hear(contents.resources)
                yield contents
            yield from _named(agenda, renderers.encodings, settings.options.asked_kinds)
            requests = agenda.next_round()
        refused = tuple(renderers.refused(root))
    yield manifest.Contents(problems=tuple(agenda.leftover()), notes=refused, files=0)


class _Renderers:
    """Threads that render, a workspace for them, and the programs that they run."""

    def __init__(self, root: Path, settings: RenderSettings, scanned: Sequence[Path]) -> None:
        self._options = settings.options
        self._tools = Toolbox(root, settings.programs, scanned)
        self._workspace = Workspace(root)
        self._repository = Repository(Path(os.path.realpath(root)))
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

    def render(self, requests: Sequence[Request]) -> Iterator[manifest.Contents]:
        """What the requests render to, in their order, with a few under way ahead of the one that is given."""
        waiting = iter(requests)
        ahead: deque[Future[manifest.Contents]] = deque()
        for request in waiting:
            ahead.append(self._pool.submit(self._render, request))
            if len(ahead) >= _AHEAD * self._size:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def refused(self, root: Path) -> Iterator[Note]:
        """A note for each program that was passed over, as a pull request may have put it there."""
        for name, path in self._tools.refused.items():
            message = f"this {name} {REFUSAL}; name its path with --{name}-bin if you trust it"
            yield Note(files.shown_path(path, root), None, message)

    def _render(self, request: Request) -> manifest.Contents:
        pointer = lfs.pointer_of(request, self._repository)
        if pointer is not None:
            return manifest.Contents(problems=(pointer,), files=0)
        encoded = self.encodings.problems(lfs.files_of(request, self._repository))
        if encoded:
            return manifest.Contents(problems=encoded, files=0)
        if isinstance(request, ChartRequest):
            return render_chart(request, self._workspace, self._tools.helm, self._options)
        return build_kustomization(request, self._workspace, self._tools.kustomize, self._options, self._tools.helm)
