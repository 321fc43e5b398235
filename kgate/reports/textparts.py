"""The parts that the short and the long text report share."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from kgate.model import (
    UNKNOWN,
    Assessment,
    Fate,
    FileFate,
    Location,
    Remark,
    Rendering,
    Report,
    Rule,
    Score,
    Severity,
    WorkloadChange,
)
from kgate.reports import wording
from kgate.reports.lines import Line, cells, cut, line, sticky
from kgate.reports.links import rule_page
from kgate.reports.presentation import Presentation
from kgate.reports.safety import one_line
from kgate.reports.waived import waived_count
from kgate.reports.wording import allowances, answer, change, counted, settings, uncovered

SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}
GRADE_STYLES = {"A": "green", "B": "green", "C": "yellow", "D": "red", "F": "bold red", UNKNOWN: "dim"}
DOUBT = "bold magenta"
"""The style of what could not be judged."""

_NUMBER_WIDTH = 7
_LEAST_TEXT = 30


def path_text(path: str, presentation: Presentation) -> str:
    """Returns a path as the reader would type it, inert, and never broken."""
    return sticky(one_line(presentation.folder.path(path)))


def place(location: Location, presentation: Presentation) -> str:
    """Returns file, line and column, so that a terminal or an editor opens it with a click."""
    return f"{path_text(location.path, presentation)}:{location.start.line}:{location.start.column}"


def remark_place(remark: Remark, presentation: Presentation) -> str:
    """Returns the file that a remark is about, and the line if it is about one."""
    path = path_text(remark.path, presentation)
    return path if remark.line is None else f"{path}:{remark.line}"


def file_link(location: Location, presentation: Presentation) -> str:
    """Returns the style of a place: a link where the terminal shows links."""
    if presentation.linked_folder is None:
        return "underline"
    from urllib.parse import quote

    return f"underline link file://{quote(f'{presentation.linked_folder}/{location.path}', errors='backslashreplace')}"


def rule_link(rule: Rule, presentation: Presentation) -> str:
    """Returns the style of the name of a rule: a link to its page where the terminal shows links."""
    page = rule_page(rule)
    return f"bold link {page}" if presentation.linked_folder and page else "bold"


def from_here(renderings: Iterable[Rendering], presentation: Presentation) -> list[Rendering]:
    """Returns renderings whose paths start where the reader is."""
    return [replace(one, path=presentation.folder.path(one.path)) for one in renderings]


def excerpt(location: Location, presentation: Presentation) -> Iterator[Line]:
    """Yields the offending line, as far as it fits, with the field underlined if it is shown unchanged."""
    stripped = location.snippet.lstrip()
    text = one_line(stripped)
    room = max(presentation.width - _NUMBER_WIDTH - 3, _LEAST_TEXT)
    shown = cut(text, room)
    number = f"{location.start.line:>{_NUMBER_WIDTH}}"
    yield line((sticky(f"{number} │ "), "dim"), sticky(shown))
    offset = location.start.column - 1 - (len(location.snippet) - len(stripped))
    length = min(location.end.column - location.start.column, len(shown) - offset)
    if text == stripped and offset >= 0 and length > 0:
        before, marked = cells(shown[:offset]), cells(shown[offset : offset + length])
        yield line((sticky(" " * _NUMBER_WIDTH + " │ " + " " * before), "dim"), ("^" * marked, "red"))


@cache
def paragraph(label: str, text: str, width: int) -> tuple[Line, ...]:
    """Returns a text with a label of three letters before it, in lines of at most ``width`` columns."""
    wrap = textwrap.TextWrapper(max(width - 9, _LEAST_TEXT), break_long_words=False, break_on_hyphens=False)
    first, *others = wrap.wrap(" ".join(text.split())) or [""]
    return (line("    ", (label, "bold"), f"  {first}"), *(line(f"         {one}") for one in others))


def level(assessment: Assessment) -> str:
    """Returns the Pod Security level with what it is a level of."""
    version = assessment.kubernetes_version
    return f"PSS {assessment.pss_level}" + (f" for Kubernetes {version}" if version else "")


def settings_text(report: Report, presentation: Presentation) -> str:
    """Returns what makes the report another one than the defaults would; empty if nothing does."""
    return one_line("; ".join(settings(report, presentation.folder)))


def graded(score: Score) -> tuple[str, str]:
    """Returns the score and the grade, with their style."""
    return f"score {wording.graded(score)}", GRADE_STYLES[score.grade]


def file_lines(files: Sequence[FileFate], presentation: Presentation) -> Iterator[Line]:
    """Yields what became of every file, where somebody asked for that."""
    if files:
        width = max(len(fate.value) for fate in Fate)
        yield line(("Files", "bold"))
        for file in files:
            reasons = f"  {one_line('; '.join(file.reasons))}" if file.reasons else ""
            yield line(f"  {file.fate.value:<{width}}  {path_text(file.path, presentation)}", (reasons, "dim"))
        yield line()


def severities(counts: Iterable[tuple[Severity, int]]) -> str:
    """Returns how many there are of each severity: ``1 critical, 12 low``; empty if there are none."""
    return ", ".join(f"{count:,} {severity.label}" for severity, count in counts if count)


def totals(report: Report) -> str:
    """Returns how much was read and found."""
    read = report.counts
    waived = f", {found}" if (found := waived_count(report)) else ""
    objects = f"{counted(read.resources, 'object')} of {counted(read.files, 'file')}"
    parts = (
        f"{counted(report.workloads, 'workload')} in {objects}, for Kubernetes {report.kubernetes_version}",
        f"{severities(report.severities.items()) or 'no findings'}{waived}",
        uncovered(report.uncovered),
        f"{counted(read.ignored, 'other document')} ignored" if read.ignored else "",
    )
    return "; ".join(part for part in parts if part)


def passing(report: Report) -> str:
    """Returns what is to be said where nothing fails: workloads, the lowest, findings."""
    parts = [counted(report.workloads, "workload")]
    known = [one for one in report.assessments if not one.score.is_bound]
    if known:
        lowest = min(known, key=lambda one: (one.score.order, one.location.order, one.workload))
        parts[0] += f", lowest {lowest.score.value} {one_line(str(lowest.workload))}"
    parts += allowances(report)
    parts.append(severities(report.severities.items()) or "no findings")
    parts += [found] if (found := waived_count(report)) else []
    return "; ".join(parts)


def change_lines(report: Report, presentation: Presentation) -> Iterator[Line]:
    """Yields a line for each workload that is not as it was in the revision that the scan is compared with."""
    changes = report.compared.changes if report.compared else None
    if changes:
        yield line((f"Changed since {one_line(report.compared.title if report.compared else '')}", "bold"))
        yield from (change_line(one, presentation) for one in changes)
        yield line()


def change_line(one: WorkloadChange, presentation: Presentation) -> Line:
    """Returns what became of a workload, as a line."""
    where = f"{path_text(one.path, presentation)}{f'  {one_line(one.renderings[0])}' if one.renderings else ''}"
    return line(f"  {one_line(one.workload)}  ", (where, "dim"), f"  {one_line(change(one))}")


def verdict(report: Report) -> Iterator[Line]:
    """Yields the verdict and its reasons, a single one on the same line."""
    found = report.verdict
    reasons = tuple(map(one_line, (*found.reasons, *(allowances(report) if found.passed else ()))))
    sign, style = ("!", DOUBT) if found.incomplete else ("✓", "bold green") if found.passed else ("✗", "bold red")
    word, _, rest = answer(found).partition(",")
    tail = f",{rest}" if rest else ""
    if len(reasons) == 1:
        yield line((f"{sign} {word}", style), f"{tail}: {reasons[0]}")
        return
    yield line((f"{sign} {word}", style), tail)
    for reason in reasons:
        yield line(f"  - {reason}")
