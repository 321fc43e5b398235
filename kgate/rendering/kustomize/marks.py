"""Puts numbered marks at the end of scalars, so that what kustomize builds shows where each value came from."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import field

from kgate.model import Json
from kgate.rendering.kustomize.nodes import children, get, items
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, Node, compose, resolve

# Yi syllables: letters, so that a plain scalar stays plain.
_OPEN, _CLOSE = "\ua000", "\ua001"
MARK = re.compile("\ua000([\ua100-\ua10f]+)\ua001")
"""One mark; its group is the number in hexadecimal digits of its own."""

_MARK_LETTER = re.compile("[\ua000\ua001\ua100-\ua10f]")


def mark(number: int) -> str:
    """The mark with a number."""
    return _OPEN + "".join(chr(0xA100 + int(digit, 16)) for digit in f"{number:x}") + _CLOSE


def numbers(text: str) -> tuple[int, ...]:
    """The numbers of all marks in a text, in its order."""
    found = MARK.findall(text)
    return tuple(int("".join(f"{ord(digit) - 0xA100:x}" for digit in digits), 16) for digits in found)


def strip(text: str) -> str:
    """A text without its marks."""
    return MARK.sub("", text)


def has_letters(text: str) -> bool:
    """True if a text holds letters that marks are made of, so that none can be put into it."""
    return _MARK_LETTER.search(text) is not None


def is_same(clean: Json, marked: Json) -> bool:
    """True if a scalar of the marked build without its marks is that of the clean build; numbers are read as YAML 1.1
    reads them."""
    if not isinstance(marked, str):
        return bool(type(clean) is type(marked) and clean == marked)
    text = strip(marked)
    if isinstance(clean, str) and clean == text:
        return True
    try:
        return text != marked and resolve(text) == clean
    except ValueError:
        return False


def decoded(text: str) -> str | None:
    """The text of Base64 data in which a generator wrapped marks; None if it is not such data."""
    try:
        return base64.b64decode(strip(text), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


# ------------------------------------------------------------------------------------- what is marked

# Kustomize identifies objects, merges lists and follows references by these.
_OBJECTS = ("apiVersion", "kind", "name", "namespace", "uid", "finalizers")
_LISTS = ("key", "port", "containerPort", "protocol", "mountPath", "devicePath", "topologyKey", "ip", "hostIP")
_REFERENCES = ("apiGroup", "serviceAccountName", "serviceAccount", "secretName", "claimName", "serviceName")
IDENTITY = frozenset((*_OBJECTS, *_LISTS, *_REFERENCES))
"""Keys whose values are left alone, because kustomize matches by them."""

LABELS = frozenset(("labels", "matchLabels", "selector"))
"""Keys below which everything is left alone, because kustomize selects by it."""

_TIMESTAMP = re.compile(r"\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d.*)?")
_IMAGE = re.compile(r"(?P<name>[^@]+?)(?P<tag>:[^:/@]+)?(?P<digest>@.+)?")
_PROPERTIES = re.compile(r"(?:&[^\s,\[\]{}]+\s+)*")
_DEFINITION = re.compile(r"^kind: *[\"']?CustomResourceDefinition[\"']? *\r?$", re.M)
_SEPARATOR = re.compile(r"\n(?=---(?:[ \t\r\n]|\Z))")


def image_name(image: str) -> str:
    """An image without its tag and digest."""
    match = _IMAGE.fullmatch(image)
    return match["name"] if match else image


@dataclass(frozen=True, slots=True)
class Point:
    """Where a mark may go: the offset of the scalar, that of the end of its content, and the image it names."""

    start: int
    end: int
    image: str = ""


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each document of a YAML stream; a stream with directives is one piece."""
    if text.startswith("%") or "\n%" in text:
        yield 0, len(text)
        return
    start = 0
    for separator in _SEPARATOR.finditer(text):
        yield start, separator.end()
        start = separator.end()
    yield start, len(text)


def points(text: str) -> tuple[Point, ...]:
    """Where marks may go in the documents of resources, strategic merge patches and JSON patches.

    Definitions of custom resources run nothing and are left alone, as is what cannot be read.
    """
    found: list[Point] = []
    for begin, end in pieces(text):
        piece = text[begin:end]
        if not _DEFINITION.search(piece):
            found += [Point(p.start + begin, p.end + begin, p.image) for p in _piece_points(piece)]
    return tuple(found)


def _piece_points(piece: str) -> list[Point]:
    try:
        documents = list(compose(piece))
    except ManifestError:
        return []
    choice = _Choice(piece)
    for root in documents:
        if is_json_patch(root):
            choice.json_patch(root)
        else:
            choice.below(root, "", label=False)
    return choice.points


def is_json_patch(root: Node) -> bool:
    """True for a JSON patch (RFC 6902): a list of operations."""
    return bool(root.items) and all(get(operation, "op") is not None for operation in items(root))


