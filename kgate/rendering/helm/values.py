"""The values of a release: merged as Helm merges them, and which key of which file a field has its value from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import field, replace
from functools import cached_property, partial
from pathlib import Path

from kgate.kubernetes.embedded import without_actions
from kgate.model import Json, Location, Pointer, Related, child_pointer, field_path, list_index
from kgate.rendering import structure
from kgate.rendering.helm import setvalues
from kgate.rendering.helm.chart import ChartNode
from kgate.rendering.helm.copy import ChartCopy, Mount, whole_file
from kgate.rendering.helm.gocontext import Step
from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.helm.setvalues import SetError
from kgate.rendering.structure import Key, Sought
from kgate.repository import Repository
from kgate.values import dataclass
from kgate.yamltree.embedded import outward
from kgate.yamltree.merge import deep_merge
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.text import SourceText, decode, find_span


class ValuesText:
    """A values file as text, parsed when it is first needed. Null, which deletes a value, is kept."""

    def __init__(self, source: SourceText, archive: Location | None = None) -> None:
        self._source = source
        self._archive = archive

    def line(self, path: str, number: int) -> str:
        """A line of the file."""
        return self._source.line(path, number)

    def locate(self, pointer: Pointer) -> Location:
        """The place of a key; the archive for a file in an archive."""
        if self._archive is not None or self._root is None:
            return self._archive or self._source.location(0, 0, pointer)
        return self._source.place(find_span(self._root, pointer), pointer)

    @cached_property
    def _root(self) -> Node | None:
        try:
            return next(compose(self._source.text), None)
        except ManifestError:
            return None

    def body(self) -> Json:
        """The values; an empty mapping for a file that is not one."""
        return self._body

    @cached_property
    def _body(self) -> Json:
        value = self._root.with_nulls() if self._root is not None else {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of values. ``depth`` counts, for the values file of a chart, the keys that lead from the top chart
    to it, and is None for what is given to the release. ``is_foreign`` says that somebody else wrote the file (the
    values.yaml of a chart that was fetched); ``line`` gives the lines of the file, as far as they are known."""

    body: Callable[[], Json]
    locate: Callable[[Pointer], Location]
    depth: int | None = None
    is_foreign: bool = False
    line: Callable[[str, int], str] = lambda _path, _number: ""

    def put_on(self, below: dict[str, Json]) -> dict[str, Json]:
        """The values below with these on top, nulls among them."""
        return deep_merge(below, self.body())


@dataclass(frozen=True, slots=True)
class SetLayer:
    """The values of ``--set`` and ``--set-string``. An index changes an item of the list below, if there is one."""

    sets: tuple[str, ...]
    string_sets: tuple[str, ...] = ()
    places: Mapping[str, Callable[[], Location]] = field(default_factory=dict)
    depth: None = None
    is_foreign: bool = False

    def place(self, way: Key) -> Location | None:
        """The place of the last text that sets a key, if it is known."""
        for texts, as_strings in ((self.string_sets, True), (self.sets, False)):
            for text in reversed(texts):
                with contextlib.suppress(SetError):
                    if _defines(setvalues.parse(text, as_strings=as_strings), way):
                        return self.places[text]() if text in self.places else None
        return None

    def body(self) -> Json:
        """What these say by themselves."""
        return self.put_on({})

    def put_on(self, below: dict[str, Json]) -> dict[str, Json]:
        """The values below with these on top. What Helm refuses is left out: it does not render the chart then."""
        values = deepcopy(below)
        for text in self.sets:
            with contextlib.suppress(SetError):
                setvalues.parse(text, as_strings=False, into=values)
        for text in self.string_sets:
            with contextlib.suppress(SetError):
                setvalues.parse(text, as_strings=True, into=values)
        return values


