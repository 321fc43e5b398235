"""Builds a copy with marks in it, which show where values come from; made when a place first needs it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from kgate.rendering.kustomize import marks, overlay
from kgate.rendering.kustomize.candidates import Mark, MarkedScalars
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.kustomization import Kustomization
from kgate.rendering.kustomize.parsed import Parsed
from kgate.values import dataclass

_MARKED = ("resources", "bases", "patches", "patchesStrategicMerge", "patchesJson6902")


@dataclass(frozen=True, slots=True)
class MarkedOutput:
    """The documents of a build with marks, and the scalars that got them; nothing if it failed."""

    documents: tuple[str, ...] = ()
    scalars: MarkedScalars | None = None


class MarkedBuild:
    """The output of ``make``, which is called once, in the thread that first asks for it."""

    def __init__(self, make: Callable[[], MarkedOutput]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._output: MarkedOutput | None = None

    @property
    def output(self) -> MarkedOutput:
        """The output. Raises CancelledError and DeadlineError where the scan ends before the build does."""
        with self._lock:
            if self._output is None:
                self._output = self._make()
            return self._output


def texts(copy: Copy) -> dict[Path, str]:
    """The texts of the copied files that may be marked."""
    return {file: text for file in copy.files if (text := copy.text(file)) is not None}


def is_possible(found: Mapping[Path, str]) -> bool:
    """True if no source holds letters of which marks are made."""
    return all(text.isascii() or not marks.has_letters(text) for text in found.values())


def prepare(copy: Copy, graph: Graph, target: Path, parsed: Parsed) -> tuple[Path, tuple[Mark, ...]]:
    """Makes the marked copy; returns the folder to build there, and the marked scalars. Raises OSError."""
    found = texts(copy)
    copy.double()
    written = _Marking(copy, graph, parsed).write(found)
    overlay.edit_marked(copy)
    return overlay.ask_for_origins(copy, target), tuple(written)


class _Marking:
    """Puts marks into the files of one build."""

    def __init__(self, copy: Copy, graph: Graph, parsed: Parsed) -> None:
        self._copy = copy
        self._graph = graph
        self._parsed = parsed
        names = (item.value.get("name") for node in graph.nodes for item in node.items("images") if item.fields)
        self._overrides = Counter(str(name) for name in names)
        self._written: list[Mark] = []

    def write(self, found: Mapping[Path, str]) -> list[Mark]:
        """Writes the texts with marks; returns the marked scalars in the order of their numbers."""
        nodes = {node.path: node for node in self._nodes}
        resources = self._resource_files()
        for file in sorted(found):
            if file in nodes:
                self._copy.write(file, self._marked_kustomization(found[file], nodes[file]))
            elif file in resources:
                points = marks.wanted(self._parsed.points(found[file]), self._overrides)
                self._copy.write(file, marks.put(found[file], points, len(self._written)))
                self._written += [Mark(file, point.start) for point in points]
        return self._written

    @property
    def _nodes(self) -> list[Kustomization]:
        """The kustomizations that do not configure kustomize itself."""
        return [node for node in self._graph.nodes if node.folder not in self._graph.configuring]

    def _resource_files(self) -> set[Path]:
        """The files that hold resources and patches, and nothing that configures kustomize."""
        found = {link.real for node in self._nodes for link in node.links if link.key in _MARKED and not link.is_folder}
        return found - {link.real for link in self._graph.links if link.is_configuration}

    def _marked_kustomization(self, text: str, node: Kustomization) -> str:
        """A kustomization file with marks in its own values and in the patches that it holds."""
        own = marks.kustomization_points(text, node.root, lambda name: self._overrides[name] == 1)
        found = [(point, Mark(node.path, point.start)) for point in own]
        for patch in marks.inline_patches(text, node.root):
            points = self._parsed.points(text[patch.begin : patch.end])
            for point in marks.wanted(points, self._overrides):
                moved = marks.Point(point.start + patch.begin, point.end + patch.begin)
                found.append((moved, Mark(node.path, moved.start, patch)))
        found.sort(key=lambda pair: pair[0].start)
        first = len(self._written)
        self._written += [mark for _, mark in found]
        return marks.put(text, [point for point, _ in found], first)
