"""Decides what of a rendering counts where the user names single files: only what these files are a source of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.model import Batch, Resource
from kgate.regexp import PatternError
from kgate.rendering.kustomize.graph import Kustomizations
from kgate.rendering.kustomize.kustomization import Kustomization, KustomizationError, Patch
from kgate.rendering.kustomize.selectors import Selector
from kgate.rendering.requests import Request
from kgate.repository import Repository, SearchError
from kgate.sources.unrendered import PATCHES, RESOURCES
from kgate.values import dataclass

_DEFINES = re.compile(rb"\b(define|block)\b")
_COPIES = ("replacements", "vars", "generators", "transformers", "configurations")
"""Fields of a kustomization that carry something from one object to another."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a named file is a source of: the objects that begin in it, or those that its patches select."""

    path: str
    selectors: tuple[Selector, ...] = ()

    def holds(self, resource: Resource) -> bool:
        """True if the file is a source of an object, or may be."""
        if self.selectors:
            names = [name for name in (resource.id.name, resource.name_as_written) if name]
            return any(selector.takes(resource.id.kind, names) for selector in self.selectors)
        place = resource.locate("")
        return self.path in (place.path, *(related.location.path for related in place.related))


@dataclass(frozen=True, slots=True)
class NamedFiles:
    """The files that the user names, by their real paths."""

    _files: frozenset[Path]
    _repository: Repository

    @classmethod
    def of(cls, starts: Iterable[Path], repository: Repository) -> NamedFiles | None:
        """The real paths that a scan starts at; None if one of them is a folder, so that everything counts."""
        files = frozenset(starts)
        return cls(files, repository) if files and not any(path.is_dir() for path in files) else None

    def scoped(self, request: Request, batch: Batch) -> Batch:
        """What a request has rendered to, with what counts of it. All of it does if it is rendered for another reason
        than a named file, or if one of them may be a source of any object, as values and helper templates are."""
        scopes = [self._scope(request, file) for file in sorted(self._touched(request))]
        known = [scope for scope in scopes if scope is not None and any(map(scope.holds, batch.resources))]
        if not known or len(known) < len(scopes):
            return batch
        return replace(batch, counts_in=lambda resource: any(scope.holds(resource) for scope in known))

    def _touched(self, request: Request) -> frozenset[Path]:
        """The named files among those of a request."""
        try:
            return self._files.intersection(request.files(self._repository))
        except (SearchError, KustomizationError):
            return frozenset()

    def _scope(self, request: Request, file: Path) -> _Scope | None:
        """What a file of a request is a source of; None if it may be one of any object."""
        if request.place.kind == "chart":
            return self._of_template(request.place.path, file)
        if request.place.kind == "kustomization":
            return self._of_member(request.place.path, file)
        return None

    def _of_template(self, chart: Path, file: Path) -> _Scope | None:
        is_plain = file.is_relative_to(chart / "templates") and not file.name.startswith("_")
        if not is_plain or _DEFINES.search(self._repository.bytes_if_any(file)):
            return None
        return _Scope(self._repository.shown(file))

    def _of_member(self, folder: Path, file: Path) -> _Scope | None:
        known = Kustomizations.of(self._repository)
        try:
            nodes = [known.read(place) for place in known.reached([folder])]
        except KustomizationError:
            return None
        if any(node.field(name) is not None for node in nodes for name in _COPIES):
            return None
        keys = {link.key for node in nodes for link in node.links if link.real == file}
        path = self._repository.shown(file)
        if keys and keys <= set(RESOURCES):
            return _Scope(path)
        if keys and keys <= set(PATCHES):
            return self._of_patches(path, file, nodes)
        return None

    def _of_patches(self, path: str, file: Path, nodes: Iterable[Kustomization]) -> _Scope | None:
        patches = [
            patch for node in nodes for patch in node.patches if patch.link is not None and patch.link.real == file
        ]
        try:
            selectors = tuple(selector for patch in patches for selector in self._selectors(path, file, patch))
        except PatternError:
            return None
        return _Scope(path, selectors) if selectors else None

    def _selectors(self, path: str, file: Path, patch: Patch) -> Iterator[Selector]:
        """What selects the objects of a patch: its target, else the kind and the name that each of its documents has.
        Raises PatternError."""
        if patch.target is not None and patch.target.fields:
            yield Selector.of(patch.target.value)
            return
        contents = manifest.read(path, self._repository.bytes_if_any(file))
        if contents.problems or contents.ignored or contents.skipped:
            yield Selector.of({})
        for resource in contents.resources:
            yield Selector.of({"kind": resource.id.kind, "name": resource.id.name})
