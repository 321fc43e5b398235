"""Collects what a scan finds: lists it up to a limit for each file, and counts all of it."""

from __future__ import annotations

import copy
from array import array
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from kgate.judgement.bar import Bar, Gates, NoGates, fail_on_of
from kgate.judgement.engine import NO_FACTS, Judge, Judgement, everything, upstream_id
from kgate.judgement.inline import Comments
from kgate.judgement.merge import merged_assessments, merged_findings, place
from kgate.judgement.partial import PartialWorkload
from kgate.judgement.score import decisive_for_level, open_rules, score, with_waivers
from kgate.judgement.unjoined import BoundAccounts, Joins
from kgate.judgement.waiving import NO_WAIVERS, Fits, Waivers, Waiving
from kgate.kubernetes import pss
from kgate.kubernetes.facts import BindingKey, Facts, UndefinedRole
from kgate.kubernetes.pss import LEVELS
from kgate.model import (
    UNKNOWN,
    Accepted,
    AppliedValues,
    Assessment,
    Batch,
    Counts,
    FailOn,
    Finding,
    Found,
    Note,
    Problem,
    Rendering,
    Resource,
    Rule,
    Score,
    Severity,
    Uncovered,
    Unjudged,
    Unlisted,
)
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.judgement.kept import KeptJudgements
    from kgate.judgement.reach import Powers
    from kgate.judgement.sharing import SharedClusters
    from kgate.kubernetes.clusters import PlacedFiles
    from kgate.kubernetes.podsecurity import EnforcedLevel
    from kgate.kubernetes.scopes import ClusterScope

MAX_LISTED = 100
"""Findings of one rule, workloads with one outcome, and problems that are listed for each file."""

MAX_COMPARED = 100_000
"""The same for a scan that is compared with another one: what is only counted cannot be known again."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The result for one workload; ``version`` is that of Kubernetes, if it is not the one of the scan."""

    score: Score
    level: str
    version: str = ""


Assessed: TypeAlias = tuple[Sequence[Finding], Assessment | None, Sequence[Problem]]
"""The findings of a resource, its score and level if it is a workload, and its problems."""


def assess(judge: Judge, resource: Resource, threshold: int, facts: Facts = NO_FACTS) -> Assessed:
    """Returns what a judge finds out about a resource."""
    judgement = judge.judge(resource, facts)
    outcome = _outcome(judge, judgement, Bar(threshold), Waiving(NO_WAIVERS))
    return judgement.findings, _assessment(resource, outcome) if outcome else None, judgement.problems


def _outcome(judge: Judge, judgement: Judgement, bar: Bar, waiving: Waiving) -> _Outcome | None:
    if judgement.workload is None:
        return None
    gaps: tuple[Problem | Unjudged, ...] = (*judgement.problems, *judgement.unjudged)
    is_judged, is_whole = not gaps, judgement.workload.is_whole
    ignored = tuple(sorted(rule.id for rule in judgement.ignored))
    left = open_rules(judgement.rules, judgement.findings)
    without = score((*left, *judgement.ignored), judgement.explicit) if ignored else None
    is_accepted = bool(gaps) and not any(map(waiving.is_open, gaps))
    found = Score(0, bar.min_score, not (is_judged and is_whole), is_judged or is_accepted, without, ignored)
    found = replace(found, level=bar.level, threshold_place=bar.min_score_place, level_place=bar.level_place)
    found = with_waivers(found, judgement.rules, judgement.findings, judgement.explicit)
    found = replace(found, is_accepted=is_accepted)
    version = "" if bar.minor is None else f"1.{bar.minor}"
    if not is_whole:
        return _Outcome(found, UNKNOWN, version)
    level = pss.level(judge.level_rules, judgement.offended) if is_judged else LEVELS[0]
    offended = judgement.offended - {*found.waived, *map(upstream_id, found.waived)}
    reached = pss.level(judge.level_rules, offended) if found.is_judged else LEVELS[0]
    if bar.level and LEVELS.index(reached) < LEVELS.index(bar.level):
        found = _missing(found, decisive_for_level(left, bar.level))
    return _Outcome(found, level, version)


