"""One request with everything that it is built with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgate.model import Problem
from kgate.rendering.kustomize import kustomization
from kgate.rendering.kustomize.build_input import BuildInput
from kgate.rendering.kustomize.parsed import Parsed
from kgate.rendering.requests import RenderOptions
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Job:
    """A request to build ``folder``, its real path; ``parsed`` holds what the scan has parsed."""

    request: BuildInput
    folder: Path
    workspace: Workspace
    options: RenderOptions
    tool: Tool | None
    helm: Tool | None
    parsed: Parsed

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
