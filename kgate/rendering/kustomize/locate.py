"""Gives every field of what kustomize built the place in the sources that it came from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from kgate.kubernetes import manifest
from kgate.model import Batch, Json, Location, Locator, Pointer, Position, Problem, Related, pointer_tokens
from kgate.rendering import structure
from kgate.rendering.kustomize import charts, marks, transformers
from kgate.rendering.kustomize.candidates import (
    Fragment,
    SourceTree,
    Spot,
    align,
    count_marks,
    identifies,
    patched_spots,
)
from kgate.rendering.kustomize.kustomization import Kustomization
from kgate.rendering.kustomize.marked import MarkedBuild, MarkedOutput
from kgate.rendering.kustomize.nodes import Tokens, descend, get, is_leaf, items, leaves
from kgate.rendering.kustomize.parsed import compose_first
from kgate.rendering.kustomize.untouched import Untouched
from kgate.rendering.structure import Sought
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, Node
from kgate.yamltree.text import SourceText, Span

_ORIGIN = "config.kubernetes.io/origin"
_TRANSFORMATIONS = "alpha.config.kubernetes.io/transformations"
_MOST_RELATED = 2

How: TypeAlias = Literal["marked", "looked up", "transformer", "generator", "approximate"]
"""By what a place is known: a mark that went through the build, the same value at the same field of a source,
the key of a transformer or the entry of a generator, or not at all."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Where a field comes from, and by what that is known."""

    location: Location
    how: How


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin annotation of an object: the file that it was read from, or the folder of the kustomization whose
    generator, of that kind, made it."""

    file: Path | None = None
    folder: Path | None = None
    generator: str = ""


@dataclass(frozen=True, slots=True)
class Build:
    """One build and what its places are found by. ``shown`` names the kustomization, ``resolve`` gives the file that an
    origin annotation names; ``untouched`` and ``marked`` are None if the sources cannot carry marks."""

    tree: SourceTree
    folder: Path
    shown: str
    resolve: Callable[[str], Path | None]
    untouched: Untouched | None
    marked: MarkedBuild | None

    @property
    def nodes(self) -> Sequence[Kustomization]:
        """The kustomizations in the order in which they apply."""
        return self.tree.graph.nodes

    def fallback(self, pointer: Pointer) -> Location:
        """The kustomization itself, where nothing better is known."""
        node = next((node for node in self.nodes if node.folder == self.folder), None)
        if node is None:
            return Location(self.shown, Position(1, 1), Position(1, 1), pointer, is_approximate=True)
        source = self.tree.source(node.path)
        return replace(Fragment(source, 0, node.root).place((), pointer), is_approximate=True)


class BuiltText(SourceText):
    """What kustomize printed; answers with places in the sources."""

    def __init__(self, text: str, build: Build) -> None:
        super().__init__(build.shown, text)
        self._build = build

    def problem(self, line: int, message: str) -> Problem:
        """A fault in a line of the output, reported at the kustomization."""
        return Problem(self.path, None, f"{message} (line {line} of what it builds)")

    def line_name(self, line: int) -> str:  # noqa: ARG002
        """No source has that line."""
        return "before"

    def document(self, start: int, root: Node | None, length: int = 0) -> Locator:  # noqa: ARG002
        """What locates the fields of one document of the output."""
        assert root is not None
        index = self.text.count(_SEPARATOR, 0, start + len(_SEPARATOR) - 1)  # a document begins with its marker
        return BuiltDocument(self._build, index, root)

    def place(self, span: Span, pointer: Pointer) -> Location:  # noqa: ARG002
        """The kustomization; fields are located by their document."""
        return self._build.fallback(pointer)


class BuiltDocument:
    """One object of the output (model.Locator)."""

    def __init__(self, build: Build, index: int, root: Node) -> None:
        self._build = build
        self._index = index
        self._root = root
        self._claims: dict[Pointer, Claim] = {}

    def locate(self, pointer: Pointer) -> Location:
        """The place in the sources of a field, or of its nearest parent where it is absent."""
        return self.claim(pointer).location

    def line(self, path: str, number: int) -> str:
        """A line of a source of the build."""
        return self._build.tree.line(path, number)

    def with_nulls(self, pointer: Pointer) -> Json:
        """The value of a field with its null fields; None if it is absent."""
        node = self._root.at(pointer)
        return None if node is None else node.with_nulls()

    def claim(self, pointer: Pointer) -> Claim:
        """The place of a field and by what it is known; each is looked for once."""
        if pointer not in self._claims:
            claim = self._find(pointer_tokens(pointer), pointer)
            related = (*claim.location.related, *self._inclusions(claim.location.path))
            self._claims[pointer] = replace(claim, location=replace(claim.location, related=related))
        return self._claims[pointer]

    def _find(self, tokens: Tokens, pointer: Pointer) -> Claim:
        while (node := descend(self._root, tokens)) is None:
            tokens = tokens[:-1]
        return self.without_marks(tokens, pointer) or self.with_marks(tokens, node, pointer)

    def without_marks(self, tokens: Tokens, pointer: Pointer) -> Claim | None:
        """The place of a field for which no marked build is needed, None for any other."""
        untouched = self._build.untouched
        spot = untouched.spot(self._root, tokens) if untouched is not None else None
        if spot is not None:
            return Claim(spot.place(pointer), "looked up")
        key = untouched.key(self._root, tokens) if untouched is not None else None
        return self._key(key, pointer) if key is not None else None

    def with_marks(self, tokens: Tokens, node: Node, pointer: Pointer) -> Claim:
        """The place of a field by the marked build, which is made when it is first asked for."""
        if not is_leaf(node):
            return self._collection(tokens, node, pointer)
        return self._by_mark(tokens, node, pointer) or self._unmarked(tokens, node, pointer)

    # -- the marked build

    @cached_property
    def _output(self) -> MarkedOutput:
        return self._build.marked.output if self._build.marked is not None else MarkedOutput()

    @cached_property
    def _marked_root(self) -> Node | None:
        """The same object in the marked build, or None if there is none."""
        if self._index >= len(self._output.documents):
            return None
        try:
            root = compose_first(self._output.documents[self._index])
        except ManifestError:
            return None
        return root if root is not None and _identity(root.value) == _identity(self._root.value) else None

    @cached_property
    def _origin(self) -> Origin:
        """What the annotation of the marked build says; empty if there is none."""
        found = self._annotation(_ORIGIN)
        if not isinstance(found, dict):
            return Origin()
        if found.get("repo"):
            return Origin()
        if isinstance(found.get("path"), str):
            return Origin(file=self._build.resolve(found["path"]))
        where = self._build.resolve(str(found["configuredIn"])) if found.get("configuredIn") else None
        kind = str(_mapping(found, "configuredBy").get("kind") or "")
        return Origin(folder=where.parent if where is not None else None, generator=kind)

    @cached_property
    def _nodes(self) -> Sequence[Kustomization]:
        """The kustomizations that the object went through, by the annotations of the marked build; all if it has
        none."""
        if self._annotation(_ORIGIN) is None:
            return self._build.nodes
        found = self._annotation(_TRANSFORMATIONS)
        places = (_mapping_of(item).get("configuredIn") for item in (found if isinstance(found, list) else ()))
        files = (self._build.resolve(place) for place in places if isinstance(place, str))
        folders = {file.parent for file in files if file is not None}
        return [node for node in self._build.nodes if node.folder in folders]

    def _annotation(self, name: str) -> Json:
        """The value of an annotation of the marked build, parsed; None if there is none."""
        annotations = _mapping(_mapping(self._marked_root and self._marked_root.value, "metadata"), "annotations")
        try:
            root = compose_first(marks.strip(str(annotations.get(name) or "")))
        except ManifestError:
            return None
        return root.value if root is not None else None

    def _numbers(self, tokens: Tokens) -> tuple[int, ...]:
        """The numbers that a scalar carries if, but for them, it is what the clean build has."""
        clean = descend(self._root, tokens)
        marked = descend(self._marked_root, tokens) if self._marked_root is not None else None
        if clean is None or marked is None or not isinstance(marked.value, str):
            return ()
        value, wanted = marked.value, clean.value
        if tokens[0] == "data" and self._root.value.get("kind") == "Secret" and isinstance(wanted, str):
            text = marks.decoded(value)
            if text is not None and marks.numbers(text):
                value, wanted = text, marks.decoded(wanted)
        return marks.numbers(value) if marks.is_same(wanted, value) else ()

    def _marked_spots(self, tokens: Tokens, most: int | None = None) -> Iterator[Spot]:
        """Where the parts of a scalar come from, as its first marks show."""
        for number in self._numbers(tokens)[:most]:
            spot = self._output.scalars.spot(number) if self._output.scalars is not None else None
            if spot is not None:
                yield spot

    def _by_mark(self, tokens: Tokens, node: Node, pointer: Pointer) -> Claim | None:
        if not tokens or node.fields is not None or node.items is not None:
            return None
        spots = list(self._marked_spots(tokens))
        if not spots:
            return None
        first, *others = dict.fromkeys(spots)
        related = tuple(Related(spot.place(pointer), "part of the value") for spot in others[:_MOST_RELATED])
        place = first.place(pointer)
        return Claim(replace(place, related=(*place.related, *related)), "marked")

    # -- fields without a mark

    def _unmarked(self, tokens: Tokens, node: Node, pointer: Pointer) -> Claim:
        built = self._field(tokens, node.value)
        key = transformers.overwriting(self._nodes, built)
        if key is not None:
            return self._key(key, pointer)
        spots = [spot for spot in self._spots(tokens) if self._may_come_from(spot, node, built)]
        if spots:
            spot = spots[0] if identifies(tokens) else spots[-1]
            return self._looked_up(spot, pointer)
        key = transformers.find(self._nodes, built)
        if key is not None:
            return self._key(key, pointer)
        return self._generated(tokens, pointer) or self._approximate(tokens, pointer)

    def _may_come_from(self, spot: Spot, node: Node, built: transformers.Field) -> bool:
        """True if a source has the same value, and the build did not show that it came from elsewhere."""
        source = spot.node
        scalars = self._output.scalars if self._marked_root is not None else None
        if not is_leaf(source) or (scalars is not None and scalars.hold(spot)):
            return False
        is_equal = type(source.value) is type(node.value) and source.value == node.value
        return is_equal or transformers.names_agree(self._nodes, source.value, built)

    def _looked_up(self, spot: Spot, pointer: Pointer) -> Claim:
        place = spot.place(pointer)
        if self._marked_root is None:
            return Claim(replace(place, is_approximate=True), "approximate")
        return Claim(place, "approximate" if place.is_approximate else "looked up")

    def _field(self, tokens: Tokens, value: Json) -> transformers.Field:
        kind, name = _kind_and_name(self._root.value)
        base = self._base
        way = align(self._root, base.root, tokens) if base is not None else None
        original = descend(base.root, way) if base is not None and way is not None else None
        return transformers.Field(tokens, value, kind, name, original.value if original is not None else None)

    @cached_property
    def _base(self) -> Fragment | None:
        """The document that the object was read from; without an origin, the best of all resource files."""
        kind, name = _kind_and_name(self._root.value)
        namespace = str(_mapping(self._root.value, "metadata").get("namespace") or "")
        if self._origin.file is not None:
            found = self._build.tree.document_of(self._origin.file, kind, name, namespace)
            is_renamed = found is None and kind == "Namespace"  # to another name altogether
            return self._build.tree.only(self._origin.file, kind) if is_renamed else found
        if self._origin.generator or self._marked_root is not None:
            return None
        files = (link.real for link in self._build.tree.graph.links if link.key == "resources" and not link.is_folder)
        several = (self._build.tree.document_of(file, kind, name, namespace) for file in files)
        return max((document for document in several if document is not None), key=_name_length, default=None)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The names that patches may use for the object: as written, and as built."""
        _, name = _kind_and_name(self._root.value)
        original = _mapping(self._base.root.value, "metadata").get("name") if self._base is not None else None
        return tuple(dict.fromkeys((str(original or name), name)))

    def _spots(self, tokens: Tokens) -> Iterator[Spot]:
        """Where sources write a field, in the order in which they apply: the file of its origin, then patches."""
        kind, _ = _kind_and_name(self._root.value)
        base = self._base
        if base is not None:
            way = align(self._root, base.root, tokens)
            if way is not None:
                yield Spot(base, way)
        folders = {node.folder for node in self._nodes}
        for patch in self._build.tree.patches:
            if patch.owner not in folders:
                continue
            yield from patched_spots(patch, self._root, tokens, kind, self._names)

    # -- collections

    def _collection(self, tokens: Tokens, node: Node, pointer: Pointer) -> Claim:
        """The first source, in the order in which they apply, that gave something of what is in the collection."""
        marks = self._marks_below(tokens, node)
        spots = [spot for spot in self._spots(tokens) if not is_leaf(spot.node)]
        spots = spots or list(dict.fromkeys(_ancestors(marks)))
        if spots:
            counts = count_marks(spots, [spot for _, spot in marks])
            return self._looked_up(next((spot for n, spot in enumerate(spots) if counts[n]), spots[0]), pointer)
        if self._base is not None and self._is_own_labels(self._base, tokens):
            return self._looked_up(Spot(self._base, ("metadata",)), pointer)
        for below, leaf in leaves(node, 3):
            built = self._field((*tokens, *below), leaf.value)
            key = transformers.find(self._nodes, built)
            if key is not None:
                return self._key(key, pointer)
        return self._generated(tokens, pointer) or self._approximate(tokens, pointer)

    def _is_own_labels(self, base: Fragment, tokens: Tokens) -> bool:
        """True for the labels of a Namespace, which a transformer sets for all objects: one that is missing belongs in
        the Namespace itself."""
        is_labels = self._root.value.get("kind") == "Namespace" and tokens == ("metadata", "labels")
        return is_labels and get(base.root, "metadata") is not None

    def _marks_below(self, tokens: Tokens, node: Node) -> list[tuple[Tokens, Spot]]:
        found: list[tuple[Tokens, Spot]] = []
        for below, _ in leaves(node):
            found += [(below, spot) for spot in self._marked_spots((*tokens, *below), 1)]
        return found

    # -- transformers, generators, and what remains

    def _key(self, key: transformers.Key, pointer: Pointer) -> Claim:
        source = self._build.tree.source(key.kustomization.path)
        place = Fragment(source, 0, key.kustomization.root).place(key.tokens, pointer)
        return Claim(place, "transformer")

    def _generated(self, tokens: Tokens, pointer: Pointer) -> Claim | None:
        """The entry of the generator that made the object; of a file's content, the line that names the file."""
        _, name = _kind_and_name(self._root.value)
        node = next((node for node in self._build.nodes if node.folder == self._origin.folder), None)
        if node is None:
            return None
        way = _generator_entry(node, self._origin.generator, name, tokens)
        entry = Fragment(self._build.tree.source(node.path), 0, node.root)
        place = replace(entry.place(way, pointer), value=_entry_name(node, way))
        if way and way[0] == "helmCharts":
            return self._of_chart(node, tokens, pointer)
        file = self._content(node, way)
        if file is not None:
            content = Related(Location(file, Position(1, 1), Position(1, 1)), "content")
            place = replace(place, related=(*place.related, content))
        is_exact = bool(way) and not way[0].startswith("helm")
        return Claim(replace(place, is_approximate=not is_exact), "generator" if is_exact else "approximate")

    def _content(self, node: Kustomization, way: Tokens) -> str | None:
        """The path of the file that the entry of a generator names; None for any other entry."""
        if "files" not in way[2:3]:
            return None
        text = str(Spot(Fragment(self._build.tree.source(node.path), 0, node.root), way).node.value)
        name = text.partition("=")[2] or text
        return next((self._build.tree.source(link.real).path for link in node.links if link.text == name), None)

    def _of_chart(self, node: Kustomization, tokens: Tokens, pointer: Pointer) -> Claim:
        """The key of the values for the chart that rendered the object with the same end and the same value; else the
        entry of the chart."""
        whole = Fragment(self._build.tree.source(node.path), 0, node.root)
        way = ("helmCharts", str(charts.index_of(node.items("helmCharts"), self._root.value)))
        entry = replace(whole.place(way, pointer), is_approximate=True)
        sought = Sought.of(self._root.value, tokens, is_absent=len(tokens) < len(pointer_tokens(pointer)))
        for fragment, above in charts.values(node, whole, way, self._build.tree):
            found = descend(fragment.root, above)
            key = structure.find(found.value, sought) if found is not None and tokens[:1] not in _IDENTITY else None
            if key is not None:
                place = fragment.place((*above, *map(str, key)), pointer)
                related = (Related(replace(entry, pointer="", related=()), "rendered here"),)
                return Claim(replace(place, is_approximate=True, related=related), "approximate")
        return Claim(entry, "approximate")

    def _approximate(self, tokens: Tokens, pointer: Pointer) -> Claim:
        """The nearest parent in the file of the origin, or the kustomization."""
        base = self._base
        if base is None:
            return Claim(self._build.fallback(pointer), "approximate")
        while (way := align(self._root, base.root, tokens)) is None:
            tokens = tokens[:-1]
        return Claim(replace(base.place(way, pointer), is_approximate=True), "approximate")

    # -- related places

    def _inclusions(self, shown: str) -> tuple[Related, ...]:
        """The entries that lead from the built kustomization to the file, outermost first."""
        inclusions = self._build.tree.inclusions(shown, self._build.folder)
        return tuple(Related(place, "included here", is_context=True) for place in inclusions[:_MOST_RELATED])


