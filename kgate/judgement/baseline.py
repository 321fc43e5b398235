"""Compares what a scan found with what an earlier one did: which findings are new, and which workloads got worse."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import takewhile

from kgate.model import (
    Assessment,
    Compared,
    Finding,
    FindingChange,
    Found,
    Rendering,
    ResourceId,
    WorkloadChange,
)
from kgate.values import dataclass


@dataclass(frozen=True, slots=True, order=True)
class KnownFinding:
    """A finding of then: the file in which its resource begins, the resource (``Kind/namespace/name``), the rule, the
    container and the field as Finding.anchor has it, and its fingerprint. ``written`` is Finding.known_as, and
    ``runs_pods`` says that the resource is a workload."""

    path: str
    resource: str
    rule: str
    container: str
    field: str
    written: str
    fingerprint: str
    runs_pods: bool

    @property
    def kind(self) -> str:
        """The kind of the resource."""
        return self.resource.partition("/")[0]


@dataclass(frozen=True, slots=True, order=True)
class KnownWorkload:
    """A workload of then, by its file, name and renderings, and its score: None if not all of it could be judged."""

    path: str
    resource: str
    renderings: tuple[str, ...] = ()
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an earlier scan found, and how often: a resource may be in a file twice. ``title`` says what that was,
    ``is_whole`` that it holds all workloads, and not only those that failed. ``originals`` are the findings themselves,
    the first of each; empty for what was read from a file."""

    findings: Mapping[KnownFinding, int]
    workloads: tuple[KnownWorkload, ...] = ()
    title: str = ""
    is_whole: bool = False
    originals: Mapping[KnownFinding, Finding] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is known of the scanned files: whether one is there (``has``), and whether the scan covers one, be it there
    or not (``covers``)."""

    has: Callable[[str], bool]
    covers: Callable[[str], bool]


EVERYTHING = Scanned(lambda _: True, lambda _: True)
"""Every file is there and covered: nothing has moved."""


def record(findings: Iterable[Finding], assessments: Sequence[Assessment], title: str = "") -> Baseline:
    """Returns what a later scan is compared with: what is neither waived nor about the gate, and all workloads."""
    workloads = {(one.location.path, one.workload) for one in assessments}
    known: Counter[KnownFinding] = Counter()
    originals: dict[KnownFinding, Finding] = {}
    for finding in findings:
        if finding.waiver is None and not finding.is_about_gate:
            one = _known(finding, (finding.source, finding.resource) in workloads)
            known[one] += 1
            originals.setdefault(one, finding)
    found = tuple(sorted({_workload(one) for one in assessments}, key=_order))
    return Baseline(known, found, title, originals=originals)


def failing(baseline: Baseline, assessments: Iterable[Assessment]) -> Baseline:
    """Returns a baseline with those of these workloads alone that do not reach their threshold."""
    below = {_workload(one) for one in assessments if not one.score.passed}
    return replace(baseline, workloads=tuple(one for one in baseline.workloads if one in below))


def _order(one: KnownWorkload) -> tuple[object, ...]:
    return one.path, one.resource, one.renderings, accepted_score(one)


def _known(finding: Finding, runs_pods: bool) -> KnownFinding:
    where = finding.container or "", finding.anchor, finding.known_as
    return KnownFinding(finding.source, str(finding.resource), finding.rule.id, *where, finding.fingerprint, runs_pods)


def _workload(assessment: Assessment) -> KnownWorkload:
    score = assessment.score.value if assessment.score.is_judged else None
    return KnownWorkload(assessment.location.path, str(assessment.workload), _names(assessment), score)


def _names(assessment: Assessment) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(rendering_name, assessment.renderings)))


def rendering_name(rendering: Rendering) -> str:
    """Returns a rendering without the place of the object that asks for it, whose line may move."""
    owner = rendering.requested_by.rpartition(" ")[0]
    return str(replace(rendering, requested_by=owner))


# --------------------------------------------------------------------------------------- comparing


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a scan found, each finding new or not and each workload known or not; ``kept`` is what of the baseline still
    stands for something, where and how it is now, with what the scan does not cover."""

    found: Found
    compared: Compared
    kept: Baseline


