"""Compares the baseline of a trusted revision with that of the change: what the gate would accept besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from kgate import baselinefile
from kgate.baselinefile import BaselineFile
from kgate.config.find import nearest_baseline
from kgate.config.settings import Settings
from kgate.errors import ConfigError
from kgate.judgement.baseline import Baseline, accepted_score
from kgate.model import Location
from kgate.repository import Repository
from kgate.yamltree.fields import FileFields, UserFile


def baseline_changes(settings: Settings) -> Iterator[tuple[Location, str]]:
    """The first entry of each kind that the change adds, with how many there are in a sentence. Raises ConfigError for
    a baseline that cannot be read."""
    file = _own(settings)
    if file is None or not file.repository.policy_has(file.path):
        return
    data = file.repository.policy_bytes(file.path)
    own, before = baselinefile.parse(data, file.shown), _trusted(settings)
    fields = UserFile.parse(data, file.shown, ConfigError).fields()
    if added := list(_added(own, before)):
        yield _place(fields, "findings", added[0]), f"The baseline accepts further findings: {len(added):,}."
    if lower := list(_lower(own, before)):
        yield _place(fields, "workloads", lower[0]), f"The baseline accepts lower scores: {len(lower):,}."


def _own(settings: Settings) -> BaselineFile | None:
    """The baseline that the change has."""
    changed = settings.repository.as_changed()
    used, own = settings.baseline, settings.change.own if settings.change is not None else None
    if used is not None and used.repository.trusted is None:  # of the user's own, where no change reaches
        return None
    if own is not None and own.baseline is not None:
        return own.baseline
    return replace(used, repository=changed) if used is not None else _nearest(settings, changed)


def _trusted(settings: Settings) -> Baseline:
    """The baseline of the trusted revision, also if this scan does without."""
    configured = settings.change.trusted.baseline if settings.change is not None else None
    file = settings.baseline or configured or _nearest(settings, settings.repository)
    return file.read() if file is not None else Baseline({})


def _nearest(settings: Settings, repository: Repository) -> BaselineFile | None:
    path = nearest_baseline(settings.paths, repository)
    return BaselineFile(path, repository.shown(path), repository) if path is not None else None


def _place(fields: FileFields, *names: str | int) -> Location:
    return replace(fields.place(*names), path=fields.faults.path)


def _added(own: Baseline, before: Baseline) -> Iterator[int]:
    """The numbers of the entries that accept findings which were not accepted, wherever they are."""
    left = Counter[str]()
    for one, count in before.findings.items():
        left[one.fingerprint] += count
    for number, (one, count) in enumerate(own.findings.items()):
        left[one.fingerprint] -= count
        if left[one.fingerprint] < 0:
            yield number


def _lower(own: Baseline, before: Baseline) -> Iterator[int]:
    """The numbers of the workloads whose score may be lower than it might."""
    known: dict[str, int] = {}
    for one in before.workloads:
        known[one.resource] = min(accepted_score(one), known.get(one.resource, accepted_score(one)))
    for number, one in enumerate(own.workloads):
        if one.resource not in known or accepted_score(one) < known[one.resource]:
            yield number
