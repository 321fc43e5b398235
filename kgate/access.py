"""Reads who may do what in a repository: Settings -> its roles, bindings, accounts and workloads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.judgement.reach import Power, Powers
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.kubernetes.workload import find_workload
from kgate.lifetime import Lifetime
from kgate.model import Problem, Unjudged, Workload, problems_of, unjudged_of
from kgate.rbac.authorizer import Authorizer, Grant
from kgate.rbac.builtin import builtin
from kgate.rbac.objects import KINDS, Binding, FaultLog, Object, read
from kgate.rules import load
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.kubernetes.scopes import ClusterScope
    from kgate.sources.progress import Progress


@dataclass(frozen=True, slots=True)
class Access:
    """What a repository holds of roles, bindings and accounts, with what Kubernetes brings, and its workloads.
    ``problems`` and ``unjudged`` say what is missing in it, ``clusters`` what of it belongs to one cluster each."""

    objects: tuple[Object, ...]
    workloads: tuple[Workload, ...]
    problems: tuple[Problem, ...]
    unjudged: tuple[Unjudged, ...]
    clusters: tuple[ClusterScope, ...] = ()

    @property
    def undefined(self) -> tuple[Binding, ...]:
        """The bindings whose role is nowhere defined, so that nobody knows what they give."""
        authorizer = Authorizer(self.objects)
        bindings = (one for one in authorizer.bindings if one.resource is not None and one.role_name)
        return tuple(one for one in bindings if not authorizer.roles_of(one))


def powers(grants: Sequence[Grant]) -> tuple[Power, ...]:
    """Returns what grants lead to, by the rules of the newest Kubernetes version."""
    return Powers(load.load(), NEWEST_MINOR).of(grants)


def read_access(settings: Settings, progress: Progress) -> Access:
    """Reads and renders what the settings name, as a scan does. Raises KgateError and DeadlineError."""
    lifetime = Lifetime(settings.timeout)
    rendering = replace(settings.rendering, options=replace(settings.rendering.options, lifetime=lifetime))
    intake = replace(batches_of(KINDS), progress=progress)
    log = FaultLog()
    objects: list[Object] = []
    workloads: list[Workload] = []
    problems: list[Problem] = []
    unjudged: list[Unjudged] = []
    paths = [Path(path) for path in settings.paths]
    with closing(collect(paths, settings.repository.reopened(), rendering, intake)) as parts:
        for part in parts:
            lifetime.check()
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
        settings.clusters,
    )
