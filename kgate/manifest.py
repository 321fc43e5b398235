"""Reads YAML and JSON as the API server would (sigs.k8s.io/yaml), with the place of every field."""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import _ruamel_yaml as libyaml

from kgate import spelling, streams
from kgate.linehash import LineHashes
from kgate.model import (
    Counts,
    Json,
    Location,
    Locator,
    Note,
    Pointer,
    Position,
    Problem,
    Resource,
    ResourceId,
    child_pointer,
    list_index,
    pointer_tokens,
)

MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 256
MAX_EXPANDED_NODES = 1_000_000
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_TOO_MANY = f"holds more than {MAX_EXPANDED_NODES:,} values once its aliases are expanded"

SKIPPABLE_KINDS = {"CustomResourceDefinition": ("apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1")}
"""Kinds whose schema has no place for a pod: unparsed where the text proves the kind (_proven_kind)."""


class ManifestError(Exception):
    """A document that cannot be read; ``line`` counts from 1, ``is_syntax`` says that nobody can read it."""

    def __init__(self, message: str, line: int, *, is_syntax: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.is_syntax = is_syntax


class DuplicateKeyError(ManifestError):
    """A key that a mapping has twice; ``first`` is the line of the first one."""

    def __init__(self, key: str, line: int, first: int) -> None:
        self._key = key
        self.first = first
        super().__init__(self.told(f"in line {first}"), line)

    def told(self, where: str) -> str:
        """The message with another name for the first place."""
        return f"key '{self._key}' stands here and {where}: keep one of them"


# ---------------------------------------------------------------------------------------- scalars

_BOOLS = dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True)
_BOOLS |= dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False)
_FIXED: dict[str, Json] = {**_BOOLS, **dict.fromkeys(("", "~", "null", "Null", "NULL"))}
_INT = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[+-]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_INTEGER = 80
_LONE_BYTE = re.compile("[\udc80-\udcff]")
"""A byte that is no UTF-8, each of which Go replaces by itself."""

_TAG = "tag:yaml.org,2002:"
_TAG_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "null": (type(None),),
}


def resolve(text: str) -> Json:
    """The value of a plain scalar by the rules of go-yaml v2 (resolve.go), as JSON would carry it.

    Raises ValueError for what JSON cannot carry (infinities, not-a-number).
    """
    if text in _FIXED:
        return _FIXED[text]
    if text[0] not in "0123456789+-.":
        return text
    if _NOT_JSON.fullmatch(text):
        raise ValueError(f"{text} cannot be written in JSON")
    plain = text.replace("_", "")
    value: int | float | None = None
    if text[0] != "." and _INT.fullmatch(plain):
        value = _integer(plain)
    elif _FLOAT.fullmatch(plain):
        value = _decimal(plain)
    return text if value is None else value


def _integer(plain: str) -> int | float | None:
    """An integer of 64 bits; a larger one is a float if it is decimal, else no number to Go (None)."""
    digits = plain.lstrip("+-").lower()
    base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2], 8 if digits[0] == "0" else 10)
    value = int(digits, base) if len(digits) <= _LONGEST_INTEGER else 2**64
    value = -value if plain[0] == "-" else value
    if -(2**63) <= value < 2**64:
        return value
    return _decimal(plain) if digits.isdecimal() else None


