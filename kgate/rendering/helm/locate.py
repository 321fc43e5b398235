"""Rendered text of a Helm template whose fields are located in the template, its helpers and the values files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from kgate.model import Json, Location, Pointer, Problem, Related, list_index, pointer_tokens
from kgate.rendering.gotemplate import Token
from kgate.rendering.helm import gocontext
from kgate.rendering.helm.chart import Template
from kgate.rendering.helm.copy import Mount
from kgate.rendering.helm.gocontext import Ref, Step
from kgate.rendering.helm.marks import Mark, MarkedText, Trace
from kgate.rendering.helm.values import Given, ReleaseValues
from kgate.rendering.structure import Sought
from kgate.values import dataclass
from kgate.yamltree import streams
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.text import Document, SourceText, Span, find_span

_MOST_RELATED = 6
_MOST_PIECES = 12


@dataclass(slots=True)
class ChartMap:
    """The templates of a chart by key, and what the numbers in marks stand for. ``foreign`` are the folders in the copy
    of the charts that were fetched."""

    templates: Mapping[str, Template]
    marks: Sequence[Mark] = ()
    foreign: Sequence[Path] = ()
    _sources: dict[str, SourceText] = field(default_factory=dict)
    _references: dict[tuple[int, ...], list[tuple[Step, ...]]] = field(default_factory=dict)

    def source(self, key: str) -> SourceText:
        """The text of a template."""
        if key not in self._sources:
            template = self.templates[key]
            self._sources[key] = SourceText(template.mount.file, template.text)
        return self._sources[key]

    def line(self, path: str, number: int) -> str:
        """A line of the templates that lie in a file."""
        found = (key for key, template in self.templates.items() if template.mount.file == path)
        return next((self.source(key).line(path, number) for key in found), "")

    def is_foreign(self, key: str) -> bool:
        """True if a template is of a chart that was fetched."""
        return any(self.templates[key].path.is_relative_to(folder) for folder in self.foreign)

    def location(self, region: Region, pointer: Pointer) -> Location:
        """The place of a region of a template. In an archive it is the archive, with the path and line in it."""
        source, mount = self.source(region.key), self.templates[region.key].mount
        if not mount.archive:
            return source.location(region.start, region.end, pointer)
        place = mount.whole
        line = source.position(region.start).line
        inside = (Related(place, f"{mount.inside}:{line} in the archive"),)
        return replace(place, pointer=pointer, related=inside)

    def region(self, trace: Trace) -> Region:
        """What printed a character: literal text from there on, or the outermost action."""
        if trace.text is not None:
            number, offset = trace.text
            mark = self.marks[number]
            start = min(mark.start + offset, len(self.templates[mark.file].text))
            return Region(mark.file, start, start + 1)
        return self.frame_region(trace.frames[0])

    def frame_region(self, frame: int) -> Region:
        """The action that a mark stands for."""
        return Region(*self.marks[frame])

    def references(self, frames: tuple[int, ...]) -> list[tuple[Step, ...]]:
        """The paths below ``.Values`` that open actions may refer to, those of the innermost action first."""
        if frames not in self._references:
            self._references[frames] = self._find_references(frames)
        return self._references[frames]

    def _find_references(self, frames: tuple[int, ...]) -> list[tuple[Step, ...]]:
        argument = gocontext.ROOT
        found: list[list[tuple[Step, ...]]] = []
        for frame in frames:
            mark = self.marks[frame]
            scope = gocontext.scope_at(self._tokens(mark), mark.start, argument)
            body = self._body(mark)
            meanings = scope.evaluate(body)
            found.append([meaning.path for meaning in meanings if isinstance(meaning, Ref) and meaning.path])
            argument = gocontext.passed_argument(scope, body)
        return [path for paths in reversed(found) for path in paths]

    def _tokens(self, mark: Mark) -> Sequence[Token]:
        return self.templates[mark.file].tokens or ()

    def _body(self, mark: Mark) -> str:
        return next((token.body or "" for token in self._tokens(mark) if token.start == mark.start), "")


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a template: its key, and offsets."""

    key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a parsed document: its span in the text that the marks belong to, its value, and the part of its
    pointer that exists. ``end`` is the end of its value."""

    span: Span
    tokens: tuple[str, ...]
    value: Json
    end: int
    is_block: bool

    @classmethod
    def find(cls, root: Node, pointer: Pointer, offset: int) -> _Field:
        """The field, or its nearest parent if it is absent."""
        node, tokens = root, []
        key_line = root.start.line
        for token in pointer_tokens(pointer):
            if node.fields is not None and token in node.fields:
                key_start, _, node = node.fields[token]
                key_line = key_start.line
            elif node.items is not None and (index := list_index(token)) is not None and index < len(node.items):
                node = node.items[index]
                key_line = node.start.line
            else:
                break
            tokens.append(token)
        is_block = (node.fields is not None or node.items is not None) and node.start.line > key_line
        span = find_span(root, pointer, offset)
        return cls(span, tuple(tokens), node.value, offset + int(node.end.index), is_block)


class _Traces(NamedTuple):
    """What printed the key of a field, its value, and the one of both that counts."""

    key: Trace
    content: Trace
    main: Trace


_IDENTITY = ((), ("apiVersion",), ("kind",), ("metadata",))
"""Where the fields begin that say which object it is: their place is that of the object."""


class RenderedText(SourceText):
    """What a template printed. ``marked`` is the same with marks, or None if its clone cannot be rendered."""

    def __init__(
        self,
        template: Template,
        text: str,
        marked: MarkedText | None,
        chart: ChartMap,
        values: ReleaseValues,
    ) -> None:
        super().__init__(template.mount.file, text)
        self._template = template
        self._marked = marked
        self._chart = chart
        self._values = values

    def pieces(self) -> Iterator[tuple[int, int]]:
        """The documents as Helm splits them."""
        return streams.helm_pieces(self.text)

    def document(self, start: int, root: Node | None, length: int = 0) -> Document:
        """The locator of the fields of a rendered document."""
        return _RenderedDocument(self, start, root, length)

    def problem(self, line: int, message: str) -> Problem:
        """A problem with a rendered line, at the line of the template that printed it."""
        trace = self._trace_of_line(line)
        if trace is None:
            return Problem(self.path, None, message)
        place = self._chart.location(self._chart.region(trace), "")
        return Problem(place.path, None if place.is_approximate else place.start.line, message)

    def line_name(self, line: int) -> str:  # noqa: ARG002
        """No template has that line."""
        return "before"

    def line(self, path: str, number: int) -> str:
        """A line of the template, or of another one of the chart."""
        return self._chart.line(path, number)

    @cached_property
    def is_proven(self) -> bool:
        """True if the clone printed the same text."""
        return self._marked is not None and self._marked.proves(self.text)

    @cached_property
    def has_same_shape(self) -> bool:
        """True if the clone printed as many lines: only values that change with every rendering differ."""
        return self._marked is not None and _line_count(self._marked.clean) == _line_count(self.text)

    def _trace_of_line(self, line: int) -> Trace | None:
        if self._marked is None or not (self.is_proven or self.has_same_shape):
            return None
        clean = self._marked.clean
        start = _line_start(clean, line)
        end = clean.find("\n", start)
        content = clean[start : end if end >= 0 else None]
        return self._marked.trace(start + len(content) - len(content.lstrip()))

    def view(self, start: int, root: Node) -> Iterator[tuple[Node, int, bool]]:
        """The same document in the text that the marks belong to, its offset, and whether it certainly is the same."""
        if self._marked is None:
            return
        clean = self._marked.clean
        if self.is_proven:
            yield root, start, True
        elif self.has_same_shape:
            begin = _line_start(clean, self.position(start).line)
            yield from ((other, begin, True) for other in _compose(clean[begin:]) if _line(other) == _line(root))
        else:
            yield from ((other, 0, False) for other in _compose(clean) if _identity(other) == _identity(root))

    def locate(self, start: int, root: Node, pointer: Pointer) -> Location:
        """The place of a field in the sources, with the places of all that it is made of."""
        found = next(self.view(start, root), None)
        own = _Field.find(root, pointer, start)
        if found is None or self._marked is None:
            return self._somewhere(pointer)
        other, offset, is_sure = found
        field = own if other is root else _Field.find(other, pointer, offset)
        traces = self._traces(field)
        if traces is None:
            return self._somewhere(pointer)
        given = self._given(field, own.value, traces.content)
        place = self._place(field, traces, given, pointer)
        if not is_sure or field.tokens != own.tokens:
            place = replace(place, is_approximate=True)
        if own.tokens[:1] in _IDENTITY:
            return place
        is_whole = self._prints_all(other, offset, traces)
        sought = Sought.of(root.value, own.tokens, is_absent=len(own.tokens) < len(pointer_tokens(pointer)))
        return self._users_place(place, given, sought, traces, is_whole=is_whole)

    def _somewhere(self, pointer: Pointer) -> Location:
        place = self._chart.location(Region(self._template.key, 0, len(self._template.text)), pointer)
        return replace(place, is_approximate=True)

    def _traces(self, field: _Field) -> _Traces | None:
        """What printed a field: of its key if a block follows it, else of its value; None if nothing is known."""
        assert self._marked is not None
        key = self._marked.trace(field.span.begin)
        content = self._marked.trace(field.span.value) if field.end > field.span.value else key
        main = key if field.is_block else content
        return None if main is None or key is None or content is None else _Traces(key, content, main)

    def _place(self, field: _Field, traces: _Traces, given: Sequence[Given], pointer: Pointer) -> Location:
        """The place of a field in the templates, with the key if both are in one line of one."""
        main, content = traces.main, traces.content
        region = self._region(main, field)
        whole = self._with_key(region, traces.key)
        value = self._chart.source(region.key).text[region.start : region.end] if whole is not region else ""
        place = replace(self._chart.location(whole, pointer), value=value)
        related = [*(one.related for one in given), *place.related]
        if field.is_block and content.frames[:1] != main.frames[:1]:
            related += self._frames(content, "filled in here")
        related += self._frames(main, "called here") if main.text is not None else self._inner_frames(main)
        unique = tuple(dict.fromkeys(r for r in related if r.location != place or r.location.is_approximate))
        return replace(place, related=unique[:_MOST_RELATED])

    def _prints_all(self, root: Node, offset: int, traces: _Traces) -> bool:
        """True if one action printed the whole object, and nothing is known of what it did."""
        assert self._marked is not None
        first = self._marked.trace(offset + int(root.start.index))
        is_opaque = first is not None and first.text is None and traces.main.text is None
        return is_opaque and first is not None and first.frames[:1] == traces.main.frames[:1]

    def _users_place(
        self, place: Location, given: Sequence[Given], sought: Sought, traces: _Traces, *, is_whole: bool
    ) -> Location:
        """The place in the user's own files of a field that the templates of others print; a related place if the
        templates are the user's, and do not say where the value comes from."""
        own = next((one.related for one in given if not one.is_foreign), None)
        region = self._chart.region(traces.main)
        if not (is_whole or self._chart.is_foreign(region.key)):
            found = None if given or traces.main.text is not None else self._values.by_structure(sought)
            return replace(place, related=(found, *place.related)[:_MOST_RELATED]) if found is not None else place
        guess = own is None or own.message.startswith("perhaps")
        found = own or self._likely(sought)
        if found is None:
            return place
        here = Related(replace(place, pointer="", related=()), "rendered here")
        rest = (one for one in place.related if one.location != found.location)
        related = (here, *found.location.related, *rest)[:_MOST_RELATED]
        is_approximate = guess or found.location.is_approximate
        return replace(found.location, pointer=place.pointer, related=related, is_approximate=is_approximate)

    def _likely(self, sought: Sought) -> Related | None:
        """The values that a field may have its value from, else those that the item around it may, else all of them."""
        for one in (sought, sought.around):
            found = self._values.by_structure(one) if one is not None else None
            if found is not None:
                return found
        return self._values.own_root()

    def _region(self, trace: Trace, field: _Field) -> Region:
        """The region from a trace to the end of the field, as far as it is in one file."""
        assert self._marked is not None
        region = self._chart.region(trace)
        begin = field.span.begin if field.is_block else field.span.value
        last = self._marked.trace(max(begin, field.span.end - 1))
        end = self._chart.region(last) if last is not None else region
        if end.key == region.key and end.end >= region.end:
            return Region(region.key, region.start, end.end)
        return region

    def _with_key(self, region: Region, key: Trace) -> Region:
        """The region from the key on, if that is before it in the same line."""
        start = self._chart.region(key)
        text = self._chart.source(region.key).text
        if start.key == region.key and start.start < region.start and "\n" not in text[start.start : region.start]:
            return Region(region.key, start.start, region.end)
        return region

    def _given(self, field: _Field, value: Json, content: Trace) -> Sequence[Given]:
        """The values keys that the field has its value from."""
        assert self._marked is not None
        if isinstance(value, (dict, list)):
            traces = [] if content.text is not None else [content]
        else:
            traces = self._marked.traces(field.span.value, field.end)[:_MOST_PIECES]
        paths = dict.fromkeys(
            path for trace in traces if trace.text is None for path in self._chart.references(trace.frames)
        )
        return self._values.found(tuple(paths), field.tokens, value) if paths else ()

    def _frames(self, trace: Trace, message: str) -> list[Related]:
        return [self._related(frame, message) for frame in trace.frames]

    def _inner_frames(self, trace: Trace) -> list[Related]:
        """The actions inside the outermost one, which is the place itself."""
        inner = trace.frames[1:]
        return [self._related(frame, "printed here" if frame == inner[-1] else "called here") for frame in inner]

    def _related(self, frame: int, message: str) -> Related:
        place = self._chart.location(self._chart.frame_region(frame), "")
        if place.related:
            message = f"{message}: {place.related[0].message}"
        return Related(replace(place, related=()), message)


