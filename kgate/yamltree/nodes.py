"""Composes YAML into a tree of values with their positions, as go-yaml v2 and sigs.k8s.io/yaml read it."""

from __future__ import annotations

import base64
import binascii
import itertools
import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, TypeAlias

import _ruamel_yaml as libyaml

from kgate.model import Json, Pointer, list_index, pointer_tokens
from kgate.values import dataclass

MAX_DEPTH = 256
MAX_EXPANDED_NODES = 1_000_000
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
TOO_MANY = f"holds more than {MAX_EXPANDED_NODES:,} values once its aliases are expanded"


class ManifestError(Exception):
    """A document that cannot be read; ``line`` counts from 1, ``is_syntax`` is True if no parser can read it."""

    def __init__(self, message: str, line: int, *, is_syntax: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.is_syntax = is_syntax


class DuplicateKeyError(ManifestError):
    """A key that occurs twice in a mapping; ``first`` is the line of the first one."""

    def __init__(self, key: str, line: int, first: int) -> None:
        self._key = key
        self.first = first
        super().__init__(self.message(f"in line {first}"), line)

    def message(self, where: str) -> str:
        """Returns the message, with ``where`` for the place of the first key."""
        return f"key '{self._key}' is set here and {where}: keep one of them"


# ---------------------------------------------------------------------------------------- scalars

_BOOLS = dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True)
_BOOLS |= dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False)
_FIXED: dict[str, Json] = {**_BOOLS, **dict.fromkeys(("", "~", "null", "Null", "NULL"))}
_INT = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[+-]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMERIC = "0123456789+-."
"""The first character of every plain scalar that is a number."""

_LONGEST_INTEGER = 80
_LONE_BYTE = re.compile("[\udc80-\udcff]")
"""A byte that is not UTF-8; Go replaces each one separately."""

_TAG = "tag:yaml.org,2002:"
_TAG_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "null": (type(None),),
}


def resolve(text: str) -> Json:
    """Returns the value of a plain scalar by the rules of go-yaml v2 (resolve.go), as JSON would carry it.

    Raises ValueError for values that JSON cannot carry (infinities, not-a-number).
    """
    if text in _FIXED:
        return _FIXED[text]
    if text[0] not in _NUMERIC:
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
    """Parses an integer of 64 bits; a larger one is a float if it is decimal, else not a number to Go (None)."""
    digits = plain.lstrip("+-").lower()
    base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2], 8 if digits[0] == "0" else 10)
    value = int(digits, base) if len(digits) <= _LONGEST_INTEGER else 2**64
    value = -value if plain[0] == "-" else value
    if -(2**63) <= value < 2**64:
        return value
    return _decimal(plain) if digits.isdecimal() else None


