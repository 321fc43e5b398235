"""Reads who may do what in a repository: Settings -> its roles, bindings, accounts and workloads."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.judgement.reach import Power, Powers
from kgate.kubernetes.clusters import DeployedTo
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.kubernetes.workload import find_workload
from kgate.lifetime import Lifetime
from kgate.model import Batch, Destination, Problem, Resource, Unjudged, Workload, problems_of, unjudged_of
from kgate.rbac import ways
from kgate.rbac.authorizer import DEFAULT_NAMESPACE, Authorizer, Grant
from kgate.rbac.builtin import builtin
from kgate.rbac.objects import KINDS, Binding, FaultLog, Object, read
from kgate.rbac.permissions import Action
from kgate.rules import load
from kgate.sources.collection import collect
from kgate.sources.files import Intake, batches_of
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.sources.progress import Progress


@dataclass(frozen=True, slots=True)
class Holding:
    """A way by which somebody may do something, and the clusters for which that is known, if there are several."""

    grant: Grant
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """What a repository holds of roles, bindings and accounts, with what Kubernetes brings, and its workloads.
    ``problems`` and ``unjudged`` say what is missing in it, ``places`` to which clusters its parts are deployed."""

    objects: tuple[Object, ...]
    workloads: tuple[Workload, ...]
    problems: tuple[Problem, ...]
    unjudged: tuple[Unjudged, ...]
    places: DeployedTo = DeployedTo()

    @property
    def undefined(self) -> tuple[Binding, ...]:
        """The bindings whose role is nowhere defined, or only in other clusters, so that nobody knows what they
        give."""
        own = dict(self._authorizers(DEFAULT_NAMESPACE))
        everything = Authorizer(self.objects)
        bindings = (one for one in everything.bindings if one.resource is not None and one.role_name)
        return tuple(
            one for one in bindings if not any(where.roles_of(one) for where in self._of(one, own, everything))
        )

    def _of(self, binding: Binding, own: Mapping[str, Authorizer], everything: Authorizer) -> Sequence[Authorizer]:
        """What applies where a binding is."""
        names = self.places.names(binding.resource) if binding.resource is not None else ()
        return [own[name] for name in names if name in own] or [everything]

    def holders(self, action: Action, namespace: str) -> list[Holding]:
        """Returns every way by which anybody may do something, each once. Objects that name no namespace count to
        ``namespace``."""
        found: dict[Hashable, Holding] = {}
        for cluster, authorizer in self._authorizers(namespace):
            for grant in authorizer.holders(action):
                here = (cluster,) if cluster and any(map(self.places.names, _placed(grant))) else ()
                known = found.get(ways.key(grant), Holding(grant))
                found[ways.key(grant)] = replace(known, clusters=tuple(dict.fromkeys((*known.clusters, *here))))
        return list(found.values())

    def _authorizers(self, namespace: str) -> Iterator[tuple[str, Authorizer]]:
        """Yields what applies in each cluster, with its name: all but what is surely in another one."""
        if len(self.places.known) < 2:
            yield "", Authorizer(self.objects, namespace)
            return
        placed = [(one, self.places.names(one.resource) if one.resource is not None else ()) for one in self.objects]
        for cluster in self.places.known:
            here = (one for one, names in placed if not names or cluster in names)
            yield cluster, Authorizer(here, namespace)


def _placed(grant: Grant) -> Iterator[Resource]:
    """The objects on the way to a permission that Kubernetes does not bring."""
    objects = (grant.binding, grant.role, grant.source)
    yield from (one.resource for one in objects if one.resource is not None)


def powers(grants: Sequence[Grant]) -> tuple[Power, ...]:
    """Returns what grants lead to, by the rules of the newest Kubernetes version."""
    return Powers(load.load(), NEWEST_MINOR).of(grants)


def repository_parts(settings: Settings, intake: Intake[Batch]) -> Generator[Batch]:
    """Yields what the settings name, read and rendered as a scan does. Raises KgateError and DeadlineError."""
    lifetime = Lifetime(settings.timeout)
    rendering = replace(settings.rendering, options=replace(settings.rendering.options, lifetime=lifetime))
    paths = [Path(path) for path in settings.paths]
    with closing(collect(paths, settings.repository.reopened(), rendering, intake)) as parts:
        for part in parts:
            lifetime.check()
            yield part


def read_access(settings: Settings, progress: Progress) -> Access:
    """Reads and renders what the settings name, as a scan does. Raises KgateError and DeadlineError."""
    destinations: dict[str, tuple[Destination, ...]] = {}
    intake = replace(
        batches_of(KINDS),
        progress=progress,
        clusters=settings.clusters,
        share=lambda placed: destinations.update(placed.destinations),
    )
    log = FaultLog()
    objects: list[Object] = []
    workloads: list[Workload] = []
    problems: list[Problem] = []
    unjudged: list[Unjudged] = []
    with closing(repository_parts(settings, intake)) as parts:
        for part in parts:
            problems += part.problems
            unjudged += part.unjudged
            for resource in part.resources:
                if (one := read(resource, log)) is not None:
                    objects.append(one)
                elif (workload := find_workload(resource)) is not None:
                    workloads.append(workload)
    return Access(
        (*objects, *builtin()),
        tuple(workloads),
        problems_of((*problems, *log.problems)),
        unjudged_of(unjudged),
        DeployedTo.of(_resources(objects, workloads), settings.clusters, destinations),
    )


def _resources(objects: Iterable[Object], workloads: Iterable[Workload]) -> Iterator[Resource]:
    yield from (one.resource for one in objects if one.resource is not None)
    yield from (one.resource for one in workloads)
