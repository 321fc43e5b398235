"""Reads what must be known before any manifest is judged: what is deployed, and what pods refer to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from kgate.kubernetes import facts, manifest
from kgate.kubernetes.facts import Facts
from kgate.lifetime import FOREVER, Lifetime
from kgate.model import Resource
from kgate.repository import Repository
from kgate.sources.files import EXTENSIONS, Listing, SourceFile
from kgate.sources.gitops_search import FLUX, holds_deployment, peek
from kgate.values import dataclass
from kgate.yamltree import spelling

if TYPE_CHECKING:
    from kgate.kubernetes.scopes import ClusterScope

_VALUES = re.compile(r"\b(?:ConfigMap|(?:Sealed|External)?Secret)\b")

FileObjects: TypeAlias = dict[Path, tuple[Resource, ...]]
"""Objects by the file that holds them."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of plain manifests before they are judged: the objects that may say what is deployed, with those
    that Flux may take values from, and the facts."""

    objects: FileObjects = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)


def survey(listing: Listing, lifetime: Lifetime = FOREVER, clusters: Sequence[ClusterScope] = ()) -> Survey:
    """Looks through plain manifests; only those that hold something of this kind are parsed. What kustomizations use
    may be objects of Flux, which refer to plain ones, and policies, which select them. ``clusters`` have facts of their
    own. Raises DeadlineError."""
    deploying: list[SourceFile] = []
    values: list[SourceFile] = []
    joined: list[SourceFile] = []
    audited: list[SourceFile] = []
    has_flux, isolating = _of_claims(listing)
    has_facts = has_policies = has_servers = False
    for file in listing.files.values():
        lifetime.check()
        text = peek(file.path)
        has_flux = has_flux or spelling.may_hold(text, FLUX)
        if holds_deployment(text):
            deploying.append(file)
        elif spelling.may_hold(text, _VALUES):
            values.append(file)
        if spelling.may_hold(text, facts.MENTIONED):
            joined.append(file)
            has_facts = has_facts or facts.may_matter(text)
            has_policies = has_policies or spelling.may_hold(text, facts.ISOLATES)
        is_server = spelling.may_hold(text, facts.AUDITED_SERVERS)
        has_servers = has_servers or is_server
        if is_server or spelling.may_hold(text, facts.AUDIT_FILES):
            audited.append(file)
    is_all = not listing.has_sources  # a chart may have pods that the policies select
    read = () if not has_facts else listing.files.values() if has_policies and is_all else joined
    known = [one for file in read for one in _objects(file, lifetime) if has_policies or facts.is_wanted(one)]
    isolated = [one for file in isolating for one in _objects(file, lifetime)]
    auditing = [one for file in (audited if has_servers else ()) for one in _objects(file, lifetime)]
    gathered = _Gathered(known, isolated, _used_elsewhere(listing, lifetime), auditing, is_all)
    found = replace(gathered.facts(), clusters=tuple(gathered.facts_of_each(clusters)))
    return Survey(_relevant_objects([*deploying, *(values if has_flux else ())], lifetime), found)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """The plain objects that facts are taken from, the policies and the ``used`` objects in files of kustomizations,
    those that may have to do with audit logs, and whether nothing else is deployed with the first."""

    plain: Sequence[Resource]
    isolating: Sequence[Resource]
    used: Sequence[Resource]
    auditing: Sequence[Resource]
    is_all: bool

    def facts(self) -> Facts:
        """Returns the facts."""
        found = Facts.of(self.plain, is_all=self.is_all)
        if self.isolating:
            from kgate.kubernetes.isolation import NetworkPolicies, is_whole

            found = found.beside(NetworkPolicies.of(list(filter(is_whole, self.isolating)), is_all=False))
        if self.auditing:
            from kgate.kubernetes.components import auditing

            found = replace(found, audit=auditing.gathered(self.auditing))
        return replace(found, elsewhere=Facts.of(self.used, is_all=False)) if self.used else found

    def facts_of_each(self, clusters: Sequence[ClusterScope]) -> Iterator[Facts]:
        """Yields the facts of each cluster, without what belongs to another one."""
        if not clusters:
            return
        from kgate.kubernetes.scopes import cluster_of  # few repositories name any

        gathered = self.plain, self.isolating, self.used, self.auditing
        placed = [[(cluster_of(one, clusters), one) for one in resources] for resources in gathered]
        for cluster in clusters:
            plain, isolating, used, auditing = (
                [one for where, one in pairs if where in (cluster, None)] for pairs in placed
            )
            found = _Gathered(plain, isolating, used, auditing, self.is_all)
            yield replace(found.facts(), cluster=cluster)


def joined_objects(files: Iterable[SourceFile], lifetime: Lifetime) -> Iterator[Resource]:
    """Yields the objects in files that others may rely on. Raises DeadlineError."""
    found = (file for file in files if spelling.may_hold(peek(file.path), facts.MENTIONED))
    return (one for file in found for one in _objects(file, lifetime) if facts.is_wanted(one))


def _used_elsewhere(listing: Listing, lifetime: Lifetime) -> list[Resource]:
    """Returns the objects, in files that kustomizations use, that plain manifests beside them may rely on."""
    claims = [claim for claim in listing.claims.values() if claim.reader is None] if listing.files else []
    files = [claim.file for claim in claims if facts.may_matter_elsewhere(peek(claim.file.path))]
    return [one for file in files for one in _objects(file, lifetime) if facts.is_wanted(one)]


def _of_claims(listing: Listing) -> tuple[bool, list[SourceFile]]:
    """Returns whether files that kustomizations use may hold objects of Flux, and those that may hold policies."""
    has_flux = False
    isolating = []
    for claim in listing.claims.values():
        text = peek(claim.file.path)
        has_flux = has_flux or spelling.may_hold(text, FLUX)
        if claim.reader is None and spelling.may_hold(text, facts.ISOLATES):
            isolating.append(claim.file)
    return has_flux, isolating


def expected_objects(listing: Listing, repository: Repository, lifetime: Lifetime = FOREVER) -> FileObjects:
    """The objects in files of kustomizations that may say what is deployed, before these are built. Raises
    DeadlineError."""
    used = {path for found in listing.kustomizations.values() for path in found.files} - listing.files.keys()
    named = sorted(path for path in used if path.name.endswith(EXTENSIONS))
    found = (SourceFile(path, repository.shown(path)) for path in named if holds_deployment(peek(path)))
    return _relevant_objects(found, lifetime)


def _relevant_objects(files: Iterable[SourceFile], lifetime: Lifetime) -> FileObjects:
    found: FileObjects = {}
    for file in files:
        from kgate.gitops.plan import is_relevant

        relevant = tuple(filter(is_relevant, _objects(file, lifetime)))
        if relevant:
            found[file.path] = relevant
    return found


def _objects(file: SourceFile, lifetime: Lifetime) -> Iterable[Resource]:
    lifetime.check()
    for part in manifest.stream(file.shown, peek(file.path).encode(), facts.KINDS):
        yield from part.resources
