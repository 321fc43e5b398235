"""What a build starts from: a folder, what is put on top of it, and what is replaced in its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from kgate.model import Json, Location, Pointer
from kgate.rendering.kustomize.substitution import Variables
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class BuildInput:
    """A folder to build. If it has no kustomization file, one that lists all its manifests is made for it, but for
    those in ``without``, which the deployer does not see.

    ``additions`` holds fields of a kustomization that a GitOps object puts into it (patches, images, namePrefix,
    namespace, …), as Argo CD and Flux edit the file; ``locate`` returns the location of a pointer into them.
    ``variables`` replace ``${NAME}`` in what was built, as Flux does after the build; None if there is no such step.
    """

    folder: Path
    additions: Mapping[str, Json] = field(default_factory=dict, hash=False)
    locate: Callable[[Pointer], Location] | None = field(default=None, hash=False)
    variables: Variables | None = None
    variant: str = ""
    requested_by: str = ""
    without: frozenset[Path] = frozenset()