def _missing(found: Score, severity: Severity | None) -> Score:
    """The score of a workload that misses its level by findings of a severity or above."""
    decisive = min((one for one in (found.decisive, severity) if one is not None), default=None)
    return replace(found, misses_level=True, decisive=decisive)


def _outcome_of(assessment: Assessment) -> _Outcome:
    return _Outcome(assessment.score, assessment.pss_level, assessment.kubernetes_version)


def _assessment(resource: Resource, outcome: _Outcome) -> Assessment:
    renderings = () if resource.rendering is None else (resource.rendering,)
    place = resource.locate("")
    return Assessment(resource.id, place, outcome.score, outcome.level, renderings, outcome.version)


@dataclass(slots=True)
class _Quota:
    """Counts what is listed of one file, at most so many of a kind, and what is not."""

    most: int
    listed: Counter[Hashable] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    gated: Counter[tuple[str, FailOn]] = field(default_factory=Counter)
    outcomes: Counter[_Outcome] = field(default_factory=Counter)
    problems: int = 0
    notes: int = 0
    unjudged: int = 0
    waived: int = 0
    accepted: int = 0

    def lists(self, what: Hashable) -> bool:
        """Counts one more of a rule (by its id), an outcome, or a class of remarks; True if it is to be listed."""
        self.listed[what] += 1
        return self.listed[what] <= self.most

    def copied(self) -> _Quota:
        """Returns a quota with the same counts, which then change by themselves."""
        found = replace(self, listed=Counter(self.listed), rules=Counter(self.rules))
        return replace(found, gated=Counter(self.gated), outcomes=Counter(self.outcomes))

    def leave_out(self, rule: str, number: int, fail_on: FailOn | None) -> None:
        """Counts findings that are not listed."""
        self.rules[rule] += number
        if fail_on is not None and number:
            self.gated[rule, fail_on] += number

    def note(self, path: str) -> Note | None:
        """Says what of a file is not listed; None if everything is."""
        rules = [f"{rule} ({count:,})" for rule, count in sorted(self.rules.items()) if count]
        parts = [f"findings of {', '.join(rules)}"] if rules else []
        workloads = sum(self.outcomes.values())
        parts += [f"{workloads:,} workloads that came to the same as listed ones"] if workloads else []
        parts += [f"{self.problems:,} problems"] if self.problems else []
        parts += [f"{self.unjudged:,} that are not judged"] if self.unjudged else []
        parts += [f"{self.waived:,} waived findings"] if self.waived else []
        parts += [f"{self.accepted:,} accepted problems and unjudged parts"] if self.accepted else []
        parts += [f"{self.notes:,} notes"] if self.notes else []
        if not parts:
            return None
        bound = f"a report lists {self.most:,} of a kind for each file, and counts all"
        return Note(path, None, f"not listed are {'; '.join(parts)}: {bound}")


