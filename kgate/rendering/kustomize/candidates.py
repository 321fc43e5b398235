"""Finds where the files that a build read may hold a field of a built object."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TypeAlias

from kgate.model import Json, Location, Pointer, child_pointer
from kgate.rendering.kustomize import marks
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.kustomization import Kustomization, Link, Patch
from kgate.rendering.kustomize.nodes import Tokens, child, descend, items, ways
from kgate.rendering.kustomize.parsed import Parsed, Piece
from kgate.rendering.kustomize.selectors import Selector
from kgate.values import dataclass
from kgate.yamltree.nodes import Node
from kgate.yamltree.text import SourceText, find_span


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
        place = self.source.location(span.begin, span.end, pointer)
        return replace(place, value=self.source.text[span.value : span.end]) if span.begin < span.value else place


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
        """Its location."""
        return self.fragment.place(self.tokens, pointer)


@dataclass(frozen=True, slots=True)
class Mark:
    """A scalar that got a mark: the file and offset where it begins, and the patch inside the file that holds it."""

    file: Path
    start: int
    inline: marks.InlinePatch | None = None


# ----------------------------------------------------------------------------------- aligning lists

_ITEM_KEYS = ("containerPort", "mountPath", "devicePath", "name", "key", "topologyKey", "ip", "port")


def identity(value: Json) -> tuple[Json, ...] | None:
    """What identifies an item of a list, as a strategic merge sees it; None if nothing does."""
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
    members = items(source)
    wanted = identity(member.value)
    same_index = index < len(members)
    if wanted is not None:
        if same_index and identity(members[index].value) == wanted:
            return str(index)
        found = next((n for n, item in enumerate(members) if identity(item.value) == wanted), None)
    else:
        if same_index and members[index].value == member.value:
            return str(index)
        found = next((n for n, item in enumerate(members) if item.value == member.value), None)
    if found is not None:
        return str(found)
    return str(index) if same_index and len(members) == len(items(built)) else ""


# ------------------------------------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class AppliedPatch:
    """A patch of the build: its documents, its selector if it has one, and the folder of its kustomization.
    ``is_whole`` is False if a part of it could not be read."""

    fragments: tuple[Fragment, ...]
    selector: Selector | None
    owner: Path
    is_whole: bool

    def fragments_for(self, kind: str, names: Sequence[str]) -> Iterator[Fragment]:
        """Its documents that patch, or may patch, an object of that kind and one of those names."""
        if self.selector is not None and not self.selector.takes(kind, names):
            return
        for fragment in self.fragments:
            is_for_any = self.selector is not None or marks.is_json_patch(fragment.root)
            if is_for_any or _is_for(fragment.root.value, kind, names):
                yield fragment


class SourceTree:
    """The files that one build read; asked only for findings, so everything is read when first needed.

    ``read`` gives the text of a file as the build saw it.
    """

    def __init__(self, graph: Graph, read: Callable[[Path], SourceText], parsed: Parsed) -> None:
        self.graph = graph
        self.parsed = parsed
        self._read = read
        self._sources: dict[Path, SourceText] = {}
        self._by_path: dict[str, Path] = {}
        self._by_source: dict[int, list[Path]] = {}
        self._pieces: dict[Path, tuple[Piece, ...]] = {}
        self._fragments: dict[Path, tuple[Fragment, ...]] = {}
        self._named: dict[Path, _Named] = {}
        self._ways: dict[int, dict[int, Tokens]] = {}

    def source(self, file: Path) -> SourceText:
        """The text of a file with the path that reports show."""
        if file not in self._sources:
            self._sources[file] = source = self._read(file)
            self._by_path.setdefault(source.path, file)
            self._by_source.setdefault(id(source), []).append(file)  # this tree keeps the text alive
        return self._sources[file]

    def line(self, path: str, number: int) -> str:
        """A line of a file that was read, by the path that reports show."""
        file = self._by_path.get(path)
        return self._sources[file].line(path, number) if file is not None else ""

    def is_whole(self, file: Path) -> bool:
        """True if all documents of a file can be read."""
        return all(piece.is_whole for piece in self._pieces_of(file))

    def documents(self, file: Path) -> tuple[Fragment, ...]:
        """The documents of a file that can be read."""
        if file not in self._fragments:
            self._fragments[file] = _fragments(self.source(file), self._pieces_of(file))
        return self._fragments[file]

    def _pieces_of(self, file: Path) -> tuple[Piece, ...]:
        if file not in self._pieces:
            self._pieces[file] = self.parsed.documents(self.source(file).text)
        return self._pieces[file]

    def objects(self, file: Path) -> Mapping[tuple[str, str], Sequence[NamedObject]]:
        """The objects of a file by kind and name."""
        if file not in self._named:
            self._named[file] = _by_name(self.documents(file))
        return self._named[file]

    def document_of(self, file: Path, kind: str, name: str, namespace: str) -> Fragment | None:
        """The document of that kind whose name is the longest that the built name contains; of several, the one
        in that namespace."""
        named, name = self.objects(file), name[:_LONGEST_NAME]
        for length in range(len(name), -1, -1):
            owns = {name[start : start + length] for start in range(len(name) - length + 1)}
            found = sorted((one for own in owns for one in named.get((kind, own), ())), key=lambda one: one.order)
            if found:
                return next((one.fragment for one in found if one.namespace == namespace), found[0].fragment)
        return None

    def only(self, file: Path, kind: str) -> Fragment | None:
        """The document of that kind, if there is one in the file and no other."""
        alike = [one for (other, _), objects in self.objects(file).items() if other == kind for one in objects]
        return alike[0].fragment if len(alike) == 1 else None

    def way_to(self, fragment: Fragment, start: int) -> Tokens | None:
        """The first way to the scalar of a fragment that begins at an offset of its file, or to the field whose key
        does; None if there is none."""
        root = fragment.root
        if id(root) not in self._ways:  # the fragments of this tree keep the root alive
            self._ways[id(root)] = ways(root)
        return self._ways[id(root)].get(start - fragment.offset)

    def inclusions(self, shown: str, folder: Path) -> tuple[Location, ...]:
        """The entries of kustomizations through which the build of a folder reaches a file, outermost first."""
        found: list[Location] = []
        path = self._by_path.get(shown)
        seen = set()
        while path is not None and path not in seen and path != folder:
            seen.add(path)
            node, link = self._entries.get(path, (None, None))
            if node is None or link is None:
                path = path.parent if path in self._own else None
                continue
            entry = self.source(node.path).location(link.offset, link.offset + len(link.text), "")
            found += [] if entry.is_approximate else [entry]
            path = node.folder
        return tuple(reversed(found))

    @cached_property
    def _own(self) -> set[Path]:
        return {node.path for node in self.graph.nodes}

    @cached_property
    def _entries(self) -> dict[Path, tuple[Kustomization, Link]]:
        return {link.real: (node, link) for node in self.graph.nodes for link in node.links}

    def files_of(self, source: SourceText) -> Sequence[Path]:
        """The files that a text was read from."""
        return self._by_source.get(id(source), ())

    def inline(self, file: Path, patch: marks.InlinePatch) -> tuple[Fragment, ...]:
        """The documents of a patch inside a kustomization file."""
        source = self.source(file)
        return _fragments(source, self.parsed.documents(source.text[patch.begin : patch.end]), patch.begin)

    @cached_property
    def patches(self) -> tuple[AppliedPatch, ...]:
        """Every patch of the build, in the order in which they apply."""
        return tuple(self._applied(node, patch) for node in self.graph.nodes for patch in node.patches)

    def _applied(self, node: Kustomization, patch: Patch) -> AppliedPatch:
        target = patch.target.value if patch.target is not None and patch.target.fields else None
        selector = Selector.of(target) if target is not None else None
        if patch.link is not None:
            file = patch.link.real
            return AppliedPatch(self.documents(file), selector, node.folder, self.is_whole(file))
        assert patch.node is not None
        source, start, end = self.source(node.path), int(patch.node.start.index), int(patch.node.end.index)
        if source.text[start : start + 1] == "|":
            begin, region = source.text.index("\n", start) + 1, None
            pieces = self.parsed.documents(source.text[begin:end])
        else:
            begin, region = 0, (start, end)
            pieces = self.parsed.documents(str(patch.node.value))
        is_whole = all(piece.is_whole for piece in pieces)
        return AppliedPatch(_fragments(source, pieces, begin, region), selector, node.folder, is_whole)


def _fragments(
    source: SourceText, pieces: Iterable[Piece], begin: int = 0, whole: tuple[int, int] | None = None
) -> tuple[Fragment, ...]:
    """The documents of a part of a file that begins at an offset, or that has no places but its region."""
    return tuple(
        Fragment(source, 0 if whole else begin + piece.offset, root, whole) for piece in pieces for root in piece.roots
    )


class MarkedScalars:
    """The scalars of the sources that got a mark; ``marks`` holds them by their numbers."""

    def __init__(self, tree: SourceTree, marks: Sequence[Mark]) -> None:
        self._tree = tree
        self._marks = marks
        self._starts = {(mark.file, mark.start) for mark in marks}
        self._spots: dict[int, Spot | None] = {}

    def spot(self, number: int) -> Spot | None:
        """The scalar with a number."""
        if number not in self._spots:
            self._spots[number] = self._find(number)
        return self._spots[number]

    def _find(self, number: int) -> Spot | None:
        if number >= len(self._marks):
            return None
        mark = self._marks[number]
        fragments = self._tree.inline(mark.file, mark.inline) if mark.inline else self._tree.documents(mark.file)
        for fragment in _around(fragments, mark.start):
            tokens = self._tree.way_to(fragment, mark.start)
            if tokens is not None:
                return Spot(fragment, tokens)
        return None

    def hold(self, spot: Spot) -> bool:
        """True if the scalar got a mark, so that a field without one does not come from there."""
        return any((file, spot.start) in self._starts for file in self._tree.files_of(spot.fragment.source))


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object of a file: its place in the order of the file, its namespace, and its document."""

    order: int
    namespace: Json
    fragment: Fragment


