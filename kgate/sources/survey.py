"""Reads what must be known before any manifest is judged: what is deployed, and what pods refer to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from kgate.kubernetes import facts, manifest
from kgate.kubernetes.facts import Facts
from kgate.lifetime import FOREVER, Lifetime
from kgate.model import Resource
from kgate.repository import Repository
from kgate.sources.files import EXTENSIONS, ClaimedFile, Listing, SourceFile
from kgate.sources.gitops_search import FLUX, holds_deployment
from kgate.sources.texts import Texts, peek
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


@dataclass(frozen=True, slots=True)
class _Signs:
    """What a text may hold: objects of Flux; what says what is deployed; what facts are taken from, which decide
    something, policies among them; servers that write audit logs."""

    flux: bool
    deployment: bool
    joined: bool
    facts: bool
    policies: bool
    server: bool


def _signs(text: str) -> _Signs:
    is_joined = spelling.may_hold(text, facts.MENTIONED)
    return _Signs(
        flux=spelling.may_hold(text, FLUX),
        deployment=holds_deployment(text),
        joined=is_joined,
        facts=is_joined and facts.may_matter(text),
        policies=is_joined and spelling.may_hold(text, facts.ISOLATES),
        server=spelling.may_hold(text, facts.AUDITED_SERVERS),
    )


def _may_hold_values(text: str) -> bool:
    """True if Flux may take values from an object in a text."""
    return spelling.may_hold(text, _VALUES)


def _may_be_audited(text: str) -> bool:
    """True if an object in a text may have to do with the audit log of a server elsewhere."""
    return spelling.may_hold(text, facts.AUDIT_FILES)


@dataclass(frozen=True, slots=True)
class _UsedSigns:
    """What the text of a file that kustomizations use may hold: objects of Flux, policies, and what facts about plain
    manifests beside it are taken from."""

    flux: bool
    policies: bool
    elsewhere: bool


def _used_signs(text: str) -> _UsedSigns:
    return _UsedSigns(
        flux=spelling.may_hold(text, FLUX),
        policies=spelling.may_hold(text, facts.ISOLATES),
        elsewhere=facts.may_matter_elsewhere(text),
    )


def survey(
    listing: Listing, texts: Texts, lifetime: Lifetime = FOREVER, clusters: Sequence[ClusterScope] = ()
) -> Survey:
    """Looks through plain manifests; only those that hold something of this kind are parsed. What kustomizations use
    may be objects of Flux, which refer to plain ones, and policies, which select them. ``clusters`` have facts of their
    own. Raises DeadlineError."""
    signs: dict[SourceFile, _Signs] = {}
    for file in listing.files.values():
        lifetime.check()
        signs[file] = texts.ask(file.path, _signs)
    claims = [(claim, texts.ask(claim.file.path, _used_signs)) for claim in listing.claims.values()]
    has_servers = any(one.server for one in signs.values())  # few repositories hold one
    suspects = signs.items() if has_servers else ()
    audited = [file for file, one in suspects if one.server or texts.ask(file.path, _may_be_audited)]
    gathered = _gathered(listing, signs, claims, audited, partial(_objects, texts, lifetime))
    found = replace(gathered.facts(), clusters=tuple(gathered.facts_of_each(clusters)))
    has_flux = any(one.flux for one in signs.values()) or any(used.flux for _, used in claims)
    telling = [file for file, one in signs.items() if one.deployment]
    others = (file for file, one in signs.items() if not one.deployment) if has_flux else ()
    telling += [file for file in others if texts.ask(file.path, _may_hold_values)]
    return Survey(_relevant_objects(telling, texts, lifetime), found)


def _gathered(
    listing: Listing,
    signs: Mapping[SourceFile, _Signs],
    claims: Sequence[tuple[ClaimedFile, _UsedSigns]],
    audited: Sequence[SourceFile],
    objects: Callable[[SourceFile, bool], Iterable[Resource]],
) -> _Gathered:
    """Returns what facts are taken from; ``objects`` has those of a file, all of them or only what is wanted."""
    has_facts = any(one.facts for one in signs.values())
    has_policies = any(one.policies for one in signs.values())
    is_all = not listing.has_sources  # a chart may have pods that the policies select
    joined = [file for file, one in signs.items() if one.joined]
    read = () if not has_facts else signs if has_policies and is_all else joined
    own = [(claim.file, one) for claim, one in claims if claim.reader is None]
    return _Gathered(
        [one for file in read for one in objects(file, has_policies)],
        [one for file, used in own if used.policies for one in objects(file, True)],
        [one for file, used in own if used.elsewhere and listing.files for one in objects(file, False)],
        [one for file in audited for one in objects(file, True)],
        is_all,
    )


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


def joined_objects(files: Iterable[SourceFile], texts: Texts, lifetime: Lifetime) -> Iterator[Resource]:
    """Yields the objects in files that others may rely on. Raises DeadlineError."""
    found = (file for file in files if texts.ask(file.path, _signs).joined)
    return (one for file in found for one in _objects(texts, lifetime, file, is_all=False))


def expected_objects(listing: Listing, repository: Repository, lifetime: Lifetime = FOREVER) -> FileObjects:
    """The objects in files of kustomizations that may say what is deployed, before these are built. Raises
    DeadlineError."""
    texts = Texts.of(repository)
    used = {path for found in listing.kustomizations.values() for path in found.files} - listing.files.keys()
    named = sorted(path for path in used if path.name.endswith(EXTENSIONS))
    found = (SourceFile(path, repository.shown(path)) for path in named if texts.ask(path, holds_deployment))
    return _relevant_objects(found, texts, lifetime)


def _relevant_objects(files: Iterable[SourceFile], texts: Texts, lifetime: Lifetime) -> FileObjects:
    found: FileObjects = {}
    for file in files:
        lifetime.check()
        if relevant := texts.ask(file.path, _relevant, file.shown):
            found[file.path] = relevant
    return found


def _relevant(text: str, path: str) -> tuple[Resource, ...]:
    from kgate.gitops.plan import is_relevant

    return tuple(filter(is_relevant, _parsed(text, path)))


def _objects(texts: Texts, lifetime: Lifetime, file: SourceFile, is_all: bool) -> Iterable[Resource]:
    """Returns the objects of a file, all of them or only those that facts are taken from."""
    lifetime.check()
    return _parsed(peek(file.path), file.shown) if is_all else texts.ask(file.path, _wanted, file.shown)


def _wanted(text: str, path: str) -> tuple[Resource, ...]:
    return tuple(filter(facts.is_wanted, _parsed(text, path)))


def _parsed(text: str, path: str) -> Iterator[Resource]:
    for part in manifest.stream(path, text.encode(), facts.KINDS):
        yield from part.resources
