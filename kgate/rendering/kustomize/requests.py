"""A kustomization to build."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Hashable, Iterator
from pathlib import Path

from kgate.model import Batch
from kgate.rendering import detect
from kgate.rendering.kustomize.build_input import BuildInput
from kgate.rendering.requests import Place, RenderContext
from kgate.repository import Repository
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class KustomizationRequest(BuildInput):
    """A folder to build, with or without a kustomization file in it."""

    @property
    def place(self) -> Place:
        """The folder."""
        return Place("kustomization", self.folder)

    @property
    def key(self) -> Hashable:
        """The folder, and everything that changes its build or the name of its rendering."""
        variables = [self.variables.values, self.variables.sources] if self.variables is not None else None
        added = json.dumps([self.additions, variables], sort_keys=True, default=str)
        return self.folder, added, self.variant, self.requested_by, self.without

    @property
    def has_changes(self) -> bool:
        """True if a GitOps object puts something on top of it, or replaces variables."""
        return bool(self.additions) or self.variables is not None

    def is_plain(self, repository: Repository) -> bool:
        """True if there is no kustomization file in the folder."""
        return detect.kustomization_name(repository.names(self.folder)) is None

    def is_deep(self, repository: Repository) -> bool:
        """True without a kustomization file, for then all manifests below the folder are built."""
        return self.is_plain(repository)

    def files(self, repository: Repository) -> Iterator[Path]:
        """The files that the kustomization and those that it includes use; without one, those that are listed instead,
        directly or in kustomizations below."""
        from kgate.rendering.kustomize import overlay
        from kgate.rendering.kustomize.graph import Kustomizations

        kustomizations = Kustomizations.of(repository)
        if not self.is_plain(repository):
            yield from kustomizations.files(self.folder)
            return
        for member in (self.folder / name for name in overlay.autodetect(self.folder)):
            yield from kustomizations.files(member) if member.is_dir() else (member,)

    def parts(self, repository: Repository) -> Iterator[Place]:
        """The components that are put on top of it; without a kustomization file, the kustomizations below it."""
        from kgate.rendering.kustomize import overlay
        from kgate.rendering.kustomize.kustomization import KustomizationError

        found: list[Path] = []
        with contextlib.suppress(KustomizationError):  # reported when it is built
            found += overlay.component_folders(self, self.folder, repository)
        if self.is_plain(repository):
            found += (Path(os.path.realpath(self.folder / name)) for name in overlay.autodetect(self.folder))
        yield from (Place("kustomization", path) for path in found if path.is_dir())

    def templates(self, repository: Repository) -> Iterator[Path]:
        """The files that are built."""
        return filter(repository.holds, self.files(repository))

    def render(self, context: RenderContext) -> Batch:
        """Builds it."""
        from kgate.rendering.kustomize.render import Kustomizer

        kustomizer = Kustomizer(context.workspace, context.options, context.late_notes, context.fetched)
        return kustomizer.render(self, context.tools.kustomize, context.tools.helm)
