"""Finds the files of a chart in the repository that matter to what it renders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from kgate.repository import Repository

_DATA = (
    *(".md", ".txt", ".jpg", ".jpeg", ".gif", ".png", ".wmv", ".flv", ".tar.gz", ".zip"),
    *(".gitignore", ".gitattributes", ".gitmodules"),
)
"""Files that matter only if the templates read files."""

_CHANGES = re.compile(rb"\b(set|unset|\w*[mM]erge\w*)\b")
_DEFINES = re.compile(rb"\b(define|block)\b")


def decisive_files(chart: Path, repository: Repository) -> Iterator[Path]:
    """Yields the files and links of a chart's folder, except texts and pictures that no template reads, and notes that
    change nothing for the templates. Raises SearchError."""
    files = list(repository.files_below(chart))
    texts = {file: repository.bytes_if_any(file) for file in files if "templates" in file.parts}
    reads = any(b"Files" in text for text in texts.values())
    changes = any(_CHANGES.search(text) for text in texts.values())
    for file in files:
        if file.name == "NOTES.txt" and file in texts:
            is_decisive = changes or _DEFINES.search(texts[file]) is not None
        else:
            is_decisive = reads or file in texts or not file.name.lower().endswith(_DATA)
        if is_decisive:
            yield file
