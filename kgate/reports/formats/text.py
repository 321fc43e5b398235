"""The text report: what an engineer reads when the pull request goes red."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.model import Report
from kgate.reports import longtext, shorttext
from kgate.reports.lines import fitted, plain, styled
from kgate.reports.presentation import Detail, Presentation


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields the lines of the report, for a terminal, a file or a pipe."""
    body = longtext if presentation.detail is Detail.VERBOSE else shorttext
    show = styled if presentation.color else plain
    for whole in body.lines(report, presentation):
        for part in fitted(whole, presentation):
            yield show(part) + "\n"
