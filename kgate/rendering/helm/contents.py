"""Finds the files of a chart in the repository that matter to what it renders."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kgate.regexp import PatternError
from kgate.rendering import goglob, gotemplate
from kgate.rendering.goglob import Glob
from kgate.repository import Repository, SearchError
from kgate.values import dataclass

_DATA = (
    *(".md", ".txt", ".jpg", ".jpeg", ".gif", ".png", ".wmv", ".flv", ".tar.gz", ".zip"),
    *(".gitignore", ".gitattributes", ".gitmodules"),
)
"""Files that matter only if the templates read files."""

CHANGES = re.compile(rb"\b(?:set|unset)\b|[mM]erge")
"""What changes the values of templates that are rendered later."""

DEFINES = re.compile(rb"\b(define|block)\b")
"""What defines a template that others may include."""


def decisive_files(chart: Path, repository: Repository) -> Iterator[Path]:
    """Yields the files and links of a chart's folder, except texts and pictures that no template reads, and notes that
    change nothing for the templates. Raises SearchError."""
    files = list(repository.files_below(chart))
    texts = {file: repository.bytes_if_any(file) for file in files if "templates" in file.parts}
    reads = any(b"Files" in text for text in texts.values())
    changes = any(CHANGES.search(text) for text in texts.values())
    for file in files:
        if file.name == "NOTES.txt" and file in texts:
            is_decisive = changes or DEFINES.search(texts[file]) is not None
        else:
            is_decisive = reads or file in texts or not file.name.lower().endswith(_DATA)
        if is_decisive:
            yield file


_LITERAL = re.compile(r"\"([^\"\\\n]{1,300})\"|`([^`\n]{1,300})`")
_VERB = re.compile(r"%[-+# 0-9.]*[a-zA-Z]")
_WILD = re.compile(r"[*?\[{]")
_ALL_FILES = re.compile(r"\.Files\.As(?:Config|Secrets)\b|\.Files ?\||^range [^\n|(]*\.Files$", re.MULTILINE)
_AROUND = " \t\r\n\"'`:,()[]"
_MOST_PATTERNS = 200


@dataclass(frozen=True, slots=True)
class FilesRead:
    """Which files of a chart its templates read with ``.Files``, as far as their texts and values tell: those whose
    paths are written there, or match what is (a glob, a format). ``is_any`` if a template looks at all of them."""

    text: str = ""
    patterns: tuple[Glob, ...] = ()
    is_any: bool = False

    @classmethod
    def of(cls, chart: Path, repository: Repository) -> FilesRead:
        """Those of a chart in a folder; its sub-charts may read them, too, with what it passes to them."""
        try:
            files = [file for file in repository.files_below(chart) if "templates" in file.relative_to(chart).parts]
        except SearchError:
            return cls()
        templates = "\n".join(_actions(repository.bytes_if_any(file).decode("utf-8", "replace")) for file in files)
        if "Files" not in templates:
            return cls()
        values = (
            repository.bytes_if_any(chart / name) for name in repository.names(chart) if name.startswith("values")
        )
        text = "\n".join((templates, *(one.decode("utf-8", "replace") for one in values)))
        found = dict.fromkeys(_VERB.sub("*", match[1] or match[2]) for match in _LITERAL.finditer(templates))
        wild = [pattern for pattern in found if _WILD.search(pattern) and pattern.strip("*/. ")]
        wild += ["**"] if "**" in found else []
        return cls(text, tuple(_globs(wild[:_MOST_PATTERNS])), _ALL_FILES.search(templates) is not None)

    def holds(self, name: str) -> bool:
        """True if a template reads a file, by its path in the chart."""
        return self.is_any or self._is_written(name) or any(pattern.matches(name) for pattern in self.patterns)

    def _is_written(self, name: str) -> bool:
        """True if the text holds a path as a whole."""
        start = self.text.find(name)
        while start >= 0:
            around = self.text[max(0, start - 1) : start] + self.text[start + len(name) : start + len(name) + 1]
            if all(letter in _AROUND for letter in around):
                return True
            start = self.text.find(name, start + 1)
        return False


def _actions(text: str) -> str:
    """The actions of a template, a line each, without its comments; all of a text that is not a template."""
    try:
        bodies = [token.body for token in gotemplate.tokens(text) if token.body and not token.is_comment]
        return "\n".join(" ".join(body.split()) for body in bodies)
    except gotemplate.TemplateError:
        return text


def _globs(patterns: Iterable[str]) -> Iterator[Glob]:
    for pattern in patterns:
        with contextlib.suppress(PatternError):
            yield goglob.doublestar(pattern)
