"""Which objects and findings a report shows: those that decide the verdict, unless its reader asks for others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from kgate.model import Assessment, Finding, Report, ResourceId, Severity
from kgate.reports.presentation import Presentation, Show
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """An object, or several of one source with the same findings: those that are shown, and the assessments of what is
    a workload, the worst first. ``fails`` is False for what is shown although it does not decide the verdict."""

    resource: ResourceId
    path: str
    assessments: Sequence[Assessment]
    findings: Sequence[Finding]
    fails: bool

    @property
    def order(self) -> tuple[object, ...]:
        """A key that sorts what decides the verdict last, and the worst last of all."""
        worst = self.assessments[0].score.order if self.assessments else (True, 100, False)
        gravity = max((finding.rule.severity for finding in self.findings), default=Severity.LOW)
        is_about_gate = any(finding.is_about_gate for finding in self.findings)
        known, value, bound = worst
        return is_about_gate, self.fails, not known, -value, not bound, gravity


class Selection:
    """What the reader asked for, and what of it decides the verdict."""

    def __init__(self, report: Report, presentation: Presentation) -> None:
        self._report = report
        self._presentation = presentation

    @cached_property
    def blocks(self) -> Sequence[Block]:
        """The objects to show, the worst last."""
        blocks = [*self._of_workloads(), *self._of_others()]
        return sorted(blocks, key=lambda block: block.order)

    @cached_property
    def _by_object(self) -> Mapping[tuple[str, ResourceId], Sequence[Finding]]:
        """The findings of each object of each source."""
        found: dict[tuple[str, ResourceId], list[Finding]] = {}
        for finding in self._report.findings:
            for resource in finding.resources:
                found.setdefault((finding.source, resource), []).append(finding)
        return found

    def _of_workloads(self) -> Iterator[Block]:
        """A block for all workloads of a source that have the same findings."""
        alike: dict[tuple[object, ...], tuple[list[Assessment], list[Finding], bool]] = {}
        for assessment in self._report.assessments:
            found = self._findings(assessment)
            shown, fails = self._shown(found, assessment), self._fails(found, assessment)
            if shown or not assessment.passed:
                key = assessment.location.path, fails, tuple(map(id, shown))
                alike.setdefault(key, ([], shown, fails))[0].append(assessment)
        for assessments, listed, fails in alike.values():
            ranked = sorted(assessments, key=lambda a: a.score.order)
            yield Block(ranked[0].workload, ranked[0].location.path, ranked, _in_order(listed), fails)

    def _findings(self, assessment: Assessment) -> Sequence[Finding]:
        found = self._by_object.get((assessment.location.path, assessment.workload), ())
        own = set(assessment.renderings)
        return [one for one in found if not one.renderings or not own.isdisjoint(one.renderings)]

    def _of_others(self) -> Iterator[Block]:
        """A block for each object that runs no pods."""
        workloads = {(one.location.path, one.workload) for one in self._report.assessments}
        for (path, resource), found in self._by_object.items():
            own = [one for one in found if one.resource == resource]
            if (path, resource) not in workloads and (shown := self._shown(own, None)):
                yield Block(resource, path, (), _in_order(shown), self._fails(own, None))

    def _shown(self, findings: Sequence[Finding], assessment: Assessment | None) -> list[Finding]:
        """The findings of an object that are shown."""
        asked = self._presentation
        if asked.show is Show.FAILED and not self._fails(findings, assessment):
            return []
        least = asked.min_severity
        if least is not None:
            return [one for one in findings if one.rule.severity >= least]
        if asked.show is Show.ALL:
            return list(findings)
        decisive = [one for one in findings if self._decides(one, assessment)]
        return [one for one in decisive if one.is_new] or decisive

    def _fails(self, findings: Iterable[Finding], assessment: Assessment | None) -> bool:
        """True if an object decides that the gate fails."""
        return (assessment is not None and not assessment.passed) or any(map(self._is_refused, findings))

    def _decides(self, finding: Finding, assessment: Assessment | None) -> bool:
        """True if the object does not pass while it has this finding."""
        least = assessment.score.decisive if assessment is not None else None
        is_open = finding.waiver is None
        return self._is_refused(finding) or (is_open and least is not None and finding.rule.severity >= least)

    def _is_refused(self, finding: Finding) -> bool:
        """True if a finding fails by itself, whatever the score is."""
        return finding.is_about_gate or finding.fails(self._report.fail_on)


def failing(report: Report) -> list[Block]:
    """Returns the objects that make the gate fail, the worst first, each with the findings that have to go."""
    return list(reversed(Selection(report, Presentation()).blocks))


def decisive(report: Report) -> list[Finding]:
    """Returns each finding that an object fails for once: what weakens the gate, then the worst."""
    found = {id(finding): finding for block in failing(report) for finding in block.findings}
    return sorted(
        found.values(),
        key=lambda one: (not one.is_about_gate, -one.rule.severity, -one.rule.points, one.location.order, one.rule.id),
    )


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(
        findings, key=lambda f: (f.is_new is False, -f.rule.severity, -f.rule.points, f.rule.id, f.location.order)
    )