class _RenderedDocument(Document):
    """One rendered document, which finds the place of a field in the sources (model.Locator)."""

    def __init__(self, source: RenderedText, start: int, root: Node | None, length: int = 0) -> None:
        super().__init__(source, start, root, length)
        self._rendered = source
        self._offset = start
        self._known: dict[Pointer, Location] = {}

    def locate(self, pointer: Pointer) -> Location:
        """The place of a field, or of its nearest parent if it is absent."""
        if pointer not in self._known:
            self._known[pointer] = self._rendered.locate(self._offset, self._tree(), pointer)
        return self._known[pointer]


class ArchivedText(SourceText):
    """A manifest in an archive: every place in it is the archive, with the path and line in it."""

    def __init__(self, mount: Mount, text: str) -> None:
        super().__init__(mount.archive, text)
        self._mount = mount

    def place(self, span: Span, pointer: Pointer) -> Location:
        """The archive."""
        place = self._mount.whole
        line = self.position(span.begin).line
        inside = (Related(place, f"{self._mount.inside}:{line} in the archive"),)
        return replace(place, pointer=pointer, related=inside)

    def problem(self, line: int, message: str) -> Problem:
        """A problem in the archive."""
        return Problem(self.path, None, f"{self._mount.inside}:{line}: {message}")


def _line_count(text: str) -> int:
    return text.rstrip().count("\n")


def _line_start(text: str, line: int) -> int:
    """The offset of a line that counts from 1; the end of the text beyond its last line."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
        if not start:
            return len(text)
    return start


def _line(root: Node) -> int:
    return int(root.start.line)


def _compose(text: str) -> Iterator[Node]:
    """The documents of a text, up to the first that cannot be read."""
    try:
        yield from compose(text)
    except ManifestError:
        return


def _identity(root: Node) -> tuple[Json, Json]:
    value = root.value if isinstance(root.value, dict) else {}
    metadata = value.get("metadata")
    return value.get("kind"), metadata.get("name") if isinstance(metadata, dict) else None