def _decimal(plain: str) -> int | float | None:
    """A float, whole ones as integers as JSON writes them; None beyond the range of Go's float64."""
    value = float(plain)
    if math.isinf(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def _tagged(text: str, tag: str) -> Json:
    """The value of a scalar with an explicit tag; ValueError if the tag does not fit."""
    if not tag.startswith(_TAG):
        return text
    name = tag[len(_TAG) :]
    if name == "binary":
        try:
            return _LONE_BYTE.sub("\ufffd", base64.b64decode(text, validate=False).decode("utf-8", "surrogateescape"))
        except binascii.Error:
            raise ValueError("!!binary data is not base64") from None
    if name not in _TAG_TYPES:
        return text
    value = resolve(text)
    if not isinstance(value, _TAG_TYPES[name]) or (name in ("int", "float") and isinstance(value, bool)):
        raise ValueError(f"'{text}' is not a !!{name}")
    return value


def _key_text(value: Json) -> str:
    """A mapping key as JSON carries it; ValueError for null, lists and mappings."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    raise ValueError("a mapping key must be a string")


# --------------------------------------------------------------------------------------- documents


class Node:
    """A parsed value with its place. ``fields`` maps the keys of a mapping to (key start, key end,
    node), ``items`` holds the nodes of a sequence; nulls stay here although ``value`` drops them."""

    __slots__ = ("closed", "end", "fields", "items", "start", "value", "weight")

    def __init__(self, value: Json, start: Any, end: Any) -> None:
        self.value = value
        self.start = start
        self.end = end
        self.fields: dict[str, tuple[Any, Any, Node]] | None = None
        self.items: list[Node] | None = None
        self.weight = 1
        self.closed = True


class _Frame:
    """A collection that is still open while a document is composed."""

    __slots__ = ("explicit", "key", "merging", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: Node | None = None
        self.merging = False
        self.explicit: dict[str, int] = {}


def compose(text: str) -> Iterator[Node]:
    """The root node of every document of a YAML stream.

    Marks count lines and columns from 0. Raises ManifestError, after the documents before the fault.
    """
    if _INNER_MARK.search(text) is not None:
        raise ManifestError("a byte order mark inside the text; remove it", 1, is_syntax=True)
    count = 0
    try:
        for root in _documents(libyaml.CParser(text).get_event, libyaml):
            yield root
            count += 1
    except libyaml.YAMLError as error:
        if getattr(error, "problem", None) != _UNKNOWN_TO_OLD_LIBYAML:
            raise _syntax_error(error) from None
        yield from itertools.islice(_compose_with_newer(text), count, None)
    except UnicodeEncodeError:
        raise ManifestError("the text holds a lone surrogate, which UTF-8 cannot carry", 1) from None


_INNER_MARK = re.compile("[\n\r\x85\u2028\u2029]\ufeff")
"""A byte order mark at the beginning of a line, which the API server passes over and libyaml takes for a letter."""


# ruamel.yaml.clib holds libyaml 0.1.7, of which go-yaml v2 is a port; but it refuses a colon inside a plain scalar of a
# flow collection (`[--listen=:80]`), which go-yaml takes. Such documents go through PyYAML's libyaml 0.2, as fast.
_UNKNOWN_TO_OLD_LIBYAML = "found unexpected ':'"


def _compose_with_newer(text: str) -> Iterator[Node]:
    """The same with libyaml 0.2."""
    import yaml
    from yaml._yaml import CParser

    next_event: Callable[[], Any] = CParser(text).get_event
    try:
        yield from _documents(next_event if "!" not in text else partial(_checked_event, next_event, text), yaml)
    except yaml.YAMLError as error:
        raise _syntax_error(error) from None


_GLUED_TAG = re.compile(r"(?:&\S+\s+)?!(?:<[^>\s]*>|(?!<))[^\s,\[\]{}]*[,\[\]{}]")


def _checked_event(next_event: Callable[[], Any], text: str) -> Any:
    """The next event, unless it has a tag that ends at a comma or bracket: there the API server goes on with it
    (``{a: !,b: {c: 1}}`` holds c below a), while libyaml has ended it since 0.2.5."""
    event = next_event()
    if getattr(event, "tag", None) is not None and _GLUED_TAG.match(text, event.start_mark.index):
        raise ManifestError("a tag must end with a blank", event.start_mark.line + 1)
    return event


def _documents(next_event: Callable[[], Any], library: Any) -> Iterator[Node]:
    """The documents of a parser; ``library`` holds the classes of its events."""
    event = next_event()
    while not isinstance(event, library.StreamEndEvent):
        if isinstance(event, library.DocumentStartEvent):
            yield _compose_document(next_event, library)
        event = next_event()


def _syntax_error(error: Exception) -> ManifestError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    message = getattr(error, "problem", None) or str(error).split("\n")[0]
    if message == _LIBYAML_GIVES_UP:
        return ManifestError(_TOO_DEEP, mark.line + 1 if mark else 1)
    return ManifestError(f"not valid YAML: {message}", mark.line + 1 if mark else 1, is_syntax=True)


_LIBYAML_GIVES_UP = "exceeded maximum nesting depth"


def _compose_document(next_event: Callable[[], Any], library: Any) -> Node:
    """Builds one document from parser events, with bounds on depth and on alias expansion."""
    scalar, mapping, sequence = library.ScalarEvent, library.MappingStartEvent, library.SequenceStartEvent
    alias = library.AliasEvent
    anchors: dict[str, Node] = {}
    stack: list[_Frame] = []
    while True:
        event = next_event()
        kind = type(event)
        if kind is scalar:
            node = _scalar(event)
        elif kind is mapping or kind is sequence:
            stack.append(_Frame(_open_collection(event, kind is mapping)))
            if len(stack) > MAX_DEPTH:
                raise ManifestError(_TOO_DEEP, event.start_mark.line + 1)
            if event.anchor is not None:
                anchors[event.anchor] = stack[-1].node
            continue
        elif kind is alias:
            node = _dereference(anchors, event)
        else:
            node = stack.pop().node
            node.end = event.end_mark
            node.closed = True
        if kind is scalar and event.anchor is not None:
            anchors[event.anchor] = node
        if not stack:
            next_event()
            return node
        _add(stack[-1], node, event)


def _scalar(event: Any) -> Node:
    text, tag = event.value, event.tag
    try:
        if tag is not None:
            value = _tagged(text, tag)
        else:
            value = resolve(text) if event.implicit[0] else text
    except ValueError as error:
        raise ManifestError(str(error), event.start_mark.line + 1) from None
    return Node(value, event.start_mark, event.end_mark)


def _open_collection(event: Any, mapping: bool) -> Node:
    node = Node({} if mapping else [], event.start_mark, event.end_mark)
    node.closed = False
    if mapping:
        node.fields = {}
    else:
        node.items = []
    return node


def _dereference(anchors: dict[str, Node], event: Any) -> Node:
    node = anchors.get(event.anchor)
    if node is None:
        raise ManifestError(f"unknown anchor '{event.anchor}'", event.start_mark.line + 1)
    if not node.closed:
        raise ManifestError(f"anchor '{event.anchor}' contains itself", event.start_mark.line + 1)
    return node


def _add(frame: _Frame, node: Node, event: Any) -> None:
    """Puts a finished node into the collection that is open."""
    parent = frame.node
    if parent.items is not None:
        parent.items.append(node)
        parent.value.append(node.value)
    elif frame.merging:
        _merge(frame, node)
        frame.merging = False
    elif frame.key is None:
        _set_key(frame, node, event)
    else:
        key = frame.key
        frame.key = None
        _set_field(parent, key.value, (key.start, key.end, node))
    parent.weight += node.weight
    if parent.weight > MAX_EXPANDED_NODES:
        raise ManifestError(_TOO_MANY, event.start_mark.line + 1)


def _set_key(frame: _Frame, node: Node, event: Any) -> None:
    """Takes a node as the key of the next field. Raises ManifestError where no such key may stand."""
    line = node.start.line + 1
    if _is_merge(event):
        frame.merging = True
        return
    try:
        text = _key_text(node.value)
    except ValueError as error:
        raise ManifestError(str(error), line) from None
    if text in frame.explicit:
        raise DuplicateKeyError(text, line, frame.explicit[text])
    frame.explicit[text] = line
    frame.key = Node(text, node.start, node.end)


def _is_merge(event: Any) -> bool:
    """Whether a key is the merge key, as go-yaml v2 decides it (decode.go, ``isMerge``); aliases have no value."""
    return bool(getattr(event, "value", None) == "<<" and (event.implicit[0] or event.tag == _TAG + "merge"))


def _set_field(parent: Node, key: str, entry: tuple[Any, Any, Node]) -> None:
    """Sets a field as go-yaml does, the last one wins; null means absent."""
    fields = parent.fields
    assert fields is not None
    fields[key] = entry
    value = entry[2].value
    if value is None:
        parent.value.pop(key, None)
    else:
        parent.value[key] = value


def _merge(frame: _Frame, node: Node) -> None:
    """The merge key: takes over the fields of one or several mappings, of which the first wins.

    go-yaml v2, in the API server, lets them overwrite fields written *before* the merge key, and v3, in
    kustomize, does not: where that matters the document is refused.
    """
    parent = frame.node
    sources = list(reversed(node.items)) if node.items is not None else [node]
    for source in sources:
        if source.fields is None:
            raise ManifestError("'<<' needs a mapping or a list of mappings", node.start.line + 1)
        for key, entry in source.fields.items():
            if key in frame.explicit and parent.value.get(key) != entry[2].value:
                message = f"'<<' overwrites '{key}' for kubectl and not for kustomize: put '<<' first"
                raise ManifestError(message, node.start.line + 1)
            _set_field(parent, key, entry)


# ----------------------------------------------------------------------------------- source places


_STRIDE = 1 << 14
"""Characters between two places where lines are counted beforehand."""


class SourceText:
    """The text of one file and the way from an offset to line, column and snippet."""

    def __init__(self, path: str, text: str, line_hashes: LineHashes | None = None) -> None:
        self.path = path
        self.text = text
        self._checkpoints: list[int] | None = None
        self._line_hashes = line_hashes or LineHashes(text)

    def pieces(self) -> Iterator[tuple[int, int]] | None:
        """The regions that hold one document each; None for a text that kubectl splits, which may also hold JSON
        values one behind another."""
        return None

    def position(self, offset: int) -> Position:
        """Line and column, from 1, of a character offset."""
        if self._checkpoints is None:
            starts = range(0, len(self.text), _STRIDE)
            counts = (self.text.count("\n", start, start + _STRIDE) for start in starts)
            self._checkpoints = list(itertools.accumulate(counts, initial=0))
        stride = offset // _STRIDE
        line = self._checkpoints[stride] + self.text.count("\n", stride * _STRIDE, offset)
        return Position(line + 1, offset - self.text.rfind("\n", 0, offset))

    def location(self, start: int, end: int, pointer: Pointer) -> Location:
        """The location of a region, cut off at the end of its first line."""
        line_end = self.text.find("\n", start)
        line_end = len(self.text) if line_end < 0 else line_end
        end = min(max(end, start), line_end)
        end = start + len(self.text[start:end].rstrip()) or start
        first = self.position(start)
        line_start = start - first.column + 1
        return Location(
            self.path,
            first,
            Position(first.line, first.column + end - start),
            pointer,
            self._snippet(line_start, start),
            line_hash=self._line_hashes[first.line],
        )

    def place(self, span: Span, pointer: Pointer) -> Location:
        """The location of a field; what was rendered answers with the place in its source."""
        return self.location(span.begin, span.end, pointer)

    def problem(self, line: int, message: str) -> Problem:
        """A fault in a line of this text."""
        return Problem(self.path, line, message)

    def line_name(self, line: int) -> str:
        """What a message calls another line of this text."""
        return f"in line {line}"

    def document(self, start: int, root: Node | None, length: int = 0) -> Locator:
        """What locates the fields of the document that begins at an offset."""
        return Document(self, start, root, length)

    def _snippet(self, line_start: int, offset: int) -> str:
        """The line around an offset, cut to SNIPPET_LENGTH characters."""
        line_end = self.text.find("\n", line_start)
        line = self.text[line_start : line_end if line_end >= 0 else None]
        if len(line) > SNIPPET_LENGTH:
            begin = max(0, min(offset - line_start - 40, len(line) - SNIPPET_LENGTH))
            line = line[begin : begin + SNIPPET_LENGTH]
        return line.rstrip()


@dataclass(frozen=True, slots=True)
class Span:
    """Where a field stands in a text: offsets of its key (or of its value, if it has no key) and of its value,
    and the end of what can be shown of it."""

    begin: int
    value: int
    end: int


def find_span(node: Node, pointer: Pointer, offset: int = 0) -> Span:
    """The span of a field below a root node, or of its nearest parent where it is absent.

    It ends with the value if that ends in the line of the key, else with the key.
    """
    begin, end = node.start.index, _tight_end(node)
    for token in pointer_tokens(pointer):
        if node.fields is not None and token in node.fields:
            key_start, key_end, node = node.fields[token]
            begin = key_start.index
            end = node.end.index if _is_inline(node, key_start.line) else key_end.index
        elif node.items is not None and (index := list_index(token)) is not None and index < len(node.items):
            node = node.items[index]
            begin, end = node.start.index, _tight_end(node)
        else:
            break
    return Span(offset + begin, offset + node.start.index, offset + end)


class Document:
    """One document of a file; finds the place of a field (model.Locator)."""

    def __init__(self, source: SourceText, start: int, root: Node | None, length: int = 0) -> None:
        self._source = source
        self._start = start
        self._length = length
        self._root = root

    def locate(self, pointer: Pointer) -> Location:
        """The region of a field: from its key to the end of its value, within one line."""
        return self._source.place(find_span(self._tree(), pointer, self._start), pointer)

    def _tree(self) -> Node:
        """The parsed nodes; JSON is parsed a second time, as YAML, when the first place is asked for."""
        if self._root is None:
            text = self._source.text[self._start : self._start + self._length]
            try:
                self._root = next(compose(_REFUSED.sub("?", _SURROGATE.sub(r"\\u003f", text))))
            except ManifestError:
                self._root = Node({}, _Mark(0, 0), _Mark(1, 0))
        return self._root


@dataclass(frozen=True, slots=True)
class _Mark:
    index: int
    line: int


def _is_inline(node: Node, line: int) -> bool:
    """Whether a value ends in the line where its key stands and has no block layout."""
    return bool(node.end.line == line)


def _tight_end(node: Node) -> int:
    """The end of a value without a key: all of it if it is inline, else its first field."""
    if _is_inline(node, node.start.line):
        return int(node.end.index)
    if node.fields:
        _, key_end, value = next(iter(node.fields.values()))
        return int(value.end.index if _is_inline(value, node.start.line) else key_end.index)
    return int(node.end.index)


SNIPPET_LENGTH = 200
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_REFUSED = re.compile("[\x7f-\x9f\ufffe\uffff]")
"""Characters that JSON may hold and libyaml refuses."""

# ------------------------------------------------------------------------------------------ files


@dataclass(frozen=True, slots=True)
class Contents:
    """What ``files`` files hold, or a part of one; ``ignored`` counts documents that are not Kubernetes objects,
    ``skipped`` resources that were recognised without being parsed, ``path`` is the file of a plain manifest, and
    ``values`` counts the scalars and collections that were parsed."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    ignored: int = 0
    skipped: int = 0
    files: int = 1
    notes: tuple[Note, ...] = ()
    path: str = ""
    values: int = 0

    @property
    def counts(self) -> Counts:
        """How much was read."""
        return Counts(self.files, len(self.resources) + self.skipped, self.ignored)


_part = partial(Contents, files=0)
"""What one document of a file holds."""

_KUBERNETES_WORDS = re.compile(r"apiVersion|\bkind\b")
_TEMPLATE_LOOK = re.compile(r"\{\{|\{%")


def read(path: str, data: bytes, asked_kinds: Collection[str] = ()) -> Contents:
    """Everything that a file holds, like ``stream``, at once."""
    return _gather(stream(path, data, asked_kinds))


def stream(path: str, data: bytes, asked_kinds: Collection[str] = ()) -> Iterator[Contents]:
    """Everything that a file holds, one object at a time; the first part counts the file.

    Never raises for what the file holds: faults become Problems. Documents of SKIPPABLE_KINDS are left unparsed,
    unless rules ask about their kind.
    """
    yield Contents()
    try:
        source = _bounded_text(path, data)
    except ManifestError as error:
        yield _failed(path, None, str(error))
    else:
        for part in stream_text(source, asked_kinds):
            yield replace(part, path=path)


def _bounded_text(path: str, data: bytes) -> SourceText:
    """The text of a file. Raises ManifestError for what is too large or no text."""
    if len(data) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 1024 // 1024
        raise ManifestError(f"larger than {limit} MiB, not read; split the file, or list it in .kgateignore", 1)
    if is_lfs_pointer(data):
        raise ManifestError(LFS_PROBLEM, 1)
    try:
        source = source_text(path, data)
    except UnicodeDecodeError:
        advice = "re-encode it, or list it in .kgateignore if it is no manifest"
        raise ManifestError(f"is not UTF-8 or UTF-16 text; {advice}", 1) from None
    if "\0" in source.text:
        raise ManifestError("is a binary file; list it in .kgateignore if it is no manifest", 1)
    return source


LFS_PROBLEM = "is a pointer of Git LFS, so what it stands for is not judged; check out with LFS"

_LFS_POINTER = re.compile(
    rb"\s*version (https://git-lfs\.github\.com/spec/v1|https://hawser\.github\.com/spec/v1|http://git-media\.io/v/2)\s"
)
_LONGEST_POINTER = 1024


def is_lfs_pointer(data: bytes) -> bool:
    """Whether git-lfs would put another file in the place of this one (git-lfs, lfs/pointer.go)."""
    return len(data) < _LONGEST_POINTER and _LFS_POINTER.match(data) is not None


def source_text(path: str, data: bytes) -> SourceText:
    """The text of a file. Raises UnicodeDecodeError.

    GitHub hashes the byte order mark too, and takes every file for UTF-8: lines of other encodings have no hash.
    """
    text = decode(data)
    if data.startswith(codecs.BOM_UTF8):
        return SourceText(path, text, LineHashes(f"\ufeff{text}"))
    is_utf8 = not any(data.startswith(mark) for mark, _ in _BYTE_ORDER_MARKS)
    return SourceText(path, text, LineHashes(text if is_utf8 else None))


def read_text(source: SourceText, asked_kinds: Collection[str] = (), most: int = MAX_EXPANDED_NODES) -> Contents:
    """Everything that a text holds, at once; like ``read``, whose bounds on files the caller has seen to.

    What stands behind ``most`` values is not read, which is a Problem.
    """
    return _gather(itertools.chain([Contents()], _up_to(most, stream_text(source, asked_kinds), source)))


def _up_to(most: int, parts: Iterable[Contents], source: SourceText) -> Iterator[Contents]:
    for part in parts:
        most -= part.values
        if most < 0:
            yield _faulty(Problem(source.path, None, f"{TOO_MANY_IN_ALL}, so not all of it is judged"))
            return
        yield part


TOO_MANY_IN_ALL = f"holds more than {MAX_EXPANDED_NODES:,} values in all"


def stream_text(source: SourceText, asked_kinds: Collection[str] = ()) -> Iterator[Contents]:
    """The same, one object at a time and without counting a file.

    What cannot be parsed and has no word of Kubernetes in it is decided at the end: it is somebody else's YAML
    unless there are objects beside it, as kubectl, too, refuses such a file.
    """
    objects = unreadable = 0
    doubts: list[Problem] = []
    for part in _parts(source, SKIPPABLE_KINDS.keys() - set(asked_kinds)):
        if isinstance(part, Contents):
            objects += len(part.resources) + part.skipped
            yield part
        elif part.is_hinted:
            yield _faulty(part.problem)
        else:
            unreadable += 1
            doubts += [part.problem] if len(doubts) < _MAX_DOUBTS else ()
    yield _part(problems=tuple(doubts)) if objects else _part(ignored=unreadable)


_MAX_DOUBTS = 100
"""How many documents of one file, unreadable and without a word of Kubernetes, are named beside its objects."""


def decode(data: bytes) -> str:
    """Text of a manifest: UTF-8, or UTF-16 or UTF-32 by its byte order mark. Raises UnicodeDecodeError."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    return data.decode("utf-8")


_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _failed(path: str, line: int | None, message: str) -> Contents:
    return _faulty(Problem(path, line, message))


def _faulty(problem: Problem) -> Contents:
    return _part(problems=(problem,))


def _failed_at(document: Locator, pointer: Pointer, message: str) -> Contents:
    place = document.locate(pointer)
    return _failed(place.path, place.start.line, message)


def _gather(parts: Iterable[Contents]) -> Contents:
    resources: list[Resource] = []
    problems: list[Problem] = []
    ignored = skipped = files = values = 0
    for part in parts:
        resources += part.resources
        problems += part.problems
        ignored += part.ignored
        skipped += part.skipped
        files += part.files
        values += part.values
    return Contents(tuple(resources), tuple(problems), ignored, skipped, files, values=values)


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A document that cannot be read; ``is_hinted`` says that it has a word of Kubernetes in it."""

    problem: Problem
    is_syntax: bool
    is_hinted: bool


_Part: TypeAlias = Contents | _Unreadable


def _parts(source: SourceText, skippable: Collection[str]) -> Iterator[_Part]:
    """Every object of a text, and what cannot be read."""
    pieces = source.pieces()
    if pieces is not None:
        yield from _read_pieces(source, pieces, skippable)
        return
    rest = 0
    if source.text.lstrip()[:1] == "{":
        rest = yield from _read_json(source)
    if rest == len(source.text):
        return
    if streams.is_ambiguous(source.text, rest):
        yield from _read_both_ways(source, rest)
    else:
        yield from _read_pieces(source, streams.pieces(source.text, rest), skippable)


def _read_pieces(
    source: SourceText, pieces: Iterable[tuple[int, int]], skippable: Collection[str] = ()
) -> Iterator[_Part]:
    """The documents of these regions, each of which ends with a line break. A fault in one does not hide the next."""
    for begin, end in pieces:
        text = source.text[begin:end]
        if _proven_kind(text) in skippable:
            yield _part(skipped=1)
        else:
            yield from _read_documents(source, begin, text if text.endswith("\n") else f"{text}\n")


def _read_both_ways(source: SourceText, start: int) -> Iterator[_Part]:
    """The objects that a parser of plain YAML sees, and those that only kubectl sees.

    A text that one of them can read has no fault in its syntax, whatever the other one makes of it.
    """
    known: set[bytes] = set()
    fault: _Unreadable | None = None
    for part in _read_documents(source, start, source.text[start:]):
        if isinstance(part, _Unreadable) and part.is_syntax:
            fault = part
        else:
            known |= _digests(part)
            yield part
    is_faulty = False
    for part in _read_pieces(source, streams.pieces(source.text, start)):
        if isinstance(part, _Unreadable) and part.is_syntax:
            is_faulty = True
            if fault is None:
                continue
        if isinstance(part, Contents) and (part.ignored or _digests(part) & known):
            continue
        yield part
    if fault is not None and is_faulty:
        yield fault


def _digests(part: _Part) -> set[bytes]:
    """What tells the objects of a part from others."""
    bodies = [resource.body for resource in part.resources] if isinstance(part, Contents) else []
    texts = (json.dumps(body, sort_keys=True).encode() for body in bodies)
    return {hashlib.blake2b(text, digest_size=16).digest() for text in texts}


def _read_documents(source: SourceText, start: int, text: str) -> Iterator[_Part]:
    try:
        for root in compose(text):
            yield _part(values=root.weight)
            yield from _read_document(source.document(start, root), root.value)
    except ManifestError as error:
        yield _unreadable(source, start, text, error)


def _unreadable(source: SourceText, start: int, text: str, error: ManifestError) -> _Unreadable:
    before = source.position(start).line - 1
    message = error.told(source.line_name(before + error.first)) if isinstance(error, DuplicateKeyError) else error
    hint = "; it looks like a template: scan what it renders to" if _TEMPLATE_LOOK.search(text) else ""
    problem = source.problem(before + error.line, f"{message}{hint}")
    return _Unreadable(problem, error.is_syntax, spelling.may_hold(text, _KUBERNETES_WORDS))


# A document is left unparsed only if its text alone proves its kind: each line that starts in the
# first column is a comment, the document marker or one of these keys, `kind` and `apiVersion` stand
# once with a value from SKIPPABLE_KINDS, and nothing stands before the first key. The keys of a block
# mapping that starts in the first column all start there, so no other spelling of `kind` (quotes,
# escapes, merge keys, flow style, line folding) can exist; inside quotes or a flow collection such a
# line could only hide a key, never add one. Breaks other than LF could start a line unseen: they bar it.
_FIRST_COLUMN = re.compile(r"\n([^ \n][^\n]*)")
_FIRST_KEY = re.compile(r"\n(---[^\n]*\n)?([ ]*(#[^\n]*)?\n)*(apiVersion|kind|metadata|spec):")
_KNOWN_LINE = re.compile(r"(?:metadata|spec|status):[ ]*(?:#.*)?|#.*|---[ ]*(?:#.*)?")
_IDENTITY_LINE = re.compile(r"(apiVersion|kind):[ ]+(?:(['\"])([\w./]+)\2|([\w./]+))[ ]*")
_OTHER_BREAKS = ("\r", "\x85", "\u2028", "\u2029")


def _proven_kind(text: str) -> str | None:
    """The kind of SKIPPABLE_KINDS that the text alone proves its one object to be, or None."""
    if not any(kind in text for kind in SKIPPABLE_KINDS) or any(mark in text for mark in _OTHER_BREAKS):
        return None
    text = "\n" + text
    if not _FIRST_KEY.match(text):
        return None
    identity: dict[str, str] = {}
    for line in _FIRST_COLUMN.findall(text):
        match = _IDENTITY_LINE.fullmatch(line)
        if match and match[1] not in identity:
            identity[match[1]] = match[3] or match[4]
        elif not _KNOWN_LINE.fullmatch(line):
            return None
    kind = identity.get("kind", "")
    return kind if identity.get("apiVersion") in SKIPPABLE_KINDS.get(kind, ()) else None


# -------------------------------------------------------------------------------------------- JSON


def _read_json(source: SourceText) -> Generator[Contents, None, int]:
    """The objects of a JSON text, one or several in a row; returns the offset of what is no JSON."""
    decoder = json.JSONDecoder(object_pairs_hook=_json_object, parse_constant=_no_constant)
    text = _ESCAPED.sub(_replaced_if_lone, source.text) if _SURROGATE.search(source.text) else source.text
    offset = _BLANK.match(text, 0).end()  # type: ignore[union-attr]
    while offset < len(text):
        line = source.position(offset).line
        try:
            value, end = decoder.raw_decode(text, offset)
        except ManifestError as error:
            yield _faulty(source.problem(line, str(error)))
            return len(text)
        except RecursionError:
            yield _faulty(source.problem(line, _TOO_DEEP))
            return len(text)
        except ValueError:
            break
        try:
            yield _part(values=_count(value))
        except ManifestError as error:
            yield _faulty(source.problem(line, str(error)))
        else:
            yield from _read_document(source.document(offset, None, end - offset), value)
        offset = _BLANK.match(text, end).end()  # type: ignore[union-attr]
    return offset


_BLANK = re.compile(r"[ \t\r\n]*")
_ESCAPED = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u([dD][89a-fA-F]..)|.)")


