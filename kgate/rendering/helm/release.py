"""One way to deploy a chart: its values and the other arguments of ``helm template``."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import field, replace
from pathlib import Path

from kgate.model import AppliedValues, Json, Location, Pointer, Unknown
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class ValuesFile:
    """A values file of the repository, as ``helm template --values`` takes it."""

    path: Path


@dataclass(frozen=True, slots=True)
class InlineValues:
    """Values inside another object (an Argo CD Application, a Flux HelmRelease).

    ``locate`` returns the location of the value at a pointer into ``body``, ``pointer`` is where the object that
    requests the release holds them; None if another object does. ``line`` gives lines of the file (Locator).
    """

    body: Mapping[str, Json] = field(hash=False)
    locate: Callable[[Pointer], Location] = field(hash=False)
    pointer: Pointer | None = field(default=None, compare=False)
    line: Callable[[str, int], str] = field(default=lambda _path, _number: "", compare=False)


@dataclass(frozen=True, slots=True)
class PostRenderer:
    """Fields of a kustomization, ``patches`` and ``images``, that are put on top of what a chart renders to. ``locate``
    returns the location of a pointer into them."""

    body: Mapping[str, Json] = field(hash=False)
    locate: Callable[[Pointer], Location] = field(hash=False)

    def place(self, kind: str, name: str, field_name: str) -> Location:
        """The place of the last entry that may have changed a field of an object: an entry that names the field, else
        one for the object, else all."""
        patches, images = self.body.get("patches"), self.body.get("images")
        texts = [json.dumps(patch, default=str) for patch in patches] if isinstance(patches, list) else []
        for words in ((field_name, name), (field_name, kind), (field_name,), (name,), (kind,)):
            for index in reversed(range(len(texts))):
                if all(word and word in texts[index] for word in words):
                    return self.locate(f"/patches/{index}/patch")
        return self.locate("/images/0" if images and (field_name == "image" or not texts) else "/patches/0")


@dataclass(frozen=True, slots=True)
class Release:
    """The arguments of ``helm template``. Later values win over earlier ones, ``sets`` (``--set``) and
    ``string_sets`` (``--set-string``) over all values. ``set_places`` says where these are written,
    if that is known. ``namespace`` is empty where nobody says it; ``is_named`` is False where nobody says the name,
    which is then made of that of the chart's folder.

    ``post_renderers`` change what is rendered, in their order; Flux has them.
    ``unknown`` holds the variables in the values that only the cluster knows, by name, each with its place;
    ``concealed`` is that of a resource."""

    name: str
    namespace: str = ""
    values: tuple[ValuesFile | InlineValues, ...] = ()
    sets: tuple[str, ...] = ()
    string_sets: tuple[str, ...] = ()
    kubernetes_version: str | None = None
    api_versions: tuple[str, ...] = ()
    with_crds: bool = True
    variant: str = ""
    requested_by: str = ""
    set_places: Mapping[str, Callable[[], Location]] = field(default_factory=dict, compare=False)
    post_renderers: tuple[PostRenderer, ...] = ()
    unknown: Mapping[str, Unknown] = field(default_factory=dict, hash=False, compare=False)
    concealed: tuple[tuple[str, str], ...] = ()
    is_named: bool = True
    is_upgrade: bool = False

    @property
    def applied(self) -> tuple[AppliedValues, ...]:
        """The values inside the object that requests the release."""
        pointers = (values.pointer for values in self.values if isinstance(values, InlineValues))
        return tuple(AppliedValues(self.requested_by, pointer) for pointer in pointers if pointer is not None)

    @property
    def is_default(self) -> bool:
        """True if it has the chart's own values alone, and nobody asks for it."""
        return not (self.values or self.sets or self.string_sets or self.requested_by)

    @property
    def title(self) -> str:
        """What a message calls it; empty for the chart with its own values."""
        if not self.requested_by:
            return self.variant
        return f"{self.variant} of {self.requested_by}" if self.variant else self.requested_by

    @property
    def key(self) -> Hashable:
        """Equal for releases with the same arguments, wherever their values are written."""
        values = (one.path if isinstance(one, ValuesFile) else json.dumps(one.body, default=str) for one in self.values)
        changes = tuple(json.dumps(one.body, sort_keys=True, default=str) for one in self.post_renderers)
        return replace(self, values=(), unknown={}, post_renderers=()), tuple(values), changes