_IDENTITY = ((), ("apiVersion",), ("kind",), ("metadata",))


def _ancestors(marks: Sequence[tuple[Tokens, Spot]]) -> Iterator[Spot]:
    """The parts of sources that correspond to a collection, by marked scalars and their ways below it."""
    for below, spot in marks:
        above, tail = spot.tokens[: -len(below)], spot.tokens[-len(below) :]
        if len(tail) == len(below) and all(
            a == b or (a.isdigit() and b.isdigit()) for a, b in zip(tail, below, strict=True)
        ):
            yield Spot(spot.fragment, above)


def _generator_entry(node: Kustomization, generator: str, name: str, tokens: Tokens) -> Tokens:
    """The way to the entry of a kustomization's generator; empty if it is not in the kustomization itself."""
    fields = {
        "ConfigMapGenerator": ("configMapGenerator",),
        "SecretGenerator": ("secretGenerator",),
        "HelmChartInflationGenerator": ("helmCharts", "helmChartInflationGenerator"),
    }.get(generator, ())
    for key in fields:
        items = node.items(key)
        if key.startswith("helm") and items:
            return (key, "0")
        own = [(len(str(_name(item))), n) for n, item in enumerate(items) if str(_name(item)) in name]
        if own:
            index = max(own)[1]
            return (key, str(index), *_data_entry(items[index], tokens))
    return ()


