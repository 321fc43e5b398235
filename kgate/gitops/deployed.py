"""What GitOps objects deploy of a repository, by its folders."""

from __future__ import annotations

from pathlib import Path

from kgate.rendering import goglob
from kgate.rendering.goglob import WILD
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


@dataclass(frozen=True, slots=True)
class SoughtPlaces:
    """The folders or files of a repository, whose root is ``root``, that a pattern of an ApplicationSet seeks; in
    patterns for files ``*`` matches slashes, too. What is found is deployed."""

    root: Path
    pattern: str
    is_for_files: bool

    def misses(self, submodule: Path) -> bool:
        """True if some of them may be in a submodule."""
        path = submodule.relative_to(self.root).as_posix()
        start = WILD.split(self.pattern, maxsplit=1)[0]
        if self.is_for_files or f"{start}/".startswith(f"{path}/"):
            return f"{start}/".startswith(f"{path}/") or path.startswith(start)
        names, wanted = path.split("/"), self.pattern.split("/")
        upper = "/".join(wanted[: len(names)])
        return len(wanted) >= len(names) and goglob.path_match(upper).matches(path)


@dataclass(frozen=True, slots=True, order=True)
class Possible:
    """A folder that an object may deploy, or something below it: what the object deploys is not clear. ``who`` is the
    object, ``path`` and ``line`` are where it says so."""

    folder: Path
    who: str
    path: str
    line: int
