"""The pipeline on one screen: Settings -> Report."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from kgate import __version__
from kgate.config import Settings, selected_ids
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import Ledger, Page
from kgate.judgement.score import decide
from kgate.kubernetes import manifest
from kgate.lifetime import DeadlineError, Lifetime
from kgate.model import Batch, Counts, Finding, Note, Problem, Report
from kgate.plainfiles import PlainFiles
from kgate.processes import processors
from kgate.rules import load
from kgate.sources.collection import collect
from kgate.sources.files import Intake
from kgate.sources.gitops_search import unfollowed
from kgate.sources.progress import Progress
from kgate.urls import shown_text


def _silent(done: int, total: int) -> None:
    """Shows no progress."""


def scan(settings: Settings, progress: Progress = _silent) -> Report:
    """Reads, judges and scores everything that the settings name. Raises KgateError for wrong settings."""
    known_rules = load.load(settings.rule_folders)
    judge = Judge(known_rules, settings.minor, selected_ids(known_rules, settings))
    ledger = Ledger(judge, settings.min_score)
    notes: list[Note] = [*settings.notes]
    counts = Counts()
    lifetime = Lifetime(settings.timeout)
    try:
        with closing(_read(settings, lifetime, judge.kinds, progress, ledger)) as everything:
            for part in everything:
                lifetime.check()
                counts += part.counts
                if isinstance(part, Page):
                    ledger.add_page(part)
                    continue
                notes += part.notes
                ledger.add_problems(part.problems)
                for resource in part.resources:
                    lifetime.check()
                    ledger.judge(resource, part.path)
    except DeadlineError:
        ledger.add_problems([_overdue(settings)])
    found = ledger.close()
    notes += found.unlisted.notes
    verdict = decide(found, resources=counts.resources, fail_on=settings.fail_on, allow_empty=settings.allow_empty)
    return Report(
        version=__version__,
        kubernetes_version=f"1.{settings.minor}",
        rules=known_rules,
        assessments=tuple(sorted(found.assessments, key=lambda a: (a.location.order, a.workload, a.renderings))),
        findings=tuple(
            sorted(found.findings, key=lambda f: (f.location.order, f.rule.id, f.resource, f.container or ""))
        ),
        problems=_shown(found.problems),
        notes=_shown(notes),
        counts=counts,
        verdict=verdict,
        fail_on=settings.fail_on,
        unlisted=found.unlisted,
    )


def _finding_order(finding: Finding) -> tuple[object, ...]:
    return finding.location.order, finding.rule.id, finding.resource, finding.container or ""


_Told = TypeVar("_Told", Problem, Note)


def _shown(remarks: Iterable[_Told]) -> tuple[_Told, ...]:
    """Remarks in order, each once; whatever they quote, they show no credentials of a URL."""
    told = {replace(remark, message=shown_text(remark.message)) for remark in remarks}
    return tuple(sorted(told, key=lambda remark: (remark.path, remark.line or 0, remark.message)))


def _overdue(settings: Settings) -> Problem:
    message = f"the scan was stopped after {settings.timeout:g} seconds, so not everything was judged"
    return Problem(".", None, f"{message}; scan less at once, or allow more with --timeout")


def _read(
    settings: Settings, lifetime: Lifetime, kinds: frozenset[str], progress: Progress, ledger: Ledger
) -> Generator[Batch | Page]:
    """The contents of standard input, what every file at or below the paths came to, and the contents of what is
    rendered from them."""
    paths = [Path(path) for path in settings.paths if path != "-"]
    if "-" in settings.paths:
        data = sys.stdin.buffer.read(manifest.MAX_FILE_BYTES + 1)
        for batch in manifest.stream(settings.stdin_filename, data, kinds):
            yield replace(batch, notes=unfollowed(batch.resources))
    if paths:
        options = replace(settings.rendering.options, lifetime=lifetime)
        plain = PlainFiles(ledger, kinds, lifetime, settings.jobs or processors())
        rendering = replace(settings.rendering, options=options)
        yield from collect(paths, settings.repository.reopened(), rendering, Intake(plain.read, kinds, progress))