def _replaced_if_lone(escape: re.Match[str]) -> str:
    """Half of a surrogate pair as Go reads it, in as many characters; any other escape as it is."""
    return "\\ufffd" if escape[1] else escape[0]


def _json_object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ManifestError(f"key '{twice}' stands twice in one object: keep one of them", 1)
    return {key: item for key, item in value.items() if item is not None}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _count(value: Json) -> int:
    """How many values there are in one. Raises ManifestError beyond the bounds on depth and number."""
    level, depth, count = [value], 0, 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH + 1:
            raise ManifestError(_TOO_DEEP, 1)
        if count > MAX_EXPANDED_NODES:
            raise ManifestError(_TOO_MANY, 1)
        level = [c for v in level for c in (v.values() if isinstance(v, dict) else v if isinstance(v, list) else ())]
    return count


# --------------------------------------------------------------------------------------- resources


def _read_document(document: Locator, value: Json) -> Iterator[Contents]:
    if isinstance(value, list) and any(_is_identified(item) for item in value):
        yield _failed_at(document, "", "a list of objects; Kubernetes reads only objects: separate them by '---'")
    elif isinstance(value, dict):
        yield from _expand(document, value, "", ("", ""))
    elif value is not None:
        yield _part(ignored=1)


def _is_identified(value: Json) -> bool:
    return isinstance(value, dict) and "apiVersion" in value and "kind" in value