_LONGEST_NAME = 253
"""Letters of a built name that are looked at: as many as Kubernetes takes."""


def _around(fragments: Sequence[Fragment], start: int) -> Sequence[Fragment]:
    """The documents, which are in the order of the text, of the piece of text that holds an offset."""
    after = bisect_right(fragments, start, key=_offset)
    return fragments[bisect_left(fragments, fragments[after - 1].offset, key=_offset) : after] if after else ()


def _offset(fragment: Fragment) -> int:
    return fragment.offset


_Named: TypeAlias = dict[tuple[str, str], list[NamedObject]]


def _by_name(fragments: Iterable[Fragment]) -> _Named:
    named: _Named = {}
    order = count()
    for fragment in fragments:
        for tokens in _objects(fragment.root):
            body = descend(fragment.root, tokens)
            if body is not None and isinstance(body.value.get("kind"), str):
                metadata = _metadata(body.value)
                own = Fragment(fragment.source, fragment.offset, body)
                entry = NamedObject(next(order), metadata.get("namespace"), own)
                named.setdefault((body.value["kind"], str(metadata.get("name") or "")), []).append(entry)
    return named


def _objects(root: Node) -> Iterator[Tokens]:
    """The ways to the objects of a document: itself, or the members of a list."""
    if isinstance(root.value, dict):
        yield ()
        for index, item in enumerate(items(root, "items")):
            if isinstance(item.value, dict):
                yield ("items", str(index))


