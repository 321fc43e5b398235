"""Finds where a field of a built object may stand in the files that the build read."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import count
from pathlib import Path
from typing import TypeAlias

from kgate.model import Json, Location, Pointer, child_pointer, list_index
from kgate.rendering.kustomize import marks, selectors
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.kustomization import Kustomization, Link, Patch
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.text import SourceText, find_span

Tokens = tuple[str, ...]
"""The way to a field: reference tokens of a JSON Pointer."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One document of a source file, or a patch inside a kustomization; ``whole`` is its region where fields have
    no place of their own (a patch in quotes)."""

    source: SourceText = field(compare=False)
    offset: int
    root: Node = field(compare=False)
    whole: tuple[int, int] | None = None

    def place(self, tokens: Tokens, pointer: Pointer) -> Location:
        """The region of a field, from its key to the end of its value."""
        if self.whole is not None:
            return self.source.location(*self.whole, pointer)
        span = find_span(self.root, child_pointer("", *tokens), self.offset)
        return self.source.location(span.begin, span.end, pointer)


@dataclass(frozen=True, slots=True)
class Spot:
    """A field of a fragment."""

    fragment: Fragment
    tokens: Tokens

    @property
    def node(self) -> Node:
        """The node of the field."""
        found = descend(self.fragment.root, self.tokens)
        assert found is not None
        return found

    @property
    def start(self) -> int:
        """The offset of the value in its file."""
        return int(self.fragment.offset + self.node.start.index)

    def place(self, pointer: Pointer) -> Location:
        """Where it stands."""
        return self.fragment.place(self.tokens, pointer)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a number stands for: the scalar that begins at an offset of a file, in a patch inside it or not."""

    file: Path
    start: int
    inline: marks.InlinePatch | None = None


def descend(node: Node, tokens: Sequence[str]) -> Node | None:
    """The node at the end of a way, or None."""
    for token in tokens:
        found = child(node, token)
        if found is None:
            return None
        node = found
    return node


def child(node: Node, token: str) -> Node | None:
    """The member of a collection that a token names, or None."""
    if node.fields is not None:
        entry = node.fields.get(token)
        return entry[2] if entry else None
    index = list_index(token)
    if node.items is not None and index is not None and index < len(node.items):
        return node.items[index]
    return None


def children(node: Node) -> Iterator[tuple[str, Node]]:
    """The members of a collection with the tokens that name them."""
    if node.fields is not None:
        yield from ((key, value) for key, (_, _, value) in node.fields.items())
    for index, item in enumerate(node.items or ()):
        yield str(index), item


def is_leaf(node: Node) -> bool:
    """Whether a node is a scalar or an empty collection."""
    return not node.fields and not node.items


def leaves(node: Node, limit: int = 500) -> Iterator[tuple[Tokens, Node]]:
    """The scalars and empty collections below a node, at most ``limit``, in the order of the text."""
    pending: list[tuple[Tokens, Node]] = [((), node)]
    while pending and limit:
        tokens, node = pending.pop()
        if is_leaf(node):
            limit -= 1
            yield tokens, node
        pending += reversed([((*tokens, token), member) for token, member in children(node)])


def way_to(root: Node, start: int) -> Tokens | None:
    """The way to the scalar that begins at an offset, or to the field whose key does; None if there is none."""
    return _ways(root).get(start)


@lru_cache(maxsize=256)
def _ways(root: Node) -> dict[int, Tokens]:
    """The first way to everything that begins somewhere below a root."""
    found: dict[int, Tokens] = {}
    pending: list[tuple[Tokens, Node]] = [((), root)]
    while pending:
        tokens, node = pending.pop()
        if is_leaf(node):
            found.setdefault(node.start.index, tokens)
        for key, (key_start, _, _) in (node.fields or {}).items():
            found.setdefault(key_start.index, (*tokens, key))
        pending += reversed([((*tokens, token), member) for token, member in children(node)])
    return found


