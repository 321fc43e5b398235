"""What GitOps objects deploy of a repository, by its folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Deployed:
    """A folder whose files are deployed, and whether all below it are."""

    folder: Path
    is_deep: bool

    def misses(self, submodule: Path) -> bool:
        """Whether a submodule holds some of them."""
        return self.folder.is_relative_to(submodule) or (self.is_deep and submodule.is_relative_to(self.folder))