def compare(found: Found, baseline: Baseline, scanned: Scanned = EVERYTHING) -> Comparison:
    """Compares what a scan found with what was known. Every known finding stands for one finding at most.

    A finding is known by its fingerprint in its file. If its file or object moved, it is known by the fingerprint
    alone, by its object and field, or by what its template calls the object, but only if it is gone from where it was.
    """
    matches = _Matches(found, baseline, scanned)
    findings = tuple(replace(one, is_new=matches.is_new(one)) for one in found.findings)
    new, scores = _NewFindings(findings), _Scores(found.assessments, baseline.workloads, matches.moved)
    first = sorted(found.assessments, key=lambda one: one.score.passed)  # what passes needs no excuse
    known_then = {id(one): scores.of(one) for one in first}
    then = [known_then[id(one)] for one in found.assessments]
    pairs = zip(found.assessments, then, strict=True)
    assessments = tuple(_compared(one, known, new.of(one)) for one, known in pairs)
    compared = replace(found, findings=findings, assessments=assessments)
    kept = Baseline(
        _kept_findings(findings, matches.left, found.assessments, scanned),
        _kept_workloads(assessments, then, scores.unused, scanned),
        baseline.title,
    )
    gone = sum(baseline.findings.values()) - sum(kept.findings.values())
    figures = _figures(compared, baseline.title, gone)
    if baseline.is_whole:
        changes = _changes(assessments, then, new, _Gone(matches.left, scores.unused))
        figures = replace(
            figures, changes=changes, findings=_finding_changes(found.findings, findings, matches, baseline)
        )
    return Comparison(compared, figures, kept)


def _figures(found: Found, title: str, gone: int) -> Compared:
    open_ones = [one for one in found.findings if one.waiver is None]
    new = sum(one.is_new is True for one in open_ones) + sum(found.unlisted.findings.values())
    known = sum(one.is_new is False for one in open_ones)
    return Compared(title, new, known, sum(one.is_known for one in found.assessments), gone)


def _kept_findings(
    findings: Iterable[Finding],
    left: Mapping[KnownFinding, int],
    assessments: Sequence[Assessment],
    scanned: Scanned,
) -> dict[KnownFinding, int]:
    """Returns the known findings as they are now, and those that the scan does not cover."""
    now = record((one for one in findings if one.is_new is False), assessments)
    return {**now.findings, **{one: count for one, count in left.items() if not scanned.covers(one.path)}}


def _kept_workloads(
    assessments: Iterable[Assessment],
    then: Iterable[Iterable[KnownWorkload | None]],
    unused: Iterable[KnownWorkload],
    scanned: Scanned,
) -> tuple[KnownWorkload, ...]:
    """Returns the scores of the workloads that fail, which only rise, and those that the scan does not cover."""
    kept = {one for one in unused if not scanned.covers(one.path)}
    for assessment, known in zip(assessments, then, strict=True):
        if assessment.is_known:
            kept.add(_workload(assessment))
        elif not assessment.passed:
            kept.update(one for one in known if one is not None)
    return tuple(sorted(kept, key=_order))


class _Matches:
    """Which known finding each finding is: ``known`` has that by the id of the object, ``left`` what no finding is."""

    def __init__(self, found: Found, baseline: Baseline, scanned: Scanned) -> None:
        self._scanned = scanned
        self._is_whole = not sum((*found.unlisted.findings.values(), *found.unlisted.scores.values()))
        self._present = {(one.location.path, str(one.workload)) for one in found.assessments}
        self._fingerprints = {one.fingerprint for one in baseline.findings}
        self.known: dict[int, KnownFinding] = {}
        self.left = dict(baseline.findings)
        self.moved: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        pending = [one for one in found.findings if one.waiver is None and not one.is_about_gate]
        for keys_now, keys_then in _WAYS:
            pending = self._match(pending, keys_now, keys_then)

    def is_new(self, finding: Finding) -> bool:
        """True if nothing known is this finding; a waived one is if its fingerprint is not known."""
        if finding.waiver is not None:
            return finding.fingerprint not in self._fingerprints
        return id(finding) not in self.known

    def _match(self, pending: Sequence[Finding], keys_now: _KeysNow, keys_then: _KeysThen) -> list[Finding]:
        """Finds known ones with a key in common. Returns the findings that are left."""
        index: defaultdict[Hashable, list[KnownFinding]] = defaultdict(list)
        for known in self.left if pending else ():
            for key in keys_then(known):
                index[key].append(known)
        rest = []
        for finding in pending:
            candidates = (known for key in keys_now(finding) for known in index.get(key, ()))
            found = next((known for known in candidates if self._may_be(known, finding)), None)
            if found is None:
                rest.append(finding)
            else:
                self._take(found, finding)
        return rest

    def _take(self, known: KnownFinding, finding: Finding) -> None:
        self.known[id(finding)] = known
        self.left[known] -= 1
        if not self.left[known]:
            del self.left[known]
        for resource in finding.resources:
            self.moved[finding.source, str(resource)].add((known.path, known.resource))

    def _may_be(self, known: KnownFinding, finding: Finding) -> bool:
        """True if a known finding that is not taken yet may be a finding with the same key."""
        return known in self.left and (known.path == finding.source or self._is_gone(known, finding))

    def _is_gone(self, known: KnownFinding, finding: Finding) -> bool:
        """True if the resource of a known finding is no longer where it was."""
        if not self._scanned.has(known.path):
            return True
        has_same_name = known.resource in map(str, finding.resources)
        is_absent = known.runs_pods and (known.path, known.resource) not in self._present
        return has_same_name and is_absent and self._is_whole