def _metadata(body: Json) -> Mapping[str, Json]:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return metadata if isinstance(metadata, dict) else {}


# ----------------------------------------------------------------------------------------- patches


def patched_spots(patch: AppliedPatch, built: Node, tokens: Tokens, kind: str, names: Sequence[str]) -> Iterator[Spot]:
    """Where a patch, if it applies to an object of that kind and one of those names, writes a field of it."""
    for fragment in patch.fragments_for(kind, names):
        if marks.is_json_patch(fragment.root):
            yield from (Spot(fragment, way) for way in _operations(fragment.root, built, tokens))
        else:
            way = align(built, fragment.root, tokens)
            if way is not None:
                yield Spot(fragment, way)


def _is_for(body: Json, kind: str, names: Sequence[str]) -> bool:
    name = str(_metadata(body).get("name") or "")
    return isinstance(body, dict) and body.get("kind") == kind and any(name and name in built for built in names)


def _operations(root: Node, built: Node, tokens: Tokens) -> Iterator[Tokens]:
    """The ways to what the operations of a JSON patch write at a field."""
    for index, operation in enumerate(items(root)):
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
    """True if the path of an operation leads to a field. What it appends is recognised by its identity."""
    if way == tokens:
        return True
    appended = way[:-1] == tokens[:-1] and (way[-1] == "-" or (way[-1].isdigit() and tokens[-1].isdigit()))
    return appended and (identity(value.value) == identity(target.value) and identity(target.value) is not None)


_OBJECT_IDENTITY = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"))


def identifies(tokens: Tokens) -> bool:
    """True for a field that identifies the object or an item of a list. Patches repeat it, so it comes from the first
    source that has it."""
    is_of_item = len(tokens) > 1 and tokens[-2].isdigit() and tokens[-1] in marks.IDENTITY
    return is_of_item or tokens in _OBJECT_IDENTITY


def count_marks(spots: Sequence[Spot], marks: Sequence[Spot]) -> Counter[int]:
    """Counts the marked scalars within each of the spots."""
    counts: Counter[int] = Counter()
    for index, spot in enumerate(spots):
        node, offset = spot.node, spot.fragment.offset
        counts[index] += sum(
            mark.fragment.source is spot.fragment.source
            and offset + node.start.index <= mark.start < offset + node.end.index
            for mark in marks
        )
    return counts
