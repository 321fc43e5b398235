"""The one entrance to the sources: reads plain manifests, and renders what must be rendered first."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from kgate.model import Batch
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.sources import files
from kgate.sources.checkout import Encodings, submodules
from kgate.sources.files import Intake, Read
from kgate.sources.gitops_search import other_deployers
from kgate.sources.hidden import HiddenFiles
from kgate.sources.progress import Count
from kgate.sources.survey import survey
from kgate.sources.takers import takers
from kgate.sources.texts import Texts


def collect(
    paths: Sequence[Path],
    repository: Repository,
    settings: RenderSettings,
    intake: Intake[Read],
) -> Generator[Batch | Read]:
    """What the intake makes of every plain manifest at or below the paths, and the contents of everything rendered.

    Close it (contextlib.closing), so that programs and private copies do not outlive a scan that is given up. Raises
    KgateError if a program that the user names does not work, and DeadlineError.
    """
    lifetime = settings.options.lifetime
    listing = files.list_files(paths, repository, lifetime)
    further, told = takers(listing, repository, lifetime)
    if further:
        listing = files.list_files([*paths, *further], repository, lifetime)
    problems = (*listing.problems, *Encodings(repository).problems(listing.files))
    others = other_deployers((*listing.files.values(), *listing.helmfiles))
    notes = (*told, *listing.notes, *HiddenFiles(repository, lifetime).notes(listing))
    yield Batch(problems=problems, notes=notes, unjudged=tuple(others))
    if intake.clusters and repository.root in listing.starts:
        from kgate.sources.clusters import unused  # few repositories name any

        yield Batch(notes=tuple(unused(intake.clusters, [*map(repository.shown, listing.named)])))
    known = survey(listing, Texts.of(repository), lifetime, intake.clusters)
    if known.objects or settings.charts or listing.has_sources:
        from kgate.sources.pool import collect_rendered  # takes as long to import as all the rest

        options = replace(settings.options, asked_kinds=intake.kinds)
        yield from collect_rendered(listing, known, repository, replace(settings, options=options), intake)
    else:
        plain = files.in_order(listing.files.values())
        yield from intake.read_counted(plain, known.facts, Count(intake.progress, len(plain)))
        yield submodules(repository, listing.starts, ())
        if intake.lists_files:
            from kgate.sources.fates import Fates, ScannedFiles
            from kgate.sources.unrendered import Outputs

            scanned = ScannedFiles(listing.files, Outputs({}, repository, lifetime))
            yield from Fates(listing.starts, scanned, repository, lifetime).list()