def _expand(document: Locator, body: dict[str, Json], pointer: Pointer, default: tuple[str, str]) -> Iterator[Contents]:
    """The object itself, or the members of a list or of an OpenShift Template, each on its own.

    ``default`` is the apiVersion and kind of members that do not say it (typed lists).
    """
    api_version, kind = body.get("apiVersion") or default[0], body.get("kind") or default[1]
    if not api_version or not kind:
        if _is_unidentified_list(body, pointer):
            yield from _members(document, body, pointer, ("items",))
        else:
            yield _unidentified(document, body, pointer)
        return
    if not isinstance(api_version, str) or not isinstance(kind, str):
        field = "apiVersion" if not isinstance(api_version, str) else "kind"
        yield _failed_at(document, child_pointer(pointer, field), f"{field} must be a string; put it in quotes")
        return
    fields = _member_fields(api_version, kind, body)
    if not fields or not (kind.endswith("List") or "objects" in fields):
        own = {key: value for key, value in body.items() if key not in fields} if fields else body
        yield _part((_resource(document, api_version, kind, own, pointer),))
    member_default = (api_version, kind.removesuffix("List")) if kind != "List" else ("", "")
    yield from _members(document, body, pointer, fields, member_default)


def _members(
    document: Locator,
    body: dict[str, Json],
    pointer: Pointer,
    fields: Iterable[str],
    default: tuple[str, str] = ("", ""),
) -> Iterator[Contents]:
    """The members of a list or Template, which may be lists themselves."""
    kind = body.get("kind")
    for field in fields:
        name = f"{kind}.{field}" if kind and isinstance(kind, str) else field
        members = body.get(field, [])
        if not isinstance(members, list):
            yield _failed_at(document, child_pointer(pointer, field), f"{name} must be a list")
            continue
        for index, member in enumerate(members):
            where = child_pointer(pointer, field, index)
            if isinstance(member, dict):
                yield from _expand(document, member, where, default)
            else:
                yield _failed_at(document, where, f"{name}[{index}] must be an object")