def _without_nulls(value: Json) -> Json:
    return {k: _without_nulls(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def effective(own: Sequence[Json], scope: Sequence[str], given: Json) -> Json:
    """What ``.Values`` is in the sub-chart that the keys ``scope`` lead to (chartutil/coalesce.go).

    ``own`` holds the values files of the top chart and of each sub-chart on the way, ``given`` what is given to the
    release: a null in it deletes a default of any of these charts.
    """
    values = deep_merge(_without_nulls(own[0]), given)
    for name, defaults in zip(scope, own[1:], strict=True):
        outer = values.get("global")
        values = deep_merge(_without_nulls(defaults), _mapping(values.get(name)))
        if isinstance(outer, dict):
            values["global"] = deep_merge(_mapping(values.get("global")), _without_nulls(outer))
    return _without_nulls(values)


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


# ----------------------------------------------------------------------------------- which key


@dataclass(frozen=True, slots=True)
class Given:
    """A key that a value comes from; ``is_foreign`` says that somebody else wrote the file."""

    related: Related
    is_foreign: bool


@dataclass(frozen=True, slots=True)
class ReleaseValues:
    """The values of one chart or sub-chart of a release. The first of the ``layers`` wins."""

    scope: tuple[str, ...]
    layers: tuple[Layer | SetLayer, ...]
    chart_file: Location
    _cache: dict[str, Json] = field(default_factory=dict, compare=False)

    def body(self) -> Json:
        """What ``.Values`` is."""
        if "body" not in self._cache:
            own = [layer.body() for layer in self.layers if layer.depth is not None]
            given: dict[str, Json] = {}
            for layer in reversed(self.layers):
                given = layer.put_on(given) if layer.depth is None else given
            self._cache["body"] = effective(own, self.scope, given)
        return self._cache["body"]

    def found(self, refs: Sequence[tuple[Step, ...]], field_tokens: Sequence[str], value: Json) -> list[Given]:
        """The keys that a field may have its value from, each with its place in the last file that sets it."""
        keys = matching_keys(self.body(), refs, field_tokens, value)
        if not keys:
            return self._in_texts(refs, field_tokens, value)
        is_guess = len(keys) > 1 and all(_is_same(_at(self.body(), key), value) for key in keys)
        found = (self._given(key, "perhaps value" if is_guess else "value") for key in keys)
        return [given for given in found if given is not None]

    def _in_texts(self, refs: Sequence[tuple[Step, ...]], field_tokens: Sequence[str], value: Json) -> list[Given]:
        """The places in texts below some references (arguments of ``tpl``) that hold a field as YAML."""
        texts = [(key, text) for ref in refs for key, text in _expanded(self.body(), ref) if isinstance(text, str)]
        found: list[Given] = []
        for key, text in texts:
            inner = _place_in(text, field_tokens, value) if key else None
            given = self._given(key, "value", text, inner) if inner is not None else None
            found += [given] if given is not None else []
        return found[:_MOST_PARTS]

    def _given(self, key: Key, word: str, text: str = "", inner: Location | None = None) -> Given | None:
        """The key in the layer that sets it; the place in its text if ``inner`` is one."""
        for layer in self.layers:
            body = layer.body()
            for way in _ways(self.scope[layer.depth or 0 :], key):
                if _defines(body, way):
                    related = self._related(layer, way, word)
                    if inner is not None and isinstance(layer, Layer):
                        around = partial(layer.line, related.location.path)
                        place = outward(inner, text.split("\n"), related.location, around)
                        related = replace(related, location=place)
                    return Given(related, layer.is_foreign)
        return None

    def _related(self, layer: Layer | SetLayer, way: Key, word: str) -> Related:
        pointer = child_pointer("", *way)
        name = field_path(pointer)
        if isinstance(layer, Layer):
            return Related(layer.locate(pointer), f"{word} {name}")
        place = layer.place(way)
        return Related(place or self.chart_file, f"{word} {name}{'' if place else ', given with --set'}")

    def by_structure(self, sought: Sought) -> Related | None:
        """The key of the user's own files that a field may have its value from, where no action says so."""
        for layer in self.layers:
            if layer.is_foreign:
                continue
            scope = self.scope[layer.depth or 0 :]
            key = structure.find(_at(layer.body(), scope), sought)
            if key is not None:
                return self._related(layer, (*scope, *key), "perhaps value")
        return None

    def own_root(self) -> Related | None:
        """The user's values for the chart as a whole: those given to the release, else the key of the sub-chart."""
        for layer in self.layers:
            scope = self.scope[layer.depth or 0 :]
            if layer.is_foreign or isinstance(layer, SetLayer) or not (layer.depth is None or scope):
                continue
            way = scope if _defines(layer.body(), scope) else ()
            if way or layer.depth is None:
                return Related(layer.locate(child_pointer("", *way)), "values of the release")
        return None


class ValuesReader:
    """Reads the values files of a chart and of its releases, each once."""

    def __init__(self, copy: ChartCopy, file: str) -> None:
        self._repository = copy.workspace.repository
        self._copy = Repository(copy.folder)
        self._chart_file = whole_file(file)
        self._files: dict[Path, ValuesText] = {}

    def of(self, release: Release, node: ChartNode) -> ReleaseValues:
        """The values of a chart or sub-chart in a release. Files are read now, and parsed when they are needed."""
        layers: list[Layer | SetLayer] = [SetLayer(release.sets, release.string_sets, release.set_places)]
        for values in reversed(release.values):
            if isinstance(values, ValuesFile):
                file = self._file(values.path, Mount(self._repository.shown(values.path)))
                layers.append(Layer(file.body, file.locate, line=file.line))
            else:
                layers.append(Layer(partial(dict, values.body), values.locate, line=values.line))
        for depth, chart in enumerate(node.line):
            file = self._file(chart.folder / "values.yaml", chart.mount.child("values.yaml"))
            layers.append(Layer(file.body, file.locate, depth, chart.is_foreign, file.line))
        return ReleaseValues(node.scope, tuple(layers), self._chart_file)

    def _file(self, path: Path, mount: Mount) -> ValuesText:
        if path not in self._files:
            try:
                text = decode(self._bytes(path))
            except (OSError, UnicodeDecodeError):
                text = ""
            archive = mount.whole if mount.archive else None
            self._files[path] = ValuesText(SourceText(mount.shown, text), archive)
        return self._files[path]

    def _bytes(self, path: Path) -> bytes:
        """The bytes of a file of the copy, or else of the repository."""
        return (self._copy if self._copy.holds(path) else self._repository).read_bytes(path)


def _ways(scope: tuple[str, ...], key: Key) -> Iterator[Key]:
    """How a key of a sub-chart is spelled in a file of a chart above it; globals may be set on every level."""
    if key[:1] == ("global",):
        yield from ((*scope[:depth], *key) for depth in range(len(scope) + 1))
    else:
        yield (*scope, *key)


def _defines(body: Json, key: Key) -> bool:
    found = _at(body, key)
    return found is not _ABSENT and found is not None


_ABSENT = object()
_MOST_PLACES = 1000
_MOST_PARTS = 3


def _at(value: Json, key: Iterable[str | int]) -> Json:
    for step in key:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and (index := list_index(step)) is not None and index < len(value):
            value = value[index]
        else:
            return _ABSENT
    return value


def matching_keys(
    values: Json, refs: Sequence[tuple[Step, ...]], field_tokens: Sequence[str], value: Json
) -> list[Key]:
    """The keys below some references whose value a field has: the one that shares the longest end with the field's
    path, or several that share as much. If there is none, those whose values are parts of it (an image made of
    registry, repository and tag)."""
    places = [place for ref in refs for place in _expanded(values, ref)]
    best: dict[Key, int] = {}
    for key, found in places:
        for length in range(len(field_tokens), -1, -1):
            end = field_tokens[len(field_tokens) - length :]
            if _is_same(_at(found, end), value):
                best.setdefault(_concrete(found, key, end), length)
                break
    if best:
        longest = max(best.values())
        return [key for key, length in best.items() if key and length == longest][:_MOST_PARTS]
    parts = dict.fromkeys(key for key, found in places if key and _is_part(found, value))
    return list(parts)[:_MOST_PARTS]


def _place_in(text: str, field_tokens: Sequence[str], value: Json) -> Location | None:
    """The place in a text that is YAML, but for actions, of the last tokens of a field with its value; None if it holds
    no such field."""
    if ":" not in text:
        return None
    try:
        roots = list(compose(without_actions(text)))
    except ManifestError:
        return None
    for root in roots:
        for start in range(len(field_tokens)):
            end = field_tokens[start:]
            if _is_same(_at(root.value, end), value):
                return SourceText("", text).document(0, root).locate(child_pointer("", *end))
    return None


def _concrete(value: Json, key: Key, end: Sequence[str]) -> Key:
    for step in end:
        key = (*key, int(step) if isinstance(value, list) else step)
        value = _at(value, (step,))
    return key


def _expanded(values: Json, ref: tuple[Step, ...]) -> list[tuple[Key, Json]]:
    """The values that a reference may lead to, with their keys."""
    found: list[tuple[Key, Json]] = [((), values)]
    for step in ref:
        below: list[tuple[Key, Json]] = []
        for key, value in found:
            if step is not None:
                member = _at(value, (step,))
                below += [((*key, step), member)] if member is not _ABSENT else []
            elif isinstance(value, dict):
                below += [((*key, name), member) for name, member in value.items()]
            elif isinstance(value, list):
                below += [((*key, index), member) for index, member in enumerate(value)]
        found = below[:_MOST_PLACES]
    return found


def _is_same(given: Json, rendered: Json) -> bool:
    """True if a value prints as the rendered one."""
    if given is _ABSENT or given is None:
        return False
    if isinstance(rendered, Mapping) or isinstance(given, Mapping):
        return isinstance(rendered, dict) and isinstance(given, dict) and _without_nulls(given) == rendered
    if isinstance(rendered, list) or isinstance(given, list):
        return bool(given == rendered)
    return _spelled(given) == _spelled(rendered)


def _is_part(given: Json, rendered: Json) -> bool:
    """True if a value is a part of the rendered text, or holds all members of the rendered mapping."""
    if isinstance(rendered, dict) and isinstance(given, dict):
        return bool(rendered) and all(_is_same(given.get(key), member) for key, member in rendered.items())
    if not isinstance(rendered, str) or isinstance(given, (dict, list, bool)) or given is None:
        return False
    text = _spelled(given)
    return len(text) > 1 and text in rendered


def _spelled(value: Json) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
