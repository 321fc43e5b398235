"""Parts of pods in an object that a chart or an operator completes: what is left to say once charts are rendered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from kgate.judgement.engine import Judgement
from kgate.judgement.score import with_waivers
from kgate.model import AppliedValues, Assessment, Finding, Pointer, Problem, Rendering, Unjudged
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class PartialWorkload:
    """The results for an object (Resource.title) that holds parts of pods.

    ``base`` is where the object begins in its document, ``pods`` where the parts are in the object. ``path`` is the
    file of a plain manifest.
    """

    owner: str
    base: Pointer
    pods: tuple[Pointer, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    unjudged: tuple[Unjudged, ...]
    assessment: Assessment
    path: str

    @classmethod
    def of(cls, judgement: Judgement, assessment: Assessment, path: str) -> PartialWorkload:
        """The results for the workload of a judgement."""
        assert judgement.workload is not None
        resource = judgement.workload.resource
        pods = tuple(pod.pointer for pod in judgement.workload.pods)
        found = judgement.findings, judgement.problems, judgement.unjudged
        return cls(resource.title, resource.pointer, pods, *found, assessment, path)

    @property
    def renderings(self) -> tuple[Rendering, ...]:
        """What rendered the object; empty for a plain manifest."""
        return self.assessment.renderings

    def without(self, applied: Collection[AppliedValues]) -> PartialWorkload | None:
        """What is left without the parts in values that a chart was rendered with; None if nothing is."""
        gone = [one.pointer for one in applied if one.owner == self.owner]
        pods = tuple(pod for pod in self.pods if not _is_in(pod, gone))
        if not gone or len(pods) == len(self.pods):
            return self
        if not pods:
            return None
        below = [self.base + pointer for pointer in gone]
        findings = tuple(finding for finding in self.findings if not _is_in(finding.location.pointer, below))
        rules = [rule for finding in findings for rule in finding.rules]
        explicit = {finding.rule.id for finding in findings if finding.is_explicit}
        score = with_waivers(self.assessment.score, rules, findings, explicit)
        assessment = replace(self.assessment, score=score)
        return replace(self, pods=pods, findings=findings, assessment=assessment)


def _is_in(pointer: Pointer, places: Collection[Pointer]) -> bool:
    return any(pointer == place or pointer.startswith(f"{place}/") for place in places)
