"""Says which manifests the lines of ``.kgateignore`` files hide, so that no report is silent about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.lifetime import FOREVER, Lifetime
from kgate.model import HiddenManifests
from kgate.repository import Repository, SearchError
from kgate.sources.files import EXTENSIONS, Listing
from kgate.values import dataclass

MAX_FILES = 2_000
"""Hidden files that are read to be counted, in one scan: hiding a folder must stay quicker than judging it."""


@dataclass(slots=True)
class HiddenFiles:
    """Finds the manifests among what ignore files leave out, up to MAX_FILES files in all."""

    repository: Repository
    lifetime: Lifetime = FOREVER
    left: int = MAX_FILES

    def notes(self, listing: Listing) -> Iterator[HiddenManifests]:
        """A note for each line of a ``.kgateignore`` that hides manifests. Raises DeadlineError."""
        for line in sorted(listing.left_out):
            found = [self.repository.shown(path) for path in self.manifests(listing.left_out[line])]
            if found or self.left <= 0:
                shown = self.repository.shown(line.file)
                yield HiddenManifests(shown, line.number, self._told(found), len(found))

    def manifests(self, paths: Iterable[Path]) -> Iterator[Path]:
        """The files that hold Kubernetes objects, at or below paths."""
        for path in paths:
            for file in self._files(path):
                self.lifetime.check()
                if self.left <= 0:
                    return
                self.left -= 1
                if self.is_manifest(file):
                    yield file

    def is_manifest(self, file: Path) -> bool:
        """True if a file of the repository holds Kubernetes objects; what cannot be read holds none."""
        try:
            data = self.repository.read_bytes(file, manifest.MAX_FILE_BYTES)
        except OSError:
            return False
        return any(part.counts.resources for part in manifest.stream(self.repository.shown(file), data))

    def _files(self, path: Path) -> Iterator[Path]:
        """The files at or below a path that a scan would read."""
        if path.is_file():
            yield path
        elif not path.is_symlink():
            try:
                yield from (file for file in self.repository.files_below(path) if _is_read(file))
            except SearchError:
                self.left = 0

    def _told(self, found: list[str]) -> str:
        number = f"{len(found):,}" if self.left > 0 else f"at least {len(found):,}"
        noun = "manifest, which is" if number == "1" else "manifests, which are"
        names = f": {', '.join(found[:_FEW])}" if found else ""
        more = f" and {len(found) - _FEW:,} more" if len(found) > _FEW else ""
        return f"this line hides {number} {noun} not judged{names}{more}"


_FEW = 3


def _is_read(file: Path) -> bool:
    return file.name.lower().endswith(EXTENSIONS) and not file.is_symlink()