@dataclass(slots=True)
class _Choice:
    """The scalars of one text that get a mark. One that is reached by an alias counts where all its uses agree."""

    text: str
    wanted: dict[int, Point] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)

    @property
    def points(self) -> list[Point]:
        return [point for start, point in sorted(self.wanted.items()) if start not in self.refused]

    def below(self, node: Node, key: str, *, label: bool) -> None:
        pending = [(node, key, label)]
        while pending:
            node, key, label = pending.pop()
            if node.fields is not None:
                for name, value in children(node):  # $patch and the like are directives, not data
                    pending.append((value, name, label or name in LABELS or name.startswith("$")))
            elif node.items is not None:
                pending += [(item, key, label) for item in node.items]
            elif label or not self.take(node, key):
                self.refused.add(node.start.index)

    def json_patch(self, root: Node) -> None:
        for operation in items(root):
            parts = dict(children(operation))
            path = str(parts["path"].value or "") if "path" in parts else ""
            if parts["op"].value in ("add", "replace") and "value" in parts and path:
                tokens = path.split("/")
                label = not LABELS.isdisjoint(tokens)
                self.below(parts["value"], next((t for t in reversed(tokens) if not _is_index(t)), ""), label=label)

    def take(self, node: Node, key: str, *, literal: bool = False) -> bool:
        """Takes a scalar if it can hold a mark."""
        if node.value in (None, "") or isinstance(node.value, list | dict) or key in IDENTITY:
            return False
        image = ""
        if key == "image":
            parts = _IMAGE.fullmatch(str(node.value))
            if not parts or not (parts["tag"] or parts["digest"]):
                return False
            image = parts["name"]
        end = _content_end(self.text, node, literal=literal)
        if end is None:
            return False
        self.wanted[node.start.index] = Point(node.start.index, end, image)
        return True


def _is_index(segment: str) -> bool:
    return segment.isdigit() or segment == "-"


def _content_end(text: str, node: Node, *, literal: bool) -> int | None:
    """Where a scalar's content ends: before a closing quote, before a block's trailing white space. None where no
    mark may stand: in tagged scalars, timestamps, and blocks without content."""
    start: int = node.start.index
    raw = text[start : node.end.index]
    begin = _PROPERTIES.match(raw).end()  # type: ignore[union-attr]
    body = raw[begin:]
    style = body[:1]
    if style in ("|", ">"):
        end = len(body.rstrip())
        return start + begin + end if "\n" in body[:end] else None
    if style in ("!", "*", "") or (style not in "\"'" and _TIMESTAMP.fullmatch(body)):
        return None
    end = len(body) - 1 if style in "\"'" else len(body)
    if literal and (re.search(r"=\"[^\"\\]*\"$", body[:end]) or (style != "'" and re.search(r"='[^']*'$", body[:end]))):
        end -= 1  # KEY="value" in a generator: kustomize removes these quotes
    return start + begin + end


# ------------------------------------------------------------------------- kustomization files themselves


@dataclass(frozen=True, slots=True)
class InlinePatch:
    """The body of a block scalar that is a patch, with its indentation: where it begins and ends."""

    begin: int
    end: int


def inline_patches(text: str, root: Node) -> tuple[InlinePatch, ...]:
    """The patches that a kustomization file holds as ``|`` blocks, in the order of the text."""
    found = []
    for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
        for item in items(root, key):
            node = item if isinstance(item.value, str) else get(item, "patch")
            if node is not None and text[node.start.index : node.start.index + 1] == "|":
                found.append(InlinePatch(text.index("\n", node.start.index) + 1, node.end.index))
    return tuple(sorted(found, key=lambda patch: patch.begin))


def kustomization_points(text: str, root: Node, once: Callable[[str], bool]) -> list[Point]:
    """Where marks may go among a kustomization's own values: new names and tags of images that only one entry
    has (``once``), literals of generators, common annotations."""
    choice = _Choice(text)
    for item in items(root, "images"):
        name = get(item, "name")
        for key in ("newName", "newTag") if name is not None and once(str(name.value)) else ():
            value = get(item, key)
            if value is not None:
                choice.take(value, key)
    for item in (*items(root, "configMapGenerator"), *items(root, "secretGenerator")):
        for literal in items(item, "literals"):
            if isinstance(literal.value, str) and "=" in literal.value:
                choice.take(literal, "literals", literal=True)
    annotations = get(root, "commonAnnotations")
    for _, value in children(annotations) if annotations is not None else ():
        choice.take(value, "commonAnnotations")
    return choice.points


# -------------------------------------------------------------------------------------- putting marks


def put(text: str, places: Collection[Point], first: int) -> str:
    """A text with consecutive marks from ``first`` at the places, which are sorted."""
    out, position = [], 0
    for number, point in enumerate(places, first):
        out += [text[position : point.end], mark(number)]
        position = point.end
    return "".join((*out, text[position:]))


def wanted(found: Iterable[Point], overrides: Counter[str]) -> tuple[Point, ...]:
    """The points less images that an ``images`` entry overrides: it must still recognise them."""
    return tuple(point for point in found if not point.image or not overrides[point.image])
