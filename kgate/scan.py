"""The pipeline on one screen: Settings -> Report."""

from __future__ import annotations

import sys
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from kgate import __version__, manifest, pss, rules
from kgate.config import Settings, selected_ids
from kgate.engine import Judge
from kgate.lifetime import DeadlineError, Lifetime
from kgate.merge import merged_assessments, merged_findings
from kgate.model import Assessment, Counts, Finding, Note, Problem, Report, Resource, Score
from kgate.repository import find_root
from kgate.score import decide, score
from kgate.sources.collection import collect
from kgate.sources.gitops.search import unfollowed
from kgate.sources.progress import Progress


def _silent(done: int, total: int) -> None:
    """Shows no progress."""


def scan(settings: Settings, progress: Progress = _silent) -> Report:
    """Reads, judges and scores everything that the settings name. Raises KgateError for wrong settings."""
    known_rules = rules.load(settings.rule_folders)
    judge = Judge(known_rules, settings.minor, selected_ids(known_rules, settings))
    findings: list[Finding] = []
    assessments: list[Assessment] = []
    problems: list[Problem] = []
    notes: list[Note] = [*settings.notes]
    counts = Counts()
    lifetime = Lifetime(settings.timeout)
    try:
        with closing(_read(settings, lifetime, judge.kinds, progress)) as everything:
            for contents in everything:
                problems += contents.problems
                notes += contents.notes
                counts += contents.counts
                for resource in contents.resources:
                    lifetime.check()
                    found, assessment, unclear = assess(judge, resource, settings.min_score)
                    findings += found
                    problems += unclear
                    assessments += [assessment] if assessment else []
    except DeadlineError:
        problems.append(_overdue(settings))
    findings, assessments = merged_findings(findings), merged_assessments(assessments)
    verdict = decide(
        assessments,
        findings,
        problems,
        resources=counts.resources,
        fail_on=settings.fail_on,
        allow_empty=settings.allow_empty,
    )
    return Report(
        version=__version__,
        kubernetes_version=f"1.{settings.minor}",
        rules=known_rules,
        assessments=tuple(sorted(assessments, key=lambda a: (a.location, a.workload, a.renderings))),
        findings=tuple(sorted(findings, key=lambda f: (f.location, f.rule.id, f.resource, f.container or ""))),
        problems=tuple(sorted(set(problems), key=lambda p: (p.path, p.line or 0, p.message))),
        notes=tuple(sorted(set(notes), key=lambda n: (n.path, n.line or 0, n.message))),
        counts=counts,
        verdict=verdict,
        fail_on=settings.fail_on,
    )


def _overdue(settings: Settings) -> Problem:
    message = f"the scan was stopped after {settings.timeout:g} seconds, so not everything was judged"
    return Problem(".", None, f"{message}; scan less at once, or allow more with --timeout")


def assess(
    judge: Judge, resource: Resource, threshold: int
) -> tuple[Sequence[Finding], Assessment | None, Sequence[Problem]]:
    """Findings of a resource, its score and level if it is a workload, and what could not be judged."""
    judgement = judge.judge(resource)
    if judgement.workload is None:
        return judgement.findings, None, judgement.problems
    offended = (rule for finding in judgement.findings if finding.waiver is None for rule in finding.rules)
    judged = not judgement.problems
    level = pss.level(judge.rules, judgement.offended) if judged else "privileged"
    renderings = () if resource.rendering is None else (resource.rendering,)
    graded = Score(score(offended), threshold)
    assessment = Assessment(resource.id, resource.locate(""), graded, level, judged, renderings)
    return judgement.findings, assessment, judgement.problems


def _read(
    settings: Settings, lifetime: Lifetime, kinds: Collection[str], progress: Progress
) -> Generator[manifest.Contents]:
    """The contents of standard input, of every file at or below the paths, and of what is rendered from them."""
    paths = [Path(path) for path in settings.paths if path != "-"]
    if "-" in settings.paths:
        data = sys.stdin.buffer.read(manifest.MAX_FILE_BYTES + 1)
        for contents in manifest.stream(settings.stdin_filename, data, kinds):
            yield replace(contents, notes=unfollowed(contents.resources))
    if paths:
        options = replace(settings.rendering.options, lifetime=lifetime)
        yield from collect(paths, find_root(paths), replace(settings.rendering, options=options), kinds, progress)
