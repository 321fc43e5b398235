"""Where the names of objects hold, and which of several objects of one name is meant."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from kgate.model import Rendering, Resource

Scope: TypeAlias = tuple[str, str]
"""A namespace; for a plain manifest that names none the folder of its file, since nobody knows what else goes there."""


class Placed(Protocol):
    """An object with others of its name, as repositories with a folder for each cluster have them."""

    @property
    def identity(self) -> Hashable:
        """Its kind, namespace and name."""

    @property
    def path(self) -> str:
        """The file that holds it; empty for what is rendered."""


class ClusterScope(Protocol):
    """A cluster of which somebody says which files are deployed to it."""

    @property
    def name(self) -> str:
        """What it is called, in messages."""

    def holds(self, path: str) -> bool:
        """True for a file that is deployed to it."""


_Placed = TypeVar("_Placed", bound=Placed)
_Value = TypeVar("_Value")


def scopes(resource: Resource) -> tuple[Scope, ...]:
    """Returns the scopes that an object sees, its own first: of a folder also those around it."""
    if resource.id.namespace or resource.rendering is not None:
        return ((resource.id.namespace or "", ""),)
    folders = path_of(resource).split("/")[:-1]
    return tuple(("", "/".join(folders[:length])) for length in range(len(folders), -1, -1))


def path_of(resource: Resource) -> str:
    """Returns the file of a plain manifest; empty for what is rendered, which takes long to locate."""
    return resource.locate("").path if resource.rendering is None else ""


def nearest(found: Sequence[_Placed], resource: Resource) -> list[_Placed]:
    """Returns the objects but for those of which another one with the same name is nearer to a resource."""
    paths = {one.path for one in found}
    if len(paths) < 2:
        return list(found)
    own = resource.locate("").path
    near = {path: folders_in_common(path, own) for path in paths}
    most: dict[Hashable, int] = {}
    for one in found:
        most[one.identity] = max(most.get(one.identity, 0), near[one.path])
    return [one for one in found if near[one.path] == most[one.identity]]


def closest(found: Sequence[_Value], path_of: Callable[[_Value], str], path: str) -> list[_Value]:
    """Returns the objects whose files have most folders in common with a path."""
    if len(found) < 2:
        return list(found)
    near = [folders_in_common(path_of(one), path) for one in found]
    most = max(near)
    return [one for one, count in zip(found, near, strict=True) if count == most]


def is_near(path: str, resource: Resource) -> bool:
    """True if the folder of a file is above or below that of a resource, of the chart or kustomization that it was
    rendered by, or of the object that asks for it to be rendered: those of two clusters are beside each other."""
    here, rendering = [resource.locate("").path], resource.rendering
    if rendering is not None:
        asking = asking_file(rendering)
        here = [*here, f"{rendering.path}/", *([asking] if asking else [])]
    folders = path.count("/")
    return any(folders_in_common(path, one) == min(folders, one.count("/")) for one in here)


def cluster_of(resource: Resource, clusters: Iterable[ClusterScope]) -> ClusterScope | None:
    """Returns the first of these clusters that the file of a resource belongs to; for what is rendered the chart or
    kustomization, else the object that asks for it to be rendered. None if it is in none of them."""
    rendering, known = resource.rendering, list(clusters)
    places = (path_of(resource),) if rendering is None else (own_file(rendering), asking_file(rendering))
    return next((one for place in places if place for one in known if one.holds(place)), None)


def own_file(rendering: Rendering) -> str:
    """Returns the file that makes a folder a chart or a kustomization, by its usual name."""
    name = "Chart.yaml" if rendering.tool == "helm" else "kustomization.yaml"
    return posixpath.join(rendering.path, name).removeprefix("./")


def asking_file(rendering: Rendering) -> str:
    """Returns the file of the object that asks for a rendering; empty if none does."""
    return rendering.requested_by.rpartition(" ")[2].rpartition(":")[0]


def folders_in_common(path: str, other: str) -> int:
    """Returns how many folders two paths have in common from the start."""
    pairs = zip(path.split("/")[:-1], other.split("/")[:-1], strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
