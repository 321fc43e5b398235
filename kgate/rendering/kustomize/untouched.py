"""Finds the fields that a build took over from one file as they are, so that their places need no marked build.

What it finds is what a marked build would show, and it finds nothing where that is in doubt: where a patch or a
transformer may have written the field, or where another object may have become the one that was built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from kgate.rendering.kustomize import marks, transformers
from kgate.rendering.kustomize.candidates import Fragment, SourceTree, Spot, identifies, identity, patched_spots
from kgate.rendering.kustomize.kustomization import Kustomization
from kgate.rendering.kustomize.nodes import Tokens, child, children, descend, get, is_leaf, items, leaves
from kgate.yamltree.nodes import Node

_SIMPLE = frozenset(("apiVersion", "kind", "metadata", "resources", "bases", "components", "sortOptions", "namespace"))
_PATCHES = frozenset(("patches", "patchesStrategicMerge", "patchesJson6902"))
_GENERATORS = frozenset(("configMapGenerator", "secretGenerator"))
_SIMPLE |= {*_PATCHES, *_GENERATORS, "generatorOptions", "buildMetadata"}
_SIMPLE |= {"images", "replicas", "labels", "commonLabels", "commonAnnotations"}
"""Fields of a kustomization that rename no object, and what they change is known (transformers, patches)."""

_PATCH_FIELDS = frozenset(("path", "patch", "target"))
_LABEL_FIELDS = frozenset(("pairs", "includeSelectors", "includeTemplates"))
_OPERATIONS = frozenset(("add", "replace", "remove", "test"))
_NAMES = ("apiVersion", "kind", "metadata/name", "metadata/namespace")
_MOST_LEAVES = 50


class Untouched:
    """The objects of the build of a folder that are found in its sources by kind and name."""

    def __init__(self, tree: SourceTree, folder: Path, *, has_variables: bool) -> None:
        self._tree = tree
        self._folder = folder
        self._has_variables = has_variables
        self._nodes = tree.graph.nodes

    def spot(self, built: Node, tokens: Tokens) -> Spot | None:
        """Where the sources hold the field of a built object; None where that is in doubt."""
        base = self._base(built)
        way = _aligned(built, base.root, tokens) if base is not None else None
        node = descend(built, tokens)
        if base is None or way is None or node is None:
            return None
        found = Spot(base, way)
        if is_leaf(node):
            is_known = self._is_taken_over(built, tokens, node, found)
        else:
            is_known = not is_leaf(found.node) and self._is_first(built, tokens, node, found)
        return found if is_known else None

    def key(self, built: Node, tokens: Tokens) -> transformers.Key | None:
        """The field ``namespace`` of the outermost kustomization, if it set the field: all objects go through it."""
        node = descend(built, tokens)
        if node is None or self._base(built) is None:
            return None
        kind, name = built.value["kind"], str(built.value["metadata"]["name"])
        key = transformers.overwriting(self._nodes, transformers.Field(tokens, node.value, kind, name))
        is_outermost = key is not None and key.kustomization.folder == self._folder
        return key if key is not None and is_outermost and key.tokens == ("namespace",) else None

    # -- the object

    @cached_property
    def _is_simple(self) -> bool:
        """True if no object changes its kind or name on the way, and all that is read can be parsed."""
        if self._tree.graph.configuring or not all(map(_is_simple, self._nodes)):
            return False
        if not all(patch.is_whole for patch in self._tree.patches):
            return False
        roots = [fragment.root for patch in self._tree.patches for fragment in patch.fragments]
        return all(map(_keeps_names, roots)) and all(map(self._tree.is_whole, self._files))

    @cached_property
    def _files(self) -> Sequence[Path]:
        links = (link for link in self._tree.graph.links if link.key == "resources" and not link.is_folder)
        return sorted({link.real for link in links})

    @cached_property
    def _objects(self) -> dict[tuple[str, str], list[Fragment]]:
        """Every object of the sources by kind and name."""
        found: dict[tuple[str, str], list[Fragment]] = {}
        for file in self._files:
            for key, objects in self._tree.objects(file).items():
                found.setdefault(key, []).extend(one.fragment for one in objects)
        return found

    @cached_property
    def _doubtful(self) -> frozenset[str]:
        """The kinds of which objects may come from elsewhere, or get another name."""
        found = {"CustomResourceDefinition"}  # which get no marks
        if any(node.field(name) is not None for node in self._nodes for name in _GENERATORS):
            found |= {"ConfigMap", "Secret"}
        if any(node.field("namespace") is not None for node in self._nodes):
            found |= {"Namespace"} if sum(kind == "Namespace" for kind, _ in self._objects) > 1 else set()
        if self._has_variables:
            found |= {kind for kind, name in self._objects if "$" in name}
        return frozenset(found)

    def _base(self, built: Node) -> Fragment | None:
        """The one object of the sources with the kind and name of a built one."""
        kind, name = get(built, "kind"), descend(built, ("metadata", "name"))
        if not self._is_simple or kind is None or name is None or kind.value in self._doubtful:
            return None
        found = self._objects.get((kind.value, str(name.value)), [])
        return found[0] if len(found) == 1 else None

    # -- its fields

    def _is_taken_over(self, built: Node, tokens: Tokens, node: Node, spot: Spot) -> bool:
        """True if a scalar or empty collection comes from the object of the sources and from nowhere else."""
        source = spot.node
        if not is_leaf(source) or type(source.value) is not type(node.value) or source.value != node.value:
            return False
        if self._tree.way_to(spot.fragment, spot.start) != spot.tokens:  # an alias, whose mark is at its anchor
            return False
        kind, name = built.value["kind"], str(built.value["metadata"]["name"])
        field = transformers.Field(tokens, node.value, kind, name, source.value)
        if transformers.overwriting(self._nodes, field) is not None:
            return False
        if identifies(tokens):  # a patch that repeats it changes nothing
            return True
        return transformers.find(self._nodes, field) is None and not self._is_patched(built, tokens, kind, name)

    def _is_first(self, built: Node, tokens: Tokens, node: Node, spot: Spot) -> bool:
        """True if the object of the sources gave a collection, or a marked scalar in it that no patch replaces."""
        kind, name = built.value["kind"], str(built.value["metadata"]["name"])
        if not self._is_patched(built, tokens, kind, name):
            return True
        points = {point.start for point in self._tree.parsed.points(spot.fragment.source.text) if not point.image}
        for below, leaf in leaves(node, _MOST_LEAVES):
            way = _aligned(node, spot.node, below)
            inner = Spot(spot.fragment, (*spot.tokens, *way)) if way is not None else None
            is_marked = inner is not None and is_leaf(inner.node) and inner.start in points
            if inner and is_marked and self._is_taken_over(built, (*tokens, *below), leaf, inner):
                return True
        return False

    def _is_patched(self, built: Node, tokens: Tokens, kind: str, name: str) -> bool:
        """True if a patch may have written a field, something in it or what holds it."""
        for patch in self._tree.patches:
            if any(_touches(fragment, built, tokens) for fragment in patch.fragments_for(kind, (name,))):
                return True
            if any(patched_spots(patch, built, tokens, kind, (name,))):
                return True
        return False


def _is_simple(node: Kustomization) -> bool:
    fields = node.root.fields or {}
    if node.remotes or node.charts or not fields.keys() <= _SIMPLE:
        return False
    entries = [entry for key in _PATCHES for entry in node.items(key) if entry.fields is not None]
    if any(not (entry.fields or {}).keys() <= _PATCH_FIELDS for entry in entries):
        return False
    return all((entry.fields or {}).keys() <= _LABEL_FIELDS for entry in node.items("labels"))


def _keeps_names(root: Node) -> bool:
    """True for a patch that leaves kinds and names alone, as strategic merges do."""
    if not marks.is_json_patch(root):
        return root.fields is not None
    return all(_keeps_name(operation) for operation in items(root))


def _keeps_name(operation: Node) -> bool:
    path, name = get(operation, "path"), get(operation, "op")
    if path is None or name is None or name.value not in _OPERATIONS or not isinstance(path.value, str):
        return False
    return not any(kept.startswith(path.value.strip("/")) for kept in _NAMES)


def _aligned(built: Node, source: Node, tokens: Sequence[str]) -> Tokens | None:
    """The way below ``source`` that corresponds to a way below ``built`` and no other does: items of lists have the
    same identity, which no other item has, or the same index and value in lists of the same length."""
    way: list[str] = []
    for token in tokens:
        below = child(built, token)
        if below is None or (built.items is None) != (source.items is None):
            return None
        own: str | None = token if built.items is None else _index(built, source, int(token))
        found = child(source, own) if own is not None else None
        if own is None or found is None:
            return None
        way.append(own)
        built, source = below, found
    return tuple(way)


def _index(built: Node, source: Node, index: int) -> str | None:
    members, others = items(built), items(source)
    wanted = identity(members[index].value)
    if wanted is None:
        is_equal = len(members) == len(others) and members[index].value == others[index].value
        return str(index) if is_equal else None
    found = [n for n, item in enumerate(others) if identity(item.value) == wanted]
    twins = sum(identity(item.value) == wanted for item in members)
    return str(found[0]) if len(found) == 1 and twins == 1 else None


def _touches(fragment: Fragment, built: Node, tokens: Tokens) -> bool:
    """True if a patch may write at a way, below it or above it."""
    if marks.is_json_patch(fragment.root):
        return any(_may_lead(way, tokens) for way in _ways(fragment.root))
    return _merges(fragment.root, built, tokens)


def _ways(patch: Node) -> Iterator[Tokens]:
    for operation in items(patch):
        path = str(operation.value.get("path") or "")
        yield tuple(token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:])


def _may_lead(way: Tokens, tokens: Tokens) -> bool:
    """True if one of two ways may be the beginning of the other; indexes shift as items are added and removed."""
    pairs = zip(way, tokens, strict=False)
    return all(one == other or (_is_index(one) and _is_index(other)) for one, other in pairs)


def _is_index(part: str) -> bool:
    return part == "-" or part.isdigit()


def _merges(patch: Node, built: Node, tokens: Tokens) -> bool:
    """True if a strategic merge has something at a way, or a directive above it."""
    for token in tokens:
        below = child(built, token)
        if below is None or any(name.startswith("$") for name, _ in children(patch) if patch.fields is not None):
            return True
        if patch.fields is not None:
            found = get(patch, token)
        else:
            wanted = identity(below.value)
            others = [identity(item.value) for item in items(patch)]
            if patch.items is None or wanted is None or None in others or _has_directive(patch):
                return True
            found = next((item for item in items(patch) if identity(item.value) == wanted), None)
        if found is None:
            return False
        patch, built = found, below
    return True


def _has_directive(patch: Node) -> bool:
    return any(name.startswith("$") for item in items(patch) for name, _ in children(item))
