"""Decides what becomes of files in the folder of a chart that are none of the chart's own."""

from __future__ import annotations

import re
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.kubernetes.workload import find_workload
from kgate.model import Batch, Note
from kgate.rendering.helm.contents import FilesRead
from kgate.repository import Repository
from kgate.yamltree import spelling
from kgate.yamltree.text import decode

_API_VERSION = re.compile("apiVersion")


class Beside:
    """Knows which files of charts their templates read, and what is in the others."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._files_read: dict[Path, FilesRead] = {}

    def is_read(self, path: Path, chart: Path) -> bool:
        """True if a template of a chart reads a file, which then is a part of what the chart renders."""
        if chart not in self._files_read:
            self._files_read[chart] = FilesRead.of(chart, self._repository)
        return self._files_read[chart].holds(path.relative_to(chart).as_posix())

    def unused_template(self, path: Path, chart: Path) -> Note | None:
        """A note for a text that only a template could be, and that its chart does not render: no one can apply it."""
        text = self._text(path)
        if "{{" not in text:
            return None
        shown = self._repository.shown(path)
        contents = _read(shown, text)
        if contents.resources or not contents.problems:
            return None
        message = f"reads as a template that the chart {self._repository.shown(chart)} does not render, not judged"
        return Note(shown, None, message)

    def unused_workload(self, path: Path, chart: Path) -> Note | None:
        """A note for a file with a workload, although its name is that of a part of its chart."""
        text = self._text(path)
        if not spelling.may_hold(text, _API_VERSION):
            return None
        shown = self._repository.shown(path)
        if not any(map(find_workload, _read(shown, text).resources)) or self.is_read(path, chart):
            return None
        message = f"is judged as it is written: the chart {self._repository.shown(chart)} does not render it"
        return Note(shown, None, message)

    def _text(self, path: Path) -> str:
        """The text of a file; empty if it cannot be read."""
        try:
            return decode(self._repository.read_bytes(path, manifest.MAX_FILE_BYTES))
        except (OSError, UnicodeDecodeError):
            return ""


def _read(shown: str, text: str) -> Batch:
    return manifest.read(shown, text.encode("utf-8", "replace"))