def _member_fields(api_version: str, kind: str, body: dict[str, Json]) -> tuple[str, ...]:
    """The fields that hold other objects: ``items`` of a list, ``objects`` of an OpenShift Template.

    To kubectl, helm, Argo CD and Flux any object with ``items`` is a list, whatever its kind (apimachinery,
    unstructured/helpers.go, ``decode``); they refuse it if no member is an object.
    """
    items = body.get("items")
    is_list = isinstance(items, list) and (kind.endswith("List") or any(isinstance(item, dict) for item in items))
    fields = ("items",) if is_list or kind == "List" else ()
    is_template = kind == "Template" and api_version in ("v1", "template.openshift.io/v1") and "objects" in body
    return (*fields, "objects") if is_template else fields


def _is_unidentified_list(body: dict[str, Json], pointer: Pointer) -> bool:
    """Whether something without apiVersion or kind is a list of objects: kubectl and kustomize ask it for a kind alone.

    Whoever reads on, a list in a list is not asked for more.
    """
    return (
        isinstance(body.get("items"), list) if pointer else isinstance(body.get("kind"), str) and _lists_objects(body)
    )


def _lists_objects(body: dict[str, Json]) -> bool:
    items = body.get("items")
    members = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return any(_is_identified(member) or _lists_objects(member) for member in members)


def _unidentified(document: Locator, body: dict[str, Json], pointer: Pointer) -> Contents:
    """An object without apiVersion or kind: not Kubernetes, unless it carries the other one and metadata or objects."""
    has = [name for name in ("apiVersion", "kind") if body.get(name)]
    if pointer == "" and not (has and ("metadata" in body or _lists_objects(body))):
        return _part(ignored=1)
    missing = "apiVersion" if "apiVersion" not in has else "kind"
    message = f"the object has no {missing}; add it, as the API server refuses the object without"
    return _failed_at(document, pointer, message)


def _resource(document: Locator, api_version: str, kind: str, body: dict[str, Json], pointer: Pointer) -> Resource:
    if body.get("apiVersion") != api_version or body.get("kind") != kind:
        body = {**body, "apiVersion": api_version, "kind": kind}
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name = metadata.get("name") or metadata.get("generateName") or ""
    identity = ResourceId(api_version, kind, str(metadata.get("namespace") or ""), str(name))
    return Resource(identity, body, pointer, document)
