"""The text report: what an engineer reads when the pull request goes red."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.model import Report
from kgate.reports import longtext, shorttext
from kgate.reports.lines import Line, broken, cells, plain, styled
from kgate.reports.presentation import Detail, Presentation

_HANG = 4
"""Columns by which the rest of a broken line is indented, beyond its start."""


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields the lines of the report, for a terminal, a file or a pipe."""
    body = longtext if presentation.detail is Detail.VERBOSE else shorttext
    show = styled if presentation.color else plain
    for whole in body.lines(report, presentation):
        for part in _fitted(whole, presentation):
            yield show(part) + "\n"


def _fitted(whole: Line, presentation: Presentation) -> Iterator[Line]:
    """Yields a line, as several if it is to be broken and does not fit."""
    text = plain(whole)
    if not presentation.breaks or cells(text) <= presentation.width:
        yield whole
        return
    yield from broken(whole, presentation.width, len(text) - len(text.lstrip(" ")) + _HANG)
