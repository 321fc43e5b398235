"""Fixes plain manifests: plans edits, judges what they make of a file, and goes on until nothing is left to fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace

from kgate.fix.edit import Edit, offset_before
from kgate.fix.plan import Fixed, LeftAlone, Plan, plan
from kgate.judgement.engine import Judge
from kgate.judgement.inline import Comments
from kgate.judgement.ledger import Assessed, assess
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.model import Assessment, Finding, Problem, Resource, ResourceId
from kgate.values import dataclass
from kgate.yamltree.text import SourceText

_MOST_ROUNDS = 5
"""A fix may make another one possible, as one of a privileged container does."""


@dataclass(frozen=True, slots=True)
class FileFix:
    """What becomes of a file: its text before and after, what is fixed, with the lines of the text before, and what
    is left alone, with those of the text after."""

    path: str
    before: str
    after: str
    fixed: tuple[Fixed, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a text was judged to be."""

    findings: tuple[Finding, ...]
    assessments: tuple[Assessment, ...]
    problems: tuple[Problem, ...]

    @property
    def offences(self) -> Counter[Hashable]:
        """How often each offence is there, wherever its line is."""
        return Counter(map(_offence, self.findings))

    @property
    def waived(self) -> Counter[Hashable]:
        """How often each offence is there and waived."""
        return Counter(_offence(finding) for finding in self.findings if finding.waiver is not None)


def _offence(finding: Finding) -> Hashable:
    return finding.rule.id, finding.resource, finding.container, finding.anchor


@dataclass(frozen=True, slots=True)
class _TextComments:
    """The comments of one file as it would be (inline.Comments)."""

    path: str
    text: str

    def paths(self) -> Iterator[str]:
        """See Comments."""
        yield self.path

    def lines(self, path: str) -> Sequence[str]:
        """See Comments."""
        return self.text.split("\n") if path == self.path else ()

    def is_trusted(self, path: str, text: str, who: ResourceId) -> bool | None:  # noqa: ARG002 - of Comments
        """See Comments: fixes keep what is waived, whoever waives it."""
        return True


@dataclass(frozen=True, slots=True)
class ManifestFixer:
    """Fixes files by what ``assess`` finds out about objects, with remedies and with the waivers in comments; ``kinds``
    are those that rules are about, ``facts`` those of all files."""

    assess: Callable[[Resource, Facts, Comments], Assessed]
    kinds: Collection[str]
    facts: Facts = Facts()
    with_unsafe: bool = False

    @classmethod
    def by(cls, judge: Judge, *, with_unsafe: bool = False) -> ManifestFixer:
        """What fixes files by the rules of one judge, whatever other files hold."""
        return cls(lambda resource, facts, _: assess(judge, resource, 0, facts), judge.kinds, with_unsafe=with_unsafe)

    def fix(
        self, path: str, text: str, about: Collection[ResourceId], keeps: Callable[[Finding], bool] = lambda _: False
    ) -> FileFix:
        """Returns what becomes of a file if all about some resources is fixed but for the findings to keep."""
        before, fixed, left, rounds = text, list[Fixed](), list[LeftAlone](), list[Collection[Edit]]()
        for _ in range(_MOST_ROUNDS):
            judged = self._judged(path, text)
            findings = [one for one in judged.findings if one.resource in about and not keeps(one)]
            made = self._plan(path, text, findings, judged)
            fixed += [replace(one, finding=_moved(one.finding, text, before, rounds)) for one in made.fixed]
            left = list(made.left_alone)
            if made.text == text:
                break
            text = made.text
            rounds.append(made.edits)
        return FileFix(path, before, text, tuple(fixed), tuple(left))

    def plan(self, path: str, text: str, findings: Iterable[Finding]) -> Plan:
        """Returns the edits that fix findings of a text, as ``fix`` makes them first."""
        return self._plan(path, text, findings, None)

    def _plan(self, path: str, text: str, findings: Iterable[Finding], judged: _Judged | None) -> Plan:
        check = _Checked(self, path, judged or self._judged(path, text)).objection
        return plan(text, findings, with_unsafe=self.with_unsafe, check=check)

    def _judged(self, path: str, text: str) -> _Judged:
        batch = manifest.read_text(SourceText(path, text), self.kinds)
        comments = _TextComments(path, text)
        results = [self.assess(resource, self.facts, comments) for resource in batch.resources]
        return _Judged(
            tuple(finding for findings, _, _ in results for finding in findings),
            tuple(assessment for _, assessment, _ in results if assessment is not None),
            (*batch.problems, *(problem for _, _, problems in results for problem in problems)),
        )


@dataclass(frozen=True, slots=True)
class _Checked:
    """Compares what a text is judged to be with what it was before."""

    fixer: ManifestFixer
    path: str
    before: _Judged

    def objection(self, text: str, fixed: Sequence[Finding]) -> str:
        """Returns why these fixes are not right; empty if they are."""
        after = self.fixer._judged(self.path, text)
        if len(after.problems) > len(self.before.problems) or len(after.assessments) != len(self.before.assessments):
            return "the file could not be judged any more"
        pairs = zip(self.before.assessments, after.assessments, strict=True)
        if any(now.score.value < then.score.value for then, now in pairs):
            return "a score would fall"
        if self.before.waived - after.waived:
            return "a waiver in the file would no longer be about what it waives"
        left = self.before.offences - Counter(map(_offence, fixed))
        found = after.offences
        if any(found[offence] > left[offence] for offence in map(_offence, fixed)):
            return "the rule still finds it after the fix"
        return ""


def _moved(finding: Finding, text: str, before: str, rounds: Sequence[Iterable[Edit]]) -> Finding:
    """Returns a finding in a text with its place in the text before the edits of some rounds."""
    if not rounds:
        return finding
    location = finding.location
    lines = text.split("\n")[: location.start.line - 1]
    offset = sum(len(line) + 1 for line in lines) + location.start.column - 1
    for edits in reversed(rounds):
        offset = offset_before(offset, edits)
    start = SourceText(location.path, before).position(offset)
    return replace(finding, location=replace(location, start=start, end=start))
