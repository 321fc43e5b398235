"""Decides what of a rendering counts where the user names single files: only what these files are a source of."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from kgate import waiverfile
from kgate.kubernetes import manifest
from kgate.model import Batch, Resource
from kgate.regexp import PatternError
from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import TemplateError
from kgate.rendering.helm.contents import CHANGES, DEFINES
from kgate.rendering.kustomize.graph import Kustomizations
from kgate.rendering.kustomize.kustomization import Kustomization, KustomizationError, Patch
from kgate.rendering.kustomize.selectors import Selector
from kgate.rendering.requests import Request
from kgate.repository import CONFIG_NAMES, PYPROJECT, Repository, SearchError
from kgate.sources.unrendered import PATCHES, RESOURCES
from kgate.values import dataclass
from kgate.yamltree.text import decode

_EVALUATES = re.compile(rb"\btpl\b")
"""What runs a text as a template, which may do what the file itself does not."""

_HASHED = re.compile(
    r"\s*include\s+\(print\s+\$?\.Template\.BasePath\s+\"[^\"]*\"\)\s+[$.]\s*\|\s*sha256sum(?:\s*\|\s*\w++)*+\s*"
)
"""An action that prints the checksum of another template, so that pods start anew if that changes."""

_BY_PATH = re.compile(r"\b(?:include|template)\s+(?!\"[^\"/]*\"|`[^`/]*`)")
"""A call of a template whose name is a path, as those of files are, or found out when it is rendered."""

_SETS_VALUES = re.compile(r"\b(?:set|unset|(?:mustM|m)erge(?:Overwrite)?)\b(?!\s+(?:\(\s*)?dict\b)")
"""An action that changes a dictionary other than a new one: it may be one of the values, under whatever name."""

_RENAMES = re.compile(r"\ballow(?:Name|Kind)Change\b")
_COPIES = ("replacements", "vars", "generators", "transformers", "configurations")
"""Fields of a kustomization that carry something from one object to another."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a named file is a source of: the objects that begin in it, or those that its patches select."""

    path: str
    selectors: tuple[Selector, ...] = ()


@dataclass(frozen=True, slots=True)
class _Scopes:
    """The objects that begin in some files, and those that some patches select."""

    paths: frozenset[str]
    selectors: tuple[Selector, ...]

    @classmethod
    def of(cls, scopes: Iterable[_Scope]) -> _Scopes:
        """Those of all files."""
        known = tuple(scopes)
        paths = frozenset(scope.path for scope in known if not scope.selectors)
        return cls(paths, tuple(selector for scope in known for selector in scope.selectors))

    def are_seen_in(self, resources: Sequence[Resource]) -> bool:
        """True if each part is the source of an object: else one may be known by another name."""
        seen = frozenset(path for resource in resources for path in _sources(resource))
        return self.paths <= seen and all(
            any(_takes(selector, resource) for resource in resources) for selector in self.selectors
        )

    def hold(self, resource: Resource) -> bool:
        """True if one of the files is a source of an object, or may be."""
        is_selected = any(_takes(selector, resource) for selector in self.selectors)
        return is_selected or not self.paths.isdisjoint(_sources(resource))


def _sources(resource: Resource) -> Iterator[str]:
    place = resource.locate("")
    yield place.path
    yield from (related.location.path for related in place.related)


def _takes(selector: Selector, resource: Resource) -> bool:
    return selector.takes(resource.id.kind, [name for name in (resource.id.name, resource.name_as_written) if name])


@dataclass(frozen=True, slots=True)
class NamedFiles:
    """The files that the user names, by their real paths. ``_mixed`` remembers in which charts templates may decide
    what others print."""

    _files: frozenset[Path]
    _repository: Repository
    _mixed: dict[Path, bool] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, starts: Iterable[Path], repository: Repository) -> NamedFiles | None:
        """The real paths that a scan starts at; None if one of them is a folder or a configuration, so that everything
        counts."""
        files = frozenset(starts)
        steering = (*CONFIG_NAMES, PYPROJECT, waiverfile.NAME)
        if not files or any(path.is_dir() or path.name in steering for path in files):
            return None
        return cls(files, repository)

    def scoped(self, request: Request, batch: Batch) -> Batch:
        """What a request has rendered to, with what counts of it. All of it does if it is rendered for another reason
        than a named file, as for a GitOps object, or if one of them may be a source of any object, as values and helper
        templates are."""
        if any(one.rendering is not None and one.rendering.requested_by for one in batch.resources):
            return batch
        found = [self._scope(request, *one) for one in self._touched(request).items()]
        scopes = _Scopes.of(scope for scope in found if scope is not None)
        if not found or None in found or not scopes.are_seen_in(batch.resources):
            return batch
        return replace(batch, counts_in=scopes.hold)

    def _touched(self, request: Request) -> Mapping[Path, int]:
        """The named files among those of a request, with how often each is there: a link to one is one more."""
        found: Counter[Path] = Counter()
        try:
            for path in request.files(self._repository):
                if path in self._files:
                    found[path] += 1
                elif path.is_symlink():
                    real = Path(os.path.realpath(path))
                    found.update(file for file in self._files if file.is_relative_to(real))
        except (SearchError, KustomizationError):
            return {}
        return found

    def _scope(self, request: Request, file: Path, uses: int) -> _Scope | None:
        """What a file of a request is a source of; None if it may be one of any object."""
        if request.place.kind == "chart" and uses == 1:
            return self._of_template(request, file)
        if request.place.kind == "kustomization":
            return self._of_member(request.place.path, file)
        return None

    def _of_template(self, request: Request, file: Path) -> _Scope | None:
        chart = request.place.path
        if not file.is_relative_to(chart / "templates") or file.name.startswith("_"):
            return None
        text = self._repository.bytes_if_any(file)
        if any(pattern.search(text) for pattern in (DEFINES, CHANGES, _EVALUATES)):
            return None
        if chart not in self._mixed:
            self._mixed[chart] = any(map(self._mixes, request.templates(self._repository)))
        return None if self._mixed[chart] else _Scope(self._repository.shown(file))

    def _mixes(self, template: Path) -> bool:
        """True if a template may take in what the file of another one prints, other than its checksum, or if it changes
        values for whatever calls it."""
        try:
            bodies = [one.body for one in gotemplate.tokens(decode(self._repository.bytes_if_any(template)))]
        except (TemplateError, UnicodeDecodeError):
            return True
        return any(
            body and (_SETS_VALUES.search(body) or (_BY_PATH.search(body) and not _HASHED.fullmatch(body)))
            for body in bodies
        )

    def _of_member(self, folder: Path, file: Path) -> _Scope | None:
        known = Kustomizations.of(self._repository)
        try:
            nodes = [known.read(place) for place in known.reached([folder])]
        except KustomizationError:
            return None
        if any(_RENAMES.search(node.source.text) for node in nodes):
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
