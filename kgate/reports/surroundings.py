"""The lines around a finding, read again from its file: only reports that show them need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import takewhile

from kgate.model import Finding
from kgate.reports.presentation import Presentation
from kgate.values import dataclass

_FILES_HELD = 8
"""Files whose lines are kept while findings are written, which stand in the order of their files."""


@dataclass(frozen=True, slots=True)
class LinesAround:
    """Gives the lines around a finding. ``lines`` returns those of a file by its path."""

    lines: Callable[[str], Sequence[str]]

    @classmethod
    def of(cls, presentation: Presentation) -> LinesAround:
        """The surroundings of all findings of a report; none where files are not at hand."""
        source = presentation.source
        if source is None:
            return cls(lambda _: ())
        return cls(lru_cache(_FILES_HELD)(lambda path: source(path).split("\n")))

    def around(self, finding: Finding, count: int) -> tuple[list[str], list[str]]:
        """Returns at most ``count`` lines before and after a finding, within its document; none if the file shows
        another line there than the report does: it is not the one that was judged, or something in it is concealed.
        None of a Secret either: they may hold what no report may show."""
        location = finding.location
        lines, index = self.lines(location.path), location.start.line - 1
        is_known = location.snippet and 0 <= index < len(lines) and lines[index].startswith(location.snippet)
        if not is_known or finding.resource.kind == "Secret":
            return [], []
        before = takewhile(_is_inside, reversed(lines[max(index - count, 0) : index]))
        following = list(lines[index + 1 : index + 1 + count])
        if index + 1 + len(following) == len(lines) and following[-1:] == [""]:
            following.pop()  # what follows the last line end is no line
        return [line.rstrip() for line in before][::-1], [line.rstrip() for line in takewhile(_is_inside, following)]


def _is_inside(line: str) -> bool:
    """True unless a line ends the document."""
    return not line.startswith(("---", "..."))
