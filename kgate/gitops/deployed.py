"""What GitOps objects deploy of a repository, by its folders."""

from __future__ import annotations

from pathlib import Path

from kgate.rendering.requests import Request
from kgate.repository import Repository
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Deployed:
    """A folder whose files are deployed; ``is_deep`` if those of its sub-folders are, too."""

    folder: Path
    is_deep: bool

    @classmethod
    def of(cls, request: Request, repository: Repository) -> Deployed:
        """What a request takes files from."""
        return cls(request.place.path, is_deep=request.is_deep(repository))

    def misses(self, submodule: Path) -> bool:
        """True if some of them are in a submodule."""
        return self.folder.is_relative_to(submodule) or (self.is_deep and submodule.is_relative_to(self.folder))


@dataclass(frozen=True, slots=True, order=True)
class Possible:
    """A folder that an object may deploy, or something below it: what the object deploys is not clear. ``who`` is the
    object, ``path`` and ``line`` are where it says so."""

    folder: Path
    who: str
    path: str
    line: int
