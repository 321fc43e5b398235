"""Finds the manifests that ignore files of a change would hide, and those of a trusted revision do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from kgate.lifetime import FOREVER, Lifetime
from kgate.repository import Repository, SearchError
from kgate.sources.files import Listing, list_files
from kgate.sources.hidden import HiddenFiles
from kgate.sources.ignores import FILES, IgnoreLine, Ignores
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class HidingLine:
    """A line of an ignore file as the change has it: path as reports show it, number from 1, and text. ``example`` is
    one of the manifests, charts and kustomizations that it hides, and ``others`` how many more things it hides."""

    shown: str
    number: int
    text: str
    example: str
    others: int

    @property
    def message(self) -> str:
        """What it does, in a sentence."""
        more = f" and {self.others} more" if self.others else ""
        return f"This line hides {self.example}{more} from the gate."


def newly_hidden(paths: Sequence[Path], repository: Repository, lifetime: Lifetime = FOREVER) -> Iterator[HidingLine]:
    """The lines that hide something of what a scan of these paths judges. Raises DeadlineError."""
    changed = repository.as_changed()
    if _are_equal(repository, changed):
        return
    ignores = Ignores(changed)
    lines: defaultdict[IgnoreLine, list[Path]] = defaultdict(list)
    seen, unseen = list_files(paths, repository, lifetime), list_files(paths, changed, lifetime)
    for path in sorted(_places(seen) - _places(unseen)):
        line = _line(path, ignores, changed)
        if line is not None:
            lines[line].append(path)
    files = HiddenFiles(changed, lifetime)
    for line in sorted(lines):
        found = [path for path in lines[line] if path not in seen.files or files.is_manifest(path)]
        if found:
            shown, text = changed.shown(line.file), _text(line, changed)
            yield HidingLine(shown, line.number, text, changed.shown(found[0]), len(found) - 1)


def _are_equal(repository: Repository, changed: Repository) -> bool:
    """True if both have the same ignore files."""
    assert repository.trusted is not None
    try:
        own = {path for path in changed.files_below(changed.root) if path.name in FILES}
    except SearchError:
        return False
    return all(_bytes(repository, path) == _bytes(changed, path) for path in own.union(repository.trusted.paths(FILES)))


def _bytes(repository: Repository, path: Path) -> bytes:
    """What an ignore file says; nothing if it cannot be read."""
    try:
        return repository.policy_bytes(path).replace(b"\r\n", b"\n")
    except OSError:
        return b""


def _places(listing: Listing) -> set[Path]:
    """Files that are judged as they are, and folders and archives that are rendered."""
    requested = {place.path for place in listing.requests}
    return {*listing.files, *listing.charts, *listing.kustomizations, *listing.touched, *requested}


def _line(path: Path, ignores: Ignores, repository: Repository) -> IgnoreLine | None:
    """The line that hides a path, or a folder that it is in."""
    for place in (*repository.above(path)[1:], path):
        line = ignores.line(place, place.is_dir())
        if line is not None:
            return line
    return None


def _text(line: IgnoreLine, repository: Repository) -> str:
    lines = repository.bytes_if_any(line.file).decode("utf-8", "replace").split("\n")
    return lines[line.number - 1].removesuffix("\r") if line.number <= len(lines) else ""
