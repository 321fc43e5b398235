"""One request with everything that it is built with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from kgate.elsewhere.fetched import Fetched
from kgate.elsewhere.wanted import Asked, Wanted
from kgate.model import Location, Position, Problem
from kgate.rendering.foreign import Foreign
from kgate.rendering.kustomize import kustomization
from kgate.rendering.kustomize.build_input import BuildInput
from kgate.rendering.kustomize.kustomization import HelmChart
from kgate.rendering.kustomize.parsed import Parsed
from kgate.rendering.requests import RenderOptions
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import Workspace
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """A request to build ``folder``, its real path; ``parsed`` holds what the scan has parsed, ``fetched`` what was
    fetched from elsewhere.

    In a private copy with what was fetched, ``foreign`` knows where that is from, and ``originals`` holds the texts of
    the kustomizations that name other things there, as they are in the repository.
    """

    request: BuildInput
    folder: Path
    workspace: Workspace
    options: RenderOptions
    tool: Tool | None
    helm: Tool | None
    parsed: Parsed
    fetched: Fetched
    originals: Mapping[Path, str] = field(default_factory=dict, repr=False)
    foreign: Foreign = field(default_factory=lambda: Foreign({}))

    def ask(self, wanted: Wanted, path: str, line: int) -> None:
        """Remembers what a line of a kustomization asks for."""
        start = Position(line, 1)
        place = self.foreign.place(Location(path, start, start))
        by = f"kustomization {self.shown(self.folder)}"
        self.fetched.ask([Asked(wanted, place.path, place.start.line, by)])

    def pulled(self, chart: HelmChart) -> bytes | None:
        """The packed chart of an entry that is not in the repository, if it was fetched."""
        locked = self.fetched.find(chart.wanted) if chart.folder is None and chart.wanted is not None else None
        return self.fetched.read(locked) if locked is not None else None

    def shown(self, path: Path) -> str:
        """A path as reports show it; the repository itself is a dot."""
        return self.workspace.repository.shown(path)

    @property
    def title(self) -> Path:
        """The file that problems of the whole build name: the kustomization, or the folder if it has none."""
        return kustomization.find(self.folder) or self.folder

    def problem(self, message: str) -> Problem:
        """A problem of the whole build."""
        return Problem(self.shown(self.title), None, message)