_Key = tuple[str, str, str]
"""The path, the resource and the rendering of a workload."""

_Moved = Mapping[tuple[str, str], Iterable[tuple[str, str]]]
"""Path and resource of then, by those of now."""

_KeysNow = Callable[[Finding], Iterable[Hashable]]
_KeysThen = Callable[[KnownFinding], Iterable[Hashable]]


def _by_name_now(finding: Finding) -> Iterator[Hashable]:
    what = finding.rule.id, finding.container or "", finding.anchor
    return ((str(resource), *what) for resource in finding.resources)


def _by_template_now(finding: Finding) -> Iterator[Hashable]:
    if finding.known_as:
        yield finding.resource.kind, finding.known_as, finding.rule.id, finding.container or "", finding.anchor


def _by_template_then(known: KnownFinding) -> Iterator[Hashable]:
    if known.written:
        yield known.kind, known.written, known.rule, known.container, known.field


_WAYS: tuple[tuple[_KeysNow, _KeysThen], ...] = (
    (lambda one: ((one.fingerprint, one.source),), lambda one: ((one.fingerprint, one.path),)),
    (lambda one: (one.fingerprint,), lambda one: (one.fingerprint,)),
    (_by_name_now, lambda one: ((one.resource, one.rule, one.container, one.field),)),
    (_by_template_now, _by_template_then),
)
"""The keys by which a finding is known, the surest first: those of a finding, and those of a known one."""


class _Scores:
    """The known scores of workloads, each for one rendering of a workload at a place. ``unused`` are those that stand
    for nothing (yet): a score of what is gone from where it was stands for one rendering at most."""

    def __init__(self, assessments: Iterable[Assessment], known: Iterable[KnownWorkload], moved: _Moved) -> None:
        self._moved = moved
        self._exact = {key: one for one in known for key in _keys(one)}
        present = {key for one in assessments for key in _keys(_workload(one))}
        self._gone = {key: one for key, one in self._exact.items() if key not in present}
        self._by_name: defaultdict[str, list[_Key]] = defaultdict(list)
        for key in self._gone:
            self._by_name[key[1]].append(key)
        self.unused = set(self._exact.values())

    def of(self, assessment: Assessment) -> tuple[KnownWorkload | None, ...]:
        """Returns what is known of each rendering of a workload."""
        now = _workload(assessment)
        found = tuple(self._find(key, accepted_score(now)) for key in _keys(now))
        self.unused.difference_update(one for one in found if one is not None)
        return found

    def _find(self, key: _Key, score: int) -> KnownWorkload | None:
        """Returns the known workload that one is, or was before it moved, or before something else rendered it. Of
        several of one name, it is the one whose score is nearest, and no higher if there is such a one, and of equal
        ones the one whose path ends most alike."""
        if found := self._exact.get(key):
            return found
        path, resource, name = key
        tool, title = _tool(name), _without_path(name)
        own, old = self._by_name.get(resource, ()), self._moved.get((path, resource), ())
        moved = (one for place in sorted(old) for one in self._by_name.get(place[1], ()) if one[:2] == place)
        likely = [one for one in (*own, *moved) if one in self._gone]
        ways: tuple[Callable[[_Key], bool], ...] = (
            lambda one: one[1] == resource and _without_path(one[2]) == title,
            lambda one: _without_path(one[2]) == title,
            lambda one: one[:2] == (path, resource) and _tool(one[2]) == tool,
        )
        for fits in ways:
            fitting = [one for one in likely if fits(one)]
            if fitting:
                return self._gone.pop(min(fitting, key=lambda one: self._distance(one, path, score)))
        return None

    def _distance(self, key: _Key, path: str, score: int) -> tuple[object, ...]:
        """How far a known workload is from one with a path and a score: a lower score is nearer than a higher one."""
        known = accepted_score(self._gone[key])
        return known > score, abs(known - score), -_common_end(key[0], path), key


