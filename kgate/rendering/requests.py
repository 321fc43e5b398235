"""What is to be rendered: charts with their releases, and kustomizations; the nouns of the sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kgate.lifetime import FOREVER, Lifetime
from kgate.limits import RENDER_MEMORY, RENDER_TIMEOUT
from kgate.model import Json, Location, Pointer
from kgate.rendering.process import Limits


@dataclass(frozen=True, slots=True)
class ValuesFile:
    """A values file of the repository, as ``helm template --values`` takes it."""

    path: Path


@dataclass(frozen=True, slots=True)
class InlineValues:
    """Values that stand inside another object (an Argo CD Application, a Flux HelmRelease).

    ``locate`` gives the place of the value at a pointer into ``body``.
    """

    body: Mapping[str, Json] = field(hash=False)
    locate: Callable[[Pointer], Location] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Release:
    """One way to deploy a chart: the arguments of ``helm template``. Later values win over earlier ones,
    ``sets`` (``--set``) and ``string_sets`` (``--set-string``) over all values."""

    name: str
    namespace: str = "default"
    values: tuple[ValuesFile | InlineValues, ...] = ()
    sets: tuple[str, ...] = ()
    string_sets: tuple[str, ...] = ()
    kubernetes_version: str | None = None
    api_versions: tuple[str, ...] = ()
    with_crds: bool = True
    variant: str = ""
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What can be rendered at a path; a folder may be a chart and a kustomization."""

    kind: Literal["chart", "kustomization"]
    path: Path


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """A chart (a folder, or an archive that ends in .tgz) and the releases to render it for. ``plain`` holds files
    of its ``crds`` that are judged besides, as they are."""

    chart: Path
    releases: tuple[Release, ...]
    plain: frozenset[Path] = frozenset()

    @property
    def target(self) -> Target:
        """What is rendered."""
        return Target("chart", self.chart)


@dataclass(frozen=True, slots=True)
class KustomizationRequest:
    """A folder to build. Without a kustomization file in it, one that lists all its manifests is put there.

    ``additions`` holds fields of a kustomization that a GitOps object puts into it (patches, images, namePrefix,
    namespace, …), as Argo CD and Flux edit the file; ``locate`` gives the place of a pointer into them.
    ``substitutions`` replace ``${NAME}`` in what was built, as Flux does after the build; None if there is no such
    step.
    """

    folder: Path
    additions: Mapping[str, Json] = field(default_factory=dict, hash=False)
    locate: Callable[[Pointer], Location] | None = field(default=None, hash=False)
    substitutions: Mapping[str, str] | None = field(default=None, hash=False)
    variant: str = ""
    requested_by: str = ""

    @property
    def target(self) -> Target:
        """What is rendered."""
        return Target("kustomization", self.folder)


Request = ChartRequest | KustomizationRequest


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What the user allows and bounds: seconds of wall time and bytes of memory for each process. ``asked_kinds``
    are the kinds that rules ask about (manifest.read), ``lifetime`` is that of the whole scan."""

    helm_dependency_build: bool = False
    helm_degraded: bool = False
    allow_remote: bool = False
    seconds: float = RENDER_TIMEOUT.default
    memory: int = RENDER_MEMORY.default << 20
    kubernetes_version: str | None = None
    asked_kinds: frozenset[str] = frozenset()
    lifetime: Lifetime = FOREVER

    def limits(self) -> Limits:
        """The limits of one process."""
        return Limits(self.seconds, self.memory, lifetime=self.lifetime)


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """All that steers rendering: options, the programs that the user names (helm, kubectl, kustomize), and
    the releases of charts from the configuration."""

    options: RenderOptions = field(default_factory=RenderOptions)
    programs: Mapping[str, str | None] = field(default_factory=dict)
    charts: tuple[ChartRequest, ...] = ()


def advice(bound: str) -> str:
    """What to do where a program met a bound (process.Outcome.bound)."""
    flags = {"seconds": "--render-timeout", "memory": "--render-memory"}
    return f"make it smaller, or allow more with {flags[bound]}" if bound in flags else "make it smaller"
