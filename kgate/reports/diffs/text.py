"""The text report of a comparison: a line for each workload, object and finding that is not as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from kgate.model import Diff, FindingChange, FindingState, Remark
from kgate.reports.diffs.changes import became, finding_changes, object_changes, totals, workload_changes
from kgate.reports.lines import Line, fitted, line, plain, styled
from kgate.reports.presentation import Detail, Presentation
from kgate.reports.safety import one_line
from kgate.reports.textparts import DOUBT, SEVERITY_STYLES, change_line, path_text, place, remark_place, verdict

_FEW = 20
"""Findings of a sort, and remarks, that are listed unless everything is asked for."""

_SIGNS = {
    FindingState.NEW: ("+", "red"),
    FindingState.GONE: ("-", "green"),
    FindingState.MOVED: (">", "cyan"),
    FindingState.WAIVED: ("~", "yellow"),
}


def render(diff: Diff, presentation: Presentation) -> Iterator[str]:
    """Yields the lines of the report, for a terminal, a file or a pipe."""
    show = styled if presentation.color else plain
    for whole in lines(diff, presentation):
        for part in fitted(whole, presentation):
            yield show(part) + "\n"


def lines(diff: Diff, presentation: Presentation) -> Iterator[Line]:
    """Yields what changed, what is not known of it, and the verdict."""
    before, after = map(one_line, diff.titles)
    yield line((f"From {before} to {after}", "bold"))
    most = None if presentation.detail is Detail.VERBOSE else _FEW
    changed = workload_changes(diff)
    if changed:
        yield line(("Workloads", "bold"))
        yield from (change_line(one, presentation) for one in changed)
    others = object_changes(diff)
    if others:
        yield line(("Other objects", "bold"))
        for one in others:
            yield line(f"  {one_line(one.name)}  ", (path_text(one.path, presentation), "dim"), f"  {became(one)}")
    yield from _findings(finding_changes(diff), most, presentation)
    remarks = [*diff.after.problems, *diff.after.unjudged]
    if remarks:
        yield line(("Not read or not judged", "bold"))
        yield from _remarks(remarks, most, presentation)
    yield from (line(f"  note: {one_line(text)}") for text in diff.notes)
    yield line(f"  {totals(diff)}")
    yield from verdict(diff.after)


def _findings(changes: Sequence[FindingChange], most: int | None, presentation: Presentation) -> Iterator[Line]:
    if changes:
        yield line(("Findings", "bold"))
    width = max((len(one.finding.rule.id) for one in changes), default=0)
    for state, group in groupby(changes, key=lambda one: one.state):
        same = list(group)
        shown = same[:most]
        yield from (_finding(one, width, presentation) for one in shown)
        if len(same) > len(shown):
            yield line(f"    … and {len(same) - len(shown):,} more {state.value} (--verbose shows all)")


def _finding(change: FindingChange, width: int, presentation: Presentation) -> Line:
    one = change.finding
    severity = (f"{one.rule.severity.label:<8}", SEVERITY_STYLES[one.rule.severity])
    rule = f"{one.rule.id}{' ' * (width - len(one.rule.id))}"
    who = f"{one.resource}" + (f", container {one.container}" if one.container is not None else "")
    places = [place(each.location, presentation) for each in (change.before, change.after) if each is not None]
    where = " → ".join(dict.fromkeys(places if change.state is FindingState.MOVED else places[-1:]))
    sign, style = _SIGNS[change.state]
    return line("  ", (sign, style), " ", severity, f" {rule}  ", (where, "dim"), f"  {one_line(who)}")


def _remarks(remarks: Sequence[Remark], most: int | None, presentation: Presentation) -> Iterator[Line]:
    shown = remarks[:most]
    for one in shown:
        yield line("  ", ("!", DOUBT), f" {remark_place(one, presentation)}: {one_line(one.text)}")
    if len(remarks) > len(shown):
        yield line(f"    … and {len(remarks) - len(shown):,} more (--verbose shows all)")
