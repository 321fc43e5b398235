"""The lines around a finding, read again from its file: only reports that show them need them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import takewhile

from kgate.model import Finding
from kgate.reports.presentation import Presentation
from kgate.values import dataclass

_FILES_HELD = 8
"""Files whose lines are kept while findings are written, which stand in the order of their files."""


_SECRET = re.compile(r"""\bkind["']?\s*:\s*["']?(?:Secret(?:List)?|EncryptionConfig(?:uration)?)\b""")


_SECRETIVE = ("Secret", "Config", "MachineConfig", "RKEConfig")
"""Kinds that hold what no report may show: Secrets, and configurations of k3s, Talos and RKE, with their tokens."""


@dataclass(frozen=True, slots=True)
class _Text:
    """The lines of a file, from which on each document lasts, and which of them hold Secrets."""

    lines: Sequence[str]
    starts: Sequence[int] = ()
    with_secrets: frozenset[int] = frozenset()

    @classmethod
    def of(cls, lines: Sequence[str]) -> _Text:
        """Finds the documents of a file."""
        starts = [0, *(number for number, line in enumerate(lines) if number and not _is_inside(line))]
        secrets = (number for number, line in enumerate(lines) if "kind" in line and _SECRET.search(line))
        return cls(lines, starts, frozenset(bisect_right(starts, number) for number in secrets))

    def is_beside_secret(self, index: int) -> bool:
        """True if a line is in a document that holds a Secret."""
        return bisect_right(self.starts, index) in self.with_secrets


@dataclass(frozen=True, slots=True)
class LinesAround:
    """Gives the lines around a finding. ``text`` returns those of a file by its path."""

    text: Callable[[str], _Text]

    @classmethod
    def of(cls, presentation: Presentation) -> LinesAround:
        """The surroundings of all findings of a report; none where files are not at hand."""
        source = presentation.source
        if source is None:
            return cls(lambda _: _Text(()))
        return cls(lru_cache(_FILES_HELD)(lambda path: _Text.of(source(path).split("\n"))))

    def around(self, finding: Finding, count: int) -> tuple[list[str], list[str]]:
        """Returns at most ``count`` lines before and after a finding, within its document; none if the file shows
        another line there than the report does: it is not the one that was judged, or something in it is concealed.
        None of a Secret or the like either, nor of a document that holds one: they may hold what no report may show."""
        location = finding.location
        text, index = self.text(location.path), location.start.line - 1
        lines = text.lines
        is_known = location.snippet and 0 <= index < len(lines) and lines[index].startswith(location.snippet)
        if not is_known or finding.resource.kind in _SECRETIVE or text.is_beside_secret(index):
            return [], []
        before = takewhile(_is_inside, reversed(lines[max(index - count, 0) : index]))
        following = list(lines[index + 1 : index + 1 + count])
        if index + 1 + len(following) == len(lines) and following[-1:] == [""]:
            following.pop()  # what follows the last line end is no line
        return [line.rstrip() for line in before][::-1], [line.rstrip() for line in takewhile(_is_inside, following)]


def _is_inside(line: str) -> bool:
    """True unless a line ends the document."""
    return not line.startswith(("---", "..."))
