"""Requests: what the scan needs to know about something to render, and what a rendering gets to work with."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kgate.elsewhere.fetched import Fetched
from kgate.environment import Environment
from kgate.lifetime import FOREVER, Lifetime
from kgate.limits import RENDER_MEMORY, RENDER_TIMEOUT
from kgate.model import Batch, Note
from kgate.repository import Repository
from kgate.values import dataclass

if TYPE_CHECKING:  # a scan of plain manifests starts no program
    from kgate.rendering.process import Limits
    from kgate.rendering.tools import Tools
    from kgate.rendering.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Place:
    """What can be rendered at a path. A folder may be of several kinds: ``chart`` and ``kustomization``."""

    kind: str
    path: Path


class Request(Protocol):
    """Something to render: all that the scan asks of it, whichever program renders it.

    A new kind of source is a folder beside helm/ and kustomize/ with a class that has these members, and a function
    that makes its requests for what a walk finds (``rendering.finders``).
    """

    @property
    def place(self) -> Place:
        """What is rendered. A GitOps object that deploys a place replaces the request that kgate makes for it."""
        ...

    @property
    def key(self) -> Hashable:
        """Equal for requests that render to the same: everything but the places of the values that they hold."""
        ...

    @property
    def has_changes(self) -> bool:
        """True if something is put on top of what the files say."""
        ...

    def is_plain(self, repository: Repository) -> bool:
        """True if it renders a folder of plain manifests, which are judged as they are written unless it changes
        them."""
        ...

    def is_deep(self, repository: Repository) -> bool:
        """True if all files below its place belong to it, so that none of them may be missing."""
        ...

    def files(self, repository: Repository) -> Iterator[Path]:
        """The files that decide what it renders to. Raises SearchError."""
        ...

    def parts(self, repository: Repository) -> Iterator[Place]:
        """Further places that it deploys, so that they are not rendered by themselves."""
        ...

    def templates(self, repository: Repository) -> Iterator[Path]:
        """The files whose text it renders, which may thus be GitOps objects."""
        ...

    def render(self, context: RenderContext) -> Batch:
        """Renders it. A fault of the repository is a Problem. Raises CancelledError and DeadlineError."""
        ...


class Remembered(Protocol):
    """What was rendered before, of another state of the repository."""

    def entered(self, workspace: Workspace) -> Workspace:
        """Enters a workspace, which lasts as long as what is remembered."""

    def recall(self, request: Request, context: RenderContext) -> Batch | None:
        """What a request renders to, if that is known."""

    def keep(self, request: Request, context: RenderContext, batch: Batch) -> None:
        """Remembers what a request rendered to."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What the user allows, and the limits of each process: seconds of wall time and bytes of memory. ``asked_kinds``
    are the kinds that rules ask about (manifest.read), ``lifetime`` is that of the whole scan. ``value_variants`` asks
    for what the values of the repository's own charts switch off."""

    helm_dependency_build: bool = False
    helm_degraded: bool = False
    allow_remote: bool = False
    value_variants: bool = False
    seconds: float = RENDER_TIMEOUT.default
    memory: int = RENDER_MEMORY.default << 20
    kubernetes_version: str | None = None
    asked_kinds: frozenset[str] = frozenset()
    lifetime: Lifetime = field(default=FOREVER, repr=False)

    def limits(self) -> Limits:
        """The limits of one process."""
        from kgate.rendering.process import Limits

        return Limits(self.seconds, self.memory, lifetime=self.lifetime)


@dataclass(frozen=True, slots=True)
class RenderContext:
    """What a rendering gets to work with. ``plain`` holds the files of the repository that are judged as they are
    written, and so are not to be returned once more; ``late_notes`` takes notes that come up once a rendering has
    been returned, when its places are asked for."""

    workspace: Workspace
    tools: Tools
    options: RenderOptions = field(default_factory=RenderOptions)
    plain: frozenset[Path] = frozenset()
    late_notes: set[Note] = field(default_factory=set)
    fetched: Fetched = field(default_factory=Fetched)
    remembered: Remembered | None = None


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What the user says about rendering: options, the programs that are named (helm, kubectl, kustomize), what the
    configuration asks to render (``charts`` in any case, ``matched`` if they are found in the scan), the
    environment that it states, and what was fetched from elsewhere."""

    options: RenderOptions = field(default_factory=RenderOptions)
    programs: Mapping[str, str | None] = field(default_factory=dict)
    charts: tuple[Request, ...] = ()
    matched: tuple[Request, ...] = ()
    environment: Environment = field(default_factory=Environment)
    fetched: Fetched = field(default_factory=Fetched)
    remembered: Remembered | None = field(default=None, compare=False, repr=False)


def advice(bound: str) -> str:
    """What to do if a program exceeds a limit (process.Outcome.bound)."""
    flags = {"seconds": "--render-timeout", "memory": "--render-memory"}
    return f"make it smaller, or allow more with {flags[bound]}" if bound in flags else "make it smaller"
