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
from kgate.processes import WorkerError, bounded
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from kgate.values import dataclass
from kgate.vap import reading
from kgate.vap.deciding import Decider, Decision, PolicyOutcome
from kgate.vap.reading import Admission, Circumstances, Material, Requester

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.sources.progress import Progress


MAX_MEMORY = 1 << 30
"""Bytes that expressions may take."""


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


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """What is asked: the files with the policies, those with the objects as they were, the namespace of objects that
    name none, and who makes the requests."""

    files: tuple[str, ...]
    old: tuple[str, ...] = ()
    namespace: str = "default"
    requester: Requester | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Policies with everything that they may ask, the requests to decide, and what could not be read."""

    material: Material
    admissions: tuple[Admission, ...]
    problems: tuple[Problem, ...]
    unjudged: tuple[Unjudged, ...]


def prepare(settings: Settings, asked: PolicyTest, progress: Progress) -> Prepared:
    """Reads the policies, and the objects below the paths of the settings or, if these are the files with the policies,
    all objects in them that are no policies. Raises KgateError and DeadlineError."""
    given = _read(settings, asked.files, progress)
    objects = _read(settings, settings.paths, progress) if settings.paths != asked.files else None
    old = _read(settings, asked.old, progress) if asked.old else None
    material = reading.read(given.resources)
    tested = material.others if objects is None else reading.read(objects.resources).others
    known = (*material.others, *(() if objects is None else tested))
    batches = [batch for batch in (given, objects, old) if batch is not None]
    circumstances = Circumstances(asked.namespace, () if old is None else tuple(old.resources), asked.requester)
    return Prepared(
        replace(material, others=known),
        tuple(reading.admissions(tested, known, circumstances)),
        problems_of((*(problem for batch in batches for problem in batch.problems), *material.problems)),
        unjudged_of(one for batch in batches for one in batch.unjudged),
    )


def decide(prepared: Prepared, seconds: float) -> Results:
    """Asks the policies about each object, within so many seconds. Raises WorkerError."""
    decisions = _decisions(Decider(prepared.material), prepared.admissions, seconds)
    return Results(
        tuple(Tested(one.resource, told) for one, told in zip(prepared.admissions, decisions, strict=True)),
        len(prepared.material.policies),
        prepared.problems,
        prepared.unjudged,
    )


def _decisions(decider: Decider, admissions: Sequence[Admission], seconds: float) -> Sequence[tuple[Decision, ...]]:
    """Decides in a process with bounds: expressions may join texts until no memory is left. Raises WorkerError."""
    try:
        return bounded(lambda: [tuple(decider.decide(one)) for one in admissions], seconds, MAX_MEMORY)
    except WorkerError as error:
        raise WorkerError(f"evaluating the policies {error}; test fewer at once, or simpler ones") from None


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