# ----------------------------------------------------------------------------------- aligning lists

_ITEM_KEYS = ("containerPort", "mountPath", "devicePath", "name", "key", "topologyKey", "ip", "port")


def identity(value: Json) -> tuple[Json, ...] | None:
    """What tells an item of a list from the others, as a strategic merge sees it; None if nothing does."""
    if not isinstance(value, dict):
        return None
    key = next((key for key in _ITEM_KEYS if isinstance(value.get(key), str | int)), None)
    if key is None:
        return None
    return (key, value[key], (value.get("protocol") or "TCP") if key in ("containerPort", "port") else "")


def align(built: Node, source: Node, tokens: Sequence[str]) -> Tokens | None:
    """The way below ``source`` that corresponds to a way below ``built``: keys are equal, and items of lists are
    matched by identity, by value, or by index where the lists are equally long."""
    way: list[str] = []
    for token in tokens:
        built_child = child(built, token)
        if built_child is None or (built.items is None) != (source.items is None):
            return None
        own = token if built.items is None else _item(built, source, int(token), built_child)
        found = child(source, own)
        if found is None:
            return None
        way.append(own)
        built, source = built_child, found
    return tuple(way)


def _item(built: Node, source: Node, index: int, member: Node) -> str:
    """The index of the item that corresponds to a member, as a token; an empty one if there is none."""
    items = source.items or []
    wanted = identity(member.value)
    same_index = index < len(items)
    if wanted is not None:
        if same_index and identity(items[index].value) == wanted:
            return str(index)
        found = next((n for n, item in enumerate(items) if identity(item.value) == wanted), None)
    else:
        if same_index and items[index].value == member.value:
            return str(index)
        found = next((n for n, item in enumerate(items) if item.value == member.value), None)
    if found is not None:
        return str(found)
    return str(index) if same_index and len(items) == len(built.items or []) else ""


# ------------------------------------------------------------------------------------------- files


@lru_cache(maxsize=1024)
def _documents(text: str) -> tuple[tuple[int, Node], ...]:
    """Offset and root of each document that can be read; the same text is parsed once."""
    found = []
    for begin, end in marks.pieces(text):
        try:
            found += [(begin, root) for root in compose(text[begin:end])]
        except ManifestError:
            continue
    return tuple(found)


@dataclass(frozen=True, slots=True)
class AppliedPatch:
    """A patch of the build: its documents, and its selector if it has one."""

    fragments: tuple[Fragment, ...]
    target: Mapping[str, Json] | None = field(hash=False)
    owner: Path


