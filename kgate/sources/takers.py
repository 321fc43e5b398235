"""Finds the objects of other files that take values from a ConfigMap or Secret of a file that the user names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.lifetime import Lifetime
from kgate.model import Json, Note, Resource, value_at
from kgate.repository import CONFIG_NAMES, Repository
from kgate.sources.files import Listing, SourceFile, list_files
from kgate.sources.gitops_search import FLUX
from kgate.sources.texts import peek
from kgate.values import dataclass
from kgate.yamltree import spelling

_HOLDS = re.compile(r"\b(?:ConfigMap|Secret)\b")
_REFERENCES = {"HelmRelease": "/spec/valuesFrom", "Kustomization": "/spec/postBuild/substituteFrom"}
"""Where objects of Flux name what they take values from, by their kind."""


@dataclass(frozen=True, slots=True)
class _Data:
    """A ConfigMap or Secret, and the file that holds it."""

    kind: str
    namespace: str
    name: str
    file: str

    def is_meant(self, reference: Json, namespace: str) -> bool:
        """True if an object in a namespace means it; an unknown one may be any."""
        found = reference if isinstance(reference, dict) else {}
        is_near = not namespace or not self.namespace or namespace == self.namespace
        return is_near and (found.get("kind"), found.get("name")) == (self.kind, self.name)


def takers(listing: Listing, repository: Repository, lifetime: Lifetime) -> tuple[Sequence[Path], Sequence[Note]]:
    """The further files to judge where the user names single files, and a note that names each. Raises
    DeadlineError."""
    starts = frozenset(listing.starts)
    if not starts or any(path.is_dir() or path.name in CONFIG_NAMES for path in starts):
        return (), ()
    own = (*listing.files.values(), *(claim.file for claim in listing.claims.values()))
    data = [one for file in own if file.path in starts for one in _data(file)]
    if not data:
        return (), ()
    everything = list_files([repository.root], repository, lifetime)
    others = {**everything.files, **{path: claim.file for path, claim in everything.claims.items()}}
    found = [(file, by) for path, file in sorted(others.items()) if path not in starts for by in _by(file, data)]
    notes = [Note(file.shown, line, f"is judged, too: it takes values from {one.file}") for file, (line, one) in found]
    return list(dict.fromkeys(file.path for file, _ in found)), notes


def _data(file: SourceFile) -> Iterator[_Data]:
    if spelling.may_hold(peek(file.path), _HOLDS):
        for one in _resources(file):
            if one.id.kind in ("ConfigMap", "Secret"):
                yield _Data(one.id.kind, one.id.namespace, one.id.name, file.shown)


def _by(file: SourceFile, data: Iterable[_Data]) -> Iterator[tuple[int, _Data]]:
    """What of it the objects of a file take values from, and the lines of these."""
    if not spelling.may_hold(peek(file.path), FLUX):
        return
    for one in _resources(file):
        found = value_at(one.body, _REFERENCES.get(one.id.kind, "/spec/none"))
        references = found if isinstance(found, list) else []
        for known in data:
            if any(known.is_meant(reference, one.id.namespace) for reference in references):
                yield one.locate("").start.line, known


def _resources(file: SourceFile) -> Iterator[Resource]:
    for part in manifest.stream(file.shown, peek(file.path).encode()):
        yield from part.resources
