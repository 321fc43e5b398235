"""The pipeline on one screen: Settings -> Report."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kgate import __version__
from kgate.judgement.bar import Bar, Gates
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import MAX_COMPARED, Ledger, Page
from kgate.judgement.score import decide
from kgate.kubernetes import manifest, pss
from kgate.kubernetes.facts import Facts, may_matter
from kgate.lifetime import DeadlineError, Lifetime
from kgate.model import (
    Accepted,
    Batch,
    Counts,
    FileFate,
    Finding,
    Found,
    Json,
    Note,
    Problem,
    Remark,
    Report,
    Rule,
    Severity,
)
from kgate.rules import load
from kgate.rules.gate import GATE_WEAKENED
from kgate.urls import shown_text
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.judgement.baseline import Baseline, Comparison, Scanned
    from kgate.judgement.inline import Comments
    from kgate.session import Session
    from kgate.sources.progress import Progress


def _silent(done: int, total: int) -> None:
    """Shows no progress."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What resources are judged by, and for which Kubernetes 1.x version, and what makes a report fail. ``baseline`` is
    what is accepted of it, ``scanned`` what is known of the files."""

    rules: tuple[Rule, ...]
    minor: int = pss.NEWEST_MINOR
    fail_on: Severity | None = None
    allow_empty: bool = False
    unjudged_passes: bool = False
    baseline: Baseline | None = None
    scanned: Scanned | None = None


def scan(settings: Settings, progress: Progress = _silent, session: Session | None = None) -> Report:
    """Reads, judges and scores everything that the settings name. What a session remembers of earlier scans is not done
    again. Raises KgateError for wrong settings."""
    baseline = settings.baseline.read() if settings.baseline else None
    return compared_scan(settings, baseline, progress, session)


def compared_scan(
    settings: Settings, baseline: Baseline | None, progress: Progress = _silent, session: Session | None = None
) -> Report:
    """Returns the report of a scan that is compared with a baseline, whichever the settings name. Raises KgateError."""
    builtin = load.load()
    gate, told = gate_of(settings, baseline)
    ledger = ledger_of(settings, gate.rules) if session is None else session.ledger(settings, gate.rules, ledger_of)
    lifetime = _lifetime(settings, session)
    weakenings, remarks = _weakenings(settings, builtin, lifetime)
    with closing(_read(settings, lifetime, progress, ledger, session)) as parts:
        ledger.add_own_problems(remark for remark in remarks if isinstance(remark, Problem))
        notes = (remark for remark in remarks if isinstance(remark, Note))
        report = assess(
            parts,
            ledger,
            gate,
            lifetime,
            (*settings.notes, *told, *notes),
            weakenings,
        )
    return replace(report, configuration=settings.origin, settings=settings.stated)


def gate_of(settings: Settings, baseline: Baseline | None = None) -> tuple[Gate, Sequence[Note]]:
    """Returns the gate of the settings, and notes about what they do not get. Raises KgateError."""
    rules, told = _tuned(load.joined(load.load(), settings.rule_folders), settings)
    return _gate(settings, rules, baseline, settings), told


def _tuned(rules: tuple[Rule, ...], settings: Settings) -> tuple[tuple[Rule, ...], Sequence[Note]]:
    """The rules with what the settings say of them, and notes about what they do not get."""
    if not settings.rule_settings:
        return rules, ()
    from kgate.rules.tuning import refused, tuned

    return tuned(rules, settings.rule_settings), tuple(refused(rules, settings.rule_settings))


def state_scan(
    there: Settings,
    settings: Settings,
    session: Session,
    baseline: Baseline | None = None,
    progress: Progress = _silent,
) -> Report:
    """Returns the report of a scan of a state of the repository, judged as ``settings`` say; ``there`` says where it
    lies. One that is compared with nothing may be empty. Raises KgateError."""
    rules, _ = _tuned(load.joined(load.load(), settings.rule_folders), settings)
    gate = _gate(settings, rules, baseline, there)
    gate = gate if baseline is not None else replace(gate, fail_on=None, allow_empty=True)
    ledger = session.ledger(settings, rules, ledger_of).emptied(_comments(there, settings))
    lifetime = _lifetime(settings, session)
    with closing(_read(there, lifetime, progress, ledger, session)) as parts:
        return assess(parts, ledger, gate, lifetime)


def _comments(there: Settings, settings: Settings) -> Comments:
    """The comments of a state of the repository; a trusted revision decides about them if one decides at all."""
    from kgate.sources.comments import RepositoryComments

    files = there.repository
    return RepositoryComments(files if settings.repository.trusted is not None else files.as_changed())


def _gate(settings: Settings, rules: tuple[Rule, ...], baseline: Baseline | None, there: Settings) -> Gate:
    """What the settings ask for, and what is known of the files of a state of the repository."""
    return Gate(
        rules,
        settings.minor,
        settings.fail_on,
        settings.allow_empty,
        settings.unjudged_passes,
        baseline,
        scanned(there) if baseline is not None else None,
    )


def has_all(report: Report) -> bool:
    """True if a scan could judge everything, and its report lists all findings."""
    return not report.verdict.incomplete and not sum(report.unlisted.findings.values())


def _lifetime(settings: Settings, session: Session | None) -> Lifetime:
    return Lifetime(settings.timeout) if session is None or session.lifetime is None else session.lifetime


def ledger_of(settings: Settings, rules: Sequence[Rule], judges: Mapping[int, Judge] | None = None) -> Ledger:
    """Returns an empty ledger, which judges by the rules, gates and waivers of the settings; with ``judges_of`` these
    unless they are given."""
    from kgate.sources.comments import RepositoryComments
    from kgate.waiverfile import in_force

    judges = judges_of(settings, rules) if judges is None else judges
    comments = RepositoryComments(settings.repository)
    waivers = in_force(settings.waivers, rules, comments, is_whole=_is_whole(settings))
    bar = Bar(settings.min_score, settings.level)
    judge, files_only = judges[settings.minor], all(not os.path.isdir(path) for path in settings.paths)
    ledger = Ledger(judge, bar, _gates(settings), judges, waivers, sees_files_only=files_only)
    if settings.baseline is not None or settings.lists_all:
        ledger.list_up_to(MAX_COMPARED)
    return ledger


def judges_of(settings: Settings, rules: Sequence[Rule]) -> Mapping[int, Judge]:
    """Returns what judges resources, for each Kubernetes 1.x version that the settings or a gate name."""
    minors = {settings.minor, *(entry.minor for entry in settings.gates if entry.minor is not None)}
    return {minor: judge_of(settings, rules, minor) for minor in sorted(minors)}


def judge_of(settings: Settings, rules: Sequence[Rule], minor: int) -> Judge:
    """Returns what judges resources by the rules that the settings use, for a Kubernetes 1.x version."""
    from kgate.config.selection import ignored_ids, selected_ids

    selected, ignored = selected_ids(rules, settings), ignored_ids(rules, settings)
    return Judge(rules, minor, selected, ignored, with_remedies=settings.with_remedies)


def _gates(settings: Settings) -> Gates | None:
    """What some resources must reach instead of what all others must; None if there is nothing like that."""
    if not settings.gates:
        return None
    from kgate.gates import MatchedGates

    return MatchedGates(settings.gates, settings.fail_on, wants_all=_is_whole(settings))


def assess(
    parts: Iterable[Batch | Page],
    ledger: Ledger,
    gate: Gate,
    lifetime: Lifetime,
    notes: Iterable[Note] = (),
    gate_findings: Iterable[Finding] = (),
) -> Report:
    """Judges and scores resources, wherever they come from, and pages of what others have judged. ``gate_findings``
    are those about the gate itself.

    It needs no source: whoever has resources in hand, as an admission webhook has, calls it.
    """
    remarks, fates = [*notes], list[FileFate]()
    counts = Counts()
    try:
        for part in parts:
            lifetime.check()
            counts += part.counts
            if isinstance(part, Page):
                ledger.add_page(part)
                continue
            remarks += part.notes
            fates += part.fates
            ledger.add_applied(part.applied)
            ledger.add_problems(part.problems)
            ledger.add_unjudged(part.unjudged)
            ledger.add_skipped(part.skipped)
            ready = () if ledger.holds_back(part) else (part,)
            for one in chain(ready, ledger.released()):
                _judge(one, ledger, lifetime)
        for one in ledger.rest():
            _judge(one, ledger, lifetime)
    except DeadlineError:
        ledger.add_own_problems([_overdue(lifetime)])
    found = ledger.close()
    report = report_of(replace(found, findings=(*gate_findings, *found.findings)), gate, counts, remarks)
    return replace(report, files=tuple(fates))


def _judge(part: Batch, ledger: Ledger, lifetime: Lifetime) -> None:
    """Judges what a part holds, each release by itself."""
    for resources in ledger.by_release(part.resources):
        facts = ledger.joined(Facts.of(resources), resources)
        for resource in resources:
            lifetime.check()
            if part.counts_in is None or part.counts_in(resource):
                ledger.judge(resource, part.path, facts)


def _is_whole(settings: Settings) -> bool:
    """True if all of the repository is scanned."""
    root = settings.repository.root
    return any(path != "-" and Path(os.path.realpath(path)) == root for path in settings.paths)


def _weakenings(
    settings: Settings, builtin: Sequence[Rule], lifetime: Lifetime
) -> tuple[Sequence[Finding], Sequence[Remark]]:
    """The findings about what the change weakens, and remarks; none if no trusted revision decides."""
    if settings.repository.trusted is None:
        return (), ()
    from kgate.policy.weakened import find_weakenings

    found = find_weakenings(settings, builtin, lifetime)
    return found.findings, found.remarks


def scanned(settings: Settings) -> Scanned:
    """Returns what is known of the files of a scan by their paths in reports."""
    from kgate.judgement.baseline import Scanned

    repository = settings.repository
    starts = [repository.as_written(Path(path)) for path in settings.paths if path != "-"]

    def has(path: str) -> bool:
        return repository.holds(repository.root / path) and os.path.lexists(repository.root / path)

    def covers(path: str) -> bool:
        return any((repository.root / path).is_relative_to(start) for start in starts)

    return Scanned(has, covers)


def report_of(found: Found, gate: Gate, counts: Counts, notes: Iterable[Note]) -> Report:
    """Returns the report of what was found, compared with the baseline of the gate if there is one."""
    found = replace(found, problems=_shown(found.problems), unjudged=_shown(found.unjudged))  # each counts once
    comparison = _compared(found, gate)
    found = comparison.found if comparison is not None else found
    verdict = decide(
        found,
        resources=counts.resources,
        fail_on=gate.fail_on,
        allow_empty=gate.allow_empty,
        unjudged_passes=gate.unjudged_passes,
    )
    compared = comparison.compared if comparison is not None else None
    if compared is not None and verdict.incomplete:  # what is gone may only not have been judged
        compared = replace(compared, gone=None)
    return Report(
        version=__version__,
        kubernetes_version=f"1.{gate.minor}",
        rules=(*gate.rules, GATE_WEAKENED),
        assessments=tuple(sorted(found.assessments, key=lambda a: (a.location.order, a.workload, a.renderings))),
        findings=tuple(sorted(found.findings, key=_finding_order)),
        problems=found.problems,
        notes=_shown([*notes, *found.notes, *found.unlisted.notes]),
        counts=counts,
        verdict=verdict,
        fail_on=gate.fail_on,
        unlisted=found.unlisted,
        unjudged=found.unjudged,
        uncovered=found.uncovered,
        accepted=_accepted(found.accepted),
        compared=compared,
    )


def _compared(found: Found, gate: Gate) -> Comparison | None:
    """What was found, compared with the baseline; None without one."""
    if gate.baseline is None:
        return None
    from kgate.judgement.baseline import EVERYTHING, compare

    return compare(found, gate.baseline, gate.scanned or EVERYTHING)


def _finding_order(finding: Finding) -> tuple[object, ...]:
    return not finding.is_about_gate, finding.location.order, finding.rule.id, finding.resource, finding.container or ""


_Remark = TypeVar("_Remark", bound=Remark)


def _shown(remarks: Iterable[_Remark]) -> tuple[_Remark, ...]:
    """Returns remarks sorted, each once, without credentials of the URLs that they quote."""
    return tuple(sorted(set(map(_without_credentials, remarks)), key=_remark_order))


def _accepted(found: Iterable[Accepted]) -> tuple[Accepted, ...]:
    shown = {replace(one, remark=_without_credentials(one.remark)) for one in found}
    return tuple(sorted(shown, key=lambda one: _remark_order(one.remark)))


def _remark_order(remark: Remark) -> tuple[str, int, str]:
    return remark.path, remark.line or 0, remark.text


def _without_credentials(remark: _Remark) -> _Remark:
    return replace(remark, message=shown_text(remark.message))


def _overdue(lifetime: Lifetime) -> Problem:
    message = f"the scan was stopped after {lifetime.seconds:g} seconds, so not everything was judged"
    return Problem(".", None, f"{message}; scan less at once, or allow more with --timeout")


def _read(
    settings: Settings, lifetime: Lifetime, progress: Progress, ledger: Ledger, session: Session | None
) -> Generator[Batch | Page]:
    """Yields the contents of standard input, the judged pages of all files at or below the paths, and the contents of
    what is rendered from them."""
    from kgate.plainfiles import PlainFiles
    from kgate.processes import processors
    from kgate.sources.collection import collect
    from kgate.sources.files import Intake

    paths, kinds = [Path(path) for path in settings.paths if path != "-"], ledger.kinds
    if "-" in settings.paths:
        yield from text_batches(settings.stdin_filename, sys.stdin.buffer.read(manifest.MAX_FILE_BYTES + 1), kinds)
    if paths:
        options = replace(settings.rendering.options, lifetime=lifetime)
        plain = PlainFiles(ledger, kinds, lifetime, settings.jobs or processors())
        remembered = session.remembered if session is not None else None
        rendering = replace(settings.rendering, options=options, remembered=remembered)
        read = plain.read if session is None else partial(session.read, plain)
        intake = Intake(
            lambda files, facts: read(files, ledger.known(facts)),
            kinds,
            progress,
            settings.lists_files,
            settings.clusters,
            ledger.share,
        )
        repository = settings.repository.reopened() if session is None else session.opened(settings.repository)
        yield from collect(paths, repository, rendering, intake)


def object_batch(name: str, body: Json) -> Batch:
    """Returns the contents of an object that stands in no text."""
    from kgate.sources.gitops_search import unfollowed

    batch = manifest.read_object(name, body)
    return replace(batch, unjudged=unfollowed(batch.resources))


def text_batches(name: str, data: bytes, kinds: Collection[str]) -> Iterator[Batch]:
    """Yields the contents of a text that is no file of the repository, such as standard input."""
    from kgate.sources.gitops_search import unfollowed

    parts = manifest.stream(name, data, kinds)
    for batch in [manifest.gathered(parts)] if may_matter(data.decode("utf-8", "replace")) else parts:
        yield replace(batch, unjudged=unfollowed(batch.resources))