class SourceTree:
    """The files that one build read; asked only for findings, so everything is read when first needed.

    ``texts`` gives the text of a file as the build saw it, ``marks`` what each number stands for,
    None if nothing was marked.
    """

    def __init__(self, graph: Graph, read: Callable[[Path], SourceText], marks: Sequence[Mark] | None) -> None:
        self.graph = graph
        self.marks = marks
        self.marked = {(mark.file, mark.start) for mark in marks or ()}
        self._read = read
        self._sources: dict[Path, SourceText] = {}
        self._fragments: dict[Path, tuple[Fragment, ...]] = {}
        self._named: dict[Path, _Named] = {}
        self._spots: dict[int, Spot | None] = {}

    def source(self, file: Path) -> SourceText:
        """The text of a file with the path that reports show."""
        if file not in self._sources:
            self._sources[file] = self._read(file)
        return self._sources[file]

    def documents(self, file: Path) -> tuple[Fragment, ...]:
        """The documents of a file that can be read."""
        if file not in self._fragments:
            source = self.source(file)
            self._fragments[file] = tuple(Fragment(source, offset, root) for offset, root in _documents(source.text))
        return self._fragments[file]

    def document_of(self, file: Path, kind: str, name: str, namespace: str) -> Fragment | None:
        """The document of that kind whose name is the longest that the built name contains; of several, the one
        in that namespace."""
        if file not in self._named:
            self._named[file] = _by_name(self.documents(file))
        named, name = self._named[file], name[:_LONGEST_NAME]
        for length in range(len(name), -1, -1):
            owns = {name[start : start + length] for start in range(len(name) - length + 1)}
            found = sorted((one for own in owns for one in named.get((kind, own), ())), key=lambda one: one[0])
            if found:
                return next((one[2] for one in found if one[1] == namespace), found[0][2])
        return None

    def spot(self, number: int) -> Spot | None:
        """The scalar that a number stands for."""
        if number not in self._spots:
            self._spots[number] = self._spot(number)
        return self._spots[number]

    def _spot(self, number: int) -> Spot | None:
        if self.marks is None or number >= len(self.marks):
            return None
        mark = self.marks[number]
        fragments = self._inline(mark.file, mark.inline) if mark.inline else self.documents(mark.file)
        for fragment in _around(fragments, mark.start):
            tokens = way_to(fragment.root, mark.start - fragment.offset)
            if tokens is not None:
                return Spot(fragment, tokens)
        return None

    def is_marked(self, spot: Spot) -> bool:
        """Whether the scalar got a number, so that a field without it does not come from there."""
        source = spot.fragment.source
        return any((file, spot.start) in self.marked for file in self._files_of(source))

    def inclusions(self, shown: str, folder: Path) -> tuple[Location, ...]:
        """The entries of kustomizations through which the build of a folder reaches a file, outermost first."""
        found: list[Location] = []
        path = next((file for file, source in self._sources.items() if source.path == shown), None)
        seen = set()
        while path is not None and path not in seen and path != folder:
            seen.add(path)
            node, link = self._entries.get(path, (None, None))
            if node is None or link is None:
                path = path.parent if path in self._own else None
                continue
            found.append(self.source(node.path).location(link.offset, link.offset + len(link.text), ""))
            path = node.folder
        return tuple(reversed(found))

    @cached_property
    def _own(self) -> set[Path]:
        return {node.path for node in self.graph.nodes}

    @cached_property
    def _entries(self) -> dict[Path, tuple[Kustomization, Link]]:
        return {link.real: (node, link) for node in self.graph.nodes for link in node.links}

    def _files_of(self, source: SourceText) -> Iterator[Path]:
        return (file for file, known in self._sources.items() if known is source)

    def _inline(self, file: Path, patch: marks.InlinePatch) -> tuple[Fragment, ...]:
        source = self.source(file)
        body = source.text[patch.begin : patch.end]
        return tuple(Fragment(source, patch.begin + offset, root) for offset, root in _documents(body))

    @cached_property
    def patches(self) -> tuple[AppliedPatch, ...]:
        """Every patch of the build, in the order in which they apply."""
        return tuple(self._applied(node, patch) for node in self.graph.nodes for patch in node.patches)

    def _applied(self, node: Kustomization, patch: Patch) -> AppliedPatch:
        target = patch.target.value if patch.target is not None and patch.target.fields else None
        if patch.link is not None:
            return AppliedPatch(self.documents(patch.link.real), target, node.folder)
        assert patch.node is not None
        source, start = self.source(node.path), patch.node.start.index
        if source.text[start : start + 1] == "|":
            begin = source.text.index("\n", start) + 1
            fragments = self._inline(node.path, marks.InlinePatch(begin, patch.node.end.index))
        else:
            region = (start, int(patch.node.end.index))
            roots = _documents(str(patch.node.value))
            fragments = tuple(Fragment(source, 0, root, region) for _, root in roots)
        return AppliedPatch(fragments, target, node.folder)


_Named: TypeAlias = dict[tuple[Json, str], list[tuple[int, Json, Fragment]]]
"""Objects by kind and name: the order in which they stand, the namespace, the object."""

_LONGEST_NAME = 253
"""Letters of a built name that are looked at: as many as Kubernetes takes."""


