"""Translates the GitOps objects of a scan into render requests; renders nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from kgate.elsewhere.fetched import Fetched
from kgate.elsewhere.wanted import Asked
from kgate.environment import Environment
from kgate.gitops import k3s, unfollowed
from kgate.gitops.argocd import application, applicationset
from kgate.gitops.catalogue import Catalogue, group
from kgate.gitops.deployed import Deployed, Possible, SoughtPlaces
from kgate.gitops.destinations import Deliveries, Delivery
from kgate.gitops.fields import Log, ObjectFields
from kgate.gitops.flux import helmrelease, kustomization
from kgate.gitops.flux.kubeconfig import delivery
from kgate.gitops.flux.secrets import EXTERNAL, SEALED
from kgate.gitops.flux.sources import GENERATOR as FLUX_GENERATOR
from kgate.gitops.flux.sources import GROUP as FLUX_SOURCES
from kgate.gitops.flux.sources import Surroundings
from kgate.model import Note, Problem, Resource, Unjudged
from kgate.rendering.kustomize import overlay
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import Place, Request
from kgate.repository import Repository
from kgate.values import dataclass

_DEPLOYING = frozenset(
    {
        ("argoproj.io", "Application"),
        ("argoproj.io", "ApplicationSet"),
        ("kustomize.toolkit.fluxcd.io", "Kustomization"),
        ("helm.toolkit.fluxcd.io", "HelmRelease"),
        k3s.KIND,
    }
)
_REFERRED = frozenset(
    {
        *((FLUX_SOURCES, kind) for kind in ("GitRepository", "OCIRepository", "Bucket", "HelmRepository", "HelmChart")),
        FLUX_GENERATOR,
        ("", "ConfigMap"),
        ("", "Secret"),
        SEALED,
        EXTERNAL,
    }
)
GITOPS_KINDS = _DEPLOYING | _REFERRED
"""API group and kind of the objects that ``plan`` needs: those that deploy, and what they refer to."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What GitOps objects ask for, with the notes and problems that came up.

    ``claimed`` holds the charts and kustomizations that they deploy (real paths): these are not also
    rendered with their defaults. ``covered`` holds folders of plain manifests that a request renders with changes:
    those that Flux lists (overlay.autodetect) are not judged as they are written. ``raw`` holds the files that are
    applied as they are written, whatever else uses or ignores them (real paths), ``left_out`` those
    in such folders that no deployer sees, with what leaves them out, ``folders`` where objects look for manifests,
    ``by_plugins`` those that plugins make manifests of. ``asked`` is what they deploy from elsewhere, and
    ``possible`` holds the folders that those may deploy whose paths are not clear. ``deliveries`` know to which
    clusters all of this goes.
    """

    requests: tuple[Request, ...] = ()
    notes: tuple[Note, ...] = ()
    problems: tuple[Problem, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    claimed: frozenset[Place] = frozenset()
    covered: frozenset[Path] = frozenset()
    raw: frozenset[Path] = frozenset()
    left_out: Mapping[Path, str] = field(default_factory=dict)
    folders: frozenset[Deployed | SoughtPlaces] = frozenset()
    by_plugins: frozenset[Path] = frozenset()
    asked: frozenset[Asked] = frozenset()
    possible: Mapping[Path, Possible] = field(default_factory=dict)
    deliveries: Deliveries | None = None

    def possible_user(self, place: Path) -> Possible | None:
        """What may deploy a file or folder, where it is not clear whether it does."""
        return next((self.possible[one] for one in (place, *place.parents) if one in self.possible), None)


def is_relevant(resource: Resource) -> bool:
    """True if ``plan`` needs a resource."""
    return (group(resource), resource.id.kind) in GITOPS_KINDS or unfollowed.is_one(resource)


def deploys(resource: Resource) -> bool:
    """True if a resource is a GitOps object that deploys something itself, and is not only referred to."""
    return (group(resource), resource.id.kind) in _DEPLOYING


def plan(
    resources: Sequence[Resource],
    repository: Repository,
    referred: Sequence[Resource] = (),
    environment: Environment = Environment(),  # noqa: B008 - frozen
    fetched: Fetched | None = None,
) -> Planned:
    """What the objects among ``resources`` deploy from the repository, by the environment that its owner states, and
    from elsewhere, as far as that was fetched.

    ``referred`` are further objects that they may refer to, and that are not planned (again). The order of the
    requests is that of the places of the objects. What lies elsewhere is unjudged; what lies here and cannot be judged
    is a Problem.
    """
    log = Log()
    surroundings = Surroundings(repository, Catalogue((*resources, *referred)), environment, fetched or Fetched())
    ordered = sorted(filter(deploys, resources), key=lambda r: (r.locate(""), r.id, str(r.rendering or "")))
    deliveries = Deliveries(repository)
    requests = [
        request
        for resource in ordered
        for delivery, found in _plan(resource, surroundings, log)
        for request in _delivered(delivery, found, log, deliveries)
    ]
    surroundings.report_other_data()
    others = (one for one in resources if not deploys(one) and unfollowed.is_one(one))
    log.possible.extend(found for one in others for found in unfollowed.places(one, repository))
    log.folders.extend(Deployed.of(request, repository) for request in requests)
    requests = list(_without_plain(requests, repository, log, deliveries))
    plain = {request.place for request in requests if request.is_plain(repository)}
    return Planned(
        requests=tuple(requests),
        notes=tuple(sorted(set(log.notes), key=lambda n: (n.path, n.line or 0, n.message))),
        problems=tuple(sorted(set(log.problems), key=lambda p: (p.path, p.line or 0, p.message))),
        unjudged=tuple(dict.fromkeys(log.unjudged)),
        claimed=(frozenset(request.place for request in requests) - plain).union(
            *(request.parts(repository) for request in requests)
        ),
        covered=frozenset(place.path for place in plain),
        raw=frozenset(log.raw),
        left_out=_left_out(log, requests, repository),
        folders=frozenset(log.folders),
        by_plugins=frozenset(log.by_plugins),
        asked=frozenset(log.asked),
        possible={one.folder: one for one in sorted(set(log.possible), reverse=True)},
        deliveries=deliveries,
    )


def _delivered(delivery: Delivery, found: Iterable[Request], log: Log, deliveries: Deliveries) -> Sequence[Request]:
    """The requests of an object, once it is known what it deploys."""
    start = len(log.raw)
    requests = list(found)
    deliveries.add(delivery, requests, log.raw[start:])
    return requests


def _without_plain(
    requests: Sequence[Request], repository: Repository, log: Log, deliveries: Deliveries
) -> Iterator[Request]:
    """The requests but for those of plain manifests that nothing changes, which are judged as they are written, and
    instead of each the kustomizations below it; unless another request changes some of them, so that they are not."""
    changed: set[Path] = set()
    unchanged: set[Path] = set()
    for request in requests:
        if request.is_plain(repository):
            (changed if request.has_changes else unchanged).add(request.place.path)
    above = {parent for folder in changed for parent in (folder, *folder.parents)}
    raw = {folder for folder in unchanged - above if changed.isdisjoint(folder.parents)}
    for request in requests:
        if not (request.place.path in raw and request.is_plain(repository)):
            yield request
    for folder in sorted(raw):
        here = [request for request in requests if request.place.path == folder]
        unseen = _unseen(here)
        listed = (
            Path(os.path.realpath(folder / name)) for name in overlay.autodetect(folder) if folder / name not in unseen
        )
        members = [real for real in listed if repository.holds(real)]
        parts, written = (
            [KustomizationRequest(one) for one in members if one.is_dir()],
            [*filter(Path.is_file, members)],
        )
        deliveries.take_apart(here, parts, written)
        log.raw.extend(written)
        yield from parts


def _left_out(log: Log, requests: Iterable[Request], repository: Repository) -> dict[Path, str]:
    """The files that an object leaves out and no other one applies."""
    if not log.left_out:
        return {}
    built = [one for one in requests if isinstance(one, KustomizationRequest) and one.is_plain(repository)]
    listed = {one.folder / name for one in built for name in overlay.autodetect(one.folder)}
    taken = {
        path for path in listed if not all(path in one.without for one in built if path.is_relative_to(one.folder))
    }
    return {path: why for path, why in sorted(log.left_out.items()) if path not in taken and path not in log.raw}


def _listed(folder: Path) -> Iterator[Path]:
    return (folder / name for name in overlay.autodetect(folder))


def _unseen(requests: Iterable[Request]) -> frozenset[Path]:
    """The files that none of the deployers of these requests sees."""
    found = [request.without for request in requests if isinstance(request, KustomizationRequest)]
    return frozenset.intersection(*found) if found else frozenset()


def _plan(resource: Resource, surroundings: Surroundings, log: Log) -> Iterator[tuple[Delivery, Iterator[Request]]]:
    """Yields what an object deploys, with where it goes."""
    fields, requested_by = ObjectFields.of(resource, log), resource.title
    scope = application.ApplicationScope(surroundings.repository, surroundings.environment, surroundings.fetched)
    match resource.id.kind:
        case "Application":
            yield application.delivery(fields, scope), application.plan_application(fields, scope, requested_by)
        case "ApplicationSet":
            for generated in applicationset.generate(fields, scope.repository, scope.environment):
                planned = application.plan_application(generated, scope, requested_by)
                yield application.delivery(generated, scope), planned
        case "Kustomization":
            yield delivery(fields), kustomization.plan_kustomization(fields, surroundings, requested_by)
        case "HelmRelease":
            yield delivery(fields), helmrelease.plan_release(fields, surroundings, requested_by)
        case "HelmChart":
            yield (
                Delivery(resource),
                k3s.plan_chart(fields, surroundings.repository, surroundings.fetched, requested_by),
            )
