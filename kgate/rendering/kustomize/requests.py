"""A kustomization to build."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kgate.model import Batch
from kgate.rendering import detect
from kgate.rendering.kustomize.build_input import BuildInput
from kgate.rendering.requests import Place, RenderContext
from kgate.repository import Repository


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
        added = json.dumps([self.additions, self.substitutions], sort_keys=True, default=str)
        return self.folder, added, self.variant, self.requested_by

    @property
    def has_changes(self) -> bool:
        """True if a GitOps object puts something on top of it, or replaces variables."""
        return bool(self.additions or self.substitutions)

    def is_plain(self, repository: Repository) -> bool:
        """True if there is no kustomization file in the folder."""
        return detect.kustomization_name(repository.names(self.folder)) is None

    def is_deep(self, repository: Repository) -> bool:
        """True without a kustomization file, for then all manifests below the folder are built."""
        return self.is_plain(repository)

    def files(self, repository: Repository) -> Iterator[Path]:
        """The files that the kustomization and those that it includes use."""
        from kgate.rendering.kustomize.graph import Kustomizations

        yield from Kustomizations.of(repository).files(self.folder)

    def templates(self, repository: Repository) -> Iterator[Path]:
        """The files that are built."""
        return filter(repository.holds, self.files(repository))

    def render(self, context: RenderContext) -> Batch:
        """Builds it."""
        from kgate.rendering.kustomize.render import Kustomizer

        kustomizer = Kustomizer(context.workspace, context.options, context.late_notes)
        return kustomizer.render(self, context.tools.kustomize, context.tools.helm)