def _around(fragments: Sequence[Fragment], start: int) -> Sequence[Fragment]:
    """The documents, which are in the order of the text, of the piece of text that holds an offset."""
    after = bisect_right(fragments, start, key=_offset)
    return fragments[bisect_left(fragments, fragments[after - 1].offset, key=_offset) : after] if after else ()


def _offset(fragment: Fragment) -> int:
    return fragment.offset


def _by_name(fragments: Iterable[Fragment]) -> _Named:
    named: _Named = {}
    order = count()
    for fragment in fragments:
        for tokens in _objects(fragment.root):
            body = descend(fragment.root, tokens)
            if body is not None and isinstance(body.value.get("kind"), str):
                metadata = _metadata(body.value)
                entry = (next(order), metadata.get("namespace"), Fragment(fragment.source, fragment.offset, body))
                named.setdefault((body.value["kind"], str(metadata.get("name") or "")), []).append(entry)
    return named


def _objects(root: Node) -> Iterator[Tokens]:
    """The ways to the objects of a document: itself, or the members of a list."""
    if isinstance(root.value, dict):
        yield ()
        items = child(root, "items")
        for token, _ in children(items) if items is not None else ():
            if isinstance((descend(root, ("items", token)) or root).value, dict):
                yield ("items", token)


def _metadata(body: Json) -> Mapping[str, Json]:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return metadata if isinstance(metadata, dict) else {}


# ----------------------------------------------------------------------------------------- patches


def patched_spots(patch: AppliedPatch, built: Node, tokens: Tokens, kind: str, names: Sequence[str]) -> Iterator[Spot]:
    """Where a patch, if it applies to an object of that kind and one of those names, writes a field of it."""
    if patch.target is not None and not selectors.selects(patch.target, kind, names):
        return
    for fragment in patch.fragments:
        if marks.is_json_patch(fragment.root):
            yield from (Spot(fragment, way) for way in _operations(fragment.root, built, tokens))
        elif patch.target is not None or _is_for(fragment.root.value, kind, names):
            way = align(built, fragment.root, tokens)
            if way is not None:
                yield Spot(fragment, way)


def _is_for(body: Json, kind: str, names: Sequence[str]) -> bool:
    name = str(_metadata(body).get("name") or "")
    return isinstance(body, dict) and body.get("kind") == kind and any(name and name in built for built in names)


def _operations(root: Node, built: Node, tokens: Tokens) -> Iterator[Tokens]:
    """The ways to what the operations of a JSON patch write at a field."""
    for index, operation in enumerate(root.items or ()):
        path, value = child(operation, "path"), child(operation, "value")
        if path is None or value is None or operation.value.get("op") not in ("add", "replace"):
            continue
        way = tuple(t.replace("~1", "/").replace("~0", "~") for t in str(path.value).split("/")[1:])
        target = descend(built, tokens[: len(way)])
        if len(way) > len(tokens) or target is None or not _same_way(way, tokens[: len(way)], value, target):
            continue
        rest = align(target, value, tokens[len(way) :])
        if rest is not None:
            yield (str(index), "value", *rest)


def _same_way(way: Tokens, tokens: Tokens, value: Node, target: Node) -> bool:
    """Whether the path of an operation leads to a field; what it appends is known by its identity."""
    if way == tokens:
        return True
    appended = way[:-1] == tokens[:-1] and (way[-1] == "-" or (way[-1].isdigit() and tokens[-1].isdigit()))
    return appended and (identity(value.value) == identity(target.value) and identity(target.value) is not None)


def count_marks(spots: Sequence[Spot], marks: Sequence[Spot]) -> Counter[int]:
    """How many of the marked scalars stand within each of the spots."""
    counts: Counter[int] = Counter()
    for index, spot in enumerate(spots):
        node, offset = spot.node, spot.fragment.offset
        counts[index] += sum(
            mark.fragment.source is spot.fragment.source
            and offset + node.start.index <= mark.start < offset + node.end.index
            for mark in marks
        )
    return counts
