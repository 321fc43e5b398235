"""One request with everything that it is built with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgate.elsewhere.fetched import Fetched
from kgate.model import Problem
from kgate.rendering.kustomize import kustomization
from kgate.rendering.kustomize.build_input import BuildInput
from kgate.rendering.kustomize.kustomization import HelmChart
from kgate.rendering.kustomize.parsed import Parsed
from kgate.rendering.requests import RenderOptions
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Job:
    """A request to build ``folder``, its real path; ``parsed`` holds what the scan has parsed, ``fetched`` what was
    fetched from elsewhere."""

    request: BuildInput
    folder: Path
    workspace: Workspace
    options: RenderOptions
    tool: Tool | None
    helm: Tool | None
    parsed: Parsed
    fetched: Fetched

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