def _entry_name(node: Kustomization, way: Tokens) -> str:
    """The name that the entry of a generator gives, which is all that its objects have of a name in the source."""
    entry = descend(node.root, way[:2])
    return str(_name(entry)).strip("\0") if entry is not None and way else ""


def _name(item: Node) -> Json:
    return item.value.get("name", "\0") if isinstance(item.value, dict) else "\0"


def _data_entry(item: Node, tokens: Tokens) -> Tokens:
    """The way below a generator's entry to what gives a key of its data."""
    if len(tokens) != 2:
        return ()
    for field in ("literals", "files"):
        for index, entry in enumerate(items(item, field)):
            key = str(entry.value).partition("=")[0] if "=" in str(entry.value) else Path(str(entry.value)).name
            if key == tokens[1]:
                return (field, str(index))
    return ()


def _identity(body: Json) -> tuple[Json, ...]:
    kind, name = _kind_and_name(body)
    namespace = _mapping(body, "metadata").get("namespace")
    return (body.get("apiVersion") if isinstance(body, dict) else None, kind, namespace, name)


def _kind_and_name(body: Json) -> tuple[str, str]:
    """Kind of an object, and its name without a generator's hash."""
    name = str(_mapping(body, "metadata").get("name") or "")
    kind = str(body.get("kind") or "") if isinstance(body, dict) else ""
    return kind, transformers.HASH.sub("", marks.strip(name))


def _mapping(body: Json, key: str) -> dict[str, Json]:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, dict) else {}


def _mapping_of(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _name_length(document: Fragment) -> int:
    return len(str(_mapping(document.root.value, "metadata").get("name") or ""))


_SEPARATOR = "\n---\n"


def documents(output: str) -> tuple[str, ...]:
    """The documents of what kustomize printed."""
    return tuple(output.split(_SEPARATOR))


def read(output: str, build: Build, asked_kinds: Collection[str] = ()) -> Batch:
    """The objects of a build, each with the places of its fields; see manifest.read for ``asked_kinds``."""
    return manifest.read_text(BuiltText(output, build), asked_kinds)