def _decimal(plain: str) -> int | float | None:
    """Parses a float; a whole one becomes an integer, as in JSON. None beyond the range of Go's float64."""
    value = float(plain)
    if math.isinf(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def _tagged(text: str, tag: str) -> Json:
    """Returns the value of a scalar with an explicit tag. Raises ValueError if the tag does not fit."""
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
    """Returns a mapping key as JSON carries it. Raises ValueError for null, lists and mappings."""
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


class Cursor(Protocol):
    """A position in a text. ``index`` (in characters), ``line`` and ``column`` count from 0."""

    @property
    def index(self) -> int:
        """The number of characters before it in the text."""

    @property
    def line(self) -> int:
        """The number of lines before it in the text."""

    @property
    def column(self) -> int:
        """The number of characters before it in its line."""


@dataclass(frozen=True, slots=True)
class FixedCursor:
    """A Cursor that no parser made."""

    index: int
    line: int
    column: int


Tokens: TypeAlias = tuple[str, ...]
"""The path from a node to one below it: keys of mappings, and indexes of sequences as text."""


class Node:
    """A parsed value with its position. ``fields`` maps the keys of a mapping to (key start, key end,
    node), ``items`` holds the nodes of a sequence; nulls are kept here, although ``value`` drops them."""

    __slots__ = ("closed", "end", "fields", "items", "start", "value", "weight")

    def __init__(self, value: Json, start: Cursor, end: Cursor) -> None:
        self.value = value
        self.start = start
        self.end = end
        self.fields: dict[str, tuple[Cursor, Cursor, Node]] | None = None
        self.items: list[Node] | None = None
        self.weight = 1
        self.closed = True

    def get(self, key: str) -> Node | None:
        """Returns the member of a mapping; None if there is none, or if the node is not a mapping."""
        entry = self.fields.get(key) if self.fields is not None else None
        return entry[2] if entry is not None else None

    def at(self, pointer: Pointer) -> Node | None:
        """Returns the node that a JSON Pointer from here names, or None."""
        node = self
        for token in pointer_tokens(pointer):
            member = node.child(token)
            if member is None:
                return None
            node = member
        return node

    def with_nulls(self) -> Json:
        """Returns the value with the null fields that ``value`` drops."""
        if self.fields is not None:
            return {key: entry[2].with_nulls() for key, entry in self.fields.items()}
        return [item.with_nulls() for item in self.items] if self.items is not None else self.value

    def child(self, token: str) -> Node | None:
        """Returns the member of a mapping or sequence that a token names, or None."""
        if self.items is None:
            return self.get(token)
        index = list_index(token)
        return self.items[index] if index is not None and index < len(self.items) else None

    def children(self) -> Iterator[tuple[str, Node]]:
        """Yields the members of a mapping or sequence, each with its token, in the order of the text."""
        for key, (_, _, value) in (self.fields or {}).items():
            yield key, value
        for index, item in enumerate(self.items or ()):
            yield str(index), item

    def walk(self) -> Iterator[tuple[Tokens, Node]]:
        """Yields this node and all below it, parents first, in the order of the text; an alias is entered wherever it
        is used, within the bound MAX_EXPANDED_NODES."""
        pending: list[tuple[Tokens, Node]] = [((), self)]
        while pending:
            tokens, node = pending.pop()
            yield tokens, node
            pending += reversed([((*tokens, token), member) for token, member in node.children()])


class _Frame:
    """A collection that is still open while a document is composed."""

    __slots__ = ("explicit", "key", "merging", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: tuple[str, Any, Any] | None = None
        self.merging = False
        self.explicit: dict[str, int] = {}


def compose(text: str) -> Iterator[Node]:
    """Yields the root node of every document of a YAML stream.

    Marks count lines and columns from 0. Raises ManifestError at the first fault, after the documents before it.
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
"""A byte order mark at the beginning of a line, which the API server skips and libyaml reads as a letter."""


# ruamel.yaml.clib holds libyaml 0.1.7, of which go-yaml v2 is a port; but it refuses a colon inside a plain scalar of a
# flow collection (`[--listen=:80]`), which go-yaml accepts. Such documents go through PyYAML's libyaml 0.2, as fast.
_UNKNOWN_TO_OLD_LIBYAML = "found unexpected ':'"


def _compose_with_newer(text: str) -> Iterator[Node]:
    """Yields the root node of every document, composed with libyaml 0.2."""
    import yaml
    from yaml._yaml import CParser

    original = text
    while True:
        next_event: Callable[[], Any] = CParser(text).get_event
        next_event = next_event if "!" not in text else partial(_checked_event, next_event, text)
        next_event = next_event if text is original else partial(_with_colons, next_event)
        documents: list[Node] = []
        try:
            for root in _documents(next_event, yaml):
                documents.append(root)  # noqa: PERF402 - those before a fault count
        except yaml.YAMLError as error:
            index = _refused_colon(error, original)
            if index is None or text.count(_COLON) * len(text) > _MOST_READ_AGAIN:
                yield from documents
                raise _syntax_error(error) from None
            text = f"{text[:index]}{_COLON}{text[index + 1 :]}"
        except ManifestError:
            yield from documents
            raise
        else:
            yield from documents
            return


_MOST_READ_AGAIN = 4 * 1024 * 1024
"""Letters that are read again for colons at the end of plain scalars in flow collections."""

_COLON = "\ue03a"
"""Stands for such a colon."""


def _refused_colon(error: Exception, text: str) -> int | None:
    """Returns where libyaml stops at a colon before a bracket or comma, as in ``{a: fe80::}``, although for go-yaml it
    is a part of the plain scalar; None if it is another error."""
    mark = getattr(error, "problem_mark", None)
    if getattr(error, "problem", None) != _UNKNOWN_TO_OLD_LIBYAML or mark is None or _COLON in text:
        return None
    index = int(mark.index)
    return index if text[index : index + 1] == ":" and text[index + 1 : index + 2] in tuple(",[]{}") else None


def _with_colons(next_event: Callable[[], Any]) -> Any:
    """Returns the next event, with the colons in its value."""
    event = next_event()
    if getattr(event, "value", None) is not None:
        event.value = event.value.replace(_COLON, ":")
    return event


_GLUED_TAG = re.compile(r"(?:&\S+\s+)?!(?:<[^>\s]*>|(?!<))[^\s,\[\]{}]*[,\[\]{}]")


def _checked_event(next_event: Callable[[], Any], text: str) -> Any:
    """Returns the next event. Raises ManifestError if it has a tag that ends at a comma or bracket: for the API server
    the tag goes on there (``{a: !,b: {c: 1}}`` has c below a), while for libyaml it ends since 0.2.5."""
    event = next_event()
    if getattr(event, "tag", None) is not None and _GLUED_TAG.match(text, event.start_mark.index):
        raise ManifestError("a tag must end with a blank", event.start_mark.line + 1)
    return event


def _documents(next_event: Callable[[], Any], library: Any) -> Iterator[Node]:
    """Yields the documents of a parser; ``library`` is the module with the classes of its events."""
    event = next_event()
    while not isinstance(event, library.StreamEndEvent):
        if isinstance(event, library.DocumentStartEvent):
            yield _compose_document(next_event, library)
        event = next_event()


def _syntax_error(error: Exception) -> ManifestError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    message = getattr(error, "problem", None) or str(error).split("\n")[0]
    if message == _LIBYAML_GIVES_UP:
        return ManifestError(TOO_DEEP, mark.line + 1 if mark else 1)
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
            if stack and _take_key(stack[-1], event):
                continue
            node = _scalar(event)
        elif kind is mapping or kind is sequence:
            stack.append(_Frame(_open_collection(event, kind is mapping)))
            if len(stack) > MAX_DEPTH:
                raise ManifestError(TOO_DEEP, event.start_mark.line + 1)
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
    """Adds a finished node to the innermost open collection."""
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
        key, start, end = frame.key
        frame.key = None
        _set_field(parent, key, (start, end, node))
    parent.weight += node.weight
    if parent.weight > MAX_EXPANDED_NODES:
        raise ManifestError(TOO_MANY, event.start_mark.line + 1)


def _take_key(frame: _Frame, event: Any) -> bool:
    """Takes a scalar as the key of the next field if it is plainly a string, as nearly all keys are; else False.

    Raises DuplicateKeyError.
    """
    parent = frame.node
    text = event.value
    if frame.key is not None or frame.merging or parent.fields is None or event.anchor is not None:
        return False
    if event.tag is not None or text == "<<" or (event.implicit[0] and (text in _FIXED or text[0] in _NUMERIC)):
        return False
    start = event.start_mark
    line = start.line + 1
    if text in frame.explicit:
        raise DuplicateKeyError(text, line, frame.explicit[text])
    frame.explicit[text] = line
    frame.key = text, start, event.end_mark
    parent.weight += 1
    return True


def _set_key(frame: _Frame, node: Node, event: Any) -> None:
    """Takes a node as the key of the next field. Raises ManifestError if it cannot be a key."""
    line = node.start.line + 1
    text = node.value
    if type(text) is not str:
        try:
            text = _key_text(text)
        except ValueError as error:
            raise ManifestError(str(error), line) from None
    elif text == "<<" and _is_merge(event):
        frame.merging = True
        return
    if text in frame.explicit:
        raise DuplicateKeyError(text, line, frame.explicit[text])
    frame.explicit[text] = line
    frame.key = text, node.start, node.end


def _is_merge(event: Any) -> bool:
    """True if a key is the merge key, as go-yaml v2 decides (decode.go, ``isMerge``); aliases have no value."""
    return bool(getattr(event, "value", None) == "<<" and (event.implicit[0] or event.tag == _TAG + "merge"))


def _set_field(parent: Node, key: str, entry: tuple[Cursor, Cursor, Node]) -> None:
    """Sets a field as go-yaml does: the last one wins, and null means absent."""
    fields = parent.fields
    assert fields is not None
    fields[key] = entry
    value = entry[2].value
    if value is None:
        parent.value.pop(key, None)
    else:
        parent.value[key] = value


def _merge(frame: _Frame, node: Node) -> None:
    """Applies the merge key: copies the fields of one or several mappings, of which the first wins.

    In go-yaml v2 (the API server) they overwrite fields written *before* the merge key, in v3 (kustomize)
    they do not. Raises ManifestError if that makes a difference.
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
