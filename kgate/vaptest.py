"""Decides by ValidatingAdmissionPolicies without a cluster: Settings -> what they say of every object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.kubernetes.manifest import SKIPPABLE_KINDS
from kgate.lifetime import Lifetime
from kgate.model import Batch, Problem, Resource, Unjudged, problems_of, unjudged_of
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from kgate.values import dataclass
from kgate.vap import reading
from kgate.vap.deciding import Decider, Decision, PolicyOutcome

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.sources.progress import Progress


@dataclass(frozen=True, slots=True)
class Tested:
    """An object and what each policy that is about it says."""

    resource: Resource
    decisions: tuple[Decision, ...]

    @property
    def outcome(self) -> PolicyOutcome:
        """What becomes of the object: one policy that denies decides."""
        order = list(PolicyOutcome)
        return max((one.outcome for one in self.decisions), key=order.index, default=PolicyOutcome.ADMITTED)


@dataclass(frozen=True, slots=True)
class Results:
    """All objects that were tested, how many policies there are, and what could not be read."""

    tested: tuple[Tested, ...]
    policies: int
    problems: tuple[Problem, ...]
    unjudged: tuple[Unjudged, ...]


def test(settings: Settings, files: tuple[str, ...], namespace: str, progress: Progress) -> Results:
    """Asks the policies in ``files`` about the objects below the paths of the settings, or, if these are the same,
    about all objects in them that are no policies. Raises KgateError and DeadlineError."""
    given = _read(settings, files, progress)
    asked = _read(settings, settings.paths, progress) if settings.paths != files else None
    material = reading.read(given.resources)
    objects = material.others if asked is None else reading.read(asked.resources).others
    known = (*material.others, *(objects if asked is not None else ()))
    decider = Decider(replace(material, others=known))
    problems = (*given.problems, *material.problems, *(asked.problems if asked is not None else ()))
    unjudged = (*given.unjudged, *(asked.unjudged if asked is not None else ()))
    tested = tuple(
        Tested(one.resource, tuple(decider.decide(one))) for one in reading.admissions(objects, known, namespace)
    )
    return Results(tested, len(material.policies), problems_of(problems), unjudged_of(unjudged))


def _read(settings: Settings, paths: Sequence[str], progress: Progress) -> Batch:
    """Reads and renders what is below some paths, as a scan does, but every kind."""
    from kgate.kubernetes.manifest import gathered

    lifetime = Lifetime(settings.timeout)
    rendering = replace(settings.rendering, options=replace(settings.rendering.options, lifetime=lifetime))
    intake = replace(batches_of(frozenset(SKIPPABLE_KINDS)), progress=progress)
    found = collect([Path(path) for path in paths], settings.repository.reopened(), rendering, intake)
    with closing(found) as parts:
        return gathered(_checked(parts, lifetime))


def _checked(parts: Iterator[Batch], lifetime: Lifetime) -> Iterator[Batch]:
    for part in parts:
        lifetime.check()
        yield part
