"""What the formats of a comparison share: its findings in their order, the objects they are about, and totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from kgate.model import Diff, Finding, FindingChange, FindingState, Report, WorkloadChange
from kgate.reports.wording import counted
from kgate.values import dataclass

_ORDER = (FindingState.NEW, FindingState.WAIVED, FindingState.GONE, FindingState.MOVED)


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """An object that runs no pods and has findings that are not as they were. ``is_new`` and ``is_gone`` say that only
    one state has findings about it."""

    name: str
    path: str
    new: int
    gone: int
    is_new: bool
    is_gone: bool


def workload_changes(diff: Diff) -> Sequence[WorkloadChange]:
    """Returns the workloads that are not as they were."""
    compared = diff.after.compared
    return (compared.changes if compared is not None else None) or ()


def finding_changes(diff: Diff) -> list[FindingChange]:
    """Returns the findings that are not as they were: the new ones first, of each sort the worst first."""
    compared = diff.after.compared
    found = (compared.findings if compared is not None else None) or ()
    return sorted(found, key=_order)


def _order(change: FindingChange) -> tuple[object, ...]:
    one = change.finding
    return _ORDER.index(change.state), -one.rule.severity, one.location.order, one.rule.id, one.resource


def object_changes(diff: Diff) -> list[ObjectChange]:
    """Returns the objects without a score that have changed findings, sorted by their files."""
    before, after = set(_names(diff.before.findings)), set(_names(diff.after.findings))
    workloads = {str(one.workload) for report in (diff.before, diff.after) for one in report.assessments}
    states: Counter[tuple[str, str, FindingState]] = Counter()
    for change in finding_changes(diff):
        name = str(change.finding.resource)
        if name not in workloads and not change.finding.is_about_gate:
            states[change.finding.source, name, change.state] += 1
    return [
        ObjectChange(
            name,
            path,
            states[path, name, FindingState.NEW],
            states[path, name, FindingState.GONE],
            name not in before,
            name not in after,
        )
        for path, name in sorted({(path, name) for path, name, _ in states})
    ]


def _names(findings: Sequence[Finding]) -> Iterator[str]:
    return (str(resource) for finding in findings for resource in finding.resources)


def became(one: ObjectChange) -> str:
    """Returns what became of an object: ``new, 2 new findings``."""
    parts = ["new"] if one.is_new else ["gone"] if one.is_gone else []
    parts += [counted(one.new, "new finding")] if one.new else []
    parts += [f"{one.gone:,} gone"] if one.gone and not one.is_gone else []
    return ", ".join(parts) or "moved"


def totals(diff: Diff) -> str:
    """Returns how much both states hold, and how many findings there are of each sort."""
    states = Counter(change.state for change in finding_changes(diff))
    known = diff.after.compared.known if diff.after.compared is not None else 0
    findings = [counted(states[FindingState.NEW], "new finding")]
    findings += [f"{states[state]:,} {state.value}" for state in _ORDER[1:] if states[state]]
    return "; ".join((", ".join(_sizes(diff.before, diff.after)), ", ".join((*findings, f"{known:,} known in all"))))


def _sizes(before: Report, after: Report) -> Iterator[str]:
    pairs = (
        (before.workloads, after.workloads, "workload"),
        (before.counts.resources, after.counts.resources, "object"),
    )
    for then, now, noun in pairs:
        yield counted(now, noun) if then == now else f"{then:,} → {counted(now, noun)}"
