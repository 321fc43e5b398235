"""The Markdown of a comparison: for a job summary or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from kgate.model import Diff, FindingChange, FindingState, Location, Remark, WorkloadChange
from kgate.reports.diffs.changes import became, finding_changes, object_changes, totals, workload_changes
from kgate.reports.formats.markdown import MARKER, MAX_CHARS, inert
from kgate.reports.links import line_page
from kgate.reports.presentation import Presentation
from kgate.reports.wording import answer, change, counted

_RESERVE = 1_000
"""Bytes for the headings, and for the sentences that say what was cut."""

_TITLES = {
    FindingState.NEW: "New findings",
    FindingState.GONE: "Findings that are gone",
    FindingState.MOVED: "Findings that moved",
    FindingState.WAIVED: "Findings that are waived now",
}


def render(diff: Diff, presentation: Presentation) -> Iterator[str]:
    """Yields GitHub Flavored Markdown of at most ``max_chars`` bytes, which says what had to be cut."""
    head = "".join(_head(diff))
    room = min(presentation.max_chars or MAX_CHARS, MAX_CHARS) - len(head.encode()) - _RESERVE
    yield head
    for title, rows, noun in _parts(diff, presentation):
        written, left = [], 0
        for row in rows:
            size = len(row.encode())
            if left or size > room:
                left += 1
            else:
                room -= size
                written.append(row)
        if written or left:
            yield f"\n### {title}\n\n{''.join(written)}"
        if left:
            yield f"{chr(10) if written else ''}{counted(left, f'more {noun}')} did not fit; -f json has all.\n"
    yield f"\n{inert(totals(diff))}.\n"


def _head(diff: Diff) -> Iterator[str]:
    before, after = diff.titles
    yield f"{MARKER}\n## kgate: {inert(answer(diff.after.verdict))}\n\n"
    yield f"From {_code(before)} to {_code(after)}.\n"
    remarks = (*diff.after.verdict.reasons, *diff.notes)
    if remarks:
        yield f"\n{''.join(f'- {inert(text)}{chr(10)}' for text in remarks)}"


def _parts(diff: Diff, presentation: Presentation) -> Iterator[tuple[str, Iterable[str], str]]:
    """Yields the parts of the page: the heading, the rows, and what a row is about."""
    yield "Workloads", map(_workload, workload_changes(diff)), "workload"
    others = (f"- {_code(one.name)} {_code(one.path)}: {inert(became(one))}\n" for one in object_changes(diff))
    yield "Other objects", others, "object"
    changes = finding_changes(diff)
    finding = partial(_finding, link_base=presentation.link_base)
    for state, title in _TITLES.items():
        yield title, map(finding, (one for one in changes if one.state is state)), "finding"
    yield "Not read or not judged", map(_remark, (*diff.after.problems, *diff.after.unjudged)), "place"


def _code(text: str) -> str:
    return f"<code>{inert(text)}</code>"


def _workload(one: WorkloadChange) -> str:
    rendering = f" {_code(one.renderings[0])}" if one.renderings else ""
    return f"- {_code(one.workload)} {_code(one.path)}{rendering}: {inert(change(one))}\n"


def _finding(change: FindingChange, link_base: str) -> str:
    one = change.finding
    container = f", container {_code(one.container)}" if one.container is not None else ""
    now = _place(one.location, link_base if change.after is not None else "")
    if change.state is FindingState.MOVED and change.before is not None:
        now = f"{_place(change.before.location, '')} → {now}"
    return f"- **{one.rule.severity.label}** {_code(one.rule.id)} {now} {_code(str(one.resource))}{container}\n"


def _place(location: Location, link_base: str) -> str:
    text, page = _code(f"{location.path}:{location.start.line}"), line_page(link_base, location)
    return f"[{text}]({page})" if page else text


def _remark(one: Remark) -> str:
    place = one.path if one.line is None else f"{one.path}:{one.line}"
    return f"- {_code(place)}: {_code(one.text)}\n"
