"""What a GitOps object deploys of another repository, once that was fetched: planned and rendered in a private copy."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import field, replace
from pathlib import Path

from kgate.elsewhere.fetched import TREE
from kgate.elsewhere.wanted import ABSENT, Asked, Locked
from kgate.gitops.fields import Log, ObjectFields
from kgate.kubernetes import manifest
from kgate.model import PULL, Batch, Location, Position, Problem, Unjudged, json_text
from kgate.rendering import archive
from kgate.rendering.foreign import Foreign, NamedAt
from kgate.rendering.requests import Place, RenderContext, Request
from kgate.repository import Repository
from kgate.values import dataclass

_PREFIX = ".kgate-elsewhere"
"""What the paths in the copy begin with."""

Planner = Callable[[ObjectFields, Repository], Iterator[Request]]
"""What the fields of an object deploy from a repository."""


@dataclass(frozen=True, slots=True)
class PulledTreeRequest:
    """A folder of another repository that kgate.lock names, the fields of the object that deploys it, the place of the
    one that names it, and what plans it."""

    locked: Locked
    fields: ObjectFields = field(compare=False)
    asked: Location = field(compare=False)
    plan: Planner = field(compare=False, repr=False)
    requested_by: str

    @property
    def place(self) -> Place:
        """The file of the folder, which is not a path of the repository."""
        return Place("pulled tree", Path(self.locked.file))

    @property
    def key(self) -> Hashable:
        """The folder, and the object with all that it says."""
        return self.locked, self.requested_by, json_text(self.fields.body)

    @property
    def has_changes(self) -> bool:
        """True: what is on top of it is planned later."""
        return True

    def is_plain(self, repository: Repository) -> bool:  # noqa: ARG002 - of the protocol
        """False: nothing of it is a manifest of the repository."""
        return False

    def is_deep(self, repository: Repository) -> bool:  # noqa: ARG002 - of the protocol
        """False: no folder of the repository belongs to it."""
        return False

    def files(self, repository: Repository) -> Iterator[Path]:  # noqa: ARG002 - of the protocol
        """None that lie in the repository."""
        yield from ()

    def parts(self, repository: Repository) -> Iterator[Place]:  # noqa: ARG002 - of the protocol
        """None of the repository."""
        yield from ()

    def templates(self, repository: Repository) -> Iterator[Path]:  # noqa: ARG002 - of the protocol
        """None that lie in the repository."""
        yield from ()

    def render(self, context: RenderContext) -> Batch:
        """Plans and renders it, if the cache has the folder."""
        wanted = self.locked.wanted
        content = context.fetched.read(self.locked)
        if content is None:
            return Batch(unjudged=(Unjudged(self.asked.path, self.asked.start.line, ABSENT, wanted.label, PULL),))
        folder = context.workspace.folder() / _PREFIX
        try:
            archive.unpack(content, folder, archive.Room())
        except (archive.ArchiveError, OSError) as error:
            message = f"{wanted.label} cannot be unpacked: {error}"
            return Batch(problems=(Problem(self.asked.path, self.asked.start.line, message),))
        repository = replace(Repository.at(folder / TREE), urls=(wanted.repository,), prefix=f"{_PREFIX}/")
        fetched = replace(context.fetched, asked=set())
        found = manifest.gathered(self._batches(repository, replace(context, fetched=fetched)))
        foreign = Foreign({_PREFIX: NamedAt(self.asked, wanted.title)})
        context.fetched.ask(_placed(one, foreign) for one in fetched.asked)
        return foreign.batch(found)

    def _batches(self, repository: Repository, context: RenderContext) -> Iterator[Batch]:
        log = Log()
        requests = list(self.plan(self.fields.logging_to(log), repository))
        inner = replace(context, workspace=context.workspace.of(repository), plain=frozenset())
        for request in requests:
            yield request.render(inner)
        for path in sorted(log.raw):
            data = repository.bytes_if_any(path)
            yield manifest.read(repository.shown(path), data, context.options.asked_kinds)
        context.fetched.ask(log.asked)
        yield Batch(problems=tuple(log.problems), notes=tuple(log.notes), unjudged=tuple(log.unjudged))


def _placed(asked: Asked, foreign: Foreign) -> Asked:
    """What something asks for, at its place in the repository."""
    start = Position(asked.line, 1)
    place = foreign.place(Location(asked.path, start, start))
    return replace(asked, path=place.path, line=place.start.line)
