"""The private copies of what a kustomization uses: one is built as it is, and one with marks where places need it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from kgate.rendering import archive
from kgate.rendering.detect import KUSTOMIZATION_NAMES
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.workspace import MAX_COPIED_BYTES, MAX_COPIED_FILES, CopyError, Workspace
from kgate.repository import Repository
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Copy:
    """The clean copy, and where the marked one belongs. In each, the folder ``tree`` is the root of the
    repository, so that a path which stays in the one stays in the other. ``files`` names the copied files by their real
    paths; ``given`` holds the text of those that kgate made, ``originals`` that of those that it edited in the clean
    copy, and ``places`` the paths in the clean copy of files that do not exist in the repository."""

    repository: Repository
    clean: Path
    marked: Path
    files: list[Path]
    folder: Path
    has_charts: bool
    given: dict[Path, str] = field(default_factory=dict)
    originals: dict[Path, str] = field(default_factory=dict)
    places: dict[Path, Path] = field(default_factory=dict)

    @classmethod
    def make(cls, workspace: Workspace, folder: Path, graph: Graph, pulled: Mapping[Path, bytes] | None = None) -> Copy:
        """Copies exactly what the kustomizations use, with its links, and unpacks the charts that were fetched to the
        places where kustomize looks for them. Raises CopyError and OSError."""
        files = graph.files
        charts = [chart.folder for node in graph.nodes for chart in node.charts if chart.folder is not None]
        base = workspace.folder()
        copy = cls(
            workspace.repository,
            base / "clean",
            base / "marked",
            list(files),
            folder,
            bool(charts or pulled),
        )
        _check_size(files)
        for place in sorted({folder, *(node.folder for node in graph.nodes), *graph.bare}):
            copy.place(copy.clean, place).mkdir(parents=True, exist_ok=True)
        copy._copy_files(workspace, graph)
        for chart in charts:
            workspace.copy(chart, copy.place(copy.clean, chart))
        room = archive.Room()
        for place, content in (pulled or {}).items():
            try:
                archive.unpack(content, copy.place(copy.clean, place), room)
            except archive.ArchiveError as error:
                raise CopyError(place, f"cannot be unpacked: {error}") from None
        copy._link(graph)
        return copy

    def place(self, tree: Path, path: Path) -> Path:
        """Where a file or folder of the repository lies in one of the copies."""
        return tree / "tree" / path.relative_to(self.repository.root)

    def text(self, file: Path) -> str | None:
        """The text of a copied file before any edit; None if it is not UTF-8, or has a byte order mark."""
        if file in self.given:
            return self.given[file]
        try:
            text = self.originals.get(file) or (
                self.places.get(file) or self.place(self.clean, file)
            ).read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            return None
        return None if text.startswith("\ufeff") else text

    def double(self) -> None:
        """Makes the marked copy, without the edits in the clean one. Raises OSError."""
        shutil.copytree(self.clean, self.marked, symlinks=True)
        for file, text in self.originals.items():
            self.write(file, text)

    def write(self, file: Path, text: str) -> None:
        """Writes the marked text of a file."""
        place = self.places.get(file)
        target = self.marked / place.relative_to(self.clean) if place else self.place(self.marked, file)
        target.write_bytes(text.encode("utf-8"))

    def add(self, place: Path, text: str) -> None:
        """Writes a file that kgate makes; ``place`` lies in the clean copy."""
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode("utf-8"))
        self.places[place] = place
        self.files.append(place)

    def take(self, workspace: Workspace, file: Path) -> None:
        """Copies one more file of the repository. Raises CopyError."""
        workspace.copy(file, self.place(self.clean, file))
        self.files.append(file)

    def source_of(self, origin: str) -> Path | None:
        """The file that an origin annotation names, whose path starts at a folder next to ``tree``."""
        path = Path(os.path.normpath(self.clean / "around-marked" / origin))
        tree = self.clean / "tree"
        if path.is_relative_to(tree):
            return Path(os.path.realpath(self.repository.root / path.relative_to(tree)))
        return path if path in self.places else None

    def _copy_files(self, workspace: Workspace, graph: Graph) -> None:
        made = {node.path: node.source.text for node in graph.nodes if not os.path.isfile(node.path)}
        self.given.update(made)
        for file in graph.files:
            target = self.place(self.clean, file)
            if file in made:
                target.write_bytes(made[file].encode("utf-8"))
            else:
                workspace.copy(file, target)
        for node in graph.nodes:  # kustomize refuses a folder with several, so it must see them
            for name in KUSTOMIZATION_NAMES:
                other = node.folder / name
                if other != node.path and other.is_file() and not _is_same_file(other, node.path):
                    workspace.copy(other, self.place(self.clean, other))

    def _link(self, graph: Graph) -> None:
        """Makes the symbolic links anew, since kustomize checks paths before it resolves links; short ones first."""
        links = {link.lexical: link.real for link in graph.links if link.lexical != link.real}
        for lexical, real in sorted(links.items(), key=lambda pair: (len(pair[0].parts), pair)):
            place, target = self.place(self.clean, lexical), self.place(self.clean, real)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(place):
                place.symlink_to(os.path.relpath(target, os.path.realpath(place.parent)))


def _is_same_file(one: Path, other: Path) -> bool:
    return os.path.samefile(one, other)


def _check_size(files: tuple[Path, ...]) -> None:
    if len(files) > MAX_COPIED_FILES:
        raise CopyError(files[0], f"belongs to more than {MAX_COPIED_FILES:,} files to render")
    size = 0
    for file in files:
        size += file.stat().st_size if file.is_file() else 0
        if size > MAX_COPIED_BYTES:
            raise CopyError(file, f"belongs to more than {MAX_COPIED_BYTES >> 20} MiB of files to render")