def _common_end(one: str, other: str) -> int:
    """How many names at their ends two paths have in common."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _compared(assessment: Assessment, then: Sequence[KnownWorkload | None], new: Iterable[Finding]) -> Assessment:
    """Returns an assessment with the score of then, and whether it fails no worse; ``new`` are its new findings."""
    scores = [one.score for one in then if one is not None]
    if len(scores) < len(then):
        return assessment
    known = [one for one in scores if one is not None]
    score, decisive = assessment.score, assessment.score.decisive
    is_worse = score.value < max(known, default=0) if score.is_judged else bool(known)
    decides = decisive is not None and any(one.rule.severity >= decisive for one in new)
    return replace(assessment, before=max(known, default=None), is_known=not (score.passed or is_worse or decides))


@dataclass(frozen=True, slots=True)
class _Gone:
    """What of a baseline stands for nothing: findings, and workloads."""

    findings: Mapping[KnownFinding, int]
    workloads: Iterable[KnownWorkload]

    def count(self, places: Collection[tuple[str, str]]) -> int:
        """How many findings are gone from some objects."""
        return sum(count for one, count in self.findings.items() if (one.path, one.resource) in places)


def _changes(
    assessments: Iterable[Assessment],
    then: Iterable[Iterable[KnownWorkload | None]],
    new: _NewFindings,
    gone: _Gone,
) -> tuple[WorkloadChange, ...]:
    """Returns the workloads that are not as they were, with those that are gone."""
    changes = []
    for assessment, found in zip(assessments, then, strict=True):
        known = [one for one in found if one is not None]
        now = _workload(assessment)
        left = gone.count({(one.path, one.resource) for one in known})
        change = WorkloadChange(
            now.resource, now.path, now.renderings, assessment.before, now.score, len([*new.of(assessment)]), left
        )
        change = replace(change, is_new=not known, moved_from=_moved_from(now, known))
        if change.new or change.gone or change.before != change.after or change.is_new or change.moved_from:
            changes.append(change)
    for one in gone.workloads:
        left = gone.count({(one.path, one.resource)})
        changes.append(WorkloadChange(one.resource, one.path, one.renderings, one.score, None, 0, left, is_gone=True))
    return tuple(sorted(changes, key=lambda one: (one.path, one.workload, one.renderings, one.is_gone)))


def _moved_from(now: KnownWorkload, then: Iterable[KnownWorkload]) -> str:
    """Returns the file of then if that is another one, else the name, else what rendered it; empty if all are as they
    are now, but for the values that it is rendered with."""
    sources = {_source(name) for name in now.renderings}
    for one in then:
        if one.path != now.path:
            return one.path
        if one.resource != now.resource:
            return one.resource
        others = [name for name in map(_source, one.renderings) if name not in sources]
        if others and sources:
            return others[0]
    return ""


def _finding_changes(
    found: Sequence[Finding], now: Sequence[Finding], matches: _Matches, baseline: Baseline
) -> tuple[FindingChange, ...]:
    """Returns the findings that are not as they were; ``now`` are those that were found, in the same order, each new or
    not."""
    changes: list[FindingChange] = []
    waived = {one.fingerprint: one for one in now if one.waiver is not None}
    for known, count in matches.left.items():
        changes += [FindingChange(baseline.originals[known], waived.get(known.fingerprint))] * count
    for finding, one in zip(found, now, strict=True):
        then = matches.known.get(id(finding))
        if then is not None and (then.path != one.source or then.resource not in map(str, one.resources)):
            changes.append(FindingChange(baseline.originals[then], one))
        elif one.is_new and one.waiver is None:
            changes.append(FindingChange(None, one))
    return tuple(changes)


class _NewFindings:
    """The new findings of each workload."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._findings: defaultdict[tuple[str, ResourceId], list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.is_new and finding.waiver is None:
                for resource in finding.resources:
                    self._findings[finding.source, resource].append(finding)

    def of(self, assessment: Assessment) -> Iterator[Finding]:
        """Yields those of a workload as it is rendered."""
        own = set(assessment.renderings)
        found = self._findings.get((assessment.location.path, assessment.workload), ())
        return (one for one in found if not one.renderings or not own.isdisjoint(one.renderings))


def _keys(known: KnownWorkload) -> Iterator[_Key]:
    return ((known.path, known.resource, name) for name in known.renderings or ("",))


def accepted_score(one: KnownWorkload) -> int:
    """Returns the score that is accepted; one that is not known is lower than any."""
    return -1 if one.score is None else one.score


def _tool(name: str) -> str:
    """Returns the tool of a rendering; empty for what is not rendered."""
    return name.partition(" ")[0]


def _source(name: str) -> str:
    """Returns the tool of a rendering, and the chart or kustomization."""
    return name.partition(", ")[0]


def _without_path(name: str) -> str:
    """Returns the name of a rendering without the path of the chart or kustomization."""
    return re.sub(r"\A(\w+) .*?(?=, |\Z)", r"\1", name, count=1, flags=re.DOTALL)