@dataclass(frozen=True, slots=True)
class Page:
    """The results for some plain manifests: what is listed, the quotas of their files, and how much was read."""

    findings: tuple[Finding, ...]
    assessments: tuple[Assessment, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]
    quotas: Mapping[str, _Quota]
    counts: Counts
    uncovered: Uncovered
    partial: tuple[PartialWorkload, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    matched: frozenset[int] = frozenset()
    accepted: tuple[Accepted, ...] = ()
    fits: Fits = Fits()
    used: frozenset[BindingKey] = frozenset()
    enforced: tuple[EnforcedLevel, ...] = ()
    reached: tuple[tuple[str, str, str], ...] = ()
    joins: Joins = field(default_factory=Joins)


_RBAC_GROUPS = frozenset({"rbac.authorization.k8s.io", "authorization.openshift.io"})


class _SharedPowers:
    """The powers by the rules of a judge, made when the first of the ledgers that share them asks for them."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._made: Powers | None = None

    def get(self) -> Powers:
        """Returns the powers."""
        if self._made is None:
            from kgate.judgement.reach import Powers  # few scans of a manifest need it

            self._made = Powers(self._judge.rules, self._judge.minor, self._judge.ignored)
        return self._made


class Ledger:
    """All findings, assessments and problems of a scan, in the order in which they are found."""

    def __init__(
        self,
        judge: Judge,
        bar: Bar,
        gates: Gates | None = None,
        judges: Mapping[int, Judge] | None = None,
        waivers: Waivers = NO_WAIVERS,
        *,
        sees_files_only: bool = False,
    ) -> None:
        """``bar`` is what all workloads must reach for which no gate says more, ``judges`` has a judge for each further
        Kubernetes 1.x version of the gates. ``sees_files_only`` says that somebody named the files that are judged, so
        that what they refer to may be in others."""
        self._most = MAX_LISTED
        self._judge = judge
        self._bar = bar
        self._gates = gates or NoGates()
        self._judges = judges or {}
        self._powers = _SharedPowers(judge)
        self._kept: KeptJudgements | None = None
        self._used: set[BindingKey] = set()
        self._joins = Joins()
        self._bound = BoundAccounts()
        self._plain: Facts | None = None
        self._shared: SharedClusters | None = None
        self._held: deque[Batch] = deque()
        self._defined: set[tuple[str, str, str]] = set()
        self._undefined: dict[UndefinedRole, None] = {}
        self._enforced: dict[EnforcedLevel, None] = {}
        self._reached: dict[tuple[str, str, str], None] = {}
        self._matched: set[int] = set()
        self._waivers = waivers
        self._waiving = Waiving(waivers)
        self._sees_files_only = sees_files_only
        self._quotas: dict[str, _Quota] = {}
        self._borrowed: set[str] = set()
        self._findings: list[Finding] = []
        self._assessments: list[Assessment] = []
        self._problems: list[Problem] = []
        self._notes: dict[Note, None] = {}
        self._unjudged: dict[Unjudged, None] = {}
        self._accepted: dict[Accepted, None] = {}
        self._rendered = _Rendered(MAX_LISTED)
        self._partial: list[PartialWorkload] = []
        self._applied: set[AppliedValues] = set()
        self._uncovered = Uncovered()

    def emptied(self, comments: Comments | None = None) -> Ledger:
        """Returns a ledger that judges in the same way, and in which nothing is written yet; it looks for waivers in
        other comments, if some are given, and then says of none that it is of no use."""
        waivers = self._waivers
        if comments is not None and waivers.inline is not None:
            waivers = replace(waivers, inline=replace(waivers.inline, comments=comments), is_whole=False)
        own = Ledger(self._judge, self._bar, self._gates, self._judges, waivers, sees_files_only=self._sees_files_only)
        own.list_up_to(self._most)
        own._powers, own._kept = self._powers, self._kept
        return own

    def known(self, facts: Facts) -> Facts:
        """Returns the facts of plain manifests, joined; what is rendered may rely on the same objects, and be selected
        by the same policies."""
        self._plain = None
        found = self.joined(facts)
        found = replace(found, clusters=tuple(map(self._joined_in_cluster, facts.clusters)))
        clusters = tuple(replace(one, elsewhere=None, shared=()) for one in found.clusters)
        self._plain = replace(found, elsewhere=None, clusters=clusters)
        return found if self._shared is None else replace(found, placed=self._shared.of_files(found))

    def _joined_in_cluster(self, facts: Facts) -> Facts:
        if self._shared is not None and facts.cluster is not None:
            facts = self._shared.added_at(facts, (facts.cluster.name,))
        return self.joined(facts)

    def joined(self, facts: Facts, rendered: Iterable[Resource] = ()) -> Facts:
        """Returns facts that say what roles and bindings give to whom, and what is deployed elsewhere: in one
        rendering, whose resources are ``rendered``, or as ``known``."""
        rendered = tuple(rendered)
        plain = self._plain_beside(rendered)
        if plain is not None:
            facts = facts.beside(plain.policies) if plain.policies is not None else facts
            facts = replace(facts, elsewhere=facts.elsewhere or plain, cluster=plain.cluster)
        if self._shared is not None and rendered:
            facts = self._shared.added_to(facts, rendered)
        self._defined.update((one.id.kind, one.id.namespace, one.id.name) for one in facts.roles)
        if self._kept is not None and rendered and self._shared is None:
            facts = self._kept.joined(rendered, plain, partial(self._with_powers, facts))
        else:
            facts = self._with_powers(facts)
        self._add_undefined_of(facts)
        self._bound.add(facts, is_rendering=any(one.rendering is not None for one in rendered))
        return facts

    def by_release(self, resources: Sequence[Resource]) -> Iterable[Sequence[Resource]]:
        """Returns resources that were read together, grouped by what is deployed together: a chart may have several
        releases, some of which are alternatives and others in other clusters."""
        groups: dict[tuple[str, str], list[Resource]] = {}
        for one in resources:
            release = (one.rendering.variant, one.rendering.requested_by) if one.rendering is not None else ("", "")
            groups.setdefault(release, []).append(one)
        return groups.values()

    def holds_back(self, batch: Batch) -> bool:
        """True if what else is deployed to the same cluster must be known before something rendered is judged: then it
        is kept for ``released``."""
        if self._shared is not None or all(one.rendering is None for one in batch.resources):
            return False
        from kgate.judgement.sharing import may_be_shared  # no scan of a manifest needs it

        if not may_be_shared(batch, self._clusters):
            return False
        self._held.append(batch)
        return True

    def released(self) -> Iterator[Batch]:
        """Yields what was held back, once it is known what shares its clusters; each batch once."""
        while self._held and self._shared is not None:
            yield self._held.popleft()

    def rest(self) -> Iterator[Batch]:
        """Yields what is still held back, if nobody said that everything is rendered."""
        if self._held:
            from kgate.kubernetes.clusters import PlacedFiles

            self.share(PlacedFiles())
        yield from self.released()

    def share(self, placed: PlacedFiles) -> None:
        """Finds out what is put on clusters by all that is rendered, and by plain manifests that are judged next."""
        if self._held or placed.resources:
            from kgate.judgement.sharing import SharedClusters

            self._shared = SharedClusters([*self._held], placed, self._clusters, self._with_powers)

    @property
    def _clusters(self) -> Sequence[ClusterScope]:
        plain = self._plain.clusters if self._plain is not None else ()
        return [one.cluster for one in plain if one.cluster is not None]

    def _plain_beside(self, rendered: Iterable[Resource]) -> Facts | None:
        """What is known of plain manifests of the cluster that something rendered is deployed to."""
        if self._plain is None or not self._plain.clusters:
            return self._plain
        return next(map(self._plain.at, rendered), self._plain)

    def _add_undefined_of(self, facts: Facts) -> None:
        """Adds the roles that are not known; of those of a cluster the ones that others define."""
        name = facts.cluster.name if facts.cluster is not None else ""
        found = (one for one in facts.undefined if one not in self._undefined)
        self._undefined |= dict.fromkeys(replace(one, cluster=name) for one in found)

    def _with_powers(self, facts: Facts) -> Facts:
        if not facts.roles and (facts.elsewhere is None or not facts.elsewhere.roles):
            return facts
        return self._powers.get().join(facts)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that resources are judged by, for any version of Kubernetes."""
        rules = (rule for judge in (self._judge, *self._judges.values()) for rule in judge.rules)
        return tuple({rule.id: rule for rule in rules}.values())

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that these rules are about."""
        return self._judge.kinds.union(*(judge.kinds for judge in self._judges.values()))

    def keep_renderings(self) -> None:
        """Keeps what is found out about renderings for the ledgers that are emptied from this one: a later scan may get
        the same ones back."""
        from kgate.judgement.kept import KeptJudgements  # few scans have a second one

        self._kept = KeptJudgements()

    def list_up_to(self, most: int) -> None:
        """Lists up to so many of a kind for each file, of what is judged from now on."""
        self._most = most
        self._rendered = _Rendered(most)

    def judge(self, resource: Resource, path: str, facts: Facts = NO_FACTS) -> None:
        """Judges a resource; ``path`` is the file that holds it, if it is a plain manifest, ``facts`` are those of
        the resources that are deployed together with it."""
        if resource.rendering is not None:
            self._judge_rendered(resource, resource.rendering, facts)
            return
        quota, waiving = self._quota(path), self._waiving
        judgement, outcome, fail_on = self._judged(
            resource, facts, lambda rule: waiving.concerns(rule.id, path) or quota.lists(rule.id)
        )
        for rule in judgement.unlisted:
            quota.leave_out(rule.id, 1, fail_on(rule))
        judgement = replace(judgement, findings=tuple(self._listed(judgement.findings, path)))
        if judgement.workload is not None and outcome is not None and not judgement.workload.is_whole:
            self._partial.append(PartialWorkload.of(judgement, _assessment(resource, outcome), path))
            return
        self._findings += judgement.findings
        if outcome is not None:
            if quota.lists(outcome) or judgement.findings:
                self._assessments.append(_assessment(resource, outcome))
            else:
                quota.outcomes[outcome] += 1
        self.add_problems(judgement.problems)
        self.add_unjudged(judgement.unjudged)
        self._add_notes(judgement.notes)

    def assess(self, resource: Resource, facts: Facts, comments: Comments) -> Assessed:
        """Returns what is found out about a resource, whose file has these comments, without a limit on findings;
        nothing of it is kept."""
        own = self.emptied(comments)
        judgement, outcome, _ = own._judged(resource, facts)
        return judgement.findings, _assessment(resource, outcome) if outcome else None, judgement.problems

    def _listed(self, findings: Iterable[Finding], path: str) -> Iterator[Finding]:
        """Yields the findings of a plain manifest that are to be listed, and counts the others. Where a waiver may be
        about one, that is known only now: of those that are waived as many are listed as of the others."""
        quota = self._quota(path)
        for finding in findings:
            if not self._waiving.concerns(finding.rule.id, path) or quota.lists(_class(finding)):
                yield finding
            elif finding.waiver is not None:
                quota.waived += 1
            else:
                quota.leave_out(finding.rule.id, 1, finding.fail_on)

    def judge_files(self, files: Iterable[tuple[str, Iterable[Batch]]], facts: Facts = NO_FACTS) -> Page:
        """Judges plain manifests on a page of their own; this ledger does not change until the page is added."""
        own = self.emptied()
        counts = Counts()
        for path, batches in files:
            if path in self._quotas:
                own._quotas[path] = copy.deepcopy(self._quotas[path])
            for batch in batches:
                counts += batch.counts
                own.add_problems(batch.problems)
                own.add_unjudged(batch.unjudged)
                own.add_skipped(batch.skipped)
                for resource in batch.resources:
                    own.judge(resource, path, facts)
        listed = tuple(own._findings), tuple(own._assessments), tuple(own._problems), tuple(own._notes)
        rest = own._uncovered, tuple(own._partial), tuple(own._unjudged), frozenset(own._matched)
        return Page(
            *listed,
            own._quotas,
            counts,
            *rest,
            tuple(own._accepted),
            own._waiving.fits,
            frozenset(own._used),
            tuple(own._enforced),
            tuple(own._reached),
            own._joins,
        )

    def add_page(self, page: Page) -> None:
        """Adds the results for plain manifests; the page itself does not change, whatever comes later."""
        self._findings += page.findings
        self._assessments += page.assessments
        self._problems += page.problems
        self._notes |= dict.fromkeys(page.notes)
        self._unjudged |= dict.fromkeys(page.unjudged)
        self._quotas.update(page.quotas)
        self._borrowed.update(page.quotas)
        self._partial += page.partial
        self._accepted |= dict.fromkeys(page.accepted)
        self._waiving.add(page.fits)
        self._uncovered += page.uncovered
        self._matched |= page.matched
        self._used |= page.used
        self._enforced |= dict.fromkeys(page.enforced)
        self._reached |= dict.fromkeys(page.reached)
        self._joins.update(page.joins)

    def add_applied(self, values: Iterable[AppliedValues]) -> None:
        """Adds values that charts were rendered with: the parts of pods in them are judged in what was rendered."""
        self._applied.update(values)

    def add_skipped(self, objects: int) -> None:
        """Counts objects that were left unparsed, since they run nothing and no rule is about their kind."""
        self._uncovered += Uncovered(objects)

    def _count(self, resource: Resource, judgement: Judgement) -> None:
        if not judgement.is_covered:
            self._uncovered += Uncovered(1, int(resource.id.api_version.rpartition("/")[0] in _RBAC_GROUPS))

    def _judged(
        self, resource: Resource, facts: Facts, lists: Callable[[Rule], bool] = everything
    ) -> tuple[Judgement, _Outcome | None, Callable[[Rule], FailOn | None]]:
        """What was found out about a resource, the result if it is a workload, and when findings of a rule fail by
        themselves if that is not as in the whole scan."""
        facts = facts.at(resource)
        bar, matched = self._gates.bar(resource, self._bar)
        self._matched.update(matched)
        judge = self._judge if bar.minor is None else self._judges[bar.minor]
        if self._kept is not None and resource.rendering is not None:  # of which all findings are listed at first
            judgement = self._kept.judged(judge, resource, facts)
        else:
            judgement = judge.judge(resource, facts, lists)
        fail_on = partial(fail_on_of, bar, resource.id.kind, has_score=judgement.workload is not None)
        decided = [(finding, fail_on(finding.rule)) for finding in judgement.findings]
        if any(reason is not None for _, reason in decided):
            judgement = replace(judgement, findings=tuple(replace(one, fail_on=reason) for one, reason in decided))
        self._used |= judgement.used
        self._joins.add(resource, judgement.workload, facts)
        if self._sees_files_only and judgement.workload is not None:
            from kgate.judgement.unseen import unseen_bindings

            self._add_notes(unseen_bindings(resource, judgement.workload, facts))
        judgement = self._waiving.judged(judgement, resource)
        self._count(resource, judgement)
        self.add_unjudged(judgement.unfollowed)
        outcome = _outcome(judge, judgement, bar, self._waiving)
        self._add_level(resource, outcome)
        return judgement, outcome, fail_on

    def _judge_rendered(self, resource: Resource, rendering: Rendering, facts: Facts) -> None:
        judgement, outcome, _ = self._judged(resource, facts)
        assessment = _assessment(resource, outcome) if outcome else None
        if judgement.workload is not None and assessment is not None and not judgement.workload.is_whole:
            self._partial.append(PartialWorkload.of(judgement, assessment, ""))
            return
        self._rendered.add(judgement.findings, rendering, assessment)
        self.add_problems(judgement.problems)
        self.add_unjudged(judgement.unjudged)
        self._add_notes(judgement.notes)

    def _add_partial(self) -> None:
        """Adds the results for parts of pods, but for those that something was rendered from."""
        for fragment in self._partial:
            left = fragment.without(self._applied)
            if left is None:
                continue
            self.add_problems(left.problems)
            self.add_unjudged(left.unjudged)
            if left.renderings:
                self._rendered.add(left.findings, left.renderings[0], left.assessment)
                continue
            self._findings += left.findings
            outcome = _outcome_of(left.assessment)
            if self._quota(left.path).lists(outcome) or left.findings:
                self._assessments.append(left.assessment)
            else:
                self._quota(left.path).outcomes[outcome] += 1

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Adds what could not be read or judged, unless it is accepted."""
        self.add_own_problems(problem for problem in problems if not self._accepts(problem))

    def add_own_problems(self, problems: Iterable[Problem]) -> None:
        """Adds what nobody can accept: problems of the gate, and of the scan itself."""
        for problem in problems:
            quota = self._quota(problem.path)
            if quota.lists(Problem):
                self._problems.append(problem)
            else:
                quota.problems += 1

    def add_unjudged(self, unjudged: Iterable[Unjudged]) -> None:
        """Adds what is not judged, unless it is accepted; what several renderings share is one."""
        for one in unjudged:
            if one not in self._unjudged and not self._accepts(one):
                quota = self._quota(one.path)
                if quota.lists(Unjudged):
                    self._unjudged[one] = None
                else:
                    quota.unjudged += 1

    def _accepts(self, remark: Problem | Unjudged) -> bool:
        """True if a remark is accepted; then it is added as such."""
        accepted = self._waiving.accepted(remark)
        if accepted is not None and accepted not in self._accepted:
            quota = self._quota(remark.path)
            if quota.lists(Accepted):
                self._accepted[accepted] = None
            else:
                quota.accepted += 1
        return accepted is not None

    def _add_notes(self, notes: Iterable[Note]) -> None:
        """Adds notes; what several renderings share is one."""
        for note in notes:
            if note not in self._notes:
                quota = self._quota(note.path)
                if quota.lists(Note):
                    self._notes[note] = None
                else:
                    quota.notes += 1

    def _quota(self, path: str) -> _Quota:
        if path in self._borrowed:
            self._borrowed.remove(path)
            self._quotas[path] = self._quotas[path].copied()
        return self._quotas.setdefault(path, _Quota(self._most))

    def close(self) -> Found:
        """Returns everything, with one finding for each offence that several renderings share."""
        self._add_partial()
        self._add_undefined()
        if not self._sees_files_only:
            self._add_notes(self._unjoined())
        own = map(self._unless_used, (*self._findings, *self._rendered.findings(self._quota)))
        findings = [*self._waiving.fits.weakenings, *own]
        with_findings = {(finding.source, who) for finding in findings for who in finding.resources}
        assessments = self._assessments
        for assessment in self._rendered.assessments():
            path = assessment.location.path
            quota = self._quota(path)
            outcome = _outcome_of(assessment)
            if quota.lists(outcome) or (path, assessment.workload) in with_findings:
                assessments.append(assessment)
            else:
                quota.outcomes[outcome] += 1
        listed = tuple(assessments), tuple(findings), tuple(self._problems)
        is_complete = not (self._problems or self._unjudged)
        return Found(
            *listed,
            self._unlisted(),
            (
                *self._notes,
                *self._raisable(),
                *self._gates.unused(self._matched),
                *self._waiving.notes(is_complete=is_complete),
            ),
            tuple(self._unjudged),
            self._uncovered,
            tuple(self._accepted),
            self._waiving.expired(),
        )

    def _unjoined(self) -> Iterator[Note]:
        """Yields notes about bindings that no workload was judged with."""
        if self._bound.has_any:
            from kgate.kubernetes.clusters import DeployedTo  # few scans of a manifest need it

            places = self._shared.places if self._shared is not None else DeployedTo(self._clusters)
            yield from self._bound.notes(self._joins, places)

    def _add_undefined(self) -> None:
        """Adds what nobody knows of bindings whose role is not among what is deployed together with them."""
        if not self._undefined:
            return
        from kgate.judgement.unseen import unjudged_role, unseen_role

        shared = self._shared
        found = [one for one in self._undefined if shared is None or not shared.defines(one)]
        if self._sees_files_only:
            self._add_notes(map(unseen_role, found))
        else:
            self.add_unjudged(unjudged_role(one, self._defined) for one in found)

    def _add_level(self, resource: Resource, outcome: _Outcome | None) -> None:
        """Adds what a Namespace enforces, or what a workload in one reaches."""
        who = resource.id
        if outcome is not None and who.namespace:
            self._reached[who.namespace, resource.locate("").path, outcome.level] = None
        elif who.kind == "Namespace":
            from kgate.kubernetes.podsecurity import enforced_level  # few manifests hold one

            found = enforced_level(resource)
            self._enforced |= {} if found is None else {found: None}

    def _raisable(self) -> Iterable[Note]:
        if not self._enforced:
            return ()
        from kgate.judgement.standing import raisable

        return raisable(self._enforced, self._reached, self._judge.minor)

    def _unless_used(self, finding: Finding) -> Finding:
        """A finding about a binding that does not fail by itself if workloads answer for it with their score."""
        is_own = finding.fail_on is not None and finding.fail_on.has_no_score
        if is_own and any((str(who), finding.source) in self._used for who in finding.resources):
            return replace(finding, fail_on=None)
        return finding

    def _unlisted(self) -> Unlisted:
        has_any = any(quota.rules for quota in self._quotas.values())
        severities = {rule.id: rule.severity for rule in self.rules} if has_any else {}
        findings: Counter[Severity] = Counter()
        gated: Counter[tuple[Severity, FailOn]] = Counter()
        scores: Counter[Score] = Counter()
        for quota in self._quotas.values():
            for rule, count in quota.rules.items():
                findings[severities[rule]] += count
            for (rule, fail_on), count in quota.gated.items():
                gated[severities[rule], fail_on] += count
            for outcome, count in quota.outcomes.items():
                scores[outcome.score] += count
        notes = (quota.note(path) for path, quota in sorted(self._quotas.items()))
        problems = sum(quota.problems for quota in self._quotas.values())
        unjudged = sum(quota.unjudged for quota in self._quotas.values())
        listed = tuple(note for note in notes if note is not None)
        waived = sum(quota.waived for quota in self._quotas.values())
        return Unlisted(findings, scores, problems, unjudged, listed, gated, waived)


class _Rendered:
    """Findings and assessments of what is rendered, until all renderings of one source are known.

    A bound holds for each rule, source and rendering; what is beyond it leaves behind only what tells how many
    findings there are once those that several renderings share are one (merge.merged_findings).
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._findings: list[Finding] = []
        self._assessments: list[Assessment] = []
        self._listed: Counter[Hashable] = Counter()
        self._renderings: dict[Rendering, int] = {}
        self._places: dict[tuple[str, int], tuple[str, array[int]]] = {}
        self._fail_on: dict[tuple[str, int], FailOn] = {}

    def add(self, findings: Iterable[Finding], rendering: Rendering, assessment: Assessment | None) -> None:
        """Adds the results for one resource of a rendering."""
        number = self._renderings.setdefault(rendering, len(self._renderings))
        for finding in findings:
            here = finding.rule.id, hash(place(finding))
            found = number, hash(finding.resource), int(finding.waiver is not None)
            self._places.setdefault(here, (finding.source, array("q")))[1].extend(found)
            if finding.fail_on is not None and finding.waiver is None:
                known = self._fail_on.get(here, finding.fail_on)
                self._fail_on[here] = min(known, finding.fail_on, key=lambda one: one.order)
            source = number, _class(finding), finding.source
            self._listed[source] += 1
            if self._listed[source] <= self._most:
                self._findings.append(finding)
        self._assessments += [assessment] if assessment is not None else []

    def findings(self, quota: Callable[[str], _Quota]) -> list[Finding]:
        """Returns the findings to list, one for each offence, and counts the others in the quota of their file."""
        found = map(self._as_everywhere, merged_findings(self._findings))
        merged = sorted(found, key=lambda f: (f.location.order, f.resource))
        listed = [finding for finding in merged if quota(finding.source).lists(_class(finding))]
        shown = Counter((finding.rule.id, hash(place(finding)), finding.waiver is None) for finding in listed)
        for (rule, here), (source, places) in self._places.items():
            are_waived = Counter(_are_waived(places).values())
            left = are_waived[False] - shown[rule, here, True]
            quota(source).leave_out(rule, left, self._fail_on.get((rule, here)))
            quota(source).waived += are_waived[True] - shown[rule, here, False]
        return listed

    def _as_everywhere(self, finding: Finding) -> Finding:
        """A finding that is waived only if it is in all renderings, also in those in which it is not listed."""
        if finding.waiver is None:
            return finding
        are_waived = _are_waived(self._places[finding.rule.id, hash(place(finding))][1])
        is_waived = are_waived.get(hash(finding.resource), all(are_waived.values()))
        return finding if is_waived else replace(finding, waiver=None)

    def assessments(self) -> list[Assessment]:
        """Returns the assessments, one for all renderings with the same result."""
        return merged_assessments(self._assessments)


def _class(finding: Finding) -> Hashable:
    """What a finding counts among for the limit: the open ones of its rule, or the waived ones."""
    return finding.rule.id if finding.waiver is None else (Accepted, finding.rule.id)


def _are_waived(here: array[int]) -> dict[int, bool]:
    """The findings that those of one place are, each by its resource if there are several, and whether it is waived
    wherever it is: from rendering, resource, and whether it is waived there, in turn."""
    renderings, resources, waived = here[::3], here[1::3], here[2::3]
    if len(set(renderings)) == len(renderings):
        return {resources[0]: all(waived)}
    found = dict.fromkeys(resources, True)
    for resource, is_waived in zip(resources, waived, strict=True):
        found[resource] &= bool(is_waived)
    return found
